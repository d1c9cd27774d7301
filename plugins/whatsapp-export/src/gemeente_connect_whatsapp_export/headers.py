"""The line that begins a message: its forms, and how its date and clock are read.

The phone's region sets the form of date and clock, its language sets the words: neither tells the other. A file is
locked to the one form that its first line has, so a chat that somebody pasted into a message stays text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

MARK = "\u200e"
"""What WhatsApp puts in front of its own words on iOS. People do not type it."""

Reading = Literal["dmy", "mdy", "ymd"]

# No two ways of these begin alike, so that a line, of which there are a million, is tried in one way only.
_DAY = r"(?:[12][0-9]?|0[1-9]|3[01]?|[4-9])"
_MONTH = r"(?:0[1-9]|1[0-2]?|[2-9])"
_HOUR = r"(?:[01][0-9]?|2[0-3]?|[3-9])"
_HOUR_OF_HALF_A_DAY = r"(?:0[0-9]?|1[0-2]?|[2-9])"
_YEARS = {2: r"[0-9]{2}", 4: r"20[0-9]{2}"}

_ANY = re.compile(
    rf"""{MARK}?(?P<open>\[?)
    (?P<first>[0-9]{{1,4}})(?P<one>[-/.]|\.[ ])[0-9]{{1,2}}(?P<two>[-/.]|\.[ ])(?P<last>[0-9]{{1,4}})
    (?P<gap>\.?(?:,[ \u00a0\u202f]|[ \u00a0\u202f]klo[ \u00a0\u202f]|[ \u00a0\u202f]))
    [0-9]{{1,2}}(?P<colon>[:.])[0-9]{{2}}(?P<seconds>(?P=colon)[0-9]{{2}})?
    (?:(?P<space>[ \u00a0\u202f]?)(?P<half>[AaPp]\.?[ \u00a0\u202f]?[Mm]\.?))?
    (?P<close>\][ ]|[ ]-[ ])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Form:
    """The one form that the headers of a file have."""

    bracketed: bool
    """As iOS writes it: `[02-05-2022 16:08:13] `. False: as Android does, `02-05-2022 16:08 - `."""
    separators: tuple[str, str]
    year_first: bool
    year_digits: int
    gap: str
    """What stands between date and clock."""
    colon: str
    seconds: bool
    half: str | None
    """The words before or after noon as the first line has them, with the space before; None: a day of 24 hours."""

    @property
    def plain_width(self) -> int | None:
        """The length of a clock that stands as ISO 8601 has it. None: it never does."""
        return (8 if self.seconds else 5) if self.colon == ":" and self.half is None else None

    def pattern(self, order: Reading | None = None, excluded: tuple[str, ...] = (), *, clock: str = "({})") -> str:
        """Write a regular expression with two groups, the date and the clock.

        `order`: None as long as it is not decided. `excluded`: dates that look like one and do not exist. `clock`: how
        the clock is put, where it is not wanted as a group.
        """
        not_these = f"(?!(?:{'|'.join(map(re.escape, excluded))})(?![0-9]))" if excluded else ""
        header = f"({not_these}{self._date(order)}){re.escape(self.gap)}{clock.format(self._clock)}"
        return rf"{MARK}?\[{header}\] " if self.bracketed else rf"{MARK}?{header} - "

    def _date(self, order: Reading | None) -> str:
        year, (one, two) = _YEARS[self.year_digits], map(re.escape, self.separators)
        if self.year_first:
            return f"{year}{one}{_MONTH}{two}{_DAY}"
        first, second = {"dmy": (_DAY, _MONTH), "mdy": (_MONTH, _DAY)}.get(order or "", (_DAY, _DAY))
        return f"{first}{one}{second}{two}{year}"

    @property
    def _clock(self) -> str:
        colon = re.escape(self.colon)
        rest = f"{colon}[0-5][0-9]" * (2 if self.seconds else 1)
        if self.half is None:
            return f"{_HOUR}{rest}"
        half = re.sub("[ap]", "[AaPp]", re.escape(self.half.lower()), count=1).replace("m", "[Mm]")
        return f"{_HOUR_OF_HALF_A_DAY}{rest}{half}"


def find_form(line: str) -> Form | None:
    """Recognise the header at the start of a line. None: there is none that WhatsApp writes."""
    found = _ANY.match(line)
    if not found or bool(found["open"]) is not (found["close"] == "] "):
        return None
    year_first = len(found["first"]) == len("2022")
    form = Form(
        bracketed=bool(found["open"]),
        separators=(found["one"], found["two"]),
        year_first=year_first,
        year_digits=4 if year_first else len(found["last"]),
        gap=found["gap"],
        colon=found["colon"],
        seconds=bool(found["seconds"]),
        half=found["space"] + found["half"] if found["half"] else None,
    )
    return form if form.year_digits in _YEARS and re.match(form.pattern(), line) else None


def read_date(written: str, order: Reading) -> date | None:
    """Read a date in an order. None: that day does not exist, or is older than WhatsApp."""
    fields = dict(zip(order, re.findall(r"[0-9]+", written), strict=True))
    year = int(fields["y"]) + (2000 if len(fields["y"]) == len("22") else 0)
    try:
        day = date(year, int(fields["m"]), int(fields["d"]))
    except ValueError:
        return None
    return day if day.year >= 2009 else None  # noqa: PLR2004 - the year in which WhatsApp began


def read_clock(written: str) -> str:
    """Write a clock as `16:08` or `16:08:13`, from `4:08 pm`, `4.08.13 p. m.` or `16.08`."""
    hour, *rest = re.findall(r"[0-9]+", written)
    half = re.search("[AaPp]", written)
    if half:
        hour = str(int(hour) % 12 + (12 if half[0] in "Pp" else 0))
    return ":".join([hour.zfill(2), *rest])


class Undecided(Exception):  # noqa: N818 - not an error: a question for the administrator
    """The dates of a file can be read in two ways."""


class DateOrder:
    """Decides from all dates of a file whether the day or the month stands first."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._seen: dict[str, tuple[date | None, date | None]] = {}
        self._latest: list[date | None] = [None, None]
        self._steady = [True, True]

    @property
    def count(self) -> int:
        """How many different dates there are."""
        return len(self._seen)

    def add(self, dates: list[str]) -> None:
        """Take in dates in the order in which they stand in the file."""
        for written in dates:
            both = self._seen.get(written)
            if both is None:
                both = self._seen[written] = (
                    (day := read_date(written, "ymd"), day)
                    if self._form.year_first
                    else (read_date(written, "dmy"), read_date(written, "mdy"))
                )
            for way, day in enumerate(both):
                latest = self._latest[way]
                if day and latest and (latest - day).days > 1:  # a message sent late stands out of order by hours
                    self._steady[way] = False
                self._latest[way] = day or latest

    def decide(self, asked: Reading | None) -> Reading:
        """Decide by a year in front, fields over twelve, separator, order of the dates, or what was asked for.

        Raises Undecided.
        """
        if self._form.year_first:
            return "ymd"
        fields = [tuple(map(int, re.findall(r"[0-9]+", written)[:2])) for written in self._seen]
        day_first, month_first = any(a > 12 for a, _ in fields), any(b > 12 for _, b in fields)  # noqa: PLR2004 - months
        if day_first is not month_first:
            return "dmy" if day_first else "mdy"
        if self._form.separators[0].strip() in "-.":
            return "dmy"
        if not day_first and self._steady[0] is not self._steady[1]:
            return "dmy" if self._steady[0] else "mdy"
        if asked:
            return asked
        raise Undecided

    def impossible(self, order: Reading) -> tuple[str, ...]:
        """Name the dates that do not exist in this order: somebody typed them."""
        return tuple(written for written in self._seen if read_date(written, order) is None)
