"""One SQLite file: opened with care, written in transactions, its errors told in our words."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gemeente_connect.errors import ConfigError, GemeenteConnectError, StorageError
from gemeente_connect.ledger.schema import MIGRATIONS

Row = tuple[Any, ...]
Values = Sequence[object] | Mapping[str, object]

_BUSY_SECONDS = 10.0
_APPLICATION = 0x67636C31  # "gcl1" in the header of the file: what tells a ledger from another SQLite file
_HEADER = (  # in one statement, since another run may be making the tables right now
    "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), "
    "EXISTS (SELECT 1 FROM sqlite_master)"
)


class Database:
    """The driver for SQLite. One connection, used by one thread at a time."""

    for_update = ""
    """What ends a query of rows that are going to be changed. Here a transaction that writes is alone anyway."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, or with None a private database in memory: nothing is written anywhere."""
        self.when_begun: Callable[[], None] = lambda: None
        self.when_taken_back: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        with _told(path):
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._path = path
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA foreign_keys = ON")
        version, made_by, has_tables = self._connection.execute(_HEADER).fetchone()
        if made_by != _APPLICATION and has_tables:
            message = f"ledger {self._path}: {_ADVICE[sqlite3.SQLITE_NOTADB]}"
            raise ConfigError(message)
        if version > len(MIGRATIONS):
            message = (
                f"ledger {self._path}: it was written by a newer version (schema {version}, this one knows "
                f"{len(MIGRATIONS)}): upgrade gemeente-connect"
            )
            raise ConfigError(message)
        self._write_ahead()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if version < len(MIGRATIONS):
            self._migrate()

    def _write_ahead(self) -> None:
        """Choose the journal. SQLite does not wait here for another run that is opening the file, so we do."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _migrate(self) -> None:
        with self.transaction():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in filter(str.strip, migration.split(";")):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number}")
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")

    def read(self, statement: str, values: Values = ()) -> list[Row]:
        """Run a query and give all its rows."""
        with self._lock, _told(self._path):
            return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, values: Values = ()) -> Row | None:
        """Run a query and give its first row; None: there is none."""
        with self._lock, _told(self._path):
            row: Row | None = self._connection.execute(statement, values).fetchone()
            return row

    def number(self, statement: str, values: Values = ()) -> int:
        """Run a statement that gives one number. Raises LookupError when it gives none."""
        row = self.one(statement, values)
        if row is None:
            message = "a row that has to be there is gone"
            raise LookupError(message)
        return int(row[0])

    def write(self, statement: str, values: Values = ()) -> int:
        """Run a statement and give the number of rows it changed."""
        with self._lock, _told(self._path):
            return self._connection.execute(statement, values).rowcount

    def write_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for every row."""
        with self._lock, _told(self._path):
            self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Keep all that is written inside, or nothing. `durable`: it survives a power cut, not only a kill."""
        with self._lock, _told(self._path):
            if durable:
                self._connection.execute("PRAGMA synchronous = FULL")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self.when_begun()
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()  # does nothing where SQLite did it itself
                self.when_taken_back()
                raise
            finally:
                if durable:
                    self._connection.execute("PRAGMA synchronous = NORMAL")

    def skip_locked(self, table: str) -> str:
        """End a query of rows that are going to be changed, and leave out those another run is just changing."""
        return ""

    def now(self) -> int:
        """Tell the time, in microseconds since 1970 in UTC, of the one clock that all runs on this ledger share."""
        return time.time_ns() // 1000

    def copy_to(self, other: Database) -> None:
        """Put all there is here in the place of what is there."""
        with self._lock, _told(other._path):
            self._connection.backup(other._connection)

    def close(self) -> None:
        """Close the file."""
        with self._lock, closing(self._connection):
            pass


@contextmanager
def _told(path: Path | None) -> Iterator[None]:
    """Tell SQLite's errors in words that say what to do. Our own pass as they are."""
    try:
        yield
    except GemeenteConnectError:
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        code = _code(error)
        advice = _ADVICE.get(code) or _ADVICE.get(code & 0xFF) or f"it cannot be used ({_words(error)})"
        message = f"ledger {path or 'in the folder for temporary files'}: {advice}"
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise ConfigError(message) from error
        raise StorageError(message) from error


def _code(error: sqlite3.DatabaseError | OSError) -> int:
    """Give SQLite's extended error code, also for what the system refuses before SQLite gets to it; 0: no idea."""
    if isinstance(error, OSError):
        return _OF_ERRNO.get(error.errno or 0, 0)
    return int(getattr(error, "sqlite_errorcode", 0))


def _words(error: sqlite3.DatabaseError | OSError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


_OF_ERRNO = {
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EISDIR: sqlite3.SQLITE_NOTADB,
}
_FULL = "the disk is full. Make room and run again: what was stored before is safe"
_ADVICE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_WRITE: f"it cannot be written, likely because {_FULL}",
    sqlite3.SQLITE_BUSY: "another run holds it. Try again when that one is done",
    sqlite3.SQLITE_LOCKED: "another run holds it. Try again when that one is done",
    sqlite3.SQLITE_READONLY: "it cannot be written. Give this user write access to the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check that the folder exists and may be written",
    sqlite3.SQLITE_IOERR: "the disk reports an error. Check the disk, and restore a backup if it goes on",
    sqlite3.SQLITE_NOTADB: "this file is no ledger. Point `ledger` at another file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged. Restore a backup",
}
