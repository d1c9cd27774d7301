"""Writes of several threads in one commit: waiting for the disk once is enough for all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gemeente_connect.ledger.database import Database, Values


@dataclass(slots=True)
class _Write:
    statement: str
    values: Values
    durable: bool
    alone: bool
    changed: int = 0
    done: bool = False
    error: BaseException | None = None


class _Later(NamedTuple):
    conversation: int
    statement: str
    values: Sequence[object]


class Together:
    """Commits what threads ask for while an earlier commit is under way, all at once after it."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._asked: list[_Write] = []
        self._later: list[_Later] = []
        self._asking = threading.Lock()
        self._committing = threading.Lock()

    def write(self, statement: str, values: Values, *, durable: bool, alone: bool = False) -> int:
        """Run a statement, and give the number of rows it changed once it survives a kill, or also a power cut.

        `alone`: it may be a transaction by itself, since it looks by itself whether this run still has its lease, or
        needs none.
        """
        mine = _Write(statement, values, durable, alone)
        with self._asking:
            self._asked.append(mine)
        with self._committing:
            if not mine.done:
                self._commit()
        if mine.error:
            raise mine.error
        return mine.changed

    def later(self, conversation: int, statement: str, values: Sequence[object]) -> None:
        """Leave a statement about a conversation for when a receipt is kept. A crash before that forgets it."""
        with self._asking:
            self._later.append(_Later(conversation, statement, values))

    def has_left(self, conversation: int) -> bool:
        """Tell whether something about a conversation is left for later."""
        return any(each.conversation == conversation for each in self._later)

    def left(self) -> list[_Later]:
        """Take out what was left for later: whoever does has to commit it."""
        with self._asking:
            taken, self._later = self._later, []
        return taken

    def put_back(self, taken: list[_Later]) -> None:
        """Leave again what was taken out and could not be committed."""
        with self._asking:
            self._later = [*taken, *self._later]

    def flush(self) -> None:
        """Commit what was left for later, if anything was."""
        if self._later:
            with self._db.transaction():
                for each in self.left():
                    self._db.write(each.statement, each.values)

    def _commit(self) -> None:
        with self._asking:
            taken, self._asked = self._asked, []
        try:
            if len(taken) == 1 and taken[0].alone:
                taken[0].changed = self._db.write_alone(taken[0].statement, taken[0].values, durable=taken[0].durable)
                return
            with self._db.transaction(durable=any(each.durable for each in taken)):
                for each in taken:
                    each.changed = self._db.write(each.statement, each.values)
        except BaseException as error:  # noqa: BLE001 - each thread that asked is told
            for each in taken:
                each.error = error
        finally:
            for each in taken:
                each.done = True
