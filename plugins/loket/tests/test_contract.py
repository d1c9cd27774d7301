"""The tests that every case system must pass, on the embedded loket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gemeente_connect.contracts import CaseSystem, Prompt
from gemeente_connect.testing.contracts import CaseSystemContract
from gemeente_connect_loket.case_system import Loket
from gemeente_connect_loket.store import Store


class TestLoket(CaseSystemContract):
    @pytest.fixture
    def case_system(self, tmp_path: Path) -> Iterator[CaseSystem]:
        loket = Loket(Store(tmp_path / "loket.sqlite"))
        assert isinstance(loket, Prompt)
        yield loket
        loket.close()

    def count_records(self, case_system: CaseSystem) -> int:
        assert isinstance(case_system, Loket)
        with case_system._store.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])
