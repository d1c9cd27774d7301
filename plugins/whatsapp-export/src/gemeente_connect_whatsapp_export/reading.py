"""The second look at a chat: from text to messages, each with an id that is the same in every export of that chat.

There are no ids in an export. The key is account, thread, minute, side, text, and which of equal messages it is. It is
the minute because Android has no seconds, and the side because names differ from phone to phone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from gemeente_connect.models import Direction, Participant
from gemeente_connect_whatsapp_export.decoding import Piece
from gemeente_connect_whatsapp_export.headers import MARK, read_clock, read_date
from gemeente_connect_whatsapp_export.sources import Media
from gemeente_connect_whatsapp_export.survey import Survey
from gemeente_connect_whatsapp_export.texts import Found, kind_of_file, maybe_own_words, read_own_words

T = TypeVar("T")
Row = dict[str, Any]
"""The fields of one Message."""
REMEMBERED = 4096
"""How many messages back, at least, an equal one or the same minute is remembered. Lines stand out of order by far
less."""
_EMPTY_HASH = blake2b(digest_size=16)  # copying it takes less time than making one


class Who(NamedTuple):
    """A side of the chat, or somebody in a group."""

    key: str
    """Stands for the sender in ids, and ends with a NUL."""
    direction: Direction | None
    participant: Participant | None


REPORT = Who("-\0", None, None)
"""WhatsApp itself."""


class Part(NamedTuple):
    """Some messages of a chat, and changes to earlier ones: `edited` or `deleted`, with what stands there now."""

    rows: list[Row]
    changes: list[tuple[str, Row]]


@dataclass
class Reader:
    """Reads one chat, from its beginning to its end."""

    survey: Survey
    account: str
    thread: str
    people: Mapping[str, Who]
    zone: tzinfo
    end: datetime | None
    media: Callable[[str], Media | None]
    """Finds the file of that name which came with the export. None: it did not."""
    _days: dict[str, tuple[str, date, timezone | None]] = field(default_factory=dict)
    _clocks: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    """By id, how many equal messages came after it."""
    _seen_before: dict[str, int] = field(default_factory=dict)
    """The same, of messages further back."""
    _places: dict[str, int] = field(default_factory=dict)
    """By minute, the place of the latest message in it."""
    _places_before: dict[str, int] = field(default_factory=dict)
    _last: tuple[str, int] = ("", 0)
    """The minute of the latest message, and its place in it."""
    _ambiguous: tuple[date | None, str, int] = (None, "", 0)
    """The day and clock of the latest message in an hour that comes twice, and which of the two it was."""

    def parts(self, text: Iterable[Piece]) -> Iterator[Part]:
        """Yield the messages as rows, in the order of the file."""
        for written in self.survey.messages(text):
            yield self._part(written)
            if len(self._seen) > REMEMBERED:
                self._seen_before, self._seen = self._seen, {}
            if len(self._places) > REMEMBERED:
                self._places_before, self._places = self._places, {}
            if len(self._clocks) > REMEMBERED:
                self._clocks = {}

    def _part(self, written: list[str]) -> Part:  # noqa: C901, PLR0912, PLR0915 - a call a step would cost half as much again
        """Read messages. The one loop that has to be fast: what it needs is at hand under a short name."""
        people, days, clocks = self.people, self._days, self._clocks
        seen, seen_before, places, places_before = self._seen, self._seen_before, self._places, self._places_before
        account, thread, end = self.account, self.thread, self.end
        marked, width = self.survey.form.bracketed, self.survey.form.plain_width
        combine, read_time, new_hash = datetime.combine, time.fromisoformat, _EMPTY_HASH.copy
        last, position = self._last
        latest = ""
        part = Part([], [])
        add = part.rows.append
        fields = iter(written)
        for written_day, clock, body in zip(fields, fields, fields):  # noqa: B905 - always threes
            if written_day != latest:
                latest = written_day
                if latest not in days:
                    days[latest] = self._day(latest)
                keyed_day, day, offset = days[latest]
            if len(clock) != width:
                if clock not in clocks:
                    clocks[clock] = read_clock(clock)
                clock = clocks[clock]  # noqa: PLW2901 - from here on it is the plain one
            sent_at = combine(day, read_time(clock), offset) if offset else self._moment(day, clock)
            if end and sent_at >= end:
                continue
            name, _, text = body.partition(": ")
            found, kind = None, "text"
            if name in people:
                side, direction, sender = people[name]
                shown = text = text.rstrip()
                if (MARK in text or not text) if marked else maybe_own_words(text):
                    found = read_own_words(text, marked=marked)
            else:
                (side, direction, sender), text = self._without_sender(body)
                shown = text = text.replace(MARK, "").rstrip()
                kind = "text" if sender else "system"
                found = read_own_words(text, marked=marked) if sender else None
            if found:
                kind, shown, text = found.kind, found.text, found.key
                if kind == "system":
                    side, direction, sender = REPORT
            minute = keyed_day + clock[:5]
            hashed = new_hash()
            hashed.update(f"{minute}{side}{text}".encode())
            digest = hashed.hexdigest()
            if minute == last:
                position += 1
            else:
                places[last] = position
                there = places if minute in places else places_before
                last, position = minute, there[minute] + 1 if minute in there else 0
            if position and (digest in seen or digest in seen_before):  # one that is equal stands in the same minute
                equals = seen if digest in seen else seen_before
                equals[digest] += 1
                digest = f"{digest}-{equals[digest]}"
            else:
                seen[digest] = 0
            row: Row = {
                "account": account,
                "id": digest,
                "thread": thread,
                "sent_at": sent_at,
                "direction": direction,
                "sender": sender,
                "text": shown,
            }
            if position:
                row["position"] = position
            if kind != "text":
                row["kind"] = kind
            if found is None:
                add(row)
            else:
                self._add(part, found, row)
        self._last = last, position
        return part

    def _add(self, part: Part, found: Found, row: Row) -> None:
        if found.file or found.omitted:
            row["attachments"] = (self._attachment(found),)
        if found.change:
            part.changes.append((found.change, row))
        else:
            part.rows.append(row)

    def _attachment(self, found: Found) -> Row:
        if not found.file:
            return {"name": found.title, "missing": "omitted"}
        named = {"name": found.title or found.file, "media_type": kind_of_file(found.file)[1]}
        media = self.media(found.file)
        if media is None:
            return {**named, "missing": "absent"}
        return {**named, "name": found.title or media.name, "source": media.source, "size": media.size}

    def _without_sender(self, body: str) -> tuple[Who, str]:
        """Tell a report from a message of which only the name is left, `Naam:`, and from a report under a name."""
        first, _, rest = body.partition("\n")
        who = self.people.get(first.rstrip().removesuffix(":"))
        if who and first.rstrip().endswith(":"):
            return who, rest
        name, _, text = body.partition(": ")
        return REPORT, text if name in self.survey.reporters else body

    def _day(self, written: str) -> tuple[str, date, timezone | None]:
        """Prepare a date: how a key begins, the day, and its offset from UTC (None: it changes then)."""
        day = read_date(written, self.survey.order)
        assert day  # noqa: S101 - the survey excluded all others
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        offset = midnight.utcoffset() or timedelta()
        same = offset == (midnight + timedelta(days=1)).utcoffset()
        chat = blake2b(f"{self.account}\0{self.thread}".encode(), digest_size=8).hexdigest()
        return f"{chat}{day}T", day, timezone(offset) if same else None

    def _moment(self, day: date, clock: str) -> datetime:
        """Read a moment of a day on which summer time begins or ends.

        An hour that comes twice is the second one from where the clock goes back within it; an hour that does not come
        is moved forward.
        """
        local = datetime.combine(day, time.fromisoformat(clock), self.zone)
        first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
        if first and second and second < first:
            before, latest, fold = self._ambiguous
            if before == day and clock < latest:
                fold = 1
            self._ambiguous = day, clock, fold if before == day else 0
            local = local.replace(fold=self._ambiguous[2])
        return local.astimezone(timezone(local.utcoffset() or timedelta()))


def with_spots(parts: Iterable[Part]) -> Iterator[tuple[list[Row], list[Row]]]:
    """Say of each change where it stands, and which messages stand there unchanged: yields messages, then changes.

    Lines of one minute stand near each other, so the part before and the part after tell all.
    """
    before: list[Row] = []
    held = Part([], [])
    for part in chain(parts, [Part([], [])]):
        spots = _spots([*before, *held.rows, *part.rows]) if held.changes else {}
        yield held.rows, [_change(kind, row, spots) for kind, row in held.changes]
        before, held = held.rows, part


def _spot(row: Row) -> tuple[datetime, str]:
    return row["sent_at"].replace(second=0), row["sender"].id


def _spots(rows: list[Row]) -> Mapping[tuple[datetime, str], frozenset[str]]:
    ids: defaultdict[tuple[datetime, str], set[str]] = defaultdict(set)
    for row in rows:
        if row["sender"]:
            ids[_spot(row)].add(row["id"])
    return {spot: frozenset(there) for spot, there in ids.items()}


def _change(kind: str, row: Row, spots: Mapping[tuple[datetime, str], frozenset[str]]) -> Row:
    minute, sender = _spot(row)
    target = {"minute": minute, "sender": sender, "besides": spots.get((minute, sender), frozenset())}
    return {"change": kind, "message": row, "target": target}
