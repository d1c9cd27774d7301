"""Writes of several threads in one commit: waiting for the disk once is enough for all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from gemeente_connect.ledger.database import Database, Values


@dataclass(slots=True)
class _Write:
    statement: str
    values: Values
    durable: bool
    changed: int = 0
    done: bool = False
    error: BaseException | None = None


class Together:
    """Commits what threads ask for while an earlier commit is under way, all at once after it."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._asked: list[_Write] = []
        self._later: list[tuple[str, Sequence[object]]] = []
        self._asking = threading.Lock()
        self._committing = threading.Lock()

    def write(self, statement: str, values: Values, *, durable: bool) -> int:
        """Run a statement, and give the number of rows it changed once it survives a kill, or also a power cut."""
        mine = _Write(statement, values, durable)
        with self._asking:
            self._asked.append(mine)
        with self._committing:
            if not mine.done:
                self._commit()
        if mine.error:
            raise mine.error
        return mine.changed

    def later(self, statement: str, values: Sequence[object]) -> None:
        """Run a statement with what is committed next. A crash before that forgets it."""
        with self._asking:
            self._later.append((statement, values))

    def waits(self, value: object) -> bool:
        """Tell whether something with this value among its values is left for later."""
        return any(value in values for _, values in self._later)

    def catch_up(self) -> None:
        """Run what was left for later, within the transaction that the caller has begun."""
        with self._asking:
            taken, self._later = self._later, []
        for statement, values in taken:
            self._db.write(statement, values)

    def flush(self) -> None:
        """Commit what was left for later, if anything was."""
        if self._later:
            with self._db.transaction():
                self.catch_up()

    def _commit(self) -> None:
        with self._asking:
            taken, self._asked = self._asked, []
        try:
            with self._db.transaction(durable=any(each.durable for each in taken)):
                self.catch_up()
                for each in taken:
                    each.changed = self._db.write(each.statement, each.values)
        except BaseException as error:  # noqa: BLE001 - each thread that asked is told
            for each in taken:
                each.error = error
        finally:
            for each in taken:
                each.done = True
