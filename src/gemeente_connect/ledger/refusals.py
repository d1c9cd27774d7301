"""What needs a person: kept with its reason and its content, listed, retried with back-off, dropped by a person."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.names import Names, moment

RefusalKind = Literal["conversation", "unreadable", "change", "attachment", "double"]

_FIRST_WAIT = 15 * 60 * 1_000_000  # a quarter of an hour, in microseconds
_LONGEST_WAIT = 24 * 60 * 60 * 1_000_000

_COLUMNS = "r.seq, r.kind, a.name, r.key, r.reason, r.name, r.attempts, r.first_at, r.last_at, r.not_before, r.dropped"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was refused. Its number and reason hold no personal data; `name` may."""

    number: int
    kind: RefusalKind
    account: str
    """The channel, or for a conversation or a double the case system, that it concerns."""
    key: str
    """What was refused: the id of a conversation, an unreadable thing, a message or an attachment; the ids of both
    conversations, where one may be a double."""
    reason: str
    name: str | None = field(repr=False)
    """What a person knows it by, such as a file name; None: nothing but the key."""
    attempts: int
    first_at: datetime
    last_at: datetime
    not_before: datetime
    """Before this time it is not tried again by itself."""
    dropped: bool


def wait(attempts: int) -> int:
    """Say how long to wait after so many attempts, in microseconds: doubling, capped, and never all at once."""
    longest: int = min(_FIRST_WAIT * 2 ** min(attempts - 1, 10), _LONGEST_WAIT)
    return round(longest * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load, keeps no secret


class Refusals:
    """The refusals of a ledger."""

    def __init__(self, database: Database, names: Names) -> None:
        self._db = database
        self._names = names

    def add(
        self,
        kind: RefusalKind,
        account: str,
        key: str,
        reason: str,
        *,
        name: str | None = None,
        raw: bytes | None = None,
        revision: int = 0,
    ) -> bool:
        """Keep a refusal. True when it is new; the same thing refused again counts one more attempt."""
        time = self._db.now()
        values = (kind, self._names.account(account), key)
        query = "SELECT seq, attempts, revision FROM refusals WHERE kind = ? AND account = ? AND key = ?"
        known = self._db.one(query, values)
        if known is None:
            new = self._db.write(
                "INSERT INTO refusals (kind, account, key, reason, name, raw, revision, first_at, last_at, not_before)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, account, key) DO NOTHING",
                (*values, reason, name, raw, revision, time, time, time + wait(1)),
            )
            known = None if new else self._db.one(query, values)  # another run was just adding it
        if known is None:
            return True
        seq, attempts, refused_revision = known
        again = revision == refused_revision  # also in other words: a file may have become the fifth of nine
        self._db.write(
            "UPDATE refusals SET reason = ?, revision = ?, attempts = ?, last_at = ?, not_before = ?, "
            "dropped = CASE WHEN ? THEN dropped ELSE 0 END WHERE seq = ?",
            (reason, revision, attempts + 1, time, time + wait(attempts + 1), again, seq),
        )
        return not again

    def settle(self, kind: RefusalKind, account: str, *keys: str) -> None:
        """Take refusals away: these things went well."""
        number = self._names.account(account)
        self._db.write_all(
            "DELETE FROM refusals WHERE kind = ? AND account = ? AND key = ?", [(kind, number, key) for key in keys]
        )

    def settle_parts(self, account: str, beginning: str) -> None:
        """Take away what was unreadable of one whole, by how its keys begin: it is read again. Not what was dropped."""
        self._db.write(
            "DELETE FROM refusals WHERE kind = 'unreadable' AND account = ? AND key LIKE ? AND dropped = 0",
            (self._names.account(account), f"{beginning}%"),
        )

    def all(self, *, dropped: bool = False) -> list[Refusal]:
        """List what needs a person, oldest first; with `dropped` also what a person dropped."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM refusals r JOIN accounts a ON a.seq = r.account "  # noqa: S608 - our own columns
            "WHERE r.dropped <= ? ORDER BY r.seq",
            (int(dropped),),
        )
        return [_refusal(row) for row in rows]

    def get(self, number: int) -> tuple[Refusal, bytes | None]:
        """Give one refusal with its content. Raises ConfigError when there is no such number."""
        row = self._db.one(
            f"SELECT {_COLUMNS}, r.raw FROM refusals r JOIN accounts a ON a.seq = r.account WHERE r.seq = ?",  # noqa: S608 - our own columns
            (number,),
        )
        if row is None:
            message = f"there is no refusal {number}: `gemeente-connect refused list` shows them"
            raise ConfigError(message)
        return _refusal(row[:-1]), row[-1]

    def retry(self, number: int) -> None:
        """Let it be tried again at the next run."""
        self._db.write("UPDATE refusals SET not_before = 0, dropped = 0 WHERE seq = ?", (number,))

    def drop(self, number: int) -> None:
        """Leave it as it is: it is kept, and no longer listed or tried."""
        self._db.write("UPDATE refusals SET dropped = 1 WHERE seq = ?", (number,))


def _refusal(row: Row) -> Refusal:
    number, kind, account, key, reason, name, attempts, first_at, last_at, not_before, dropped = row
    times = moment(first_at), moment(last_at), moment(not_before)
    return Refusal(number, kind, account, key, reason, name, attempts, *times, bool(dropped))
