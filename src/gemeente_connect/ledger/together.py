"""Writes that survive a power cut, of several threads in one commit: waiting for the disk once is enough for all."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gemeente_connect.ledger.database import Database, Values


@dataclass(slots=True)
class _Write:
    statement: str
    values: Values
    changed: int = 0
    done: bool = False
    error: BaseException | None = None


class Together:
    """Commits what threads ask for while an earlier commit is under way, all at once after it."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._asked: list[_Write] = []
        self._asking = threading.Lock()
        self._committing = threading.Lock()

    def write(self, statement: str, values: Values) -> int:
        """Run a statement, and give the number of rows it changed once it is durable."""
        mine = _Write(statement, values)
        with self._asking:
            self._asked.append(mine)
        with self._committing:
            if not mine.done:
                self._commit()
        if mine.error:
            raise mine.error
        return mine.changed

    def _commit(self) -> None:
        with self._asking:
            asked, self._asked = self._asked, []
        try:
            with self._db.transaction(durable=True):
                for each in asked:
                    each.changed = self._db.write(each.statement, each.values)
        except BaseException as error:  # noqa: BLE001 - each thread that asked is told
            for each in asked:
                each.error = error
        finally:
            for each in asked:
                each.done = True
