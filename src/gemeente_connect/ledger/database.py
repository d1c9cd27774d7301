"""The way to the tables, on SQLite or PostgreSQL: rows in and rows out, one thread at a time, in transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger.driver import Driver, Row, Values
from gemeente_connect.ledger.sqlite import SQLite

__all__ = ["Database", "Row", "Values", "Where", "exists", "has_password", "is_url"]

Where = Path | str | SecretStr | None
"""The path of a SQLite file, or the `postgresql://…` URL of a database; None: in memory, and nothing is left behind."""


class Database:
    """One connection, used by one thread at a time."""

    def __init__(self, where: Where) -> None:
        """Open it, and make or migrate its tables."""
        self.when_begun: Callable[[], None] = lambda: None
        self.when_taken_back: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._driver = self._opened(where)
        self.is_a_file = isinstance(self._driver, SQLite)
        self.for_update = self._driver.for_update
        """What ends a query of rows that are going to be changed. Empty where a transaction that writes is alone."""

    def _opened(self, where: Where) -> Driver:
        if where is None:
            return SQLite(None)
        place = _plain(where)
        if not is_url(place):
            return SQLite(Path(place))
        driver: Driver = _postgres().Postgres(place, when_lost=lambda: self.when_taken_back())  # noqa: PLW0108 - it is set later
        return driver

    def skip_locked(self, table: str) -> str:
        """End a query of rows that are going to be changed, and leave out those another run is just changing."""
        return self._driver.skip_locked(table)

    def read(self, statement: str, values: Values = ()) -> list[Row]:
        """Run a query and give all its rows."""
        with self._lock, self._driver.told():
            return self._driver.execute(statement, values).fetchall()

    def one(self, statement: str, values: Values = ()) -> Row | None:
        """Run a query and give its first row; None: there is none."""
        with self._lock, self._driver.told():
            row: Row | None = self._driver.execute(statement, values).fetchone()
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
        with self._lock, self._driver.told():
            return self._driver.execute(statement, values).rowcount

    def write_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for every row."""
        with self._lock, self._driver.told():
            self._driver.execute_many(statement, rows)

    def write_alone(self, statement: str, values: Values, *, durable: bool) -> int:
        """Run a statement that needs no other in its transaction, and give the number of rows it changed."""
        if isinstance(self._driver, SQLite):
            with self._lock, self._driver.told():
                return self._driver.alone(statement, values, durable=durable).rowcount
        with self.transaction(durable=durable):  # it holds the lease meanwhile, since others write at the same time
            return self.write(statement, values)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Keep all that is written inside, or nothing. `durable`: it survives a power cut, not only a kill.

        On SQLite it is alone. On PostgreSQL others may write at the same time (READ COMMITTED): rows whose present
        state is going to be relied on have to be read with `for_update`.
        """
        with self._lock, self._driver.told():
            try:
                self._driver.begin(durable=durable)
                self.when_begun()
                yield
                self._driver.commit()
            except BaseException:
                self._driver.rollback()
                self.when_taken_back()
                raise

    def now(self) -> int:
        """Tell the time, in microseconds since 1970 in UTC, by the one clock that all runs on this ledger share."""
        with self._lock, self._driver.told():
            return self._driver.now()

    def copy_to(self, other: Database) -> None:
        """Put all there is here into a temporary one that was just made."""
        with self._lock, self._driver.told(), other._driver.told():
            self._driver.copy_to(other._driver)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._driver.close()


def is_url(place: str) -> bool:
    """Tell the URL of a PostgreSQL database from the path of a file."""
    return place.startswith(("postgresql://", "postgres://"))


def has_password(url: str) -> bool:
    """Tell whether a URL holds a password."""
    parts = urlsplit(url)
    return ":" in parts.netloc.rpartition("@")[0] or "password" in parse_qs(parts.query, keep_blank_values=True)


def exists(where: Path | str | SecretStr) -> bool:
    """Tell whether there is a ledger, without making one. Raises AuthError, ConfigError, StorageError."""
    place = _plain(where)
    found: bool = _postgres().exists(place) if is_url(place) else Path(place).exists()
    return found


def _plain(where: Path | str | SecretStr) -> str:
    return where.get_secret_value() if isinstance(where, SecretStr) else str(where)


def _postgres() -> ModuleType:
    try:
        from gemeente_connect.ledger import postgres
    except ImportError:
        message = "a ledger on PostgreSQL needs psycopg: install it with pip install 'gemeente-connect[postgres]'"
        raise ConfigError(message) from None
    return postgres
