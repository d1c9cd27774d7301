"""For all tests: a failing example is found again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gemeente_connect.ledger import Ledger

settings.register_profile(
    "gemeente_connect",
    deadline=None,  # a busy machine is no failure
    derandomize=True,  # the same examples everywhere: what fails in CI fails here
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gemeente_connect")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened
