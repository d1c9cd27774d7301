"""Making things once, on an API that would make them twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from gemeente_connect.contracts import Refs
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, TemporaryError
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.sqlite import SQLite
from gemeente_connect.ledger.steps import LedgerSteps
from gemeente_connect.testing.builders import ACCOUNT, message, page
from gemeente_connect.testing.fakes import Crash

NOW = timedelta(0)
NORMAL = 1  # what SQLite calls `PRAGMA synchronous = NORMAL`


class OtherSide:
    """Makes what it is asked to, and looks up what it has made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.looked_up = 0

    def make(self) -> Refs:
        self.made.append(f"R{len(self.made) + 1}")
        return {"reference": self.made[-1]}

    def make_and_fail(self, error: BaseException) -> Callable[[], Refs]:
        def make() -> Refs:
            self.make()
            raise error

        return make

    def find(self) -> Refs | None:
        self.looked_up += 1
        return {"reference": self.made[0]} if self.made else None


def _fail(error: BaseException) -> Callable[[], Refs]:
    def make() -> Refs:
        raise error

    return make


@pytest.fixture
def other() -> OtherSide:
    return OtherSide()


def _steps(ledger: Ledger, lands_within: timedelta = NOW, case_system: str = "loket") -> LedgerSteps:
    ledger.store(ACCOUNT, "whatsapp", page(message(1)))
    (offer,) = ledger.due(ACCOUNT, case_system, None)
    return ledger.steps(offer, case_system, lands_within)


@pytest.fixture
def steps(ledger: Ledger) -> LedgerSteps:
    return _steps(ledger)


def test_a_step_that_was_done_gives_its_result_without_any_request(ledger: Ledger, other: OtherSide) -> None:
    assert _steps(ledger).once("record", other.make, other.find) == {"reference": "R1"}
    assert _steps(ledger).once("record", other.make, other.find) == {"reference": "R1"}
    assert (other.made, other.looked_up) == (["R1"], 0)


def test_steps_of_other_names_conversations_and_case_systems_are_other_steps(ledger: Ledger, other: OtherSide) -> None:
    _steps(ledger).once("record", other.make, other.find)
    _steps(ledger).once("turn/1", other.make, other.find)
    _steps(ledger, case_system="another").once("record", other.make, other.find)
    assert other.made == ["R1", "R2", "R3"]


@pytest.mark.parametrize("error", [Crash(), TemporaryError("status 503"), KeyError("a bug after the answer")])
def test_a_step_in_doubt_is_looked_up_and_not_made_again(
    steps: LedgerSteps, other: OtherSide, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        steps.once("record", other.make_and_fail(error), other.find)
    assert steps.once("record", other.make, other.find) == {"reference": "R1"}
    assert (other.made, other.looked_up) == (["R1"], 1)
    steps.once("record", other.make, other.find)
    assert other.looked_up == 1


def test_a_step_in_doubt_that_did_not_arrive_is_made_again(steps: LedgerSteps, other: OtherSide) -> None:
    with pytest.raises(Crash):
        steps.once("record", _fail(Crash()), other.find)
    assert steps.once("record", other.make, other.find) == {"reference": "R1"}
    assert other.made == ["R1"]


def test_absent_is_not_believed_while_the_earlier_request_may_still_land(ledger: Ledger, other: OtherSide) -> None:
    steps = _steps(ledger, lands_within=timedelta(minutes=5))
    with pytest.raises(Crash):
        steps.once("record", _fail(Crash()), other.find)
    with pytest.raises(TemporaryError, match="in doubt") as caught:
        steps.once("record", other.make, other.find)
    assert caught.value.retry_after == pytest.approx(300, abs=30)
    assert other.made == []
    other.make()  # it lands after all
    assert steps.once("record", other.make, other.find) == {"reference": "R1"}


@pytest.mark.parametrize("error", [RejectedError("too long"), AuthError("renew"), ConfigError("correct")])
def test_a_clear_no_leaves_no_doubt(ledger: Ledger, other: OtherSide, error: Exception) -> None:
    steps = _steps(ledger, lands_within=timedelta(minutes=5))
    with pytest.raises(type(error)):
        steps.once("record", _fail(error), other.find)
    assert steps.once("record", other.make, other.find) == {"reference": "R1"}
    assert other.looked_up == 0


def test_two_runs_on_one_ledger_make_a_thing_once(ledger: Ledger, where: Path | str, other: OtherSide) -> None:
    steps = _steps(ledger)
    with Ledger(where) as second_ledger:
        second = _steps(second_ledger, lands_within=timedelta(minutes=5))

        def make_slowly() -> Refs:
            with pytest.raises(TemporaryError, match="in doubt"):
                second.once("record", other.make, lambda: None)
            return other.make()

        assert steps.once("record", make_slowly, other.find) == {"reference": "R1"}
        assert second.once("record", other.make, other.find) == {"reference": "R1"}
    assert other.made == ["R1"]


def test_two_runs_that_look_up_the_same_doubt_make_it_once(ledger: Ledger, where: Path | str, other: OtherSide) -> None:
    steps = _steps(ledger)
    with pytest.raises(Crash):
        steps.once("record", _fail(Crash()), other.find)
    with Ledger(where) as second_ledger:
        second = _steps(second_ledger)

        def find_slowly() -> Refs | None:
            second.once("record", other.make, lambda: None)
            second_ledger._intents.flush()
            return None

        assert steps.once("record", other.make, find_slowly) == {"reference": "R1"}
    assert other.made == ["R1"]


def test_a_shared_thing_is_made_once_for_all_conversations_and_threads(ledger: Ledger, other: OtherSide) -> None:
    ledger.store(ACCOUNT, "whatsapp", page(*(message(n, thread=f"t{n}") for n in range(8))))
    all_steps = [ledger.steps(offer, "loket") for offer in ledger.due(ACCOUNT, "loket", None)]
    together = threading.Barrier(8)

    def run(steps: LedgerSteps) -> Refs:
        together.wait()
        return steps.once("employee/1", other.make, other.find, shared=True)

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(run, all_steps))
    assert results == [{"reference": "R1"}] * 8
    assert other.made == ["R1"]


def test_making_a_shared_thing_may_need_another_shared_thing(steps: LedgerSteps, other: OtherSide) -> None:
    def employee() -> Refs:
        return steps.once("department/1", other.make, other.find, shared=True)

    made: list[Refs] = []
    run = threading.Thread(
        target=lambda: made.append(steps.once("employee/1", employee, other.find, shared=True)), daemon=True
    )
    run.start()
    run.join(10)  # it would wait for itself, for ever
    assert made == [{"reference": "R1"}]


def test_keep_puts_a_value_when_it_differs_from_what_was_kept_last(steps: LedgerSteps) -> None:
    puts: list[str] = []
    for value in ("a", "a", "b", "a"):
        steps.keep("resident", value, lambda value=value: puts.append(value))  # type: ignore[misc] # a default in a lambda
    assert puts == ["a", "b", "a"]


def test_keep_repeats_a_put_that_did_not_end_well(steps: LedgerSteps) -> None:
    puts: Iterator[None] = iter([None])

    def put() -> None:
        if next(puts, "done") is None:
            raise Crash

    with pytest.raises(Crash):
        steps.keep("resident", "a", put)
    done: list[str] = []
    steps.keep("resident", "a", lambda: done.append("a"))
    assert done == ["a"]


def test_what_was_done_can_be_told_without_what_is_kept_or_in_doubt(steps: LedgerSteps, other: OtherSide) -> None:
    steps.once("record", other.make, other.find)
    steps.keep("resident", "a", lambda: None)
    with pytest.raises(Crash):
        steps.once("turn", _fail(Crash()), other.find)
    assert steps.done() == {"record": {"reference": "R1"}}


def _statements_of_a_step(ledger: Ledger, other: OtherSide, lands_within: timedelta) -> list[str]:
    happened: list[str] = []
    steps = _steps(ledger, lands_within)
    assert isinstance(ledger._db._driver, SQLite)
    connection = ledger._db._driver.connection

    def make() -> Refs:
        assert not connection.in_transaction  # each statement commits itself
        happened.append("made")
        return other.make()

    connection.set_trace_callback(happened.append)
    steps.once("record", make, other.find)
    connection.set_trace_callback(None)
    intent = next(number for number, what in enumerate(happened) if what.startswith("INSERT INTO steps"))
    return [what.partition(" INTO")[0] for what in happened[intent - 1 : intent + 2]]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_intent_is_on_disk_before_anything_is_made(ledger: Ledger, other: OtherSide) -> None:
    for _ in range(2):
        with ledger._db.transaction():  # waits for no disk, also after one that did
            assert ledger._db.one("PRAGMA synchronous") == (NORMAL,)
        happened = _statements_of_a_step(ledger, other, timedelta(minutes=5))
        assert happened == ["PRAGMA synchronous = FULL", "INSERT", "made"]
        with ledger._db.transaction():
            ledger._db.write("DELETE FROM steps")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_where_making_it_twice_makes_it_once_an_intent_need_only_survive_a_kill(
    ledger: Ledger, other: OtherSide
) -> None:
    assert _statements_of_a_step(ledger, other, NOW)[1:] == ["INSERT", "made"]


def test_an_update_that_broke_off_is_put_again_also_by_the_same_steps(steps: LedgerSteps) -> None:
    steps.keep("state", "open", lambda: None)

    def breaks_off() -> None:
        raise Crash

    with pytest.raises(Crash):
        steps.keep("state", "closed", breaks_off)
    put: list[str] = []
    steps.keep("state", "open", lambda: put.append("open"))
    assert (put, steps.kept("state")) == (["open"], "open")


def test_a_request_that_was_certainly_not_carried_out_leaves_no_doubt(ledger: Ledger, other: OtherSide) -> None:
    error = TemporaryError("status 429", nothing_done=True)
    with pytest.raises(TemporaryError):
        _steps(ledger, timedelta(minutes=5)).once("record", _fail(error), other.find)
    assert _steps(ledger, timedelta(minutes=5)).once("record", other.make, other.find) == {"reference": "R1"}
    assert other.looked_up == 0


def test_an_update_that_broke_off_is_put_again_though_what_stood_there_was_not_committed_yet(ledger: Ledger) -> None:
    def breaks_off() -> None:
        raise Crash

    steps = _steps(ledger)
    steps.keep("state", "open", lambda: None)
    with pytest.raises(Crash):
        steps.keep("state", "closed", breaks_off)
    put: list[str] = []
    _steps(ledger).keep("state", "open", lambda: put.append("open"))
    assert put == ["open"]
