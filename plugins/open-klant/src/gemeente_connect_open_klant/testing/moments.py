"""How the loopback Open Klant reads and writes a date and time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from gemeente_connect_open_klant.testing.problems import refuse


def parse_moment(given: Any) -> datetime | None:
    """Read a date and time. None: it is not one."""
    if not isinstance(given, str):
        return None
    try:
        moment = datetime.fromisoformat(_padded(given.strip()))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        refuse("overflow", "Dit valt buiten de kalender.")
    except ValueError:
        return None


def _padded(given: str) -> str:
    """Write the numbers of a date and time with two digits, as `fromisoformat` wants them."""
    if not re.fullmatch(r"\d{4}(-\d{1,2}){2}[T ]\s*\d{1,2}(:\d{1,2}){1,2}([.,]\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)?", given):
        return given
    return re.sub(r"(?<![\d.,])\d(?!\d)", lambda digit: digit[0].zfill(2), re.sub(r"\s+(?!\d)|(?<=T)\s+", "", given))


def as_kept(moment: datetime) -> str:
    """Write a moment the way it is kept and answered: in UTC, with microseconds if there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
