"""The durable state: what was read, what belongs together, what was delivered, and what needs a person.

One file, or one PostgreSQL database. Nothing outside it has to be kept to go on after a crash, but for the attachments
themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from gemeente_connect.contracts import Batch, Cursor, Receipt
from gemeente_connect.conversations import QUIET_GAP
from gemeente_connect.ledger.database import Database, Where
from gemeente_connect.ledger.fetching import NEVER, Fetching, Wanted
from gemeente_connect.ledger.leases import LeaseLostError, Leases
from gemeente_connect.ledger.names import Names, moment
from gemeente_connect.ledger.offering import OFFER_AGAIN, Offer, Offering, Selection
from gemeente_connect.ledger.refusals import Refusal, RefusalKind, Refusals
from gemeente_connect.ledger.steps import LANDS_WITHIN, InDoubtError, LedgerSteps
from gemeente_connect.ledger.storing import ANYWHERE, Stored, Storing
from gemeente_connect.ledger.together import Together

if TYPE_CHECKING:
    from gemeente_connect.ledger.adopting import Adopting
    from gemeente_connect.ledger.inbox import Inbox
    from gemeente_connect.ledger.mending import Mending
    from gemeente_connect.ledger.replies import Replies

__all__ = [
    "LANDS_WITHIN",
    "OFFER_AGAIN",
    "UNREAD",
    "InDoubtError",
    "LeaseLostError",
    "Ledger",
    "Offer",
    "Refusal",
    "RefusalKind",
    "Selection",
    "Stored",
    "Tally",
    "Wanted",
]  # fmt: skip


UNREAD = "inbox-"
"""How the key begins of a payload that was received and could not be read; its number in the inbox follows, and for a
part of it, a slash and the part's own id."""


class Tally(NamedTuple):
    """Conversations of a channel that began in a month."""

    channel: str
    month: str
    """Such as `2026-11`."""
    conversations: int
    delivered: int
    findable: int


class Ledger:
    """The durable state. Use it as a context manager, or close it.

    A path opens a SQLite file, and makes it (mode 0600) where there is none. A URL (`postgresql://…`, as text or as
    SecretStr) opens a PostgreSQL database that several machines may share. None opens a temporary one that leaves
    nothing behind. A ledger of an older version is migrated. Raises ConfigError for one of a newer version or what is
    no ledger, AuthError when the server refuses its user, StorageError when it cannot be read or written now.
    """

    def __init__(self, where: Where) -> None:
        self._db = Database(where)
        self._names = Names(self._db)
        self._refusals = Refusals(self._db, self._names)
        self._storing = Storing(self._db, self._names, self._refusals)
        self._leases = Leases(self._db)
        self._intents = Together(self._db)
        self._offering = Offering(self._db, self._names, self._refusals, self._leases, self._intents)
        self._fetching = Fetching(self._db, self._names, self._refusals)

    def copy(self) -> Ledger:
        """Make a temporary copy to try things on. It leaves nothing behind."""
        other = Ledger(None)
        try:
            self._db.copy_to(other._db)
        except BaseException:
            other.close()
            raise
        other._leases.forget_all()
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        try:
            self._intents.flush()
        finally:
            self._db.close()

    # -- collecting

    def cursor(self, account: str) -> Cursor | None:
        """Say where the account was read to; None: never."""
        row = self._db.one("SELECT read_to FROM accounts WHERE name = ?", (account,))
        return Cursor(row[0]) if row and row[0] is not None else None

    def store(
        self,
        account: str,
        kind: str,
        page: Batch,
        quiet_gap: timedelta = QUIET_GAP,
        *,
        after: Cursor | None = ANYWHERE,
    ) -> Stored:
        """Store a page and its cursor in one transaction, or what was read beside the pages.

        `after`: where the account was read to before this page (None: never read). Raises TemporaryError when another
        run has read on since.
        """
        return self._storing.store(account, kind, page, quiet_gap, after)

    def wanted(self, account: str) -> Iterator[Wanted]:
        """Yield the attachments to fetch now."""
        return self._fetching.wanted(account)

    def fetched(self, account: str, wanted: Wanted, *, sha256: str, size: int, media_type: str) -> None:
        """Keep that an attachment was fetched."""
        self._fetching.fetched(account, wanted, sha256, size, media_type)

    def never_came(self, account: str) -> dict[str, str]:
        """Refuse the edits and deletions whose message did not come for a week. Gives the reasons of new ones."""
        return self._storing.never_came(account)

    def fetch_failed(self, account: str, wanted: Wanted, reason: str) -> bool:
        """Keep that an attachment could not be fetched. True: for the first time."""
        return self._fetching.failed(account, wanted, reason)

    # -- delivering

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keep what is offered for this run until the block ends. Raises ConfigError for a file of another machine."""
        with self._leases.held():
            try:
                yield
            finally:
                self._intents.left()  # what was not kept is looked up, and never written without the lease

    def count_due(
        self,
        account: str,
        case_system: str,
        start: datetime | None,
        skip: Collection[str] = (),
        shard: tuple[int, int] = (0, 1),
    ) -> tuple[int, int]:
        """Count what is due since `start` (None: everything), and what began before it and stays behind."""
        return self._offering.count(Selection(account, case_system, start, skip, shard))

    def due(
        self,
        account: str,
        case_system: str,
        start: datetime | None,
        skip: Collection[str] = (),
        shard: tuple[int, int] = (0, 1),
    ) -> Generator[Offer]:
        """Yield the conversations of an account that have something new for a case system, oldest first.

        No other run is offered one of them before it is settled or refused here, or this iterator ends; within
        `working`, before that ends. `shard`: which part of all conversations, and in how many parts they are divided.
        """
        return self._offering.due(Selection(account, case_system, start, skip, shard))

    def steps(self, offer: Offer, case_system: str, lands_within: timedelta = LANDS_WITHIN) -> LedgerSteps:
        """Give the steps of an offered conversation."""
        if self._intents.has_left(offer.number):  # something that was done for it before
            self._intents.flush()
        of = self._names.account(case_system), offer.number
        return LedgerSteps(self._db, self._intents, self._leases, of, lands_within)

    def settle(self, offer: Offer, case_system: str, receipt: Receipt, offer_again: timedelta = OFFER_AGAIN) -> None:
        """Keep the receipt of a delivery. One that no resident finds yet is due again after `offer_again`."""
        self.settle_all([(offer, receipt)], case_system, offer_again)

    def settle_all(
        self,
        done: Sequence[tuple[Offer, Receipt]],
        case_system: str,
        offer_again: timedelta = OFFER_AGAIN,
        *,
        flush: Callable[[], None] = lambda: None,
    ) -> dict[str, str]:
        """Keep the receipts of several deliveries in one transaction, after `flush` made them durable there.

        Gives the reasons, by key, of what looks like a conversation that another source brought, and is new.
        """
        return self._offering.settle(done, case_system, offer_again, flush)

    def refuse(self, offer: Offer, case_system: str, reason: str) -> bool:
        """Keep that a conversation was refused. True: it is new, or has changed since."""
        return self._offering.refuse(offer, case_system, reason)

    def defer(self, offer: Offer, case_system: str) -> None:
        """Keep that a conversation could not be delivered now: the next runs offer it after all others."""
        self._offering.defer(offer, case_system)

    # -- what needs a person

    def refused(self, *, dropped: bool = False) -> dict[str, Refusal]:
        """Give what needs a person, by what was refused; with `dropped` also what a person dropped."""
        return {refusal.key: refusal for refusal in self.refusals(dropped=dropped)}

    def refusals(self, *, dropped: bool = False) -> list[Refusal]:
        """List the same, oldest first, also where one conversation was refused by two case systems."""
        return self._refusals.all(dropped=dropped)

    def show(self, number: int) -> tuple[Refusal, bytes | None]:
        """Give one refusal with its content (None: it stands elsewhere). Raises ConfigError for an unknown number."""
        return self._refusals.get(number)

    def retry(self, number: int) -> None:
        """Let a refusal be tried again at the next run; a change is tried at once."""
        refusal, raw = self._refusals.get(number)
        with self._db.transaction():
            self._refusals.retry(number)
            if refusal.kind == "attachment":
                self._fetching.try_again(refusal.key, not_before=0)
            elif refusal.kind == "unreadable" and refusal.key.startswith(UNREAD):
                payload = refusal.key.removeprefix(UNREAD).partition("/")[0]
                self.inbox.again(int(payload))
                self._refusals.settle_parts(refusal.account, f"{UNREAD}{payload}/")  # what still is, is refused anew
            elif refusal.kind == "change" and raw:
                self._storing.retry_change(refusal.account, refusal.key, raw)

    def drop(self, number: int) -> None:
        """Leave a refusal as it is: kept, but no longer listed or tried."""
        refusal, _ = self._refusals.get(number)
        with self._db.transaction():
            self._refusals.drop(number)
            if refusal.kind == "attachment":
                self._fetching.try_again(refusal.key, not_before=NEVER)

    # -- looking

    def tallies(self, zone: tzinfo) -> list[Tally]:
        """Count conversations by channel and month of their first message, oldest month first."""
        rows = self._db.read(
            "SELECT a.kind, c.first_at, count(d.conversation), count(CASE WHEN d.findable = 'yes' THEN 1 END) "
            "FROM conversations c JOIN accounts a ON a.seq = c.account "
            "LEFT JOIN deliveries d ON d.conversation = c.seq GROUP BY c.seq, a.kind, c.first_at"
        )
        counts: dict[tuple[str, str], list[int]] = {}
        for kind, first_at, delivered, findable in rows:
            tally = counts.setdefault((f"{moment(first_at).astimezone(zone):%Y-%m}", kind), [0, 0, 0])
            for place, more in enumerate((1, delivered > 0, findable > 0)):
                tally[place] += more
        return [Tally(kind, month, *numbers) for (month, kind), numbers in sorted(counts.items())]

    # -- receiving

    @cached_property
    def inbox(self) -> Inbox:
        """What was pushed to channels."""
        from gemeente_connect.ledger.inbox import Inbox  # only channels that are pushed to need it

        return Inbox(self._db, self._names, self._intents)

    # -- replying

    @property
    def replies(self) -> Replies:
        """What replying to a resident asks for."""
        from gemeente_connect.ledger.replies import Replies  # a sync does without it

        return Replies(self._db, self._names, self._storing)

    # -- mending

    @property
    def mending(self) -> Mending:
        """What comparing with a case system and taking away from a resident ask for."""
        from gemeente_connect.ledger.mending import Mending  # a sync does without it

        self._intents.flush()  # what was done is looked at
        return Mending(self._db, self._names, self._refusals)

    @property
    def adopting(self) -> Adopting:
        """What rebuilding from a case system asks for."""
        from gemeente_connect.ledger.adopting import Adopting  # the same

        return Adopting(self._db, self._names, self.mending, self._leases)
