"""What both APIs have in common: SIDs, errors, pages, and the files of messages."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

Row = dict[str, Any]
NUMBER: Final = "whatsapp:+31591123456"
"""The number of the municipality, where none is named."""
RESIDENT: Final = "whatsapp:+31612345678"
"""Who writes to it, where nobody is named."""
START: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""When the first thing happens, where no time is named. Each next one is a minute later."""
_TOKEN: Final = "PA"  # noqa: S105 - a prefix


class Answer(NamedTuple):
    """What is sent back: bytes as they are, else JSON."""

    status: int
    body: bytes | Row
    headers: Mapping[str, str] = {}


def error(status: int, code: int, message: str) -> Answer:
    """Make an error as Twilio words them."""
    link = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(status, {"code": code, "message": message, "more_info": link, "status": status})


_counter = itertools.count(1)


def sid(prefix: str, seed: object = None) -> str:
    """Make a SID: two letters and 32 hexadecimal digits. The same `seed` gives the same one; None: a new one."""
    seed = next(_counter) if seed is None else seed
    return prefix + hashlib.blake2b(f"{prefix} {seed}".encode(), digest_size=16).hexdigest()


class Cut(NamedTuple):
    """A page that was cut from a list."""

    rows: list[Row]
    page: int
    size: int
    next: dict[str, str] | None
    """What the query of the next page has besides the filters; None: this is the last one."""


def cut(rows: Sequence[Row], query: Mapping[str, str], *, most: int) -> Cut | None:
    """Cut a page from a list whose rows have a `sid`. None: its token is missing or unknown.

    The token names the last row of the page before, so that what comes in front of it meanwhile moves nothing. That a
    page which was not linked to is refused is documented; with which code is not.
    """
    size = min(max(int(query.get("PageSize", 50)), 1), most)
    page = int(query.get("Page", 0))
    start = 0
    if page:
        token = query.get("PageToken", "").removeprefix(_TOKEN)
        numbers = [number for number, row in enumerate(rows) if row["sid"] == token]
        if not numbers:
            return None
        start = numbers[0] + 1
    found = list(rows[start : start + size])
    more = start + size < len(rows)
    link = {"PageSize": str(size), "Page": str(page + 1), "PageToken": f"{_TOKEN}{found[-1]['sid']}"} if more else None
    return Cut(found, page, size, link)


@dataclass
class Files:
    """Contents, and the host that gives them: not to those who show it their credentials, as S3 does."""

    contents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Type and content, by SID."""
    url: str = ""
    shown_credentials: int = 0
    """How often somebody sent their credentials along."""

    def add(self, media_type: str, content: bytes) -> str:
        """Keep a content, and give its SID."""
        key = sid("ME")
        self.contents[key] = media_type, content
        return key

    def link(self, key: str) -> str:
        """Give the signed link by which a content can be had for a while."""
        return f"{self.url}/{key}?Expires=1795424400&Signature=made-up"

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Give a content."""
        if "Authorization" in headers:
            self.shown_credentials += 1
            return Answer(400, b"Only one auth mechanism allowed")
        url = urlsplit(target)
        found = self.contents.get(url.path.removeprefix("/"))
        if found is None or "Signature=" not in url.query:
            return Answer(403, b"AccessDenied")
        return Answer(200, found[1], {"Content-Type": found[0]})
