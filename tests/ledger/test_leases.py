"""Several runs on one ledger at the same time, and runs that stand still or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from gemeente_connect.contracts import Findable, Receipt, Refs
from gemeente_connect.errors import ConfigError, RejectedError, StorageError
from gemeente_connect.ledger import LeaseLostError, Ledger, Offer, leases
from gemeente_connect.ledger.postgres import Postgres
from gemeente_connect.testing.builders import ACCOUNT, message, page
from gemeente_connect.testing.fakes import Crash

Sql = Callable[[str], list[tuple[Any, ...]]]

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
RECEIPT = Receipt(reference="R1", findable=Findable.YES, checked_at=NOW)


@pytest.fixture
def first(where: Path | str) -> Iterator[Ledger]:
    with Ledger(where) as opened:
        opened.store(ACCOUNT, "whatsapp", page(*(message(1, id=f"m{n}", thread=f"t{n}") for n in range(5))))
        yield opened


@pytest.fixture
def second(where: Path | str) -> Iterator[Ledger]:
    with Ledger(where) as opened:
        yield opened


@pytest.fixture
def _travelling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server go by the clock of this process, which a test can set."""
    monkeypatch.setattr(Postgres, "now", lambda _: time.time_ns() // 1000)


def _due(ledger: Ledger, shard: tuple[int, int] = (0, 1)) -> list[Offer]:
    return list(ledger.due(ACCOUNT, "loket", None, shard=shard))


def test_what_one_run_was_offered_no_other_is_offered_until_it_is_done(first: Ledger, second: Ledger) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    offer = next(offers)
    assert _due(second) == []
    first.settle(offer, "loket", RECEIPT)
    offers.close()
    assert len(_due(second)) == 4


def test_another_case_system_is_another_matter(first: Ledger, second: Ledger) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    next(offers)
    assert len(list(second.due(ACCOUNT, "another", None))) == 5
    offers.close()


def test_parts_of_the_conversations_do_not_overlap_and_are_all_of_them(first: Ledger) -> None:
    parts = [{offer.number for offer in _due(first, shard=(n, 3))} for n in range(3)]
    assert len(parts[0] | parts[1] | parts[2]) == sum(map(len, parts)) == 5


@pytest.mark.usefixtures("_travelling")
def test_a_run_that_stood_still_is_overtaken_and_writes_nothing_more(first: Ledger, second: Ledger) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        offers = first.due(ACCOUNT, "loket", None)
        offer = next(offers)
        clock.shift(timedelta(seconds=59))
        assert _due(second) == []
        clock.shift(timedelta(seconds=2))
        assert len(_due(second)) == 5
        with pytest.raises(LeaseLostError, match="run again"):
            first.settle(offer, "loket", RECEIPT)
        with pytest.raises(LeaseLostError):
            first.refuse(offer, "loket", "no reason")
        with pytest.raises(LeaseLostError):
            first.steps(offer, "loket").once("record", lambda: {"reference": "R1"}, lambda: None)
        with pytest.raises(LeaseLostError):
            first.store(ACCOUNT, "whatsapp", page(message(9)))
        offers.close()
    assert len(_due(second)) == 5
    assert len(_due(first)) == 5, "with a new lease it may work again"


@pytest.mark.usefixtures("_travelling")
def test_a_run_that_was_overtaken_takes_no_intent_away_from_the_other(first: Ledger, second: Ledger) -> None:
    with time_machine.travel(NOW, tick=False) as clock, first.working():
        offer = next(first.due(ACCOUNT, "loket", None))

        def is_overtaken() -> Refs:
            clock.shift(timedelta(seconds=61))
            (same,) = (each for each in _due(second) if each.conversation.id == offer.conversation.id)
            with second.working(), pytest.raises(Crash):
                second.steps(same, "loket", timedelta(0)).once("record", _dies, lambda: None)
            message = "it made nothing"
            raise RejectedError(message)

        with pytest.raises(LeaseLostError):
            first.steps(offer, "loket").once("record", is_overtaken, lambda: None)
    assert second.steps(offer, "loket").begun("record")


def _dies() -> Refs:
    raise Crash


@pytest.mark.usefixtures("_travelling")
def test_a_lease_is_renewed_while_the_run_lasts(first: Ledger, second: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.01)
    with time_machine.travel(NOW) as clock:
        offers = first.due(ACCOUNT, "loket", None)
        next(offers)
        for _ in range(4):
            clock.shift(timedelta(seconds=40))
            time.sleep(0.1)
        assert _due(second) == []
        offers.close()


@pytest.mark.usefixtures("_travelling")
def test_a_clock_that_was_put_back_keeps_nobody_from_working_for_long(first: Ledger, second: Ledger) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        offers = first.due(ACCOUNT, "loket", None)
        next(offers)
        clock.move_to(NOW - timedelta(days=300))
        assert _due(second) == []
        clock.shift(timedelta(seconds=61))
        assert len(_due(second)) == 5
        offers.close()


KILLED = """
import sys, time
from gemeente_connect.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    offers = ledger.due(sys.argv[2], "loket", None)
    next(offers)
    print("claimed", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it takes a minute")
def test_what_a_killed_run_was_offered_the_next_run_is_offered_at_once(first: Ledger, where: Path | str) -> None:
    command = [sys.executable, "-c", KILLED, str(where), ACCOUNT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "claimed\n"
        assert _due(first) == []
        process.send_signal(signal.SIGKILL)
    assert len(_due(first)) == 5


CONTAINER = f"another/{leases._machine(leases._place())}/another 1 abc"


@pytest.mark.parametrize("owner", [CONTAINER, f"{leases._place()} 1 abc"])
def test_of_a_process_that_may_be_alive_the_work_is_left_alone(first: Ledger, second: Ledger, owner: str) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    next(offers)
    second._db.write("UPDATE leases SET owner = ?", (owner,))
    assert _due(second) == []
    offers.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_that_a_run_on_another_machine_uses_is_refused(first: Ledger, second: Ledger) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    next(offers)
    second._db.write("UPDATE leases SET owner = 'elsewhere/1/1 1 abc'")
    with pytest.raises(ConfigError, match="use a ledger on PostgreSQL"):
        _due(second)
    offers.close()


def test_what_a_run_was_offered_before_the_machine_was_started_again_the_next_is_offered_at_once(
    first: Ledger, second: Ledger
) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    next(offers)
    name, _, container = leases._place().split("/")
    second._db.write("UPDATE leases SET owner = ?", (f"{name}/an-earlier-start/{container} 1 abc",))
    assert len(_due(second)) == 5
    offers.close()


def test_what_a_lost_run_had_not_kept_yet_is_not_written_later_either(first: Ledger, second: Ledger) -> None:
    with first.working():
        offer = next(first.due(ACCOUNT, "loket", None))
        steps = first.steps(offer, "loket")
        steps.once("record", lambda: {"reference": "R1"}, lambda: None)
        steps.keep("text", "old", lambda: None)
        with second._db.transaction():
            second._db.write("DELETE FROM leases")
            second._db.write("DELETE FROM claims")
    assert first.steps(offer, "loket").kept("text") is None


def test_a_lease_that_could_not_be_kept_is_not_held(first: Ledger) -> None:
    commit = first._db._driver.commit

    def full() -> None:
        message = "the disk is full"
        raise StorageError(message)

    first._db._driver.commit = full  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        _due(first)
    first._db._driver.commit = commit  # type: ignore[method-assign]
    first.store(ACCOUNT, "whatsapp", page(message(9)))
    assert len(_due(first)) == 6


def test_a_copy_to_try_things_on_has_no_claims(first: Ledger) -> None:
    offers = first.due(ACCOUNT, "loket", None)
    next(offers)
    with first.copy() as copy:
        assert len(_due(copy)) == 5
    offers.close()


def test_a_run_that_finds_nothing_to_do_writes_nothing(first: Ledger, where: Path | str, sql: Sql) -> None:
    for offer in _due(first):
        first.settle(offer, "loket", RECEIPT)

    def written() -> object:
        if isinstance(where, Path):
            return where.with_name("ledger.sqlite-wal").read_bytes()
        return sql("SELECT pg_snapshot_xmax(pg_current_snapshot())")  # the number that the next writer will get

    before = written()
    assert _due(first) == []
    assert written() == before


def test_intents_of_several_threads_are_made_durable_together(first: Ledger) -> None:
    offers = _due(first)
    commits: list[bool] = []

    def counted(begin: Callable[..., Any]) -> Callable[..., Any]:
        def slowly(*values: object, durable: bool = False) -> object:
            commits.append(durable)
            if durable:
                time.sleep(0.05)  # a slow disk
            return begin(*values, durable=durable)

        return slowly

    for begins in ("transaction", "write_alone"):
        setattr(first._db, begins, counted(getattr(first._db, begins)))
    threads = [
        threading.Thread(target=first.steps(o, "loket").once, args=("record", lambda: {"n": "1"}, lambda: None))
        for o in offers
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert commits
    assert all(commits)
    assert len(commits) < len(offers)
    assert all(first.steps(offer, "loket").done() == {"record": {"n": "1"}} for offer in offers)


def test_each_thread_is_told_when_its_intent_could_not_be_kept(first: Ledger) -> None:
    offers = _due(first)
    made: list[str] = []
    first.close()

    def make() -> dict[str, str]:
        made.append("R")
        return {}

    for offer in offers:
        with pytest.raises(Exception, match="closed"):
            first.steps(offer, "loket").once("record", make, lambda: None)
    assert made == []
