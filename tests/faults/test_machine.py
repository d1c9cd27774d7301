"""The machine fails: the disk is full, the ledger may not be written, the clock is put back."""

from __future__ import annotations

import itertools
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from tests.faults.processes import Zygote
from tests.faults.worlds import BETWEEN_RUNS, LONGEST_WAIT, MORNING, DeskWorld, ExportWorld, run, state

from gemeente_connect import Report, StorageError
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.testing.deaths import Survey, settle, survey, tell
from gemeente_connect.testing.effects import Effect, told
from gemeente_connect.testing.faults import FaultyProxy, answer_lost, disk_full

DAY, YEAR = timedelta(days=1), timedelta(days=365)
back_by = pytest.mark.parametrize("jump", [DAY, YEAR], ids=["a day", "a year"])


# ---- no room ---------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_from_any_point_on_loses_and_doubles_nothing(
    export_world: Callable[[], ExportWorld], places: Callable[[], Path], pytestconfig: pytest.Config
) -> None:
    second = export_world()
    settle(run, second)
    second.day_two()
    for name, world in (("first", export_world), ("second", lambda: second.copy(places()))):
        found = survey(
            f"exported chats into the loket, {name} sync, disk full from there on", world, run, state, fault=disk_full
        )
        tell(pytestconfig, found)
        assert not found.wounds


def test_a_run_on_a_full_disk_says_to_try_later_and_the_next_one_with_room_ends_well(
    export_world: Callable[[], ExportWorld], zygotes: tuple[Zygote, Zygote], pytestconfig: pytest.Config
) -> None:
    calm = export_world()
    settle(run, calm)
    expected, found = calm.state(), Survey("exported chats into the loket, files that cannot grow, as a process")
    for size in range(0, 400_000, 30_000):
        world = export_world()
        code = zygotes[0].run(world.command(), file_size=size)
        assert code in {Outcome.LATER, Outcome.LOOK}, f"exit code {code} with files of {size} bytes"
        settle(run, world)
        found.add(f"{size} bytes", expected, world.state())
        if code == Outcome.LOOK:  # there was room for everything
            break
    tell(pytestconfig, found)
    assert found.tried > 5
    assert not found.wounds


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is as a file on a full disk")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_run_whose_output_goes_to_the_full_disk_too_says_to_try_later(
    export_world: Callable[[], ExportWorld], stream: str
) -> None:
    world = export_world()
    program = [sys.executable, "-c", "from gemeente_connect.cli import main; main()", *world.command()]
    with Path("/dev/full").open("w") as full:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: full}
        limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (0, 0))
        done = subprocess.run(program, check=False, preexec_fn=limited, **streams)  # type: ignore[call-overload] # streams
    assert done.returncode == Outcome.LATER


def test_a_ledger_that_cannot_grow_says_to_try_later_and_doubles_nothing(
    desk_world: Callable[..., DeskWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = desk_world()
    settle(run, calm)
    expected = calm.state()
    failed = 0
    for pages in range(1, 100, 4):  # of 4 kB
        world = desk_world()
        with monkeypatch.context() as patch:
            _with_every_connection(patch, f"PRAGMA max_page_count = {pages}")
            error = _storage_error(world)
        settle(run, world)
        assert world.state() == expected
        if error is None:  # there was room for everything
            break
        assert "the disk is full" in error
        failed += 1
    assert failed > 3


def test_a_ledger_that_may_not_be_written_says_so_and_loses_nothing(
    desk_world: Callable[..., DeskWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = desk_world()
    settle(run, calm)
    calm.day_two()
    settle(run, calm)
    expected = calm.state()
    world = desk_world()
    settle(run, world)
    world.day_two()
    before = world.shown()
    with monkeypatch.context() as patch:
        _with_every_connection(patch, "PRAGMA query_only = ON")
        assert "it cannot be written" in (_storage_error(world) or "")
    assert world.shown() == before
    settle(run, world)
    assert world.state() == expected


def _with_every_connection(patch: pytest.MonkeyPatch, statement: str) -> None:
    connect = sqlite3.connect

    def connected(*args: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **settings)
        connection.execute(statement)
        return connection

    patch.setattr(sqlite3, "connect", connected)


def _storage_error(world: DeskWorld) -> str | None:
    """Run it, and give what the run says of a storage that it could not use; None: it could."""
    try:
        errors: list[Any] = list(run(world).errors)
    except StorageError as error:
        errors = [error]
    assert all(isinstance(error, StorageError) for error in errors), errors
    return str(errors[0]) if errors else None


# ---- the clock -------------------------------------------------------------------------------------------------------


@back_by
def test_a_clock_that_is_put_back_at_any_moment_of_a_run_loses_doubles_and_delays_nothing(
    desk_world: Callable[..., DeskWorld], pytestconfig: pytest.Config, jump: timedelta
) -> None:
    calm = desk_world()
    settle(run, calm)
    expected = calm.state()
    found = Survey(f"HTTP to HTTP, the clock is put back by {jump.days} days")
    for number in itertools.count(1, 7):
        world = desk_world()
        point = _jump(world, number, jump)
        if point is None:
            break
        settle(run, world)
        found.add(f"point {number}, before {point.what}", expected, world.state())
    tell(pytestconfig, found)
    assert found.tried > 5
    assert not found.wounds


def _jump(world: DeskWorld, number: int, jump: timedelta) -> Effect | None:
    """Run, and put the clock back at an effect. None: there were not so many."""
    numbers = itertools.count(1)
    jumped: list[Effect] = []

    def before(effect: Effect) -> None:
        if next(numbers) == number:
            clock.shift(-jump)
            jumped.append(effect)

    with time_machine.travel(world.now) as clock, told(before) as opened:
        report = world.sync()
    opened.let_go()
    assert not report.errors, report.errors
    world.now += BETWEEN_RUNS - jump if jumped else BETWEEN_RUNS
    return jumped[0] if jumped else None


def _after(world: DeskWorld, jump: timedelta, wait: timedelta) -> Report:
    """Put the clock back, let some time go by, and run."""
    world.now = MORNING - jump + wait
    return settle(run, world)


@back_by
def test_what_is_in_doubt_waits_no_longer_after_the_clock_was_put_back(
    desk_world: Callable[..., DeskWorld], proxy: FaultyProxy, jump: timedelta
) -> None:
    world = desk_world(url=proxy.url)
    proxy.fail(answer_lost, "POST /records")
    assert run(world).deferred
    _after(world, jump, BETWEEN_RUNS)
    assert len(world.server.rows["records"]) == 6


@back_by
def test_what_was_not_made_is_made_no_later_after_the_clock_was_put_back(
    desk_world: Callable[..., DeskWorld], jump: timedelta
) -> None:
    class Away(Exception):  # noqa: N818 - it stands for a death
        pass

    world = desk_world()

    def before(effect: Effect) -> None:
        if effect.what == "POST /records":
            raise KeyboardInterrupt

    with time_machine.travel(world.now), pytest.raises(KeyboardInterrupt), told(before) as opened:
        world.sync()
    opened.let_go()
    world.now = MORNING - jump
    assert run(world).deferred  # its time begins anew, by the new clock
    _after(world, jump, BETWEEN_RUNS)
    assert len(world.server.rows["records"]) == 6


@back_by
def test_an_attachment_is_tried_again_no_later_after_the_clock_was_put_back(
    desk_world: Callable[..., DeskWorld], jump: timedelta
) -> None:
    world = desk_world()
    settle(run, world)
    world.server.files["weg.jpg"] = b"\xff\xd8\xff\xe0 weg"
    _after(world, jump, LONGEST_WAIT)
    assert {row["name"] for row in world.server.rows["attachments"]} == {"foto.jpg", "afval.pdf", "weg.jpg"}


@back_by
def test_a_refused_conversation_is_tried_again_no_later_after_the_clock_was_put_back(
    desk_world: Callable[..., DeskWorld], jump: timedelta
) -> None:
    world = desk_world()
    settle(run, world)
    world.server.refuses = lambda _collection, _row: None
    _after(world, jump, LONGEST_WAIT)
    assert "weiger dit" in {row["text"] for row in world.server.rows["turns"]}


@back_by
def test_a_resident_who_is_registered_finds_it_within_a_day_after_the_clock_was_put_back(
    desk_world: Callable[..., DeskWorld], jump: timedelta
) -> None:
    world = desk_world()
    settle(run, world)
    world.server.add("residents", address="carla@example.nl", bsn="999991723")
    _after(world, jump, DAY)
    assert "999991723" in {row.get("resident") for row in world.server.rows["records"]}
