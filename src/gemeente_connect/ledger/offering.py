"""Which conversations are due for a case system, what they look like, and the receipts that come back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gemeente_connect.contracts import Findable, Receipt
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.doubles import Doubles
from gemeente_connect.ledger.leases import Leases
from gemeente_connect.ledger.loading import Claimed, Loading
from gemeente_connect.ledger.names import Names, micros
from gemeente_connect.ledger.refusals import Refusals
from gemeente_connect.ledger.together import Together
from gemeente_connect.models import Conversation
from gemeente_connect.skipping import Skipped

OFFER_AGAIN = timedelta(hours=23)
"""How long a conversation that no resident finds waits before it is offered again: once a day, with an hour to spare,
so that a run that starts at the same time every day does not come just too early."""

_MAY_CHANGE = {Findable.NO_RESIDENT_KNOWN, Findable.NOT_VALID_THEN, Findable.MORE_THAN_ONE_RESIDENT}
"""Reasons that go away when residents are registered or corrected, without a change of the conversation."""

_AT_ONCE = 20  # conversations that are claimed and loaded together: more take memory, and more time to collect garbage
_EVER = -(2**62)  # before all times

_DUE = """
    FROM conversations c
    JOIN accounts a ON a.seq = c.account
    JOIN threads t ON t.seq = c.thread
    LEFT JOIN deliveries d ON d.conversation = c.seq AND d.case_system = :case_system
    LEFT JOIN deferrals f ON f.conversation = c.seq AND f.case_system = :case_system
    LEFT JOIN refusals r ON r.kind = 'conversation' AND r.account = :case_system AND r.key = c.id
    WHERE c.account = :account
      AND (d.conversation IS NULL OR d.revision < c.revision OR d.next_offer <= :now
        OR (d.next_offer IS NOT NULL AND d.offered_at > :now))
      AND (r.seq IS NULL OR r.revision < c.revision
        OR (r.dropped = 0 AND (r.not_before <= :now OR r.last_at > :now)))
      AND c.seq % :shards = :shard
"""
_UNCLAIMED = (
    "AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.conversation = c.seq AND k.case_system = :case_system "
    "AND k.lease <> :lease)"
)
_CLAIM = (
    "INSERT INTO claims (case_system, lease, conversation) VALUES (?, ?, ?) "
    "ON CONFLICT (conversation, case_system) DO NOTHING"
)
_CLAIMED = "SELECT conversation FROM claims WHERE case_system = ? AND lease = ? AND conversation IN ({})"
_RECEIVE = (
    "INSERT INTO deliveries (conversation, case_system, revision, receipt, findable, next_offer, offered_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (conversation, case_system) DO UPDATE SET revision = excluded.revision, "
    "receipt = excluded.receipt, findable = excluded.findable, next_offer = excluded.next_offer, "
    "offered_at = excluded.offered_at"
)
_DEFER = (
    "INSERT INTO deferrals (conversation, case_system, lease) VALUES (?, ?, ?) "
    "ON CONFLICT (conversation, case_system) DO UPDATE SET lease = excluded.lease"
)
_IN_TIME = "(c.first_at >= :start OR d.conversation IS NOT NULL)"  # what was delivered once is kept up to date
_WALKS = ("AND f.conversation IS NULL", "AND f.lease <> :lease")  # what an earlier run deferred comes after all others
_NEXT = "SELECT c.first_at, c.seq, c.revision, c.id, a.name, a.kind, t.name, d.receipt"
_AFTER = f"AND (c.first_at, c.seq) > (:first_at, :seq) ORDER BY c.first_at, c.seq LIMIT {_AT_ONCE}"


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

    def __init__(self, database: Database, names: Names, refusals: Refusals, leases: Leases, intents: Together) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals
        self._leases = leases
        self._intents = intents
        self._loading = Loading(database)
        self._doubles = Doubles(database, refusals)

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
            for walk in _WALKS:  # each in the order of the index
                next_ones = f"{_NEXT} {due} AND {_IN_TIME} {_UNCLAIMED} {walk} {_AFTER}{self._db.skip_locked('c')}"
                yield from self._walk(next_ones, {**values, "first_at": _EVER, "seq": 0}, case_system)

    def _walk(self, next_ones: str, values: dict[str, Any], case_system: int) -> Generator[Offer]:
        while True:
            with self._db.transaction():
                rows = self._db.read(next_ones, values)
                offers = self._claim(rows, case_system) if rows else []
            if not rows:
                return
            yield from offers
            values["first_at"], values["seq"] = rows[-1][:2]

    def settle(
        self, done: Sequence[tuple[Offer, Receipt]], case_system: str, offer_again: timedelta, flush: Callable[[], None]
    ) -> dict[str, str]:
        """Keep the receipts of deliveries. What no resident finds yet is offered again after that time.

        `flush` is called before anything is kept, and after it is known what is. Gives what turns out to be a double.
        """
        left = self._intents.left()
        if not done and not left:
            return {}
        try:
            flush()
            number = self._names.account(case_system)
            with self._db.transaction():
                for each in left:
                    self._db.write(each.statement, each.values)
                self._db.write_all(
                    _RECEIVE, [_received(offer, number, receipt, offer_again) for offer, receipt in done]
                )
                self._refusals.settle("conversation", case_system, *(offer.conversation.id for offer, _ in done))
                self._let_go(number, *(offer.number for offer, _ in done))
                return self._note_doubles(case_system, (offer for offer, _ in done))
        except BaseException:
            self._intents.put_back(left)
            raise

    def _note_doubles(self, case_system: str, offers: Iterable[Offer]) -> dict[str, str]:
        by_account: dict[str, list[int]] = {}
        for offer in offers:
            by_account.setdefault(offer.conversation.account, []).append(offer.number)
        found: dict[str, str] = {}
        for account, numbers in by_account.items():
            found |= self._doubles.note(case_system, account, numbers)
        return found

    def refuse(self, offer: Offer, case_system: str, reason: str) -> bool:
        """Keep that a conversation was refused. True: it is new, or has changed since."""
        with self._db.transaction():
            self._let_go(self._names.account(case_system), offer.number)
            return self._refusals.add(
                "conversation", case_system, offer.conversation.id, reason, revision=offer.revision
            )

    def defer(self, offer: Offer, case_system: str) -> None:
        """Keep that a conversation could not be delivered now: from the next run on it is offered after all others."""
        with self._db.transaction():
            self._db.write(_DEFER, (offer.number, self._names.account(case_system), self._leases.number))

    def _let_go(self, case_system: int, *conversations: int) -> None:
        for table in ("claims", "deferrals"):
            statement = f"DELETE FROM {table} WHERE conversation = ? AND case_system = ?"  # noqa: S608 - our own tables
            self._db.write_all(statement, [(number, case_system) for number in conversations])

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
            "shard": selection.shard[0],
            "shards": selection.shard[1],
            "start": micros(selection.start) if selection.start else _EVER,
            "lease": 0,
        }

    def _skipped(self, account: int | None, skipped: Skipped) -> list[int]:
        if not skipped:
            return []
        rows = self._db.read("SELECT seq, name, called FROM threads WHERE account = ?", (account,))
        skipped.learn({name: called for _, name, called in rows})
        return [seq for seq, name, _ in rows if name in skipped]

    def _claim(self, rows: Sequence[Row], case_system: int) -> list[Offer]:
        """Claim conversations for this run, and give those that no other run was quicker to claim."""
        keys = case_system, self._leases.number
        numbers = [row[1] for row in rows]
        self._db.write_all(_CLAIM, [(*keys, number) for number in numbers])
        marks = ", ".join("?" * len(numbers))
        ours = {number for (number,) in self._db.read(_CLAIMED.format(marks), (*keys, *numbers))}
        claimed = [(Claimed(*row[1:7]), row[7]) for row in rows if row[1] in ours]
        conversations = self._loading.load([each for each, _ in claimed])
        return [
            Offer(each.number, each.revision, conversation, Receipt.model_validate_json(receipt) if receipt else None)
            for (each, receipt), conversation in zip(claimed, conversations, strict=True)
        ]


def _received(offer: Offer, case_system: int, receipt: Receipt, offer_again: timedelta) -> Row:
    at = micros(receipt.checked_at)
    again = micros(receipt.checked_at + offer_again) if receipt.findable in _MAY_CHANGE else None
    return offer.number, case_system, offer.revision, receipt.model_dump_json(), receipt.findable, again, at
