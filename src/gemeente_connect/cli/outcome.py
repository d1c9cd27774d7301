"""What a command comes to, as an exit code that a scheduler can act on.

    0    done
    1    a person must look: refusals that are new in this run (with --strict: any that is open), or a bug
    2    wrong usage, configuration or plugin
    75   try later: the other side is down or at its limit, disk full, ledger locked, a step in doubt
    77   credentials refused
    130  interrupted

With several: 2, then 77, 75, 1. A conversation that nobody finds is not a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from gemeente_connect.errors import AuthError, ConfigError, PluginError, StorageError, TemporaryError


class Outcome(IntEnum):
    """An exit code."""

    DONE = 0
    LOOK = 1
    WRONG = 2
    LATER = 75
    CREDENTIALS = 77
    INTERRUPTED = 130


_WORST_FIRST = (Outcome.INTERRUPTED, Outcome.WRONG, Outcome.CREDENTIALS, Outcome.LATER, Outcome.LOOK, Outcome.DONE)
_OF = (
    ((ConfigError, PluginError), Outcome.WRONG),
    (AuthError, Outcome.CREDENTIALS),
    ((TemporaryError, StorageError), Outcome.LATER),
)


def of_error(error: Exception) -> Outcome:
    """Say what an error asks for."""
    return next((outcome for kinds, outcome in _OF if isinstance(error, kinds)), Outcome.LOOK)


def of_run(*, errors: Iterable[Exception], deferred: bool, refused: bool) -> Outcome:
    """Say what a run asks for, given what ended it early, and whether anything was deferred or refused."""
    outcomes = [of_error(error) for error in errors]
    outcomes += [Outcome.LATER] * deferred + [Outcome.LOOK] * refused
    return worst(outcomes)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Choose what to act on first."""
    return min(outcomes, key=_WORST_FIRST.index, default=Outcome.DONE)
