"""What an Open Klant can do, by the `API-version` that it puts on every answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gemeente_connect.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak to an Open Klant of one API-version."""

    version: str
    numbered: bool
    """From 0.7.0 (Open Klant 2.16): klantcontacten keep `metadata`, and a `nummer` that we give and the server keeps
    unique. Before, the server counts, and a number of ours could break its counting."""
    strict: bool
    """From 0.5.0 (Open Klant 2.14): a filter that the server does not know is refused. Before, it is ignored, and the
    answer holds everybody's records."""
    verifies: bool
    """From 0.3.0 (Open Klant 2.11): an address may have a day on which it was verified. Before, none ties anybody."""
    refuses_inp: bool
    """From 0.0.4 (Open Klant 2.5): a BSN is a number of a `natuurlijk_persoon`, and no more of an `inp`."""


_NUMBERED: Final = (0, 7, 0)
_STRICT: Final = (0, 5, 0)
_VERIFIES: Final = (0, 3, 0)
_REFUSES_INP: Final = (0, 0, 4)


def dialect(version: str | None) -> Dialect:
    """Choose the dialect for an `API-version`. Raises ConfigError when there is none: this is no Open Klant."""
    if not version or not re.fullmatch(r"\d{1,4}(\.\d{1,4}){2}", version):
        message = "the answer has no API-version: is `url` the address of an Open Klant, with nothing before it?"
        raise ConfigError(message)
    parts = tuple(map(int, version.split(".")))
    return Dialect(
        version,
        numbered=parts >= _NUMBERED,
        strict=parts >= _STRICT,
        verifies=parts >= _VERIFIES,
        refuses_inp=parts >= _REFUSES_INP,
    )
