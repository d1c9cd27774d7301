"""The first, quick look at a whole chat: its form, the order of its dates, and who writes in it.

Nothing of a file is passed on before all of it was seen, so a file that breaks off or is something else is refused
whole, and never half read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from gemeente_connect_whatsapp_export.decoding import LONGEST_MESSAGE, Piece, too_long
from gemeente_connect_whatsapp_export.headers import MARK, DateOrder, Form, Reading, find_form
from gemeente_connect_whatsapp_export.texts import LONGEST, is_about_a_group, is_system

_COLON = rf":(?: (?:{MARK}[^\r\n]{{0,{LONGEST}}})?|(?=[\r\n]|\Z))"
_OPENING = rf"([^:\r\n]{{1,160}}+(?:{_COLON}|(?::[^: \r\n][^:\r\n]{{0,80}}+){{1,3}}+{_COLON})|[^\r\n]{{0,{LONGEST}}})"
"""`Naam: `, `Naam: ` with what WhatsApp itself says there, or, without a name, the beginning of what it reports. The
first that is tried is a name without a colon in it, since nearly all are."""
_FEW = 0.1  # a date that does not exist was typed by somebody; when it is more than this share, the form is another
_MOST = 20


class Unusable(Exception):  # noqa: N818 - it becomes an Unreadable
    """A file that cannot be read as it is: why, at which line, and what to do."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a chat after the first look."""

    form: Form
    newline: str
    """What stands between two messages. Where that is CRLF, as iOS writes it, a bare LF stands within one."""
    order: Reading
    excluded: tuple[str, ...]
    """Dates that look like one and do not exist."""
    writers: frozenset[str]
    """The names of those who wrote something, as they stand there."""
    reporters: frozenset[str]
    """The names under which iOS puts WhatsApp's own reports: the name of the chat, or of somebody in it."""
    doubtful: frozenset[str]
    """On Android, what stands before a colon and reads like a report: part of one, unless it is somebody's name."""
    group: bool
    """It holds a report that only groups have."""

    def messages(self, text: Iterable[Piece]) -> Iterator[list[str]]:
        """Split a whole text into date, clock, body, date, clock, body, and so on."""
        header = re.compile(re.escape(self.newline) + self.form.pattern(self.order, self.excluded))
        carried: list[str] = []
        for after, piece in text:
            if after == 0:
                piece = self.newline + piece.lstrip(_BEFORE_FIRST)  # noqa: PLW2901 - the first has more in front
            before, *parts = header.split(piece)
            if "\r" in piece and piece.count("\r") > len(self.newline[1:]) * len(parts) // 3:  # also within messages
                before, *parts = (part.replace("\r\n", "\n") for part in (before, *parts))
            if carried:
                carried[-1] += before
            if parts:
                yield carried + parts[:-3]
                carried = parts[-3:]
        yield carried


_BEFORE_FIRST = "\r\n\t \ufeff"


def survey(text: Iterable[Piece], asked: Reading | None) -> Survey:
    """Look through a whole text. `asked`: the order of dates for when they do not decide.

    Raises Unusable, headers.Undecided, and what `text` raises.
    """
    look: _Look | None = None
    for after, piece in text:
        if look is None:
            first = piece.lstrip(_BEFORE_FIRST)
            form = find_form(first[:LONGEST])
            if form is None:
                message = "line 1 is not the beginning of a message as WhatsApp writes it: export the chat again, and leave the file as it comes"  # noqa: E501
                raise Unusable(message)
            look = _Look(form, first[:LONGEST])
        look.at(piece, after)
    assert look  # noqa: S101 - there is always a piece
    return look.result(asked)


class _Look:
    """What was seen so far."""

    def __init__(self, form: Form, first: str) -> None:
        self._form = form
        self._first = first
        self._newline = ""
        self._dates = DateOrder(form)
        self._writers: set[str] = set()
        self._reporters: set[str] = set()
        self._doubtful: set[str] = set()
        self._group = False
        self._without_header = 0
        self._latest: set[str] = set()
        """How the messages of the latest piece began: those of the next one begin so too."""

    def at(self, piece: str, after: int) -> None:
        if not self._newline:
            piece = piece.lstrip(_BEFORE_FIRST)
            self._newline = self._newline_of("\n" + piece)
            self._find = re.compile(self._newline + self._form.pattern(clock="{}") + _OPENING).findall
            piece = self._newline + piece
        found = self._find(piece)
        self._without_header = 0 if found else self._without_header + len(piece)
        if max(self._without_header, len(piece)) > LONGEST_MESSAGE:
            raise too_long(after)
        self._dates.add(list(dict.fromkeys(map(itemgetter(0), found))))
        openings = set(map(itemgetter(1), found))
        for opening in openings - self._latest:
            self._add(opening)
        self._latest = openings

    def _add(self, opening: str) -> None:
        name, marked, own_words = opening.partition(f": {MARK}")
        named = opening[:1] != ":" and (bool(marked) or opening.endswith((": ", ":")))
        if named and not marked:
            name = opening[: opening.rindex(":")]
        if not is_system(own_words or ("" if named and self._form.bracketed else name)):
            self._writers |= {name} if named else set()
            return
        self._group = self._group or is_about_a_group(own_words or name)
        if marked:
            self._reporters.add(name)
        elif named:
            self._doubtful.add(name)

    def _newline_of(self, first_piece: str) -> str:
        """Tell whether messages stand apart by CRLF: then a bare LF, and what follows it, belongs to a message."""
        header = self._form.pattern()
        with_cr = len(re.findall("\r\n" + header, first_piece))
        return "\r\n" if 2 * with_cr > len(re.findall("\n" + header, first_piece)) - 1 else "\n"

    def result(self, asked: Reading | None) -> Survey:
        order = self._dates.decide(asked)
        impossible = self._dates.impossible(order)
        if len(impossible) > max(1, min(_MOST, _FEW * self._dates.count)):
            message = f"{len(impossible)} of its dates do not exist: it is of a phone that writes dates in another way"
            raise Unusable(message)
        if not re.match(self._form.pattern(order, impossible), self._first):
            message = "line 1 has a date that does not exist: export the chat again, and leave the file as it comes"
            raise Unusable(message)
        return Survey(
            form=self._form,
            newline=self._newline,
            order=order,
            excluded=impossible,
            writers=frozenset(self._writers),
            reporters=frozenset(self._reporters),
            doubtful=frozenset(self._doubtful),
            group=self._group,
        )
