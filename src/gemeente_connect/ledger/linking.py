"""Threads that are one: what comes under a user id now, came under a telephone number yesterday.

A number is given to somebody else later, so a name that two residents have had tells nothing of itself: time has to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import NamedTuple

from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names, micros

_PAIRS = "SELECT thread, other, until FROM other_names WHERE thread IN ({0}) OR other IN ({0})"
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


class Links:
    """Who may be meant by a thread at one moment, and by which threads each of them goes."""

    def __init__(self, thread: int, pairs: Collection[Pair], time: int) -> None:
        """Take those that hold then, of the pairs that have to do with the thread."""
        self.thread = thread
        self._others: dict[int, set[int]] = {}
        self._families = {thread: frozenset({thread})}
        if pairs:
            self._others = _names(p[:2] for p in pairs if p.thread != p.other and time < _end(p, pairs))
            owners = _names((other, of) for of, names in self._others.items() for other in names)
            highest = [each for each in _reach(thread, owners) if each not in owners] or [thread]
            self._families = {each: _reach(each, self._others) for each in highest}
        self.several = len(self._families) > 1
        """It may be one of several residents."""
        self.threads = frozenset().union(*self._families.values())
        """All that this thread may share a conversation with, and itself."""

    def fitting(self, parts: Mapping[int, Collection[int]]) -> list[int]:
        """Choose from conversations, of which `parts` gives the threads in each, those that this thread may be part of.

        All that is in it must be of one of those who may be meant. Where several of them are having a conversation, it
        may be any of theirs.
        """
        whose = {key: self._of(threads) for key, threads in parts.items()}
        meant = {each[0] for each in whose.values() if len(each) == 1}
        return [key for key, each in whose.items() if len(each) > 1 or (each and len(meant) == 1)]

    def name(self, threads: Collection[int]) -> int:
        """Choose the thread under which a conversation of these stands: the one of which the others are other names."""
        own = [each for each in threads if _reach(each, self._others).issuperset(threads)]
        return min(own or self._of(threads), default=self.thread)

    def _of(self, threads: Collection[int]) -> list[int]:
        return [each for each, family in self._families.items() if family.issuperset(threads)]


def _end(pair: Pair, pairs: Iterable[Pair]) -> float:
    """Say until when a pair holds: a number is left under every name of who leaves it."""
    names = _reach(pair.thread, _names(each[:2] for each in pairs))
    ends = (each.until for each in pairs if each.other == pair.other and each.thread in names)
    return min((end for end in ends if end is not None), default=inf)


def _names(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for thread, other in pairs:
        found.setdefault(thread, set()).add(other)
    return found


def _reach(start: int, names: Mapping[int, Collection[int]]) -> frozenset[int]:
    """Give a thread, its names, and the names of those."""
    found: set[int] = set()
    new = {start}
    while new:
        found |= new
        new = {name for each in new for name in names.get(each, ())} - found
    return frozenset(found)


class Linking:
    """Keeps by what other names threads go, and until when."""

    def __init__(self, database: Database, names: Names) -> None:
        self._db = database
        self._names = names

    def learn(self, account: int, thread: str, others: Iterable[str]) -> bool:
        """Keep the other names of a thread. True: some were not known."""
        of = self._names.thread(account, thread)
        statement = "INSERT INTO other_names (thread, other) VALUES (?, ?) ON CONFLICT (thread, other) DO NOTHING"
        other = (name for name in others if name != thread)
        return sum(self._db.write(statement, (of, number)) for number in self._numbers(account, other)) > 0

    def end(self, account: int, thread: str, others: Iterable[str], at: datetime) -> bool:
        """Keep that who goes by these names got others: from then on they may be somebody else's. True: it is new.

        The name of the thread itself may be among them: whoever goes by that, under whatever other name, left it.
        """
        of, time = self._names.thread(account, thread), micros(at)
        statement = (
            "INSERT INTO other_names (thread, other, until) VALUES (?, ?, ?) "
            "ON CONFLICT (thread, other) DO UPDATE SET until = excluded.until "
            "WHERE other_names.until IS NULL OR other_names.until > excluded.until"
        )
        return sum(self._db.write(statement, (of, other, time)) for other in self._numbers(account, others)) > 0

    def _numbers(self, account: int, names: Iterable[str]) -> list[int]:
        return [self._names.thread(account, name) for name in names]

    def any(self) -> bool:
        """Tell whether any thread has other names. In most ledgers none has."""
        return self._db.one("SELECT 1 FROM other_names LIMIT 1") is not None

    def of(self, thread: int) -> set[Pair]:
        """Give the pairs that have to do with a thread: its own, and those of whoever it shares a name with."""
        found: set[Pair] = set()
        seen: set[int] = set()
        new = {thread}
        while new:
            seen |= new
            marks = ", ".join("?" * len(new))
            found |= {Pair(*row) for row in self._db.read(_PAIRS.format(marks), (*new, *new))}
            new = {each for pair in found for each in pair[:2]} - seen
        return found

    def parts(self, conversations: Sequence[int]) -> dict[int, set[int]]:
        """Give the threads of the messages in each conversation."""
        found: dict[int, set[int]] = {key: set() for key in conversations}
        marks = ", ".join("?" * len(conversations))
        for key, thread in self._db.read(_PARTS.format(marks), (*conversations, *conversations)):
            found[key].add(thread)
        return found
