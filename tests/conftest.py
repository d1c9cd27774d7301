"""For the tests of the core: a ledger in a file, and one on a PostgreSQL server that lives as long as the tests."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from gemeente_connect.ledger import Ledger

Sql = Callable[[str], list[tuple[Any, ...]]]

PASSWORD_USER = "met_wachtwoord"
_EMPTY = """
    DO $$ DECLARE one record; BEGIN
        SET LOCAL session_replication_role = replica;
        SET LOCAL lock_timeout = '5s';
        FOR one IN SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
            WHERE schemaname = 'shared' AND tablename <> 'gemeente_connect_ledger'
        LOOP EXECUTE 'DELETE FROM ' || one.name; END LOOP;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
            FROM pg_sequences WHERE schemaname = 'shared';
    END $$
"""


class Cluster:
    """A PostgreSQL server of our own. It listens to a socket in its folder, and keeps nothing."""

    def __init__(self, folder: Path, programs: Path, who: Mapping[str, Any]) -> None:
        self._folder, self._programs, self._who = folder, programs, dict(who)
        self._schemas = 0
        made = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        assert self._run("initdb", *made, "--pgdata", str(folder / "data")).wait() == 0
        access = folder / "data" / "pg_hba.conf"
        access.write_text(f"local all {PASSWORD_USER} scram-sha-256\n{access.read_text()}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (
            "listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=60",
            "wal_writer_delay=10s",  # what is not waited for is written so late that a test can see it
        )  # fmt: skip
        options = [word for setting in settings for word in ("-c", setting)]
        self._server = self._run("postgres", "-D", str(self._folder / "data"), "-k", str(self._folder), *options)
        until = time.monotonic() + 30
        while True:
            try:
                self.sql("SELECT 1")
            except psycopg.OperationalError:
                assert self._server.poll() is None, "the PostgreSQL server of the tests does not start"
                assert time.monotonic() < until, "the PostgreSQL server of the tests does not answer"
                time.sleep(0.02)
            else:
                return

    def end(self, sent: signal.Signals) -> None:
        """End it: with SIGINT, or with SIGQUIT as by a crash."""
        self._server.send_signal(sent)
        self._server.wait(30)

    def _run(self, program: str, *options: str) -> subprocess.Popen[Any]:
        with (self._folder / "log").open("ab") as log:
            command = [str(self._programs / program), *options]
            started: subprocess.Popen[Any] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, **self._who
            )
            return started

    def url(self, schema: str, user: str = "postgres", database: str = "postgres") -> str:
        """Give the URL of a schema, whether it is there or not."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._folder))}&options=-csearch_path%3D{schema}"

    def sql(self, statement: str, schema: str = "public") -> list[tuple[Any, ...]]:
        """Run a statement as the administrator."""
        with psycopg.connect(self.url(schema), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def fresh(self) -> str:
        """Make a schema, and give its name."""
        self._schemas += 1
        self.sql(f"DROP SCHEMA IF EXISTS test_{self._schemas} CASCADE; CREATE SCHEMA test_{self._schemas}")
        return f"test_{self._schemas}"

    def emptied(self) -> str:
        """Give the URL of a ledger with nothing in it. It is always the same one, which is ten times as fast."""
        if self.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'shared'"):
            self.sql(_EMPTY)
        else:
            self.sql("CREATE SCHEMA shared")
        return self.url("shared")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server, where its programs are on this machine. It refuses to be root."""
    programs = _programs()
    who: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if os.geteuid() == 0:
            import pwd

            users = {user.pw_name: user for user in pwd.getpwall()}
            user = next(users[name] for name in ("postgres", "nobody") if name in users)
            who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
            os.chown(folder, user.pw_uid, user.pw_gid)
        found = Cluster(Path(folder), programs, who)
        found.start()
        yield found
        found.end(signal.SIGINT)


def _programs() -> Path:
    """Find the folder with the programs of PostgreSQL, which Debian does not put on the PATH."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(found, key=lambda each: each.parent.name.zfill(3), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    initdb = shutil.which("initdb", path=path)
    if initdb is None or not Path(initdb).with_name("postgres").exists():
        message = "these programs are not installed: initdb and postgres, of PostgreSQL"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Path(initdb).parent


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which database the ledger is on: a test that asks for a ledger runs on both."""
    return str(request.param)


@pytest.fixture
def where(anew: Callable[[], Path | str]) -> Path | str:
    """Where a ledger is, with nothing in it yet."""
    return anew()


@pytest.fixture
def anew(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Path | str]:
    """Say where there is a ledger with nothing in it, as often as asked. On PostgreSQL the one before is gone then."""
    if database == "sqlite":
        numbers = count()
        return lambda: tmp_path / f"{next(numbers)}" / "ledger.sqlite"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.emptied


@pytest.fixture
def ledger(where: Path | str) -> Iterator[Ledger]:
    with Ledger(where) as opened:
        yield opened


@pytest.fixture
def sql(where: Path | str) -> Sql:
    """Run a statement behind the back of the ledger."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        if not isinstance(where, Path):
            with psycopg.connect(where, autocommit=True) as connection:
                connection.execute("SET bytea_output = 'escape'")
                cursor = connection.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(where, isolation_level=None)) as file:
            return file.execute(statement).fetchall()

    return run


@pytest.fixture
def kept(where: Path | str, sql: Sql) -> Callable[[], bytes]:
    """Give all that is kept, in one piece, in which a text stands as it is."""

    def everything() -> bytes:
        if isinstance(where, Path):
            files = [path for path in sorted(where.parent.iterdir()) if path.suffix != ".sqlite-shm"]
            return b"".join(path.read_bytes() for path in files)
        tables = sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
        return repr([sql(f"SELECT t::text FROM {name} t") for (name,) in tables]).encode()

    return everything
