"""Times (on the Dutch clock) and words the way residents read them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_DAYS: Final = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_MONTHS: Final = (
    "januari", "februari", "maart", "april", "mei", "juni",
    "juli", "augustus", "september", "oktober", "november", "december",
)  # fmt: skip

_THINGS: Final = {
    "image": "Foto",
    "video": "Video",
    "audio": "Geluidsopname",
    "sticker": "Sticker",
    "contact": "Contactkaart",
    "view-once": "Eenmalige foto of video",
}
_WHY: Final = {
    "omitted": "niet meegeleverd vanuit {channel}",
    "absent": "het bestand ontbreekt",
    "expired": "niet meer beschikbaar",
    "too-large": "te groot om hier te tonen",
    "failed": "kon niet worden opgehaald",
    "not-yet": "wordt nog opgehaald",
}


def day(moment: datetime) -> str:
    """Write `2 november 2026`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def weekday(moment: datetime) -> str:
    """Write `maandag 2 november 2026`."""
    return f"{_DAYS[moment.weekday()]} {day(moment)}"


def clock(moment: datetime) -> str:
    """Write `16:08`."""
    return f"{moment:%H:%M}"


def thing(message_kind: str, media_type: str | None) -> str:
    """Say what an attachment is: `Foto`, `Video`, … `Bestand` where nothing tells."""
    if message_kind in ("sticker", "contact", "view-once"):
        return _THINGS[message_kind]
    return _THINGS.get((media_type or message_kind).partition("/")[0], "Bestand")


def why_missing(missing: str, channel: str) -> str:
    """Say why there is no content to show."""
    return _WHY.get(missing, _WHY["absent"]).format(channel=channel)


def size(number: int) -> str:
    """Write a number of bytes as `340 kB` or `2,1 MB`."""
    megabytes = number / 1_000_000
    return f"{megabytes:.1f} MB".replace(".", ",") if megabytes >= 1 else f"{max(1, number // 1000)} kB"
