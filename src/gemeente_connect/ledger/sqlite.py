"""One SQLite file: opened with care, its errors told in our words."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from gemeente_connect.errors import ConfigError, StorageError
from gemeente_connect.ledger.driver import Driver, Values, statements
from gemeente_connect.ledger.schema import MIGRATIONS

_BUSY_SECONDS = 10.0
_APPLICATION = 0x67636C31  # "gcl1" in the header of the file: what tells a ledger from another SQLite file
_HEADER = (  # in one statement, since another run may be making the tables right now
    "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), "
    "EXISTS (SELECT 1 FROM sqlite_master)"
)


class SQLite:
    """The driver for one file, or with None for a private database in memory: nothing is written anywhere.

    A commit survives the death of the process; one that is `durable` also a power cut.
    """

    for_update = ""  # a transaction that writes is alone anyway

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._durable = False
        self._telling = _Telling(path)
        with self.told():
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self.connection = sqlite3.connect(
                path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def skip_locked(self, table: str) -> str:
        """Give nothing: no other run can be changing rows."""
        return ""

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """Run a statement."""
        return self.connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for every row."""
        self.connection.executemany(statement, rows)

    def alone(self, statement: str, values: Values, *, durable: bool) -> sqlite3.Cursor:
        """Run a statement that is a transaction by itself."""
        self._wait_for_disk(durable)
        return self.connection.execute(statement, values)

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction that may write at once: no other does."""
        self._wait_for_disk(durable)
        self.connection.execute("BEGIN IMMEDIATE")

    def _wait_for_disk(self, durable: bool) -> None:  # noqa: FBT001 - it says what
        """Say whether the next commit waits for it."""
        if durable is not self._durable:
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def commit(self) -> None:
        """Keep what was written."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Take back what was written; does nothing where SQLite did it itself."""
        self.connection.rollback()

    def now(self) -> int:
        """Tell the time of this machine: all runs on a file are on it."""
        return time.time_ns() // 1000

    def copy_to(self, other: Driver) -> None:
        """Put all there is here in the place of what is there."""
        if not isinstance(other, SQLite):
            message = "a copy is made in SQLite"
            raise TypeError(message)
        self.connection.backup(other.connection)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _prepare(self) -> None:
        self.connection.execute("PRAGMA foreign_keys = ON")
        version, made_by, has_tables = self.connection.execute(_HEADER).fetchone()
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
        self.connection.execute("PRAGMA synchronous = NORMAL")
        if version < len(MIGRATIONS):
            self._migrate()

    def _write_ahead(self) -> None:
        """Choose the journal. SQLite does not wait here for another run that is opening the file, so we do."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _migrate(self) -> None:
        self.begin(durable=False)
        try:
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
            for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in statements(migration):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {number}")
            self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def told(self) -> _Telling:
        """Tell SQLite's errors in words that say what to do. Our own pass as they are."""
        return self._telling


class _Telling:
    """A context of its own and no generator, since it is around every statement."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or not isinstance(error, sqlite3.DatabaseError | OSError):
            return
        code = _code(error)
        advice = _ADVICE.get(code) or _ADVICE.get(code & 0xFF) or f"it cannot be used ({_words(error)})"
        message = f"ledger {self._path or 'in the folder for temporary files'}: {advice}"
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
    sqlite3.SQLITE_NOTADB: "this file is no ledger, or it is damaged. Correct `ledger`, or restore a backup",
    sqlite3.SQLITE_CORRUPT: "the file is damaged. Restore a backup",
}
