"""Threads that are one: what comes under a user id now, came under a telephone number yesterday.

A number is given to somebody else later, so a name that two residents have had tells nothing of itself: time has to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names, micros

_PARTS = (
    "SELECT seq, thread FROM conversations WHERE seq IN ({0}) "
    "UNION SELECT conversation, thread FROM messages WHERE conversation IN ({0})"
)


class Pair(NamedTuple):
    """A thread, and one of its other names."""

    thread: int
    other: int
    until: int | None
    """Until when it is (not included); None: still."""


class Links(NamedTuple):
    """The threads that one thread may share a conversation with."""

    thread: int
    others: frozenset[int] = frozenset()
    """Those whose names it may come under as well."""
    owners: frozenset[int] = frozenset()
    """Those that may come under its name."""

    @classmethod
    def at(cls, thread: int, pairs: Iterable[Pair], time: int) -> Self:
        """Give those that hold at a time, of the pairs that a thread is part of."""
        then = [pair for pair in pairs if pair.until is None or time < pair.until]
        return cls(
            thread,
            frozenset(pair.other for pair in then if pair.thread == thread),
            frozenset(pair.thread for pair in then if pair.other == thread),
        )

    def fitting(self, parts: Mapping[int, Collection[int]]) -> list[int]:
        """Choose from conversations, of which `parts` gives the threads in each, those that this thread may be part of.

        Nothing but what is linked may be in it. Where several owners are having a conversation, it may be any of them.
        """
        mine = {self.thread, *self.others, *self.owners}
        fitting = {key: set(threads) for key, threads in parts.items() if mine.issuperset(threads)}
        meant = set().union(*fitting.values()) & self.owners
        return [key for key, threads in fitting.items() if len(meant) < 2 or not threads & meant]  # noqa: PLR2004 - two are one too many


class Linking:
    """Keeps by what other names threads go, and until when."""

    def __init__(self, database: Database, names: Names) -> None:
        self._db = database
        self._names = names

    def learn(self, account: int, thread: str, others: Iterable[str]) -> list[int]:
        """Keep the other names of a thread. Gives the threads that were not known to be linked."""
        of = self._names.thread(account, thread)
        statement = "INSERT INTO other_names (thread, other) VALUES (?, ?) ON CONFLICT (thread, other) DO NOTHING"
        new = [other for other in self._numbers(account, thread, others) if self._db.write(statement, (of, other))]
        return [of, *new] if new else []

    def end(self, account: int, thread: str, others: Iterable[str], at: datetime) -> list[int]:
        """Keep that who goes by these names got others: from then on they may be somebody else's. Gives what is new."""
        of, time = self._names.thread(account, thread), micros(at)
        statement = (
            "INSERT INTO other_names (thread, other, until) VALUES (?, ?, ?) "
            "ON CONFLICT (thread, other) DO UPDATE SET until = excluded.until "
            "WHERE other_names.until IS NULL OR other_names.until > excluded.until"
        )
        new = [o for o in self._numbers(account, thread, others) if self._db.write(statement, (of, o, time))]
        return [of, *new] if new else []

    def _numbers(self, account: int, thread: str, others: Iterable[str]) -> list[int]:
        return [self._names.thread(account, other) for other in others if other != thread]

    def any(self) -> bool:
        """Tell whether any thread has other names. In most ledgers none has."""
        return self._db.one("SELECT 1 FROM other_names LIMIT 1") is not None

    def of(self, thread: int) -> list[Pair]:
        """Give the pairs that a thread is part of."""
        query = "SELECT thread, other, until FROM other_names WHERE thread = ? OR other = ?"
        return [Pair(*row) for row in self._db.read(query, (thread, thread))]

    def parts(self, conversations: Sequence[int]) -> dict[int, set[int]]:
        """Give the threads of the messages in each conversation."""
        found: dict[int, set[int]] = {key: set() for key in conversations}
        marks = ", ".join("?" * len(conversations))
        for key, thread in self._db.read(_PARTS.format(marks), (*conversations, *conversations)):
            found[key].add(thread)
        return found
