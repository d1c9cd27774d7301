"""The SQLite file that holds the records and the register of residents: its schema, its connections, its errors."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from gemeente_connect.errors import ConfigError, StorageError

_APPLICATION_ID: Final = 0x4C4F4B54  # "LOKT": tells our file from any other SQLite file
_BUSY_MS: Final = 10_000

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    -- The register of residents, replaced as a whole by every import.
    CREATE TABLE resident (bsn TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE address (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        bsn TEXT NOT NULL REFERENCES resident ON DELETE CASCADE,
        verified_at TEXT,   -- NULL: proves nothing
        valid_from TEXT,    -- NULL: from its verification
        valid_until TEXT    -- not included; NULL: still
    ) STRICT;
    CREATE INDEX address_by_value ON address (kind, value);
    CREATE INDEX address_by_resident ON address (bsn);

    -- A conversation. Its content comes in a second step: until then it shows nothing and nobody finds it.
    CREATE TABLE record (
        id INTEGER PRIMARY KEY,
        external_id TEXT NOT NULL UNIQUE,   -- the conversation's id: what makes doubling impossible
        reference TEXT NOT NULL UNIQUE,     -- random, in the URL
        digest TEXT NOT NULL DEFAULT '',    -- of the content that stands here
        channel TEXT NOT NULL DEFAULT '',
        subject TEXT NOT NULL DEFAULT '',
        answered INTEGER NOT NULL DEFAULT 0,
        started_at TEXT,
        last_at TEXT,
        residents INTEGER NOT NULL DEFAULT 0,   -- how many wrote
        first_in TEXT,                          -- their first message, and their last
        last_in TEXT
    ) STRICT;
    CREATE TABLE record_address (   -- of the one resident who wrote; none when several did
        record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (record, kind, value)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX record_by_address ON record_address (kind, value);
    CREATE TABLE turn (
        record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
        PRIMARY KEY (record, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
        turn INTEGER NOT NULL,
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        sent_at TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        edited INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        PRIMARY KEY (record, turn, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attachment (
        record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE,
        turn INTEGER NOT NULL,
        message INTEGER NOT NULL,
        position INTEGER NOT NULL,
        name TEXT,
        media_type TEXT,
        size INTEGER,
        sha256 TEXT,
        missing TEXT,
        PRIMARY KEY (record, turn, message, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attachment_by_content ON attachment (sha256);
    CREATE TABLE file_part (    -- the content of attachments, once, in parts that fit in memory
        sha256 TEXT NOT NULL,
        part INTEGER NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (sha256, part)
    ) STRICT;
    """,
    """
    -- The account of the channel it came through. NULL: it was made before this was kept.
    ALTER TABLE record ADD COLUMN account TEXT;

    CREATE TABLE detached (     -- whom a conversation was taken away from, for ever, also while it has no record
        external_id TEXT NOT NULL,
        bsn TEXT NOT NULL,
        PRIMARY KEY (external_id, bsn)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""The schema as numbered steps: a file at version n gets the steps after n. Steps are added, never changed."""


AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")


def as_text(moment: datetime) -> str:
    """Write a time the way the file has it: UTC, in one width, so that text sorts as time."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    parts = at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00" % parts  # noqa: UP031 - half the time of isoformat() or format()


def maybe_text(moment: datetime | None) -> str | None:
    """Write a time the way the file has it; None: there is none."""
    return as_text(moment) if moment else None


def maybe_time(text: str | None) -> datetime | None:
    """Read a time of the file; None: it has none."""
    return datetime.fromisoformat(text) if text else None


def from_text(text: str) -> datetime:
    """Read a time of the file, on the Dutch clock."""
    return datetime.fromisoformat(text).astimezone(AMSTERDAM)


class Store:
    """The file, opened when it is first needed; one connection a thread.

    Reading never makes the file. Raises ConfigError when the path holds something else or a newer version, and
    StorageError when it cannot be read or written now.
    """

    def __init__(self, path: Path) -> None:
        with _clear_errors(path):
            if path.is_dir():
                message = f"{path} is a folder: 'database' is a file in a folder"
                raise ConfigError(message)
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()  # threads take turns here, not by polling the file
        self._account = f"loket:{secrets.token_hex(16)}"

    @property
    def exists(self) -> bool:
        """Whether there is a file with something in it. Raises what opening it would raise."""
        with _clear_errors(self.path):
            try:
                size = self.path.stat().st_size
            except FileNotFoundError:
                return False
            return size > 0 and self._connection() is not None

    @property
    def account(self) -> str:
        """The identity of this file, for ever. Of a file that is not there yet: the one it is going to have."""
        if self.exists:
            with self.reading() as connection:
                (self._account,) = connection.execute("SELECT value FROM setting WHERE name = 'account'").fetchone()
        return self._account

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give one unchanging view of the file. Raises ConfigError when there is none."""
        if not self.exists:
            message = f"there is no database at {self.path}: import residents or run a sync first"
            raise ConfigError(message)
        with _clear_errors(self.path):
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def flush(self) -> None:
        """Let all that was written survive a power cut: a commit that waits for the disk takes along those before."""
        with self.writing(durable=True) as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES ('flushed', strftime('%s'))")

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a transaction that is kept when the block ends well, and undone otherwise. Makes the file if need be.

        What was kept survives the death of the process; with `durable`, or after `flush`, also a power cut.
        """
        with self._writing, _clear_errors(self.path):
            connection = self._connection(make=True)
            if durable is not self._local.durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._local.durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _connection(self, *, make: bool = False) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open(make=make)
            self._local.connection = connection
            self._local.durable = None  # not said yet
            self._opened.append(connection)
        return connection

    def _open(self, *, make: bool) -> sqlite3.Connection:
        if make:  # with the right mode from the start: SQLite gives its companion files the same
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        current = self._version(connection) == len(MIGRATIONS)
        connection.execute("PRAGMA foreign_keys = ON")
        if current:
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        with closing(connection.cursor()) as cursor:
            version = self._version(connection)  # again: another process may have been first
            for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in step.split(";\n"):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version = {number}")
            cursor.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            defaults = {"account": self._account, "before_verification_days": "0"}
            cursor.executemany("INSERT OR IGNORE INTO setting VALUES (?, ?)", defaults.items())
            cursor.execute("COMMIT")

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not ours and not empty:
            message = f"{self.path} is a database of something else: give Mijn Loket a file of its own"
            raise ConfigError(message)
        if version > len(MIGRATIONS):
            message = (
                f"{self.path} was written by a newer version (schema {version}; this one knows {len(MIGRATIONS)}): "
                "upgrade gemeente-connect-loket"
            )
            raise ConfigError(message)
        return version


_REASONS: Final = {
    "SQLITE_FULL": "the disk is full: make room",
    "SQLITE_BUSY": "it is locked by another process: try again later",
    "SQLITE_LOCKED": "it is locked by another process: try again later",
    "SQLITE_READONLY": "it may not be written: check the permissions of the file and its folder",
    "SQLITE_PERM": "it may not be opened: check the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened: check the permissions of the file and its folder",
    "SQLITE_CORRUPT": "it is damaged: restore a backup",
    "SQLITE_IOERR": "the disk gives errors: check the disk and its room",
}


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Say what to do about an error of SQLite, without what was being written."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "") or type(error).__name__
        if code == "SQLITE_NOTADB":
            message = f"{path} is no SQLite database: correct 'database', or move that file away"
            raise ConfigError(message) from None
        family = "_".join(code.split("_")[:2])  # SQLITE_IOERR_WRITE is an SQLITE_IOERR
        message = f"database {path}: {_REASONS.get(family, code)}"
        raise StorageError(message) from None
    except OSError as error:
        message = f"database {path}: {error.strerror}"
        raise StorageError(message) from None
