"""The tests that every case system must pass, on the embedded loket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gemeente_connect.abilities import Prompt
from gemeente_connect.contracts import CaseSystem
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
        if not case_system._store.exists:
            return 0
        with case_system._store.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])

    def read_record(self, case_system: CaseSystem, conversation: str) -> list[str]:
        assert isinstance(case_system, Loket)
        queries = (
            "SELECT m.text, m.edited, m.deleted FROM message m JOIN record r ON r.id = m.record WHERE external_id = ?",
            "SELECT a.sha256, a.missing FROM attachment a JOIN record r ON r.id = a.record WHERE external_id = ?",
        )
        with case_system._store.reading() as connection:
            return [str(row) for query in queries for row in connection.execute(query, (conversation,))]

    def reopen(self, case_system: CaseSystem) -> CaseSystem:
        assert isinstance(case_system, Loket)
        return Loket(Store(case_system._store.path))
