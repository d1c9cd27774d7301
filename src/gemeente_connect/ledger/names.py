"""Small numbers for the names that stand in many rows: accounts, threads, participants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gemeente_connect.ledger.database import Database
from gemeente_connect.models import Participant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_DAY = 24 * 60 * 60 * _SECOND
_AT_MOST = 1_000  # names that are remembered: memory stays flat, however many threads there are


def micros(time: datetime) -> int:
    """Write an aware time as the ledger has it: microseconds since 1970 in UTC."""
    since = time - _EPOCH
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds


def moment(micros: int) -> datetime:
    """Read a time of the ledger."""
    seconds, rest = divmod(micros, _SECOND)
    if rest or seconds < 0:
        return _EPOCH + timedelta(microseconds=micros)
    return datetime.fromtimestamp(seconds, UTC)


def now() -> int:
    """Tell the time as the ledger has it."""
    return micros(datetime.now(UTC))


class Names:
    """Gives a name its number, makes one when it is new, and remembers it."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._accounts: dict[tuple[str, str], int] = {}
        self._threads: dict[tuple[int, str], int] = {}
        self._participants: dict[tuple[int, str], tuple[int, Participant]] = {}
        database.when_taken_back = self._forget

    def _forget(self) -> None:
        """Forget what was remembered: some of it was taken back with its transaction."""
        self._accounts.clear()
        self._threads.clear()
        self._participants.clear()

    def account(self, name: str, kind: str = "") -> int:
        """Give the number of an account of a channel or case system. `kind` is what residents know a channel as."""
        number = self._accounts.get((name, kind))
        if number is None:
            row = self._db.one("SELECT seq, kind FROM accounts WHERE name = ?", (name,))
            if row is None or (kind and row[1] != kind):
                row = self._db.one(
                    "INSERT INTO accounts (name, kind) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE "
                    "SET kind = CASE WHEN excluded.kind = '' THEN accounts.kind ELSE excluded.kind END RETURNING seq",
                    (name, kind),
                )
            number = self._accounts[name, kind] = row[0] if row else 0
        return number

    def hold(self, accounts: Iterable[int]) -> None:
        """Take turns with other runs that store something of these accounts, until the transaction ends."""
        if self._db.for_update:
            for account in sorted(set(accounts)):  # in one order: two that wait for each other would wait for ever
                self._db.one(f"SELECT 1 FROM accounts WHERE seq = ?{self._db.for_update}", (account,))  # noqa: S608 - our own words

    def account_if_known(self, name: str) -> int | None:
        """Give the number of an account without making one."""
        row = self._db.one("SELECT seq FROM accounts WHERE name = ?", (name,))
        return row[0] if row else None

    def thread(self, account: int, name: str) -> int:
        """Give the number of a thread."""
        number = self._threads.get((account, name))
        if number is None:
            _make_room(self._threads)
            row = self._db.one("SELECT seq FROM threads WHERE account = ? AND name = ?", (account, name))
            number = self._threads[account, name] = (
                row[0]
                if row
                else self._db.number("INSERT INTO threads (account, name) VALUES (?, ?) RETURNING seq", (account, name))
            )
        return number

    def call(self, account: int, thread: str, called: str) -> None:
        """Keep what people call a thread."""
        self._db.write(
            "UPDATE threads SET called = ? WHERE seq = ? AND coalesce(called, '') <> ?",
            (called, self.thread(account, thread), called),
        )

    def participant(self, account: int, participant: Participant) -> int:
        """Give the number of a participant, and keep what is newly known."""
        remembered = self._participants.get((account, participant.id))
        if not remembered or (remembered[1] is not participant and remembered[1] != participant):
            self.learn(account, participant)
        return self._participants[account, participant.id][0]

    def learn(self, account: int, participant: Participant) -> bool:
        """Keep what is newly known of a participant: a name, one more identity. True: something was."""
        row = self._db.one("SELECT seq, body FROM participants WHERE account = ? AND id = ?", (account, participant.id))
        known = Participant.model_validate_json(row[1]) if row else None
        merged = _merged(known, participant) if known else participant
        seq = row[0] if row else 0
        if merged != known:
            seq = self._db.number(
                "INSERT INTO participants (account, id, body) VALUES (?, ?, ?) "
                "ON CONFLICT (account, id) DO UPDATE SET body = excluded.body RETURNING seq",
                (account, participant.id, merged.model_dump_json(exclude_defaults=True)),
            )
        _make_room(self._participants)
        self._participants[account, participant.id] = (seq, participant)
        return merged != known


def _make_room(remembered: dict[Any, Any]) -> None:
    if len(remembered) >= _AT_MOST:
        remembered.clear()


def _merged(known: Participant, seen: Participant) -> Participant:
    """Link identities, overwrite none: an address that is no longer shown was still theirs, and still verified."""
    identities = {(each.kind, each.value): each for each in known.identities}
    for each in seen.identities:
        before = identities.setdefault((each.kind, each.value), each)
        identities[each.kind, each.value] = before.model_copy(update=each.model_dump(exclude_none=True))
    return seen.model_copy(update={"name": seen.name or known.name, "identities": tuple(identities.values())})
