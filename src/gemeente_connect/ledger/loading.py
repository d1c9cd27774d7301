"""From rows to conversations, many at a time; what is offered for the first time gets its id and its turns here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from gemeente_connect.conversations import conversation_id, one_person, turns
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.names import moment
from gemeente_connect.models import Attachment, Conversation, Message, Participant, Turn

_MESSAGES = """
    SELECT seq, id, sent_at, position, direction, sender, kind, text, reply_to,
        edited_at, deleted_at, status, internal, thread, conversation
    FROM messages WHERE conversation IN ({})
"""
_SENDER, _THREAD = 5, -2  # where they stand in such a row
_TURNS = """
    SELECT m.conversation, m.id, t.id FROM messages m JOIN turns t ON t.message = m.seq WHERE m.conversation IN ({})
"""
_PARTICIPANTS = "SELECT seq, body FROM participants WHERE seq IN ({})"
_ATTACHMENTS = """
    SELECT a.message, a.name, a.source, a.media_type, a.size, a.sha256, a.missing
    FROM attachments a JOIN messages m ON m.seq = a.message WHERE m.conversation IN ({}) ORDER BY a.message, a.number
"""
_ATTACHMENT = ("name", "source", "media_type", "size", "sha256", "missing")
_IN_A_LIST = 500  # a crowd is asked for in parts: a database takes so many values and no more
_REMEMBERED = 1000  # participants: the employees of a municipality come back all the time


class Claimed(NamedTuple):
    """A conversation that was just claimed."""

    number: int
    revision: int
    id: str | None
    """None: it is offered for the first time."""
    account: str
    kind: str
    thread: str


class Loading:
    """Gives conversations as they stand now, inside the transaction that claims them."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._people: dict[str, Participant] = {}

    def load(self, claimed: Sequence[Claimed]) -> list[Conversation]:
        """Give conversations, in the same order. From here on each keeps its id, and each message its turn."""
        if not claimed:
            return []
        numbers = [each.number for each in claimed]
        marks = ", ".join("?" * len(numbers))
        attachments = self._attachments(self._db.read(_ATTACHMENTS.format(marks), numbers))
        rows: dict[int, list[Row]] = {number: [] for number in numbers}
        for row in self._db.read(_MESSAGES.format(marks), numbers):
            rows[row[-1]].append(row)
        turns_of = self._turns([each.number for each in claimed if each.id is not None])
        people = self._participants({row[_SENDER] for its in rows.values() for row in its} - {None})
        found: list[Conversation] = []
        new_ids: list[tuple[str, int]] = []
        new_turns: list[tuple[str, int]] = []
        for each in claimed:
            its = rows[each.number]
            fixed = turns_of.get(each.number, {})
            made = turns(self._messages(each, its, people, attachments), fixed)
            key = each.id or conversation_id(each.account, each.thread, made[0].id)
            if each.id is None:
                new_ids.append((key, each.number))
            new_turns += _not_fixed(made, its, fixed)
            found.append(Conversation(id=key, channel=each.kind, account=each.account, thread=each.thread, turns=made))
        self._db.write_all("UPDATE conversations SET id = ? WHERE seq = ?", new_ids)
        self._db.write_all("INSERT INTO turns (id, message) VALUES (?, ?)", new_turns)
        return found

    def _messages(
        self,
        claimed: Claimed,
        rows: Sequence[Row],
        people: Mapping[int, Participant],
        attachments: Mapping[int, tuple[Attachment, ...]],
    ) -> Sequence[Message]:
        account, thread = claimed.account, claimed.thread
        senders = _as_one(rows, people)
        fields: list[dict[str, Any]] = []
        for seq, key, sent_at, position, direction, sender, kind, text, reply_to, *marks in rows:
            edited, deleted, status, internal, *_ = marks
            message = {
                "account": account,
                "id": key,
                "thread": thread,
                "sent_at": moment(sent_at),
                "position": position,
                "direction": direction,
                "sender": senders[sender] if sender else None,
                "kind": kind,
                "text": text,
            }
            if seq in attachments and not deleted:  # what was deleted is not handed out again
                message["attachments"] = attachments[seq]
            if reply_to or edited or deleted or status or internal:
                message["reply_to"] = reply_to
                message["edited_at"] = moment(edited) if edited else None
                message["deleted_at"] = moment(deleted) if deleted else None
                message["status"] = status
                message["internal"] = bool(internal)
            fields.append(message)
        return _several_messages().validate_python(fields)

    def _turns(self, offered_before: Sequence[int]) -> dict[int, dict[str, str]]:
        """Give the turn of each message that was offered, by conversation and the message's id."""
        found: dict[int, dict[str, str]] = {number: {} for number in offered_before}
        if found:
            for number, key, turn in self._db.read(_TURNS.format(", ".join("?" * len(found))), offered_before):
                found[number][key] = turn
        return found

    def _attachments(self, rows: Sequence[Row]) -> dict[int, tuple[Attachment, ...]]:
        found: dict[int, tuple[Attachment, ...]] = {}
        for message, *values in rows:
            attachment = Attachment(**dict(zip(_ATTACHMENT, values, strict=True)))
            found[message] = (*found.get(message, ()), attachment)
        return found

    def _participants(self, numbers: Iterable[int]) -> dict[int, Participant]:
        found: dict[int, Participant] = {}
        left = iter(numbers)
        while part := list(islice(left, _IN_A_LIST)):
            rows = self._db.read(_PARTICIPANTS.format(", ".join("?" * len(part))), part)
            found |= {number: self._participant(body) for number, body in rows}
        return found

    def _participant(self, body: str) -> Participant:
        known = self._people.get(body)
        if known is None:
            if len(self._people) >= _REMEMBERED:
                self._people.clear()
            known = self._people[body] = Participant.model_validate_json(body)
        return known


def _as_one(rows: Sequence[Row], people: Mapping[int, Participant]) -> Mapping[int, Participant]:
    """Give who wrote these, by number. Whoever wrote under two names of one thread is one person."""
    if len({row[_THREAD] for row in rows}) == 1:
        return people
    its = {row[_SENDER]: people[row[_SENDER]] for row in rows if row[_SENDER]}
    same = one_person(its.values())
    return {number: same.get(each.id, each) for number, each in its.items()}


def _not_fixed(made: Sequence[Turn], rows: Sequence[Row], fixed: Mapping[str, str]) -> list[tuple[str, int]]:
    """Give the turn of each message that has none yet."""
    seqs = {row[1]: row[0] for row in rows}
    return [(turn.id, seqs[key]) for turn in made for m in turn.messages if (key := m.id) not in fixed]


@cache
def _several_messages() -> TypeAdapter[list[Message]]:
    return TypeAdapter(list[Message])
