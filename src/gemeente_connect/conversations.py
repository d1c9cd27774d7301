"""Which messages belong together: conversations within a thread, and turns within a conversation.

Pure rules without storage. A quiet gap between two messages of a thread starts a new conversation. Until it is first
delivered, a conversation is nothing but what the gaps say, so any order of arrival gives the same ones. From then on
it is fixed: it keeps its id and its messages, and late messages join it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from gemeente_connect.models import Direction, Message, Participant, Turn, in_order

QUIET_GAP = timedelta(hours=24)
"""The silence after which a thread starts a new conversation, unless a channel is set otherwise."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_GREETING_WORDS = 2  # "Goedemorgen!", "Hallo allemaal,": says nothing about the question


class Span(NamedTuple):
    """A conversation on the time line: the times (microseconds since 1970) of its first and last message."""

    key: int
    first: int
    last: int
    fixed: bool
    """It was delivered, or is about to be."""


def conversation_id(account: str, thread: str, first_message: str) -> str:
    """Name a conversation after its first message at first delivery. 24 hexadecimal digits that tell nothing."""
    return digest(account, thread, first_message)


def digest(*parts: str) -> str:
    """Hash strings into 24 hexadecimal digits; no two lists of parts run into each other."""
    data = "".join(f"{len(part)}:{part}" for part in parts).encode(errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def clusters(times: Iterable[int], gap: int, breaks: Collection[int] = ()) -> Iterator[list[int]]:
    """Put sorted times together that are less than a gap apart, and on one side of each break."""
    cluster: list[int] = []
    for time in times:
        if cluster and (time - cluster[-1] >= gap or (breaks and any(cluster[-1] < each <= time for each in breaks))):
            yield cluster
            cluster = []
        cluster.append(time)
    if cluster:
        yield cluster


def nearest(time: int, spans: Sequence[Span]) -> Span:
    """Choose the conversation that a time is closest to; of two equally close ones the earlier."""
    return min(spans, key=lambda span: (max(span.first - time, time - span.last, 0), span.first, span.key))


def turns(messages: Iterable[Message], fixed: Mapping[str, str] | None = None) -> tuple[Turn, ...]:
    """Put consecutive messages of one side together, oldest first.

    `fixed` gives the turns of messages that were delivered before, by message id: those turns keep their id and their
    messages. A message that came late joins the turn next to it, or becomes a turn of its own; it never splits one.
    """
    fixed = fixed or {}
    ordered = sorted(messages, key=_by_time_and_id)  # the order of arrival decides nothing
    found: dict[str, list[Message]] = {}
    runs = [list(run) for _, run in groupby(ordered, key=lambda m: (m.direction, m.internal, fixed.get(m.id)))]
    for before, run, after in zip([None, *runs], runs, [*runs[1:], None], strict=False):
        found.setdefault(_turn_of(before, run, after, fixed), []).extend(run)
    made = [
        Turn(id=key, direction=_direction(its[0]), internal=its[0].internal, messages=tuple(its))
        for key, its in found.items()
    ]
    return tuple(sorted(made, key=lambda turn: in_order(turn.messages[0])))


def _turn_of(
    before: Sequence[Message] | None, run: Sequence[Message], after: Sequence[Message] | None, fixed: Mapping[str, str]
) -> str:
    if run[0].id in fixed:
        return fixed[run[0].id]
    for neighbour in (before, after):
        if neighbour and neighbour[-1].id in fixed and _side(neighbour[0]) == _side(run[0]):
            return fixed[neighbour[-1].id]
    return run[0].id


def one_person(participants: Iterable[Participant]) -> dict[str, Participant]:
    """Give, by id, the participants who are another of these: known by nothing but what that one is known by as well.

    Whoever wrote under a number yesterday, and under that number and a user id today.
    """
    known = {each.id: (each, {(i.kind, i.value) for i in each.identities}) for each in participants}
    found: dict[str, Participant] = {}
    for key, (each, addresses) in known.items():
        more = [(other, its) for other, its in known.values() if addresses < its and each.employee == other.employee]
        widest = [other for other, its in more if all(its >= those for _, those in more)]
        if addresses and len(widest) == 1:  # of several it may be any
            found[key] = widest[0]
    return found


def title(turns: Iterable[Turn], subject: str | None, at_most: int) -> str | None:
    """Give a conversation one line that says what it is about, of `at_most` characters, cut between words.

    The subject where its source has one, else the first sentence of the resident that is more than a greeting. None:
    there is neither.
    """
    if subject and subject.strip():
        return _cut(subject, at_most)
    texts = (m.text for turn in turns if turn.direction == "in" for m in turn.messages if m.deleted_at is None)
    first = None
    for sentence in (each for text in texts for each in _SENTENCE_END.split(text.strip()) if each.strip()):
        if len(sentence.split()) > _GREETING_WORDS:
            return _cut(sentence, at_most)
        first = first or sentence
    return _cut(first, at_most) if first else None


def _cut(text: str, at_most: int) -> str:
    line = " ".join(text.split())
    if len(line) <= at_most:
        return line
    head, space, _ = line[:at_most].rpartition(" ")
    return (head if space else line[: at_most - 1]).rstrip(" ,;:.-") + "…"


_by_time_and_id = attrgetter("sent_at", "position", "id")
_side = attrgetter("direction", "internal")


def _direction(message: Message) -> Direction:
    if message.direction is None:
        reason = "a system line belongs to no turn"
        raise ValueError(reason)
    return message.direction
