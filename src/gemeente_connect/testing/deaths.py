"""Dying at every point of a run, one after another, to see that nothing is lost and nothing doubled.

    def test_nothing_is_lost_or_doubled_wherever_a_sync_dies(tmp_path, pytestconfig):
        found = survey("mine", world, run, state)
        tell(pytestconfig, found)
        assert not found.wounds

Before everything that outlives a run (a commit, half a write to a file, a request) and at its end there is a point.
Dying before one effect is dying after the one before it, so every moment that differs from another is tried once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gemeente_connect.errors import GemeenteConnectError, StorageError, TemporaryError
from gemeente_connect.syncing import Report
from gemeente_connect.testing.effects import Crash, Effect, told

W = TypeVar("W")
Fault = Callable[[Effect], BaseException | None]
"""What goes wrong at an effect: what is to be raised in its place; None: nothing, it is done."""

_AGAIN = 20  # runs after a death: one that is still not done after these never will be


@dataclass(slots=True)
class Survey:
    """What became of all the deaths."""

    name: str
    tried: int = 0
    """Points at which the run died, each in a fresh world."""
    survived: int = 0
    """Deaths after which a plain run ended in the state of a run without a death."""
    lost: int = 0
    """Things that are there without a death and were not there after one."""
    doubled: int = 0
    """Things that were there after a death and are not, or not so often, without one."""
    wounds: list[str] = field(default_factory=list)
    """For each death that was not survived: the point, what was lost, and what was doubled."""

    def add(self, point: str, expected: Iterable[Hashable], got: Iterable[Hashable]) -> None:
        """Compare what should be there with what is there after a death at a point."""
        there, here = Counter(expected), Counter(got)
        lost, doubled = there - here, here - there
        self.tried += 1
        self.survived += not lost and not doubled
        self.lost += lost.total()
        self.doubled += doubled.total()
        if lost or doubled:
            self.wounds.append(f"{point}: lost {list(lost)}, doubled {list(doubled)}")

    def __str__(self) -> str:
        counts = f"{self.tried} points tried, {self.survived} deaths survived, lost {self.lost}, doubled {self.doubled}"
        return "\n  ".join([f"{self.name}: {counts}", *self.wounds[:5]])


def death(_: Effect) -> BaseException | None:
    """Die, as by a kill."""
    return Crash()


def survey(
    name: str,
    world: Callable[[], W],
    run: Callable[[W], Report],
    state: Callable[[W], Iterable[Hashable]],
    *,
    fault: Fault = death,
) -> Survey:
    """Let a run die at each of its points in turn, and compare what plain runs make of it afterwards.

    `world` makes everything anew: ledger, channel, case system. `run` opens what a process opens, does one whole sync
    and closes it; it is repeated while its report has something deferred. `state` lists what is there in the end, each
    thing as often as it is there, without what is random or a time. `fault`: what happens instead of a death, from the
    point on.
    """
    calm = world()
    _recover(run, calm)
    expected = list(state(calm))
    assert expected, "a run without a death leaves nothing behind, so nothing can be compared"  # noqa: S101 - as a test
    found = Survey(name)
    for number in itertools.count(1):
        place = world()
        point = die(run, place, at=number, fault=fault)
        _recover(run, place)
        found.add(f"point {number}, before {point.what if point else 'the end'}", expected, state(place))
        if point is None:
            break
    return found


def settle(run: Callable[[W], Report], world: W) -> Report:
    """Run until nothing is deferred any more. Raises AssertionError for an error that trying again cannot mend."""
    for _ in range(_AGAIN):
        report = run(world)
        hopeless = [error for error in report.errors if not isinstance(error, TemporaryError | StorageError)]
        assert not hopeless, hopeless  # noqa: S101 - as a test
        if not report.errors and not report.deferred:
            return report
    message = f"after {_AGAIN} runs there is still something to do: {report.errors or report.deferred}"
    raise AssertionError(message)


def _recover(run: Callable[[W], Report], world: W) -> None:
    def as_it_is(effect: Effect) -> None:
        """Let it be done."""

    with told(as_it_is) as opened:  # as before, so that nothing waits for the disk
        settle(run, world)
    opened.let_go()


def die(run: Callable[[W], Report], world: W, *, at: int, fault: Fault = death) -> Effect | None:
    """Run, and die before the effect of that number (from 1). Gives the effect; None: there were not so many.

    After a death nothing has an effect any more, and what the run raises does not count. After another `fault` it may
    only raise what says what to do about it (GemeenteConnectError); anything else passes through.
    """
    seen = itertools.count(1)
    struck: list[tuple[Effect, BaseException]] = []

    def before(effect: Effect) -> None:
        if struck or next(seen) >= at:
            error = fault(effect)
            if error is not None:
                struck.append((effect, error))
                raise error

    with told(before) as opened:
        try:
            run(world)
        except (Crash, Exception) as error:
            if not struck or (not isinstance(struck[0][1], Crash) and not isinstance(error, GemeenteConnectError)):
                raise
        finally:
            opened.let_go()
    return struck[0][0] if struck else None


def tell(pytestconfig: Any, found: Survey) -> None:
    """Have pytest print a survey below its tests. `pytestconfig` is the fixture of that name."""
    plugin = pytestconfig.pluginmanager.get_plugin(_Told.__name__)
    if plugin is None:
        plugin = _Told()
        pytestconfig.pluginmanager.register(plugin, _Told.__name__)
    plugin.surveys.append(found)


class _Told:
    def __init__(self) -> None:
        self.surveys: list[Survey] = []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("points tried, deaths survived")
        for found in self.surveys:
            terminalreporter.line(str(found))
