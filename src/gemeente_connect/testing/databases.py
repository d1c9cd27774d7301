"""Tells of commits to SQLite and PostgreSQL, for `gemeente_connect.testing.effects`."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from gemeente_connect.testing.effects import Hook, about_to, here


def hooks() -> Iterator[tuple[Any, str, Hook]]:
    """Give what is to be put in the place of what: the owner of a function, its name, and what is put around it."""
    yield sqlite3, "connect", _connect
    if importlib.util.find_spec("psycopg"):
        psycopg = importlib.import_module("psycopg")
        yield psycopg.Cursor, "execute", _psycopg_statement
        yield psycopg.Cursor, "executemany", _psycopg_statement
        yield psycopg.Connection, "commit", _psycopg_commit
        yield psycopg.Transaction, "__exit__", _psycopg_commit


_LEAVES_NOTHING = re.compile(r"(SELECT|VALUES|EXPLAIN|BEGIN|START|SAVEPOINT|ROLLBACK|ATTACH|DETACH|SET|SHOW|FETCH)\b")
_COMMITS = re.compile(r"(COMMIT|END|RELEASE)\b")
_WAITS = re.compile(r"\s*PRAGMA\s+synchronous\s*=", re.IGNORECASE)
_KEPT_PRAGMA = re.compile(r"PRAGMA (JOURNAL_MODE|USER_VERSION|APPLICATION_ID|WAL_CHECKPOINT)\b *[=(]")


def _stays_after(statement: object, *, in_transaction: bool) -> bool:
    """Tell whether a statement commits, or writes outside a transaction."""
    words = str(statement).strip().upper()
    if words.startswith("PRAGMA"):
        return not in_transaction and bool(_KEPT_PRAGMA.match(words))
    return bool(_COMMITS.match(words)) if in_transaction else not _LEAVES_NOTHING.match(words)


def _shortly(statement: object) -> str:
    return " ".join(str(statement).split()[:4])


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *args: Any) -> Any:
        self._before(sql)
        return self if _WAITS.match(sql) else super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        self._before(sql)
        return super().executemany(sql, *args)

    def executescript(self, sql_script: str) -> Any:
        about_to("commit", "a script")
        return super().executescript(sql_script)

    def _before(self, sql: str) -> None:
        if not isinstance(self.connection, _Connection) or self.connection.in_memory:
            return
        if _stays_after(sql, in_transaction=self.connection.in_transaction):
            about_to("commit", f"{_shortly(sql)} after {self.connection.latest}")
        self.connection.latest = _shortly(sql)


class _Connection(sqlite3.Connection):
    in_memory = False  # one that nobody else sees, and that ends with the process
    latest = "nothing"  # the statement before, to know a point by

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)

    def commit(self) -> None:
        if self.in_transaction and not self.in_memory:
            about_to("commit", f"COMMIT after {self.latest}")
        super().commit()

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> Any:
        if kind is None and self.in_transaction and not self.in_memory:
            about_to("commit", f"COMMIT after {self.latest}")
        return super().__exit__(kind, *args)  # type: ignore[arg-type] # as they came


def _connect(connect: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(connect)
    def connected(database: Any, *args: Any, **settings: Any) -> Any:
        if not here.before or args or "factory" in settings:
            return connect(database, *args, **settings)
        # whoever lets go of it may be another thread
        connection = connect(database, **settings | {"factory": _Connection, "check_same_thread": False})
        connection.in_memory = str(database) in {"", ":memory:"}
        sqlite3.Cursor(connection).execute("PRAGMA synchronous = OFF")
        here.opened.things.add(connection)
        return connection

    return connected


def _psycopg_statement(execute: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(execute)
    def executed(self: Any, query: Any, *args: Any, **settings: Any) -> Any:
        connection = self.connection
        if here.before:
            here.opened.things.add(connection)
            idle = connection.autocommit and connection.info.transaction_status.name == "IDLE"
            statement = query.decode() if isinstance(query, bytes) else query
            if _stays_after(statement, in_transaction=not idle):
                about_to("commit", _shortly(statement))
        return execute(self, query, *args, **settings)

    return executed


def _psycopg_commit(commit: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(commit)
    def committed(self: Any, *args: Any) -> Any:
        if not any(args):
            about_to("commit", "COMMIT")
        return commit(self, *args)

    return committed
