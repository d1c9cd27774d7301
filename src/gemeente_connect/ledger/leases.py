"""Leases: who is at work on the ledger now, so that two runs never work on one conversation.

A run that delivers holds a lease, says from time to time that it still lives, and claims conversations under its
number. A lease that is not renewed for a minute, or whose process is gone, is taken away, and so are its claims. What
such a run still wants to write is refused: every transaction looks first whether the lease is there.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from gemeente_connect.errors import ConfigError, GemeenteConnectError, StorageError
from gemeente_connect.ledger.database import Database

LASTS = 60 * 1_000_000
"""How long a lease lasts that is not renewed, in microseconds."""
BEAT = 15.0
"""Seconds between two renewals."""

_alive: set[str] = set()  # the leases of this process, by owner: what is not here is of a run that has ended


class LeaseLostError(StorageError):
    """This run stood still for so long that another took over its work. It writes nothing more."""


class Leases:
    """The lease of one run, and those of others that have ended."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._number: int | None = None
        self._holders = 0
        self._mutex = threading.Lock()
        database.when_begun = self.refuse_if_lost

    @property
    def number(self) -> int:
        """The number of the lease that is held; 0: none is."""
        return self._number or 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease of this run while the block lasts. Blocks within it share it."""
        with self._mutex:
            if not self._holders:
                self._take()
            self._holders += 1
        try:
            yield
        finally:
            with self._mutex:
                self._holders -= 1
                if not self._holders:
                    self._let_go()

    def forget_all(self) -> None:
        """Take away the leases and claims of all runs: for a copy, in which none of them is at work."""
        with self._db.transaction():
            self._db.write("DELETE FROM claims")
            self._db.write("DELETE FROM leases")

    def _take(self) -> None:
        owner = f"{_place()} {os.getpid()} {os.urandom(8).hex()}"
        _alive.add(owner)  # before others can see the lease
        try:
            with self._db.transaction():
                self._sweep()
                self._refuse_another_machine()
                number = self._db.number(
                    "INSERT INTO leases (owner, until) VALUES (?, ?) RETURNING seq", (owner, self._db.now() + LASTS)
                )
        except BaseException:
            _alive.discard(owner)
            raise
        self._number, self._owner = number, owner
        self._stopped = threading.Event()
        threading.Thread(target=self._beat, args=(self._stopped,), name="lease", daemon=True).start()

    def _let_go(self) -> None:
        number, self._number = self._number, None
        self._stopped.set()
        try:
            with suppress(GemeenteConnectError), self._db.transaction():  # where it fails, the next run sweeps it away
                self._db.write("DELETE FROM claims WHERE lease = ?", (number,))
                self._db.write("DELETE FROM leases WHERE seq = ?", (number,))
        finally:
            _alive.discard(self._owner)

    def _beat(self, stopped: threading.Event) -> None:
        while not stopped.wait(BEAT):
            with suppress(GemeenteConnectError), self._db.transaction():  # whoever writes next is told
                if not stopped.is_set():
                    values = self._db.now() + LASTS, self._number
                    self._db.write("UPDATE leases SET until = ? WHERE seq = ?", values)
                    self._sweep()

    def _sweep(self) -> None:
        """Take away the leases of runs that have ended, and their claims."""
        now = self._db.now()
        for number, owner, until in self._db.read("SELECT seq, owner, until FROM leases"):
            if number != self._number and (until < now or not _lives(owner)):
                self._db.write("DELETE FROM leases WHERE seq = ? AND until = ?", (number, until))
            elif until > now + 2 * LASTS:  # the clock was put back
                self._db.write("UPDATE leases SET until = ? WHERE seq = ?", (now + LASTS, number))
        self._db.write("DELETE FROM claims WHERE lease NOT IN (SELECT seq FROM leases)")

    def _refuse_another_machine(self) -> None:
        """Refuse a file that two machines write: the locks of SQLite do not hold over a network."""
        owners = self._db.read("SELECT owner FROM leases") if self._db.is_a_file else []
        if any(_machine(owner) != _machine(_place()) for (owner,) in owners):
            message = (
                "this ledger is a file, and a run on another machine is using it: use a ledger on PostgreSQL to run on "
                "several machines"
            )
            raise ConfigError(message)

    def refuse_if_lost(self) -> None:
        """Raise LeaseLostError when the lease that is held was taken away."""
        if self._number is None:
            return
        if not self._db.one(f"SELECT 1 FROM leases WHERE seq = ?{self._db.for_update}", (self._number,)):  # noqa: S608 - ours
            message = (
                "this run stood still for more than a minute and another took over its work: it stops here, and what "
                "it did is kept; run again"
            )
            raise LeaseLostError(message)


def _lives(owner: str) -> bool:
    """Tell whether a process is there, as far as can be told from here."""
    place, number, _ = owner.rsplit(" ", 2)
    (name, since, _), (our_name, our_since, _) = place.split("/"), _place().split("/")
    if name == our_name and since != our_since:
        return False  # this machine was started again since
    if place != _place() or os.name != "posix":
        return True
    if int(number) == os.getpid():
        return owner in _alive
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _machine(place: str) -> str:
    name, since, _ = place.split("/")
    return since or name


@cache
def _place() -> str:
    """Name the machine, since when it runs, and the container: where a process number means one process."""
    since = container = ""
    with suppress(OSError):
        since = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with suppress(OSError):
        container = str(Path("/proc/self/ns/pid").stat().st_ino)
    return "/".join(part.replace("/", "").replace(" ", "") for part in (socket.gethostname(), since, container))
