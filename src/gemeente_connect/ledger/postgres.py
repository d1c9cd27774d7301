"""One PostgreSQL database: opened with care, its errors told in our words and never in its own, which hold values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown

from gemeente_connect.errors import ConfigError, GemeenteConnectError, StorageError
from gemeente_connect.ledger.dialect import in_its_words, numbered
from gemeente_connect.ledger.driver import Driver, Values, statements
from gemeente_connect.ledger.schema import MIGRATIONS
from gemeente_connect.ledger.sqlstates import LEDGER, of_code, of_refusal

_OPENING: Mapping[str, Any] = {  # what the URL may say otherwise
    "connect_timeout": 10,
    "application_name": "gemeente-connect",
    "keepalives_idle": 30,  # a server that is gone is noticed within a minute and not after hours
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SESSION = b"""
    SET synchronous_commit = off;
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s';
    SELECT set_config('search_path', quote_ident(current_schema()), false);
"""  # the last: nothing is found by accident in another schema
_NAME = "gemeente_connect_ledger"
_LOCK = 0x67636C31  # "gcl1": taken by whoever makes or migrates the tables
_STATE = f"""
    SELECT current_schema(), current_setting('server_encoding'),
        to_regclass(quote_ident(current_schema()) || '.{_NAME}') IS NOT NULL,
        EXISTS (
            SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
            AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        )
""".encode()  # noqa: S608 - our own table
_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
_TABLES = """
    SELECT t.name, group_concat(c.name, ', '), count(*)
    FROM (SELECT name, rowid FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid) t
    JOIN pragma_table_info(t.name) c GROUP BY t.rowid, t.name ORDER BY t.rowid
"""


class Postgres:
    """The driver for one schema of a database: the one that is current for the user of the URL.

    A commit survives the death of this process. One that is `durable` also survives a power cut and the death of the
    server: it waits for the disk (and for the replicas that `synchronous_standby_names` names). Of the others a server
    that dies itself may lose the last second: whole transactions, and none that came before one that was kept.
    """

    for_update = " FOR NO KEY UPDATE"  # and not FOR UPDATE: who only refers to the row need not wait

    def __init__(self, url: str, *, when_lost: Callable[[], None]) -> None:
        """Open it. `when_lost` is called when the connection was lost and there is a new one."""
        self._url = url
        self._when_lost = when_lost
        self._busy = False
        self._closed = False
        with _told():
            self.connection = _connect(url)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def skip_locked(self, table: str) -> str:
        """Give what ends a query, to leave out the rows of `table` that another run is just changing."""
        return f" FOR NO KEY UPDATE OF {table} SKIP LOCKED"

    def execute(self, statement: str, values: Values = ()) -> psycopg.Cursor[Any]:
        """Run a statement."""
        text, names = numbered(statement)
        given = [values[name] for name in names] if isinstance(values, Mapping) else values
        return self._live().execute(text, given, prepare=False)  # a plan made for a small table is bad for a large one

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for every row."""
        self._live().cursor().executemany(numbered(statement)[0], rows)

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction, beside others."""
        self._live().execute(b"BEGIN; SET LOCAL synchronous_commit = on" if durable else b"BEGIN", prepare=False)
        self._busy = True

    def commit(self) -> None:
        """Keep what was written."""
        self.connection.execute(b"COMMIT", prepare=False)
        self._busy = False

    def rollback(self) -> None:
        """Take back what was written. Where that fails the connection is given up: then the server does it."""
        self._busy = False
        try:
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                self.connection.execute(b"ROLLBACK", prepare=False)
        except psycopg.Error:
            self.connection.close()

    def now(self) -> int:
        """Tell the time of the server."""
        (time,) = self.execute(_NOW).fetchone() or (0,)
        return int(time)

    def copy_to(self, other: Driver) -> None:
        """Stream all there is, as it stands at one moment, into a SQLite ledger that was just made."""
        self._live().execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
        self._busy = True
        try:
            other.execute("PRAGMA foreign_keys = OFF")  # checked where they come from
            other.begin(durable=False)
            for table, columns, count in other.execute(_TABLES).fetchall():
                rows = self.connection.cursor().stream(f"SELECT {columns} FROM {table}".encode())  # noqa: S608 - our own
                marks = ", ".join("?" * count)
                other.execute_many(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own
            other.commit()
            other.execute("PRAGMA foreign_keys = ON")
        finally:
            self.rollback()

    def told(self) -> AbstractContextManager[None]:
        """Tell PostgreSQL's errors in words that say what to do. Our own pass as they are."""
        return _told()

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self.connection.close()

    def _live(self) -> psycopg.Connection[Any]:
        """Give the connection: a new one where it was lost, but never within a transaction."""
        if self._closed:
            message = f"{LEDGER}: it cannot be used (it was closed)"
            raise StorageError(message)
        if self.connection.closed and not self._busy:
            self.connection = _connect(self._url)
            self._when_lost()  # and with it, maybe, what the server was last told
        return self.connection

    def _prepare(self) -> None:
        version = _version(self.connection)
        if version is not None and version > len(MIGRATIONS):
            message = (
                f"{LEDGER}: it was written by a newer version (schema {version}, this one knows {len(MIGRATIONS)}): "
                "upgrade gemeente-connect"
            )
            raise ConfigError(message)
        if version is None or version < len(MIGRATIONS):
            self._migrate()

    def _migrate(self) -> None:
        self.begin(durable=True)
        try:
            self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))  # others that open it wait here
            version = _version(self.connection)
            if version is None:
                self.execute(f"CREATE TABLE {_NAME} (version BIGINT NOT NULL)")
                self.execute(f"INSERT INTO {_NAME} VALUES (0)")  # noqa: S608 - our own table
            for migration in MIGRATIONS[version or 0 :]:
                for statement in statements(migration):
                    self.connection.execute(in_its_words(statement).encode(), prepare=False)
            self.execute(f"UPDATE {_NAME} SET version = greatest(version, ?)", (len(MIGRATIONS),))  # noqa: S608 - our own table
            self.commit()
        except BaseException:
            self.rollback()
            raise


def exists(url: str) -> bool:
    """Tell whether there is a ledger, without making one."""
    with _told(), _connect(url) as connection:
        return _version(connection) is not None


def _connect(url: str) -> psycopg.Connection[Any]:
    try:
        given = {**_OPENING, **conninfo_to_dict(url)}
    except psycopg.ProgrammingError:
        message = (
            f"{LEDGER}: its URL cannot be read: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for "
            "what is special in a URL"
        )
        raise ConfigError(message) from None
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(
            **given, client_encoding="utf8", autocommit=True, cursor_factory=psycopg.RawCursor
        )
    except (psycopg.Error, ValueError) as error:
        raise of_refusal(str(error)) from None
    connection.adapters.register_dumper(int, Int8Dumper)  # one type for all, and so one plan
    connection.adapters.register_dumper(str, _TextDumper)
    connection.adapters.register_loader("text", _TextLoader)
    connection.execute(_SESSION, prepare=False)
    return connection


def _version(connection: psycopg.Connection[Any]) -> int | None:
    """Give the version of the tables; None: there are none yet. Raises ConfigError where there may not be any."""
    schema, encoding, made, has_tables = connection.execute(_STATE).fetchone() or (None,) * 4
    if schema is None:
        wrong = "its schema is not there, or this user may not use it. Make it, or correct `search_path`"
    elif encoding != "UTF8":
        wrong = "its database cannot hold every text. Make one with ENCODING 'UTF8'"
    elif has_tables and not made:
        wrong = "it holds the tables of another program. Give the ledger a database, or a schema, of its own"
    else:
        row = connection.execute(f"SELECT version FROM {_NAME}".encode()).fetchone() if made else None  # noqa: S608 - our own table
        return int(row[0]) if row else None
    message = f"{LEDGER}: {wrong}"
    raise ConfigError(message)


# ---- values

_NUL, _ESCAPE = "\x00", "\ufdd0"  # PostgreSQL takes no NUL in a text; U+FDD0 is no character, so nobody writes it
_ESCAPED = re.compile(f"{_ESCAPE}([01])")


class _TextDumper(StrDumperUnknown):
    """Writes a text. It has no type of its own, as in a statement: the server sees from the place what it has to be."""

    def dump(self, obj: str) -> Buffer | None:
        if _NUL in obj or _ESCAPE in obj:
            obj = obj.replace(_ESCAPE, f"{_ESCAPE}1").replace(_NUL, f"{_ESCAPE}0")
        return obj.encode()


class _TextLoader(Loader):
    """Reads it as it was written."""

    def load(self, data: Buffer) -> str:
        text = str(data, "utf-8")
        if _ESCAPE in text:
            text = _ESCAPED.sub(lambda found: _NUL if found[1] == "0" else _ESCAPE, text)
        return text


# ---- errors


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except GemeenteConnectError:
        raise
    except psycopg.Error as error:
        silent = "" if isinstance(error, psycopg.OperationalError) else type(error).__name__
        raise of_code(error.sqlstate or silent) from None  # its own hold values, and the names of users and hosts
