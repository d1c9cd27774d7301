"""The network fails, at each kind of request: the run says to try later, and a later one loses and doubles nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.faults.worlds import LONGEST_WAIT, DeskWorld, Lines, run

from gemeente_connect import Report, TemporaryError
from gemeente_connect.cli.outcome import Outcome, of_run
from gemeente_connect.plugins import Plugins
from gemeente_connect.testing.deaths import settle
from gemeente_connect.testing.faults import (
    Exchange,
    Fault,
    FaultyProxy,
    answer_lost,
    answers,
    bad_gateway,
    drip,
    reset,
    reset_in_body,
    stall,
    truncated,
)
from gemeente_connect.testing.rest import RestServer

HOUR = timedelta(hours=1)
"""After this an attachment that could not be fetched is tried again."""

Worlds = Callable[..., DeskWorld]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, plugins: Plugins, server: RestServer) -> Lines:
    """What there is after a sync on a network without faults."""
    world = DeskWorld(tmp_path_factory.mktemp("calm"), plugins, server=server, enforces_key=False, url=server.url)
    world.day_one()
    settle(run, world)
    return world.state()


FAULTS = [
    reset,
    answer_lost,
    reset_in_body,
    truncated,
    stall,
    answers(429),
    answers(429, {"Retry-After": "3600"}),
    answers(500),
    answers(500, done=True),
    bad_gateway,
]


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.__name__.replace("_", " "))


each_fault = each(FAULTS)
each_fault_that_shows = each([fault for fault in FAULTS if fault is not truncated])
"""Half of a body that says it is whole: of a file, or of an answer that nobody needs, nothing tells."""


def outcome(report: Report) -> Outcome:
    return of_run(errors=report.errors, deferred=bool(report.deferred), refused=bool(report.refused))


def failed_and_mended(world: DeskWorld, proxy: FaultyProxy) -> tuple[Outcome, Lines]:
    """Run with a fault, mend the network, and run again until it is done."""
    report = run(world)
    proxy.mend()
    world.now += HOUR
    settle(run, world)
    return outcome(report), world.state()


@each_fault
def test_a_page_that_cannot_be_read_is_read_later(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, fault: Fault
) -> None:
    world = desk_world(url=proxy.url, timeout=0.2)
    proxy.fail(fault, "GET /posts", skip=1, times=math.inf)
    assert failed_and_mended(world, proxy) == (Outcome.LATER, calm)


@each_fault
@pytest.mark.parametrize("request_line", ["POST /employees", "POST /turns"])
def test_what_could_not_be_created_or_may_have_been_is_there_once_in_the_end(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, fault: Fault, request_line: str
) -> None:
    world = desk_world(url=proxy.url, timeout=0.2)
    proxy.fail(fault, request_line)
    assert failed_and_mended(world, proxy) == (Outcome.LATER, calm)


@each_fault_that_shows
def test_what_could_not_be_changed_is_right_in_the_end(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, fault: Fault
) -> None:
    world = desk_world(url=proxy.url, timeout=0.2)
    proxy.fail(fault, "PATCH /turns", times=math.inf)
    assert failed_and_mended(world, proxy) == (Outcome.LATER, calm)


@each_fault
def test_a_look_up_that_fails_makes_nothing_twice(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, fault: Fault
) -> None:
    world = desk_world(url=proxy.url, timeout=0.2)
    proxy.fail(answer_lost, "POST /records")
    assert outcome(run(world)) == Outcome.LATER
    proxy.fail(fault, "GET /records", times=math.inf)
    assert failed_and_mended(world, proxy) == (Outcome.LATER, calm)


@each_fault_that_shows
def test_an_attachment_that_cannot_be_fetched_comes_later_and_its_text_at_once(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, fault: Fault
) -> None:
    world = desk_world(url=proxy.url, timeout=0.2)
    proxy.fail(fault, "GET /files", times=math.inf)
    assert outcome(run(world)) in {Outcome.LOOK, Outcome.LATER}
    assert _turns(world.state()) == _turns(calm)
    proxy.mend()
    world.now += HOUR
    settle(run, world)
    assert world.state() == calm


def _turns(lines: Lines) -> Lines:
    return [line for line in lines if isinstance(line, tuple) and line[0] == "turn"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_attachment_that_is_refused_for_ever_stops_no_text(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, status: int
) -> None:
    world = desk_world(url=proxy.url)
    proxy.fail(answers(status), "GET /files/foto.jpg", times=math.inf)
    for _ in range(2):
        run(world)
        world.now += LONGEST_WAIT
    assert _turns(world.state()) == _turns(calm)


def test_a_server_of_attachments_that_is_down_is_asked_for_a_few_and_the_run_says_to_try_later(
    desk_world: Worlds, proxy: FaultyProxy
) -> None:
    world = desk_world(url=proxy.url)
    for number in range(20):
        world.server.add(
            "posts", key=f"foto-{number}", chat="anna", sent_at="2026-11-23T07:00:00Z", sender="anna@example.nl",
            file=f"foto-{number}.jpg",
        )  # fmt: skip
    proxy.fail(answers(503), "GET /files", times=math.inf)
    report = run(world)
    assert len({line for line in proxy.requests if line.startswith("GET /files")}) < 10
    assert outcome(report) == Outcome.LATER


def test_an_answer_that_comes_slowly_is_waited_for(desk_world: Worlds, proxy: FaultyProxy, calm: Lines) -> None:
    world = desk_world(url=proxy.url)
    proxy.fail(drip, times=5)
    assert failed_and_mended(world, proxy) == (Outcome.LOOK, calm)


def test_a_connection_that_is_refused_ends_the_run_and_the_next_one_does_it_all(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines
) -> None:
    world = desk_world(url=proxy.url)
    proxy.close()
    report = run(world)
    assert outcome(report) == Outcome.LATER
    proxy.reopen()
    settle(run, world)
    assert world.state() == calm


@pytest.mark.parametrize(
    "request_line", ["GET /posts", "GET /files", "POST /records", "POST /attachments", "GET /residents"]
)
def test_a_server_that_goes_down_in_the_middle_loses_and_doubles_nothing(
    desk_world: Worlds, proxy: FaultyProxy, calm: Lines, request_line: str
) -> None:
    def goes_down(exchange: Exchange) -> None:
        answer_lost(exchange)
        proxy.close()

    world = desk_world(url=proxy.url)
    proxy.fail(goes_down, request_line)
    report = run(world)
    assert outcome(report) == Outcome.LATER
    proxy.reopen()
    world.now += HOUR
    settle(run, world)
    assert world.state() == calm


def test_a_server_that_is_down_is_asked_a_few_times_and_not_for_every_conversation(
    desk_world: Worlds, proxy: FaultyProxy
) -> None:
    world = desk_world(url=proxy.url)
    proxy.fail(answers(503), "POST /records", times=math.inf)
    report = run(world)
    assert outcome(report) == Outcome.LATER
    assert len(report.deferred) == 3
    assert proxy.requests.count("POST /records") == 3


def test_how_long_the_other_side_asks_to_wait_is_told(desk_world: Worlds, proxy: FaultyProxy) -> None:
    world = desk_world(url=proxy.url)
    proxy.fail(answers(429, {"Retry-After": "3600"}), "GET /posts", times=math.inf)
    (error,) = run(world).errors
    assert isinstance(error, TemporaryError)
    assert error.retry_after == 3600
