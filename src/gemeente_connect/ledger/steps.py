"""Making things once on an API that has no idempotency keys: intent first, result after, look up when in doubt."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from gemeente_connect.contracts import Refs
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, TemporaryError
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.together import Together

LANDS_WITHIN = timedelta(minutes=5)
"""How long a request that was sent can still take effect at the other side, unless the case system says otherwise."""

_CLEAR = (AuthError, ConfigError, RejectedError)  # the other side answered that it made nothing
_SHARED = 0
_PATIENCE = 10.0  # seconds to wait for another run that is just making a shared thing
_one_maker = threading.RLock()  # making one shared thing may need another
_STEP = "SELECT begun_at, result FROM steps WHERE case_system = ? AND conversation = ? AND name = ?"
_INTEND = (
    "INSERT INTO steps (case_system, conversation, name, begun_at, lease) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (case_system, conversation, name) DO UPDATE SET begun_at = excluded.begun_at, lease = excluded.lease "
    "WHERE steps.begun_at = ? AND steps.result IS NULL"
)
_BEING_MADE = (
    "SELECT 1 FROM steps s JOIN leases l ON l.seq = s.lease "
    "WHERE s.case_system = ? AND s.conversation = ? AND s.name = ? AND s.result IS NULL AND s.lease <> ?"
)
_KEEP = (
    "INSERT INTO steps (case_system, conversation, name, begun_at, result) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (case_system, conversation, name) DO UPDATE SET result = excluded.result"
)

Key = tuple[int, int, str]
"""Case system, conversation (0: a thing of the case system itself) and name of a step."""


class InDoubtError(TemporaryError):
    """One conversation waits until an earlier request of its own can no longer take effect. Others go on."""


class LedgerSteps:
    """The steps of one conversation at one case system."""

    def __init__(
        self, database: Database, intents: Together, of: tuple[int, int], *, lease: int, lands_within: timedelta
    ) -> None:
        """`of`: the numbers of case system and conversation; `lease`: of the run that takes the steps, 0: of none."""
        self._db = database
        self._intents = intents
        self._case_system, self._conversation = of
        self._lease = lease
        self._lands_within = round(lands_within.total_seconds() * 1_000_000)

    def once(
        self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
    ) -> Refs:
        """Make something that must exist once, and return what was made, now or earlier.

        Raises InDoubtError while it is in doubt whether an earlier request still takes effect.
        """
        if not shared:
            return self._once((self._case_system, self._conversation, name), make, find)
        with _one_maker:
            key = self._case_system, _SHARED, name
            self._wait_for_its_maker(key)
            return self._once(key, make, find)

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        """Call `put` when `value` differs from what was last kept under this name."""
        if self.kept(name) == value:
            return
        put()
        with self._db.transaction():
            self._db.write(_KEEP, (*self._kept(name), self._db.now(), value))

    def kept(self, name: str) -> str | None:
        """Give what was last kept under this name; None: nothing was."""
        row = self._db.one(_STEP, self._kept(name))
        return row[1] if row else None

    def done(self) -> dict[str, Refs]:
        """Give the results of the steps that were done for this conversation."""
        rows = self._db.read(
            "SELECT name, result FROM steps WHERE case_system = ? AND conversation = ? "
            "AND result IS NOT NULL AND name NOT LIKE 'keep:%'",
            (self._case_system, self._conversation),
        )
        return {name: json.loads(result) for name, result in rows}

    def _kept(self, name: str) -> Key:
        return self._case_system, self._conversation, f"keep:{name}"

    def _once(self, key: Key, make: Callable[[], Refs], find: Callable[[], Refs | None]) -> Refs:
        begun_at, result = self._db.one(_STEP, key) or (None, None)
        if result is not None:
            done: Refs = json.loads(result)
            return done
        if begun_at is not None:
            found = find()
            if found is not None:
                return self._finish(key, found)
            self._wait_until_it_cannot_land(key, begun_at)
        if not self._intents.write(_INTEND, (*key, self._db.now(), self._lease, begun_at)):  # another did, meanwhile
            return self._once(key, make, find)
        try:
            made = make()
        except _CLEAR:
            with self._db.transaction():
                self._db.write("DELETE FROM steps WHERE case_system = ? AND conversation = ? AND name = ?", key)
            raise
        return self._finish(key, made)

    def _finish(self, key: Key, refs: Refs) -> Refs:
        with self._db.transaction():
            self._db.write(
                "UPDATE steps SET result = ? WHERE case_system = ? AND conversation = ? AND name = ?",
                (json.dumps(dict(refs)), *key),
            )
        return refs

    def _wait_until_it_cannot_land(self, key: Key, begun_at: int) -> None:
        now = self._db.now()
        if begun_at > now:  # the clock was put back: count from now on
            with self._db.transaction():
                self._db.write(
                    "UPDATE steps SET begun_at = ? WHERE case_system = ? AND conversation = ? AND name = ?", (now, *key)
                )
        left = min(begun_at, now) + self._lands_within - now
        if left > 0:
            message = "an earlier request is in doubt and may still take effect: this conversation waits for it"
            raise InDoubtError(message, retry_after=left / 1_000_000)

    def _wait_for_its_maker(self, key: Key) -> None:
        """Give another run that is making this right now the time to finish."""
        until = time.monotonic() + _PATIENCE
        while self._db.one(_BEING_MADE, (*key, self._lease)) and time.monotonic() < until:
            time.sleep(0.05)
