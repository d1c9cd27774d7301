"""For authors: reading the times that channels give, whatever way they write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 100  # characters; a time is shorter in any writing
_NUMBER = re.compile(r"-?[0-9]{9,}(\.[0-9]+)?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}([Tt ][0-9].*)?", re.ASCII)
_IN_WORDS = re.compile(r"[A-Za-z]{3}")  # a month or a weekday, so that day and month cannot be taken for each other
_TWO_WAYS = re.compile(r"(UTC|UT|GMT|[ECMP][SD]T)\s?[+-]")  # UTC+3 is ahead of UTC for people, and behind it in POSIX
_HOURS_FROM_UTC = {"UTC": 0, "UT": 0, "GMT": 0, "Z": 0}
_HOURS_FROM_UTC |= {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}  # RFC 2822


def parse_timestamp(value: str | float, *, zone: tzinfo | None = None, unit: Literal["s", "ms"] = "s") -> datetime:
    """Read a time as an aware datetime, in the offset it is written with (UTC for a number).

    Reads ISO 8601 and RFC 3339 (`2026-11-23T09:02:00+0100`), RFC 2822 (`Mon, 23 Nov 2026 09:02:00 +0100`), and the
    number of seconds since 1970, or of milliseconds if `unit` says so, also as text (of nine digits or more). `zone`
    is where a text without an offset was written; None: such a text is refused. A time is never guessed: `11/12/2026`
    and a date without its year are refused too. Raises ValueError, without the value.
    """
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
            return _aware(_read(text), zone)
        value = float(text) if "." in text else int(text)
    return _since_1970(value, unit)


def _since_1970(number: float, unit: str) -> datetime:
    try:
        return _EPOCH + (timedelta(milliseconds=number) if unit == "ms" else timedelta(seconds=number))
    except (OverflowError, ValueError):
        hint = "" if unit == "ms" else "; are these milliseconds (unit='ms')?"
        message = f"this number of {unit} since 1970 is out of range{hint}"
    raise ValueError(message)


def _aware(time: datetime | None, zone: tzinfo | None) -> datetime:
    if time is None:
        message = (
            "this is no time, or one that can be read in more than one way; ISO 8601 is safe: 2026-11-23T09:02:00Z"
        )
        raise ValueError(message)
    if time.utcoffset() is None:
        if zone is None:
            message = "a time without an offset can only be read when its zone is given"
            raise ValueError(message)
        return time.replace(tzinfo=zone)
    return time


def _read(text: str) -> datetime | None:
    if len(text) > _LONGEST or _TWO_WAYS.search(text):
        return None
    if _ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # such as a blank before the offset, which dateutil reads
    return _read_freely(text)


def _read_freely(text: str) -> datetime | None:
    """Read it twice, with other values for what it leaves out and another order of day and month: equal or None."""
    from dateutil.parser import parse

    if not (_ISO.match(text) or _IN_WORDS.search(text)):
        return None
    first, second = datetime(2000, 1, 1), datetime(2004, 2, 2)  # noqa: DTZ001 - only fill what the text leaves out
    try:
        times = {
            parse(text, default=first, tzinfos=_offset),
            parse(text, default=second, tzinfos=_offset, dayfirst=not _ISO.match(text)),
        }
    except (ValueError, OverflowError, TypeError, ArithmeticError, LookupError, AttributeError):
        return None  # hostile texts make dateutil raise all of these
    return times.pop() if len(times) == 1 else None


def _offset(name: str | None, seconds: int | None) -> tzinfo | None:
    if seconds is not None:
        return timezone(timedelta(seconds=seconds))
    if name is None:
        return None
    return timezone(timedelta(hours=_HOURS_FROM_UTC[name]))  # KeyError: an unknown name is no zone to guess at
