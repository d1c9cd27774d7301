"""Making things once on an API that has no idempotency keys: intent first, result after, look up when in doubt."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from gemeente_connect.contracts import Refs
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, TemporaryError
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.leases import Leases
from gemeente_connect.ledger.together import Together

LANDS_WITHIN = timedelta(minutes=5)
"""How long a request that was sent can still take effect at the other side, unless the case system says otherwise."""

_CLEAR = (AuthError, ConfigError, RejectedError)  # the other side answered that it made nothing
_SHARED = 0
_PATIENCE = 10.0  # seconds to wait for another run that is just making a shared thing
_one_maker = threading.RLock()  # making one shared thing may need another
_KEPT = "keep:"  # what the names of kept values begin with
_THIS = "case_system = ? AND conversation = ? AND name = ?"
_STEP = f"SELECT begun_at, result FROM steps WHERE {_THIS}"  # noqa: S608 - as the others: our own columns
_STEPS = "SELECT name, begun_at, result FROM steps WHERE case_system = ? AND conversation = ?"
_FINISH = f"UPDATE steps SET result = ? WHERE {_THIS}"  # noqa: S608
_FORGET = f"DELETE FROM steps WHERE {_THIS}"  # noqa: S608
_DOUBT = f"UPDATE steps SET result = NULL WHERE {_THIS}"  # noqa: S608
_BEGIN_AGAIN = f"UPDATE steps SET begun_at = ? WHERE {_THIS}"  # noqa: S608
_INTEND = (
    "INSERT INTO steps (case_system, conversation, name, begun_at, lease) SELECT ?, ?, ?, ?, ? "
    "WHERE ? = 0 OR EXISTS (SELECT 1 FROM leases WHERE seq = ?) "
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
Step = Row
"""When it was begun, and its result (None: it is in doubt)."""


class InDoubtError(TemporaryError):
    """One conversation waits until an earlier request of its own can no longer take effect. Others go on."""


class LedgerSteps:
    """The steps of one conversation at one case system.

    What was done is committed with the receipt: where a crash comes first, it is looked up.
    """

    def __init__(
        self, database: Database, intents: Together, leases: Leases, of: tuple[int, int], lands_within: timedelta
    ) -> None:
        """`of`: the numbers of case system and conversation."""
        self._db = database
        self._intents = intents
        self._case_system, self._conversation = of
        self._leases = leases
        self._lands_within = round(lands_within.total_seconds() * 1_000_000)

    @cached_property
    def _known(self) -> dict[str, Step]:
        """The steps that were begun or done, by name. Nobody else takes steps for a conversation that was claimed."""
        rows = self._db.read(_STEPS, (self._case_system, self._conversation))
        return {name: (begun_at, result) for name, begun_at, result in rows}

    def once(
        self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
    ) -> Refs:
        """Make something that must exist once, and return what was made, now or earlier.

        Raises InDoubtError while it is in doubt whether an earlier request still takes effect.
        """
        if not shared:
            return self._once((self._case_system, self._conversation, name), self._known.get(name), make, find)
        with _one_maker:
            key = self._case_system, _SHARED, name
            self._wait_for_its_maker(key)
            return self._once(key, self._db.one(_STEP, key), make, find)

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        """Call `put` when `value` differs from what was last kept under this name."""
        value.encode()  # anything but a text that can be stored is a bug of the plugin, and concerns this one only
        before = self.kept(name)
        if before == value:
            return
        key = self._case_system, self._conversation, _KEPT + name
        if before is not None:  # if this breaks off, nobody knows which of the two stands there
            self._intents.write(_DOUBT, key, durable=self._lands_within > 0)
            self._intents.later(self._conversation, _DOUBT, key)  # after what was kept and is not committed yet
            self._known[_KEPT + name] = self._db.now(), None
        self._leases.refuse_if_lost()
        put()
        now = self._db.now()
        self._intents.later(self._conversation, _KEEP, (*key, now, value))
        self._known[_KEPT + name] = now, value

    def kept(self, name: str) -> str | None:
        """Give what was last kept under this name; None: nothing was, or putting something else there broke off."""
        value: str | None = self._known.get(_KEPT + name, (0, None))[1]
        return value

    def begun(self, name: str) -> bool:
        """Tell whether a step was begun for this conversation, be it done or in doubt."""
        return name in self._known

    def done(self) -> dict[str, Refs]:
        """Give the results of the steps that were done for this conversation."""
        return {
            name: json.loads(result)
            for name, (_, result) in self._known.items()
            if result is not None and not name.startswith(_KEPT)
        }

    def _once(self, key: Key, step: Step | None, make: Callable[[], Refs], find: Callable[[], Refs | None]) -> Refs:
        begun_at, result = step or (None, None)
        if result is not None:
            done: Refs = json.loads(result)
            return done
        if begun_at is not None:
            found = find()
            if found is not None:
                return self._finish(key, found)
            self._wait_until_it_cannot_land(key, begun_at)
        lease = self._leases.number
        intent = (*key, self._db.now(), lease, lease, lease, begun_at)
        durable = self._lands_within > 0  # else making it again after a power cut makes the same
        if not self._intents.write(_INTEND, intent, durable=durable, alone=True):
            self._leases.refuse_if_lost()  # or another did, meanwhile
            return self._once(key, self._db.one(_STEP, key), make, find)
        if key[1] != _SHARED:
            self._known[key[2]] = intent[3], None
        try:
            made = make()
        except _CLEAR:
            self._forget(key)
            raise
        except TemporaryError as error:
            if error.nothing_done:
                self._forget(key)
            raise
        return self._finish(key, made)

    def _forget(self, key: Key) -> None:
        """Take back an intent: the other side said that it made nothing."""
        self._intents.write(_FORGET, key, durable=False)
        if key[1] != _SHARED:
            self._known.pop(key[2], None)

    def _finish(self, key: Key, refs: Refs) -> Refs:
        result = json.dumps(dict(refs))
        if key[1] == _SHARED:
            self._intents.write(_FINISH, (result, *key), durable=False)  # others may be waiting for it
        else:
            self._intents.later(key[1], _FINISH, (result, *key))
            self._known[key[2]] = 0, result
        return refs

    def _wait_until_it_cannot_land(self, key: Key, begun_at: int) -> None:
        now = self._db.now()
        if begun_at > now:  # the clock was put back: count from now on
            with self._db.transaction():
                self._db.write(_BEGIN_AGAIN, (now, *key))
        left = min(begun_at, now) + self._lands_within - now
        if left > 0:
            message = "an earlier request is in doubt and may still take effect: this conversation waits for it"
            raise InDoubtError(message, retry_after=left / 1_000_000)

    def _wait_for_its_maker(self, key: Key) -> None:
        """Give another run that is making this right now the time to finish."""
        until = time.monotonic() + _PATIENCE
        while self._db.one(_BEING_MADE, (*key, self._leases.number)) and time.monotonic() < until:
            time.sleep(0.05)
