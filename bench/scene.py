"""Where a benchmark of syncing runs: our side, floors and peers, each in a folder of its own, on one API."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import server
from bench.floors import TARGET
from bench.peers import PEERS, Peer
from bench.server import Served
from bench.whole import Rounds, Whole, middle, whole

Lines = list[list[str]]


class Scene:
    """Runs one process at a time."""

    def __init__(self, api: Served, root: Path) -> None:
        self.api = api
        self._root = root

    def new(self, name: str, size: int) -> Path:
        """Make a folder with a register of the residents in it, in the two forms that are needed."""
        made = self.folder(name, size)
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        for file in ("loket.sqlite", "target.sqlite"):
            shutil.copy(self._register(file, size), made / file)
        return made

    def folder(self, name: str, size: int) -> Path:
        """Give the folder that was made last under this name."""
        return self._root / f"{name}-{size}"

    def _register(self, file: str, size: int) -> Path:
        path = self._root / f"register-{size}-{file}"
        if not path.exists():
            if file == "loket.sqlite":
                from gemeente_connect_loket.store import Store

                store = Store(path)
                with store.writing() as connection:
                    connection.execute("INSERT INTO resident VALUES ('999990676', 'Bewoner')")
                store.close()
            _let_everybody_find(path, size)
        return path

    def ours(self, what: str, folder: Path, size: int, latency: int = 0, *more: object, ends: int = 0) -> Whole:
        return whole(self.command(what, folder, size, latency, *more), ends=ends)

    def command(self, what: str, folder: Path, size: int, latency: int = 0, *more: object) -> Sequence[str]:
        url = self.api.url(size, latency)
        return [sys.executable, "-m", "bench.work", what, url, str(folder), *map(str, more)]

    def floor(self, what: str, folder: Path, size: int, latency: int = 0, *more: object) -> Whole:
        given = [self.api.url(size, latency), str(folder / "store.sqlite"), *map(str, more)]
        if what.startswith("store_and_deliver"):
            given.append(str(folder / "target.sqlite"))
        return whole([sys.executable, "-m", "bench.floors", what, *given])

    def peer(self, peer: Peer, folder: Path, size: int, latency: int = 0) -> Whole:
        return whole(peer.command(self.api.url(size, latency), folder))

    def peers(self, size: int, latency: int = 0) -> dict[str, Callable[[], Whole]]:
        """Give the installed peers, each to run in a new folder."""
        installed = {name: peer for name, peer in PEERS.items() if peer.installed}
        return {name: partial(self._anew, peer, size, latency) for name, peer in installed.items()}

    def _anew(self, peer: Peer, size: int, latency: int) -> Whole:
        return self.peer(peer, self.new("peer", size), size, latency)


def _let_everybody_find(path: Path, size: int) -> None:
    """Write the addresses of all residents into a database."""
    db = sqlite3.connect(path)
    if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        db.executescript(TARGET)
    rows = (
        ("email", server.address(n), "999990676", "2025-01-01T00:00:00.000000+00:00", None, None) for n in range(size)
    )
    with db:
        db.executemany("INSERT INTO address VALUES (?, ?, ?, ?, ?, ?)", rows)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def figures(what: str, runs: Rounds) -> Lines:
    """Give what was measured: processor and wall clock in seconds, memory in megabytes."""
    return [
        [
            f"{what}: {name}",
            f"{middle(runs, name, 'cpu'):.2f}",
            f"{middle(runs, name, 'wall'):.2f}",
            f"{middle(runs, name, 'rss'):.0f}",
        ]
        for name in runs
    ]
