"""The tests that every case system must pass, and death at every point of a sync, in every dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gemeente_connect.contracts import CaseSystem
from gemeente_connect.testing.contracts import CaseSystemContract
from gemeente_connect_open_klant.case_system import OpenKlant
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer


@pytest.mark.parametrize("version", VERSIONS)
class TestOpenKlant(CaseSystemContract):
    @pytest.fixture
    def server(self, version: str) -> Iterator[OpenKlantServer]:
        with OpenKlantServer(version) as server:
            yield server

    @pytest.fixture
    def case_system(self, server: OpenKlantServer, connect: Any) -> Iterator[CaseSystem]:
        self.other_side, self.connect = server, connect
        case_system = connect(server)
        assert isinstance(case_system, OpenKlant)
        yield case_system
        case_system.close()

    def reopen(self, case_system: CaseSystem) -> CaseSystem:
        opened: CaseSystem = self.connect(self.other_side)
        return opened

    def count_records(self, case_system: CaseSystem) -> int:
        rows = self.other_side.rows
        answers = {row["klantcontact"] for row in rows["onderwerpobjecten"] if row["wasKlantcontact"]}
        return len([row for row in rows["klantcontacten"] if row["uuid"] not in answers])
