"""Death at every point of two days, in every dialect: a resident who becomes known, edits, and a text that shrinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from gemeente_connect import FileStore, Ledger
from gemeente_connect.contracts import Cursor, Page
from gemeente_connect.models import Deleted, Edited, Identity, Message
from gemeente_connect.syncing import Report, sync
from gemeente_connect.testing.builders import message, participant
from gemeente_connect.testing.deaths import survey, tell
from gemeente_connect.testing.fakes import FakeChannel
from gemeente_connect_open_klant.testing.picture import picture
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

BETWEEN_RUNS = timedelta(minutes=10)  # longer than a request can still take effect
FATIMA = participant(employee=True, identities=(Identity(kind="email", value="fatima@example.nl"),))
ON_DAY_ONE = (
    message(1, text="Mijn container is niet geleegd. " * 40),
    message(2, direction="out", sender=FATIMA, text="Wij komen langs. " * 130),
    message(3, text="Wanneer?"),
)
LATER = message(4, direction="out", sender=FATIMA, text="Morgen.")
CHANGES = (
    Edited(message=message(2, direction="out", sender=FATIMA, text="Wij komen langs."), target="m2"),
    Deleted(message=message(3, text=""), target="m3"),
)


@dataclass
class World:
    """An Open Klant and a ledger of their own; every run comes ten minutes after the one before."""

    server: OpenKlantServer
    connect: Callable[..., Any]
    folder: Path
    actor: str
    known: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def run(self) -> Report:
        report = self._sync(ON_DAY_ONE, ())
        if report.errors or report.deferred:
            return report
        if not self.known:
            adres = "telefoonnummer", "+31612345671", "2026-01-10"
            self.server.add_partij(bsn="999990676", naam="Anna de Vries", adressen=[adres])
            self.known = True
        return self._sync((*ON_DAY_ONE, LATER), CHANGES)

    def _sync(self, messages: tuple[Message, ...], changes: tuple[Edited | Deleted, ...]) -> Report:
        self.now += BETWEEN_RUNS
        channel = FakeChannel(list(messages))
        channel.add(Page(changes=changes, cursor=Cursor("")))
        case_system = self.connect(self.server, taak_actor=self.actor)
        with time_machine.travel(self.now), Ledger(self.folder / "ledger.sqlite") as ledger:
            try:
                files = FileStore(self.folder / "files")
                return sync(channel, case_system, ledger=ledger, files=files, start="all", offer_again=timedelta(0))
            finally:
                case_system.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_two_days_end_the_same_wherever_they_break_off(
    version: str, connect: Callable[..., Any], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    with OpenKlantServer(version) as server:
        worlds: list[World] = []

        def world() -> World:
            server.clear()
            actor = server.add_actor("KCC")
            worlds.append(World(server, connect, tmp_path / str(len(worlds)), actor))
            return worlds[-1]

        found = survey(f"Open Klant {VERSIONS[version]}, two days", world, World.run, lambda _: picture(server))
    tell(pytestconfig, found)
    assert not found.wounds, found
