"""Which conversations are due for a case system, what they look like, and the receipts that come back."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gemeente_connect.contracts import Findable, Receipt
from gemeente_connect.conversations import conversation_id, turns
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.leases import Leases
from gemeente_connect.ledger.names import Names, micros, moment
from gemeente_connect.ledger.refusals import FAR, Refusals
from gemeente_connect.models import Attachment, Conversation, Message, Participant
from gemeente_connect.skipping import Skipped

OFFER_AGAIN = timedelta(hours=23)
"""How long a conversation that no resident finds waits before it is offered again: once a day, with an hour to spare,
so that a run that starts at the same time every day does not come just too early."""

_MAY_CHANGE = {Findable.NO_RESIDENT_KNOWN, Findable.NOT_VALID_THEN, Findable.MORE_THAN_ONE_RESIDENT}
"""Reasons that go away when residents are registered or corrected, without a change of the conversation."""

_AT_ONCE = 100  # conversations that are claimed in one transaction
_EVER = -(2**62)  # before all times

_DUE = """
    FROM conversations c
    JOIN accounts a ON a.seq = c.account
    JOIN threads t ON t.seq = c.thread
    LEFT JOIN deliveries d ON d.conversation = c.seq AND d.case_system = :case_system
    LEFT JOIN refusals r ON r.kind = 'conversation' AND r.account = :case_system AND r.key = c.id
    WHERE c.account = :account
      AND (d.conversation IS NULL OR d.revision < c.revision OR d.next_offer <= :now OR d.next_offer > :far)
      AND (r.seq IS NULL OR r.revision < c.revision
        OR (r.dropped = 0 AND (r.not_before <= :now OR r.not_before > :far)))
      AND c.seq % :shards = :shard
"""
_UNCLAIMED = (
    "AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.conversation = c.seq AND k.case_system = :case_system "
    "AND k.lease <> :lease)"
)
_CLAIM = (
    "INSERT INTO claims (conversation, case_system, lease) VALUES (?, ?, ?) "
    "ON CONFLICT (conversation, case_system) DO UPDATE SET lease = excluded.lease WHERE claims.lease = excluded.lease"
)
_LET_GO = "DELETE FROM claims WHERE conversation = ? AND case_system = ?"
_IN_TIME = "(c.first_at >= :start OR d.conversation IS NOT NULL)"  # what was delivered once is kept up to date
_NEXT = "SELECT c.first_at, c.seq, c.revision, c.id, a.name, a.kind, t.name, d.receipt"
_AFTER = f"AND (c.first_at, c.seq) > (:first_at, :seq) ORDER BY c.first_at, c.seq LIMIT {_AT_ONCE}"
_MESSAGES = """
    SELECT m.seq, m.id, m.turn, m.sent_at, m.position, m.direction, p.body, m.kind, m.text, m.reply_to, m.edited_at,
        m.deleted_at, m.status, m.internal
    FROM messages m LEFT JOIN participants p ON p.seq = m.sender
    WHERE m.conversation = ?
"""
_ATTACHMENTS = """
    SELECT a.message, a.name, a.source, a.media_type, a.size, a.sha256, a.missing
    FROM attachments a JOIN messages m ON m.seq = a.message WHERE m.conversation = ? ORDER BY a.message, a.number
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A conversation that is due for a case system."""

    number: int
    """The ledger's own number of the conversation."""
    revision: int
    conversation: Conversation
    before: Receipt | None
    """The receipt of the last delivery; None: it was never delivered."""


class Selection(NamedTuple):
    """What is asked for: conversations of an account that are due for a case system."""

    account: str
    case_system: str
    start: datetime | None
    """The moment from which conversations are offered; None: everything."""
    skip: Collection[str] = ()
    """Threads that are left out, by id or by the name people know them by."""
    shard: tuple[int, int] = (0, 1)
    """Which part, and in how many equal parts the conversations are divided."""


class Offering:
    """Offers conversations that have something new, and keeps the receipts."""

    def __init__(self, database: Database, names: Names, refusals: Refusals, leases: Leases) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals
        self._leases = leases
        self._people: dict[str, Participant] = {}

    def count(self, selection: Selection) -> tuple[int, int]:
        """Count what is due: from the start on, and what began before it and stays behind."""
        due, values = self._due(selection)
        row = self._db.one(f"SELECT count(CASE WHEN {_IN_TIME} THEN 1 END), count(*) {due}", values)
        counted, of = row or (0, 0)
        return counted, of - counted

    def due(self, selection: Selection) -> Generator[Offer]:
        """Yield what is due, oldest first. From here on an offered conversation keeps its id, messages and turns.

        Each is claimed, so that no other run offers it, until it is settled, refused, or the last one was yielded.
        """
        due, values = self._due(selection)
        if not self._db.one(f"SELECT 1 {due} AND {_IN_TIME} LIMIT 1", values):
            return  # a run that has nothing to do writes nothing
        with self._leases.held():
            case_system = values["case_system"] = self._names.account(selection.case_system)
            values["lease"] = self._leases.number
            while True:
                with self._db.transaction():
                    next_ones = f"{_NEXT} {due} AND {_IN_TIME} {_UNCLAIMED} {_AFTER}{self._db.skip_locked('c')}"
                    rows = self._db.read(next_ones, values)
                    offers = [self._offer(row) for row in rows if self._claim(row[1], case_system)]
                if not rows:
                    return
                yield from offers
                values["first_at"], values["seq"] = rows[-1][:2]

    def settle(self, offer: Offer, case_system: str, receipt: Receipt) -> None:
        """Keep the receipt of a delivery. One that no resident finds yet is offered again later."""
        again = receipt.findable in _MAY_CHANGE
        number = self._names.account(case_system)
        with self._db.transaction():
            self._db.write(
                "INSERT INTO deliveries (conversation, case_system, revision, receipt, findable, next_offer) "
                "VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (conversation, case_system) DO UPDATE SET revision = excluded.revision, "
                "receipt = excluded.receipt, findable = excluded.findable, next_offer = excluded.next_offer",
                (
                    offer.number,
                    number,
                    offer.revision,
                    receipt.model_dump_json(),
                    receipt.findable,
                    micros(receipt.checked_at + OFFER_AGAIN) if again else None,
                ),
            )
            self._refusals.settle("conversation", case_system, offer.conversation.id)
            self._db.write(_LET_GO, (offer.number, number))

    def refuse(self, offer: Offer, case_system: str, reason: str) -> bool:
        """Keep that a conversation was refused. True: it is new, or has changed since."""
        with self._db.transaction():
            self._db.write(_LET_GO, (offer.number, self._names.account(case_system)))
            return self._refusals.add(
                "conversation", case_system, offer.conversation.id, reason, revision=offer.revision
            )

    def _due(self, selection: Selection) -> tuple[str, dict[str, Any]]:
        """Give the end of a query for what is due, and its values."""
        known = self._names.account_if_known
        account = known(selection.account)
        skipped = ", ".join(map(str, self._skipped(account, Skipped(selection.skip))))
        due = f"{_DUE} AND c.thread NOT IN ({skipped})" if skipped else _DUE
        time = self._db.now()
        return due, {
            "account": account,
            "case_system": known(selection.case_system),
            "now": time,
            "far": time + FAR,
            "shard": selection.shard[0],
            "shards": selection.shard[1],
            "start": micros(selection.start) if selection.start else _EVER,
            "first_at": _EVER,
            "seq": 0,
            "lease": 0,
        }

    def _skipped(self, account: int | None, skipped: Skipped) -> list[int]:
        if not skipped:
            return []
        rows = self._db.read("SELECT seq, name, called FROM threads WHERE account = ?", (account,))
        skipped.learn({name: called for _, name, called in rows})
        return [seq for seq, name, _ in rows if name in skipped]

    def _claim(self, number: int, case_system: int) -> bool:
        """Claim a conversation for this run. False: another run was quicker."""
        return self._db.write(_CLAIM, (number, case_system, self._leases.number)) == 1

    def _offer(self, row: Row) -> Offer:
        """Fix the id and the turns of a conversation, and give it as it stands now."""
        _, number, revision, key, account, kind, thread, receipt = row
        messages = self._db.read(_MESSAGES, (number,))
        fixed = {id_: turn for _, id_, turn, *_ in messages if turn}
        made = turns(self._load(number, account, thread, messages), fixed)
        if key is None:
            key = conversation_id(account, thread, made[0].id)
            self._db.write("UPDATE conversations SET id = ? WHERE seq = ?", (key, number))
        seqs = {id_: seq for seq, id_, *_ in messages}
        self._db.write_all(
            "UPDATE messages SET turn = ? WHERE seq = ?",
            [(turn.id, seqs[m.id]) for turn in made for m in turn.messages if m.id not in fixed],
        )
        conversation = Conversation(id=key, channel=kind, account=account, thread=thread, turns=made)
        return Offer(number, revision, conversation, Receipt.model_validate_json(receipt) if receipt else None)

    def _load(self, number: int, account: str, thread: str, rows: Sequence[Row]) -> list[Message]:
        attachments: dict[int, list[Attachment]] = {}
        for message, *values in self._db.read(_ATTACHMENTS, (number,)):
            attachments.setdefault(message, []).append(
                Attachment(
                    **dict(zip(("name", "source", "media_type", "size", "sha256", "missing"), values, strict=True))
                )
            )
        return [self._message(account, thread, row, tuple(attachments.get(row[0], ()))) for row in rows]

    def _message(self, account: str, thread: str, row: Row, attachments: tuple[Attachment, ...]) -> Message:
        _, key, _, sent_at, position, direction, sender, kind, text, reply_to, edited, deleted, status, internal = row
        return Message(
            account=account,
            id=key,
            thread=thread,
            sent_at=moment(sent_at),
            position=position,
            direction=direction,
            sender=self._participant(sender) if sender else None,
            kind=kind,
            text=text,
            attachments=() if deleted else attachments,  # what was deleted is not handed out again
            reply_to=reply_to,
            edited_at=moment(edited) if edited else None,
            deleted_at=moment(deleted) if deleted else None,
            status=status,
            internal=bool(internal),
        )

    def _participant(self, body: str) -> Participant:
        if body not in self._people:
            if len(self._people) > _AT_ONCE:
                self._people.clear()
            self._people[body] = Participant.model_validate_json(body)
        return self._people[body]
