"""Small numbers for the names that stand in many rows: accounts, threads, participants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gemeente_connect.ledger.database import Database
from gemeente_connect.models import Participant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT_MOST = 10_000  # names that are remembered: memory stays flat, however many threads there are


def micros(time: datetime) -> int:
    """Write an aware time as the ledger has it: microseconds since 1970 in UTC."""
    return (time - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Read a time of the ledger."""
    return _EPOCH + timedelta(microseconds=micros)


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

    def forget(self) -> None:
        """Forget what was remembered: some of it may have been taken back with its transaction."""
        self._accounts.clear()
        self._threads.clear()
        self._participants.clear()

    def account(self, name: str, kind: str = "") -> int:
        """Give the number of an account of a channel or case system. `kind` is what residents know a channel as."""
        if (name, kind) not in self._accounts:
            self._db.write(
                "INSERT INTO accounts (name, kind) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind "
                "WHERE excluded.kind <> '' AND accounts.kind <> excluded.kind",
                (name, kind),
            )
            self._accounts[name, kind] = self._known("SELECT seq FROM accounts WHERE name = ?", name)
        return self._accounts[name, kind]

    def account_if_known(self, name: str) -> int | None:
        """Give the number of an account without making one."""
        row = self._db.one("SELECT seq FROM accounts WHERE name = ?", (name,))
        return row[0] if row else None

    def thread(self, account: int, name: str) -> int:
        """Give the number of a thread."""
        if (account, name) not in self._threads:
            _make_room(self._threads)
            self._db.write(
                "INSERT INTO threads (account, name) VALUES (?, ?) ON CONFLICT (account, name) DO NOTHING",
                (account, name),
            )
            self._threads[account, name] = self._known(
                "SELECT seq FROM threads WHERE account = ? AND name = ?", account, name
            )
        return self._threads[account, name]

    def call(self, account: int, thread: str, called: str) -> None:
        """Keep what people call a thread."""
        self._db.write(
            "UPDATE threads SET called = ? WHERE seq = ? AND coalesce(called, '') <> ?",
            (called, self.thread(account, thread), called),
        )

    def participant(self, account: int, participant: Participant) -> int:
        """Give the number of a participant, and keep what is newly known: a name, one more identity."""
        remembered = self._participants.get((account, participant.id))
        if remembered and (remembered[1] is participant or remembered[1] == participant):
            return remembered[0]
        row = self._db.one("SELECT seq, body FROM participants WHERE account = ? AND id = ?", (account, participant.id))
        known = Participant.model_validate_json(row[1]) if row else None
        merged = _merged(known, participant) if known else participant
        if merged != known:
            self._db.write(
                "INSERT INTO participants (account, id, body) VALUES (?, ?, ?) "
                "ON CONFLICT (account, id) DO UPDATE SET body = excluded.body",
                (account, participant.id, merged.model_dump_json(exclude_defaults=True)),
            )
        seq = (
            row[0]
            if row
            else self._known("SELECT seq FROM participants WHERE account = ? AND id = ?", account, participant.id)
        )
        _make_room(self._participants)
        self._participants[account, participant.id] = (seq, participant)
        return seq

    def _known(self, statement: str, *values: object) -> int:
        row = self._db.one(statement, values)
        if row is None:
            message = "a row that was just written is gone"
            raise LookupError(message)
        seq: int = row[0]
        return seq


def _make_room(remembered: dict[Any, Any]) -> None:
    if len(remembered) >= _AT_MOST:
        remembered.clear()


def _merged(known: Participant, seen: Participant) -> Participant:
    """Link identities, overwrite none: an address that is no longer shown was still theirs."""
    identities = {(identity.kind, identity.value): identity for identity in (*known.identities, *seen.identities)}
    return seen.model_copy(update={"name": seen.name or known.name, "identities": tuple(identities.values())})
