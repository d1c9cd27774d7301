"""Taking the records of a case system into a ledger that has lost them, so that nothing is delivered there again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from gemeente_connect.abilities import Record
from gemeente_connect.contracts import Receipt
from gemeente_connect.conversations import Span, conversation_id, nearest
from gemeente_connect.errors import StorageError
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.leases import Leases
from gemeente_connect.ledger.mending import Found, Mending
from gemeente_connect.ledger.names import Names, micros

Outcome = Literal["known", "adopted", "incomplete", "twice", "unmatched"]
"""What came of a record: the ledger had it; it has it now; it has it, lacks some of its messages and does not deliver
it; it has its messages under another id and does not deliver them; it has none of its messages, and did nothing."""

_TWICE = (
    "the case system holds these messages under another id, and delivering them would make a second record: look at "
    "both, then `refused retry` this to deliver it all the same"
)
_LACKS = (
    "its record has messages that the ledger lost and the channel no longer gives, and delivering it may take them "
    "away: read older messages in and adopt again, or `refused retry` this to deliver it all the same"
)
_SPAN = """
    UPDATE conversations SET revision = revision + 1,
        first_at = (SELECT min(sent_at) FROM messages WHERE conversation = conversations.seq),
        last_at = (SELECT max(sent_at) FROM messages WHERE conversation = conversations.seq)
    WHERE seq = ?
"""
_STEP = (
    "INSERT INTO steps (case_system, conversation, name, begun_at, result) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (case_system, conversation, name) DO UPDATE SET result = excluded.result WHERE steps.result IS NULL"
)
_DELIVERY = (
    "INSERT INTO deliveries (conversation, case_system, revision, receipt, findable) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (conversation, case_system) DO NOTHING"
)
_AGAIN = 0  # a revision that every conversation has passed: it is compared with its record at the next run
_STRAYS = """
    SELECT m.seq, m.sent_at, m.conversation, c.thread FROM deliveries d
    JOIN conversations c ON c.seq = d.conversation JOIN messages m ON m.conversation = c.seq
    WHERE d.case_system = ? AND d.revision = ? AND c.own IS NULL
        AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.message = m.seq) ORDER BY c.thread, m.seq
"""
_SPANS = """
    SELECT c.seq, min(m.sent_at), max(m.sent_at) FROM conversations c JOIN messages m ON m.conversation = c.seq
    JOIN turns t ON t.message = m.seq WHERE c.thread = ? AND c.own IS NULL AND c.id IS NOT NULL
    GROUP BY c.seq ORDER BY c.seq
"""


class Adopting:
    """Gives conversations the id, the turns and the steps that their records say they had."""

    def __init__(self, database: Database, names: Names, mending: Mending, leases: Leases) -> None:
        self._db = database
        self._names = names
        self._mending = mending
        self._leases = leases

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raise StorageError while another run delivers from this ledger."""
        with self._leases.held():
            if self._db.one("SELECT 1 FROM leases WHERE seq <> ?", (self._leases.number,)):
                message = "another run is delivering from this ledger: adopt when it is done"
                raise StorageError(message)
            yield

    def adopt(self, case_system: str, records: Iterable[Record]) -> list[Outcome]:
        """Take records in, and say what came of each."""
        with self._db.transaction():
            here = self._names.account(case_system)
            self._names.hold(seq for (seq,) in self._db.read("SELECT seq FROM accounts"))
            return [self._adopt(here, case_system, record) for record in records]

    def _adopt(self, here: int, case_system: str, record: Record) -> Outcome:
        found = self._unclaimed(record)
        if len({each.thread for each in found}) > 1:
            return "unmatched"
        key = record.conversation or self._named(record, found)
        target = self._numbered(key)
        others = {each.conversation for each in found if each.turn} - {target}
        if others:
            for number in others:
                self._keep_from(here, case_system, number)
            return "twice"
        free = [each for each in found if not each.turn]
        if target is None:
            if key is None or not free:
                return "unmatched"
            target = self._make(key, free)
        self._move(target, record, free)
        known = not self._settle(here, target, record)
        if record.detached:
            self._mending.bury_within(case_system, str(key), record.detached)
        if {each for keys in record.turns.values() for each in keys} - {each.key for each in found}:
            self._mending.hold_within(case_system, str(key), _LACKS)
            return "incomplete"
        self._db.write(
            "DELETE FROM refusals WHERE kind = 'conversation' AND account = ? AND key = ? AND reason = ?",
            (here, key, _LACKS),
        )
        return "known" if known and not free else "adopted"

    def _unclaimed(self, record: Record) -> list[Found]:
        """Give the record's messages; let go of conversations that a run only offered, under ids of its own."""
        found = self._mending.messages(record)
        offered = {each.conversation for each in found if each.turn}
        let_go = [number for number in offered if not self._mending.dealings(number)]
        for number in let_go:
            its = "(SELECT seq FROM messages WHERE conversation = ?)"
            self._db.write(f"DELETE FROM turns WHERE message IN {its}", (number,))  # noqa: S608 - our own words
            refused = "kind = 'conversation' AND key = (SELECT id FROM conversations WHERE seq = ?)"
            self._db.write(f"DELETE FROM refusals WHERE {refused}", (number,))  # noqa: S608 - our own words
            self._db.write("UPDATE conversations SET id = NULL WHERE seq = ?", (number,))
            self._db.write("DELETE FROM claims WHERE conversation = ?", (number,))
        return self._mending.messages(record) if let_go else found

    def _named(self, record: Record, found: Sequence[Found]) -> str | None:
        """Give the id that a conversation of these turns got at its first delivery."""
        if not found or not record.turns:
            return None
        row = self._db.one(
            "SELECT a.name, t.name FROM threads t JOIN accounts a ON a.seq = t.account WHERE t.seq = ?",
            (found[0].thread,),
        )
        account, thread = row or ("", "")
        return conversation_id(account, thread, next(iter(record.turns)))

    def _numbered(self, key: str | None) -> int | None:
        row = self._db.one("SELECT seq FROM conversations WHERE id = ?", (key,))
        return row[0] if row else None

    def _keep_from(self, here: int, case_system: str, number: int) -> None:
        """See to it that a conversation whose messages stand there under another id is not delivered there."""
        row = self._db.one("SELECT id FROM conversations WHERE seq = ?", (number,))
        if row and here not in self._mending.dealings(number):
            self._mending.hold_within(case_system, row[0], _TWICE)

    def _make(self, key: str, free: Sequence[Found]) -> int:
        """Give a conversation of the record's messages its id; make one where they stand in another record's."""
        loose = sorted({each.conversation for each in free if each.fixed is None})
        if not loose:
            return self._db.number(
                "INSERT INTO conversations (account, thread, id, first_at, last_at) VALUES (?, ?, ?, 0, 0) "
                "RETURNING seq",
                (free[0].account, free[0].thread, key),
            )
        self._db.write("UPDATE conversations SET id = ? WHERE seq = ?", (key, loose[0]))
        return loose[0]

    def _move(self, target: int, record: Record, free: Sequence[Found]) -> None:
        """Put messages into their conversation and turn, with what stood beside them and is in no record yet."""
        turns = {key: turn for turn, keys in record.turns.items() for key in keys}
        self._db.write_all("UPDATE messages SET conversation = ? WHERE seq = ?", [(target, each.seq) for each in free])
        self._db.write_all(
            "INSERT INTO turns (id, message) VALUES (?, ?) ON CONFLICT (message) DO UPDATE SET id = excluded.id",
            [(turns[each.key], each.seq) for each in free],
        )
        for each in {each.conversation: each for each in free if each.conversation != target}.values():
            if each.fixed is None and each.own is None:
                values = target, each.conversation
                self._db.write("UPDATE messages SET conversation = ? WHERE conversation = ?", values)
        for number in {target, *(each.conversation for each in free)} if free else ():
            if self._db.one("SELECT 1 FROM messages WHERE conversation = ?", (number,)):
                self._db.write(_SPAN, (number,))
            else:
                self._db.write("DELETE FROM conversations WHERE seq = ?", (number,))

    def _settle(self, here: int, target: int, record: Record) -> bool:
        """Keep what was done for the record. False: its delivery was known."""
        begun_at = micros(record.changed_at) if record.changed_at else 0
        steps = {name: json.dumps(dict(refs)) for name, refs in record.done.items()}
        steps |= {f"keep:{name}": value for name, value in record.kept.items()}
        self._db.write_all(_STEP, [(here, target, name, begun_at, result) for name, result in steps.items()])
        receipt = Receipt(reference=record.reference, findable=record.findable, checked_at=datetime.now(UTC))
        values = target, here, _AGAIN, receipt.model_dump_json(), record.findable
        return self._db.write(_DELIVERY, values) == 1

    def place_strays(self, case_system: str) -> None:
        """Put messages that came beside adopted conversations, and are in no record, with the nearest of them."""
        with self._db.transaction():
            spans: dict[int, list[Span]] = {}
            here = self._names.account(case_system)
            for seq, sent_at, conversation, thread in self._db.read(_STRAYS, (here, _AGAIN)):
                if thread not in spans:
                    rows = self._db.read(_SPANS, (thread,))
                    spans = {thread: [Span(key, first, last, fixed=True) for key, first, last in rows]}
                chosen = nearest(sent_at, spans[thread]).key
                if chosen != conversation:
                    self._db.write("UPDATE messages SET conversation = ? WHERE seq = ?", (chosen, seq))
                    for number in (chosen, conversation):
                        self._db.write(_SPAN, (number,))
