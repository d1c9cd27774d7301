"""Chats to read, in the forms that phones write, each with the truth of what stands in it."""

# ruff: noqa: PLR2004 - chances stand where they are used

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

OWN, RESIDENTS = "Gemeente Voorbeeld", ("Jan de Vries", "Fatima", "\u202a+31\u00a06\u00a012345678\u202c")
_WORDS = """hallo de lantaarn in onze straat is kapot kunt u kijken wanneer er iemand langs komt dank u wel alvast groet
afval 🙂 ophalen vergunning paspoort (spoed) café: morgen 12:30 adres?"""
WORDS = _WORDS.split()
Truth = tuple[str, str | None, str, str | None]
"""Local time as it stands, sender, text, name of the attachment (`?` where it was left out)."""


class Ios:
    name = "iOS, Dutch"
    line = re.compile(r"\u200e?\[(\d\d)-(\d\d)-(\d{4}), (\d\d):(\d\d):(\d\d)\] (?:([^:]+): )?(.*)")
    newline, seconds = "\r\n", True
    subject = "heeft het onderwerp gewijzigd naar “Melding: straat”"
    day_first = True
    as_told_to_whatstk = "[%d-%m-%y, %H:%M:%S] %name:"

    @staticmethod
    def header(t: datetime) -> str:
        return f"[{t:%d-%m-%Y, %H:%M:%S}] "

    @staticmethod
    def report(text: str) -> str:
        return f"Buurt: \u200e{text}"

    @staticmethod
    def media(name: str | None) -> str:
        return f"\u200e<bijgevoegd: {name}>" if name else "\u200eafbeelding weggelaten"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        day, month, year, *clock = map(int, found[:6])
        return [year, month, day, *clock]


class Android(Ios):
    name = "Android, Dutch"
    line = re.compile(r"(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d)() - (?:([^:]+): )?(.*)")
    newline, seconds = "\n", False
    as_told_to_whatstk = "%d-%m-%y %H:%M - %name:"

    @staticmethod
    def header(t: datetime) -> str:
        return f"{t:%d-%m-%Y %H:%M} - "

    @staticmethod
    def report(text: str) -> str:
        return text

    @staticmethod
    def media(name: str | None) -> str:
        return f"\u200e{name} (bestand bijgevoegd)" if name else "<Media weggelaten>"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        day, month, year, hour, minute = map(int, found[:5])
        return [year, month, day, hour, minute]


class AndroidUs(Android):
    name = "Android, US English"
    line = re.compile(r"(\d{1,2})/(\d{1,2})/(\d\d), (\d{1,2}):(\d\d)\u202f([AP]M) - (?:([^:]+): )?(.*)")
    subject = "changed the subject from “a: b” to “Melding: straat”"
    day_first = False
    as_told_to_whatstk = "%m/%d/%y, %I:%M %P - %name:"

    @staticmethod
    def header(t: datetime) -> str:
        return f"{t.month}/{t.day}/{t:%y}, {t.hour % 12 or 12}:{t:%M}\u202f{t:%p} - "

    @staticmethod
    def media(name: str | None) -> str:
        return f"{name} (file attached)" if name else "<Media omitted>"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        month, day, year, hour, minute = map(int, found[:5])
        return [2000 + year, month, day, hour % 12 + 12 * (found[5] == "PM"), minute]


class AndroidUk(AndroidUs):
    """The one form here that every other parser reads."""

    name = "Android, UK English"
    line = re.compile(r"(\d\d)/(\d\d)/(\d{4}), (\d\d):(\d\d)() - (?:([^:]+): )?(.*)")
    day_first = True
    as_told_to_whatstk = "%d/%m/%y, %H:%M - %name:"

    @staticmethod
    def header(t: datetime) -> str:
        return f"{t:%d/%m/%Y, %H:%M} - "

    fields = Android.fields


FORMS: dict[str, type[Ios]] = {"ios": Ios, "android": Android, "android-us": AndroidUs, "android-uk": AndroidUk}


def write_chat(path: Path, count: int, form: type[Ios]) -> Iterator[Truth]:
    """Make up a chat of a neighbourhood, and tell what stands in it."""
    chance = random.Random(count)
    now = datetime(2019, 1, 13, 8)  # noqa: DTZ001 - a chat has the time of a wall clock
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(count):
            now += timedelta(seconds=chance.randrange(0, 240))
            stands = now.isoformat() if form.seconds else now.replace(second=0).isoformat()
            sender: str | None = OWN if chance.random() < 0.45 else chance.choice(RESIDENTS)
            text = " ".join(chance.choices(WORDS, k=chance.randrange(1, 24)))
            kind, media = chance.random(), None
            if kind < 0.01:
                sender, text = None, f"{sender} {form.subject}"
                body = form.report(text)
            elif kind < 0.04:
                media = f"IMG-{now:%Y%m%d}-WA{chance.randrange(9999):04}.jpg" if kind < 0.02 else None
                text = text if kind < 0.03 else ""
                body = f"{sender}: {form.media(media)}" + (f"\n{text}" if text else "")
                media = media or "?"
            else:
                if kind < 0.16:
                    text += "\n" + text[: chance.randrange(1, 40)].strip() + "\n\n[5/2, 16:08] Piet: geplakt"
                body = f"{sender}: {text}"
            file.write(form.header(now) + body + form.newline)
            yield stands, sender, text, media
