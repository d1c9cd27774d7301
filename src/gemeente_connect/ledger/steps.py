"""Making things once on an API that has no idempotency keys: intent first, result after, look up when in doubt."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta

from gemeente_connect.contracts import Refs
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, TemporaryError
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import now

LANDS_WITHIN = timedelta(minutes=5)
"""How long a request that was sent can still take effect at the other side, unless the case system says otherwise."""

_CLEAR = (AuthError, ConfigError, RejectedError)  # the other side answered that it made nothing
_SHARED = 0
_one_maker = threading.RLock()  # making one shared thing may need another
_STEP = "SELECT begun_at, result FROM steps WHERE case_system = ? AND conversation = ? AND name = ?"


class InDoubtError(TemporaryError):
    """One conversation waits until an earlier request of its own can no longer take effect. Others go on."""


class LedgerSteps:
    """The steps of one conversation at one case system."""

    def __init__(self, database: Database, case_system: int, conversation: int, lands_within: timedelta) -> None:
        self._db = database
        self._case_system = case_system
        self._conversation = conversation
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
            return self._once((self._case_system, _SHARED, name), make, find)

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        """Call `put` when `value` differs from what was last kept under this name."""
        key = (self._case_system, self._conversation, f"keep:{name}")
        row = self._db.one(_STEP, key)
        if row and row[1] == value:
            return
        put()
        self._db.write(
            "INSERT INTO steps (case_system, conversation, name, begun_at, result) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (case_system, conversation, name) DO UPDATE SET result = excluded.result",
            (*key, now(), value),
        )

    def done(self) -> dict[str, Refs]:
        """Give the results of the steps that were done for this conversation."""
        rows = self._db.read(
            "SELECT name, result FROM steps WHERE case_system = ? AND conversation = ? "
            "AND result IS NOT NULL AND name NOT LIKE 'keep:%'",
            (self._case_system, self._conversation),
        )
        return {name: json.loads(result) for name, result in rows}

    def _once(self, key: tuple[int, int, str], make: Callable[[], Refs], find: Callable[[], Refs | None]) -> Refs:
        begun_at, result = self._db.one(_STEP, key) or (None, None)
        if result is not None:
            done: Refs = json.loads(result)
            return done
        if begun_at is not None:
            found = find()
            if found is not None:
                return self._finish(key, found)
            self._wait_until_it_cannot_land(begun_at)
        if not self._begin(key, begun_at):  # another run did, in the meantime
            return self._once(key, make, find)
        try:
            made = make()
        except _CLEAR:
            self._db.write("DELETE FROM steps WHERE case_system = ? AND conversation = ? AND name = ?", key)
            raise
        return self._finish(key, made)

    def _begin(self, key: tuple[int, int, str], begun_before: int | None) -> bool:
        """Write the intent. False: another run wrote one since we looked."""
        with self._db.transaction(durable=True):
            written = self._db.write(
                "INSERT INTO steps (case_system, conversation, name, begun_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (case_system, conversation, name) DO UPDATE SET begun_at = excluded.begun_at "
                "WHERE steps.begun_at = ? AND steps.result IS NULL",
                (*key, now(), begun_before),
            )
        return written == 1

    def _finish(self, key: tuple[int, int, str], refs: Refs) -> Refs:
        self._db.write(
            "UPDATE steps SET result = ? WHERE case_system = ? AND conversation = ? AND name = ?",
            (json.dumps(dict(refs)), *key),
        )
        return refs

    def _wait_until_it_cannot_land(self, begun_at: int) -> None:
        left = begun_at + self._lands_within - now()
        if left > 0:
            message = "an earlier request is in doubt and may still take effect: this conversation waits for it"
            raise InDoubtError(message, retry_after=left / 1_000_000)
