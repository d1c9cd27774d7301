"""Several runs on one ledger: at the same time, and one that stood still while another did its work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.faults.processes import Zygote
from tests.faults.worlds import BETWEEN_RUNS, LONGEST_WAIT, DeskWorld, ExportWorld, World, run

from gemeente_connect import Report
from gemeente_connect.cli.outcome import Outcome, of_run
from gemeente_connect.testing.deaths import Survey, settle, tell
from gemeente_connect.testing.faults import Exchange, FaultyProxy, passed_on

Worlds = Callable[..., DeskWorld]
which_key = pytest.mark.parametrize("enforces_key", [True, False], ids=["key enforced", "no key enforced"])
TIMES = 5


# ---- at the same time ------------------------------------------------------------------------------------------------


def _together(name: str, world: Callable[[], World], both: Callable[[World], None]) -> Survey:
    calm = world()
    settle(run, calm)
    expected, found = calm.state(), Survey(name)
    for number in range(TIMES):
        place = world()
        both(place)
        place.now = datetime.now(UTC) + BETWEEN_RUNS
        settle(run, place)
        found.add(f"time {number}", expected, place.state())
    return found


def _in_threads(world: World) -> None:
    """Run twice in this process, each with a ledger of its own. Either may find that the other is at it."""
    together = threading.Barrier(2)

    def one(_: int) -> Report:
        together.wait()
        return world.sync()

    with ThreadPoolExecutor(max_workers=2) as pool:
        reports = list(pool.map(one, range(2)))
    codes = {of_run(errors=r.errors, deferred=bool(r.deferred), refused=bool(r.refused)) for r in reports}
    assert codes <= {Outcome.DONE, Outcome.LOOK, Outcome.LATER}


def _in_processes(zygotes: tuple[Zygote, Zygote]) -> Callable[[World], None]:
    def both(world: World) -> None:
        command = world.command()  # writes the configuration: once, since the first process reads it
        for zygote in zygotes:
            zygote.start(command)
        codes = {zygote.wait() for zygote in zygotes}
        assert codes <= {Outcome.DONE, Outcome.LOOK, Outcome.LATER}

    return both


@which_key
def test_two_threads_that_sync_at_the_same_time_lose_and_double_nothing(
    desk_world: Worlds, pytestconfig: pytest.Config, *, enforces_key: bool
) -> None:
    key = "key enforced" if enforces_key else "no key enforced"
    found = _together(
        f"HTTP to HTTP, {key}, two threads at once", lambda: desk_world(enforces_key=enforces_key), _in_threads
    )
    tell(pytestconfig, found)
    assert not found.wounds


@which_key
def test_two_processes_that_sync_at_the_same_time_lose_and_double_nothing(
    desk_world: Worlds, zygotes: tuple[Zygote, Zygote], pytestconfig: pytest.Config, *, enforces_key: bool
) -> None:
    key = "key enforced" if enforces_key else "no key enforced"
    name = f"HTTP to HTTP, {key}, two processes at once"
    found = _together(name, lambda: desk_world(enforces_key=enforces_key), _in_processes(zygotes))
    tell(pytestconfig, found)
    assert not found.wounds


def test_two_processes_that_read_the_same_exports_at_the_same_time_lose_and_double_nothing(
    export_world: Callable[[], ExportWorld], zygotes: tuple[Zygote, Zygote], pytestconfig: pytest.Config
) -> None:
    name = "exported chats into the loket, two processes at once"
    found = _together(name, export_world, _in_processes(zygotes))
    tell(pytestconfig, found)
    assert not found.wounds


# ---- one that stood still --------------------------------------------------------------------------------------------


class Held:
    """A fault that keeps a request waiting at the door, until it is let in."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.may_pass = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.came.set()
        self.may_pass.wait(30)
        with suppress(OSError):
            passed_on(exchange)


@contextmanager
def _stopped(world: DeskWorld, zygote: Zygote, proxy: FaultyProxy, at: str, skip: int) -> Iterator[Callable[[], None]]:
    """Start a process and stop it while it waits for the answer to a request. Gives what lets the answer come."""
    held = Held()
    proxy.fail(held, at, skip=skip)
    pid = zygote.start(replace(world, url=proxy.url).command())
    assert held.came.wait(30)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield held.may_pass.set
    finally:
        held.may_pass.set()
        os.kill(pid, signal.SIGCONT)


MOMENTS = [("POST /employees", 0), ("POST /records", 2), ("POST /turns", 3), ("PATCH /turns", 2), ("GET /residents", 1)]


@which_key
@pytest.mark.parametrize(("at", "skip"), MOMENTS)
def test_a_run_that_lost_its_lease_writes_nothing_when_it_wakes_up(
    desk_world: Worlds, zygotes: tuple[Zygote, Zygote], proxy: FaultyProxy, at: str, skip: int, *, enforces_key: bool
) -> None:
    calm = desk_world(enforces_key=enforces_key)
    settle(run, calm)
    expected = calm.state()
    world = desk_world(enforces_key=enforces_key)
    with _stopped(world, zygotes[0], proxy, at, skip) as let_the_answer_come:
        let_the_answer_come()
        world.now = datetime.now(UTC) + BETWEEN_RUNS  # its lease is over by then
        settle(run, world)
        assert world.state() == expected
    assert zygotes[0].wait() == Outcome.LATER
    assert world.state() == expected
    again = run(world)
    assert not again.delivered
    assert world.state() == expected


@which_key
@pytest.mark.parametrize(("at", "skip"), MOMENTS)
def test_a_run_that_wakes_up_puts_back_nothing_that_has_changed_meanwhile(
    desk_world: Worlds, zygotes: tuple[Zygote, Zygote], proxy: FaultyProxy, at: str, skip: int, *, enforces_key: bool
) -> None:
    world = desk_world(enforces_key=enforces_key)
    with _stopped(world, zygotes[0], proxy, at, skip) as let_the_answer_come:
        let_the_answer_come()
        world.day_two()
        for later in (BETWEEN_RUNS, LONGEST_WAIT):  # what is refused is tried again by then
            world.now = datetime.now(UTC) + later
            settle(run, world)
        expected = world.state()
    assert zygotes[0].wait() == Outcome.LATER
    settle(run, world)
    assert world.state() == expected


def test_a_run_that_wakes_up_in_the_middle_of_an_update_puts_no_old_text_over_a_newer_one(
    desk_world: Worlds, zygotes: tuple[Zygote, Zygote], proxy: FaultyProxy
) -> None:
    world = desk_world()
    settle(run, world)
    world.edit("1", "tweede versie")
    world.edit("3", "tweede versie")
    with _stopped(world, zygotes[0], proxy, "PATCH /turns", 0) as let_the_answer_come:
        let_the_answer_come()
        world.edit("3", "derde versie")
        world.now = datetime.now(UTC) + BETWEEN_RUNS
        settle(run, world)
    assert zygotes[0].wait() == Outcome.LATER
    world.now = datetime.now(UTC) + LONGEST_WAIT
    settle(run, world)
    texts = [row["text"] for row in world.server.rows["turns"]]
    assert "derde versie" in texts
