"""What SQLite and PostgreSQL have to offer to the ledger, and how a script is cut into statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]
Values = Sequence[object] | Mapping[str, object]

QUOTED = r"'[^']*' | \"[^\"]*\" | --[^\n]*"
"""A text, a name or a comment within a statement: nothing in it is a mark (for `re.VERBOSE`)."""

_STATEMENT = re.compile(rf"(?: {QUOTED} | [^;] )+", re.VERBOSE)
_COMMENT = re.compile(r"--[^\n]*")


class Cursor(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:
        """Give the next row; None: there is none."""

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""


class Driver(Protocol):
    """One connection. Statements have `?` or `:name` for their values, and stand in the SQL that both databases share.

    Whatever is called, `told` has to be around it.
    """

    for_update: str
    """What ends a query of rows that are going to be changed."""

    def skip_locked(self, table: str) -> str:
        """Give what ends such a query, to leave out the rows of `table` that another run is just changing."""

    def execute(self, statement: str, values: Values = ()) -> Cursor:
        """Run a statement."""

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for every row."""

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction. `durable`: its commit survives a power cut."""

    def commit(self) -> None:
        """Keep what was written since the beginning."""

    def rollback(self) -> None:
        """Take it back; does nothing where there is nothing to take back. Raises nothing."""

    def now(self) -> int:
        """Tell the time in microseconds since 1970, in UTC, by the clock that all runs on this ledger share."""

    def copy_to(self, other: Driver) -> None:
        """Put all there is here into a SQLite ledger that was just made."""

    def told(self) -> AbstractContextManager[None]:
        """Tell the errors of the database in words that say what to do. Our own pass as they are."""

    def close(self) -> None:
        """Close the connection."""


def statements(script: str) -> list[str]:
    """Cut a script at its semicolons, but not at one in a text or a comment."""
    return [each for each in _STATEMENT.findall(script) if _COMMENT.sub("", each).strip()]
