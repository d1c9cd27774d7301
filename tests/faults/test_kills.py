"""A process that is really killed, at random moments."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.faults.processes import Zygote
from tests.faults.worlds import BETWEEN_RUNS, DeskWorld, ExportWorld, World, run

from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.testing.deaths import Survey, settle, tell

SEED = 20261123
KILLS = 20  # of each sync


def _killed(name: str, world: Callable[[], World], zygote: Zygote) -> Survey:
    """Kill a sync at moments that are spread over its duration, and compare what plain runs make of it."""
    calm = world()
    started = time.monotonic()
    assert zygote.run(calm.command()) in {Outcome.DONE, Outcome.LOOK}
    duration = time.monotonic() - started
    expected = calm.state()
    moments = random.Random(SEED)
    found = Survey(f"{name}, kill -9 at random moments (seed {SEED})")
    for number in range(10 * KILLS):
        place = world()
        moment = duration * (number % KILLS + moments.random()) / KILLS
        if zygote.run(place.command(), kill_after=moment) == -signal.SIGKILL:
            place.now = datetime.now(UTC) + BETWEEN_RUNS
            settle(run, place)
            found.add(f"{moment * 1000:.0f} ms after the start", expected, place.state())
        else:  # it is quicker than it was
            duration = min(duration, moment)
        if found.tried == KILLS:
            return found
    message = f"only {found.tried} of {10 * KILLS} runs could be killed before they ended"
    raise AssertionError(message)


def test_exported_chats_come_into_the_loket_once_whenever_the_process_is_killed(
    export_world: Callable[[], ExportWorld], zygotes: tuple[Zygote, Zygote], pytestconfig: pytest.Config
) -> None:
    found = _killed("exported chats into the loket", export_world, zygotes[0])
    tell(pytestconfig, found)
    assert not found.wounds


@pytest.mark.parametrize("enforces_key", [True, False], ids=["key enforced", "no key enforced"])
def test_posts_come_into_the_desk_once_whenever_the_process_is_killed(
    desk_world: Callable[..., DeskWorld],
    zygotes: tuple[Zygote, Zygote],
    pytestconfig: pytest.Config,
    *,
    enforces_key: bool,
) -> None:
    name = f"HTTP to HTTP, {'key' if enforces_key else 'no key'} enforced"
    found = _killed(name, lambda: desk_world(enforces_key=enforces_key), zygotes[0])
    tell(pytestconfig, found)
    assert not found.wounds


@pytest.mark.parametrize("database", ["postgresql"])
def test_posts_come_into_the_desk_once_whenever_a_process_with_its_ledger_on_postgresql_is_killed(
    desk_world: Callable[..., DeskWorld],
    anew: Callable[[], str],
    zygotes: tuple[Zygote, Zygote],
    pytestconfig: pytest.Config,
) -> None:
    name = "HTTP to HTTP, key enforced, ledger on PostgreSQL"
    found = _killed(name, lambda: desk_world(enforces_key=True, url_of_ledger=anew()), zygotes[0])
    tell(pytestconfig, found)
    assert not found.wounds
