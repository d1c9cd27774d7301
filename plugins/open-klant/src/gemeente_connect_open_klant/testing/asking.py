"""How the loopback Open Klant reads a single parameter of a list."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from gemeente_connect_open_klant.testing.fields import as_uuid
from gemeente_connect_open_klant.testing.moments import as_kept, parse_moment
from gemeente_connect_open_klant.testing.problems import refuse

Read = Callable[[str], Any]
"""Makes of a parameter what is compared; None: the parameter is passed over. Raises `Invalid`."""


def text(given: str) -> str | None:
    """Read a text; an empty one is passed over."""
    return given.strip() or None


def flag(given: str) -> bool | None:
    """Read `true` or `false`; anything else is passed over."""
    return {"true": True, "1": True, "false": False, "0": False}.get(given.lower())


def key(given: str) -> str | None:
    """Read a uuid."""
    if given.strip() and not as_uuid(given.strip()):
        refuse("invalid", "Dit is geen geldige UUID.")
    return as_uuid(given.strip())


def link(given: str) -> str | None:
    """Read the uuid at the end of a URL; one that has none finds nothing."""
    if given.strip() and not urlsplit(given.strip()).netloc:
        refuse("invalid", "Dit is geen geldige URL.")
    return (as_uuid(given.strip().rstrip("/").rsplit("/", 1)[-1]) or "none") if given.strip() else None


def moment(given: str) -> str | None:
    """Read a date and time, to the microsecond."""
    read = parse_moment(given)
    if given.strip() and read is None:
        refuse("invalid", "Dit is geen geldige datum en tijd.")
    return as_kept(read) if read else None


def day(given: str) -> str | None:
    """Read a date."""
    read = re.sub(r"^(\d\d)-(\d\d)-(\d{4})$", r"\3-\2-\1", given.strip())
    try:
        return date.fromisoformat(read).isoformat() if read else None
    except ValueError:
        refuse("invalid", "Dit is geen geldige datum.")


def choice(*options: str) -> Read:
    """Read one of a few words."""

    def read(given: str) -> str | None:
        if given and given not in options:
            refuse("invalid_choice", f"{given} is geen keuze.")
        return given or None

    return read


def contains(kept: Any, asked: str) -> bool:
    """Tell whether a text holds another, in capitals or not."""
    return asked.lower() in str(kept or "").lower()
