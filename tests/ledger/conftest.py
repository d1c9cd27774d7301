"""A ledger for tests that begin anew many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gemeente_connect.ledger import Ledger


@pytest.fixture
def empty(database: str, anew: Callable[[], Path | str]) -> Iterator[Callable[[], AbstractContextManager[Ledger]]]:
    """Open a ledger with nothing in it, as quickly as can be."""
    if database == "sqlite":
        with Ledger(anew()) as ledger:
            yield ledger.copy
    else:
        yield lambda: Ledger(anew())
