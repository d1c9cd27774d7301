from __future__ import annotations

import inspect
import pickle

import pytest

from gemeente_connect import errors
from gemeente_connect.errors import GemeenteConnectError, TemporaryError
from gemeente_connect.http import StatusError

ERRORS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_stands_in_the_tree_that_says_what_to_do(error: type[Exception]) -> None:
    words = {line.strip("│├└─ ").split(" ")[0] for line in (errors.__doc__ or "").splitlines()}
    assert error.__name__ in words
    assert error.__doc__


@pytest.mark.parametrize("error", ERRORS)
def test_whoever_catches_the_base_catches_every_error(error: type[Exception]) -> None:
    assert issubclass(error, GemeenteConnectError)
    assert str(error("renew the token")) == "renew the token"


def test_a_temporary_error_carries_the_seconds_that_were_asked_for_or_none() -> None:
    assert TemporaryError("later", retry_after=2.5).retry_after == 2.5
    assert TemporaryError("later").retry_after is None


def test_errors_survive_the_way_from_one_process_to_another() -> None:
    later = pickle.loads(pickle.dumps(TemporaryError("later", retry_after=2.5)))  # noqa: S301 - our own bytes
    assert (str(later), later.retry_after) == ("later", 2.5)
    problems = (("nummer", "unique"),)
    refused = pickle.loads(pickle.dumps(StatusError("no", status=409, problems=problems)))  # noqa: S301 - our own bytes
    assert (str(refused), refused.status, refused.problems) == ("no", 409, problems)
