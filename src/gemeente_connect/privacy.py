"""Which fields say something about a person, and what stands in their place in logs and reports."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["name", "address", "text", "file"]

_KEY = os.urandom(32)  # new in every process: a pseudonym means nothing outside its own run


class Personal(NamedTuple):
    """Marks a field as personal data: `Annotated[str, Personal("name")]`.

    The mark drives what `repr`, logs, reports and errors show instead of the value.
    """

    kind: Kind


def pseudonym(value: object, kind: str = "personal") -> str:
    """Stand in for a personal value: equal values look equal within one process, and tell nothing."""
    digest = hashlib.blake2b(str(value).encode(), key=_KEY, digest_size=4).hexdigest()
    return f"<{kind} {digest}>"


@cache
def _sensitive() -> re.Pattern[str]:  # compiling it takes longer than reading this module
    return re.compile(
        r"""(?P<query>(?<=\?)[^\s"'<>]+)               # the query of a URL: Klantinteracties puts BSNs there
          | (?P<email>[\w.+-]{1,64}@[\w-]+\.[\w.-]+)    # bounded, as the standard has it: a long text stays quick
          | (?P<number>\+?\d(?:[ .\-]?\d){7,})         # telephone numbers, BSNs, account numbers
          | (?P<token>(?<=oken\ )\S+|(?<=earer\ )\S+)  # Authorization: Token …, Bearer …
        """,
        re.VERBOSE,
    )


def mask(text: str) -> str:
    """Take queries, addresses, long numbers and tokens out of a text that was not written by us.

    For the texts of foreign exceptions and log lines. It cannot recognise names or what somebody wrote:
    never pass those.
    """
    return _sensitive().sub(lambda found: f"<{found.lastgroup}>", text)


def blame(error: BaseException) -> str:
    """Say what failed and where. Not its message, which may hold personal data."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"
