"""An Open Klant on this machine, a real ledger, and the road between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from gemeente_connect import FileStore, Ledger
from gemeente_connect.contracts import Cursor, Page, Receipt
from gemeente_connect.models import Change, Message
from gemeente_connect.syncing import Report, sync
from gemeente_connect.testing.fakes import FakeChannel
from gemeente_connect_open_klant.plugin import register_case_systems
from gemeente_connect_open_klant.testing.server import OpenKlantServer

Row = dict[str, Any]


def _connect(server: OpenKlantServer, **settings: Any) -> Any:
    """Open the case system on a server."""
    (connector,) = register_case_systems()
    known = {"url": server.url, "token": server.token, "portaal": "open-inwoner-2026"}
    return connector.connect(known | {"kanalen": {"whatsapp": "WhatsApp"}} | settings)


class Desk:
    """A channel, a ledger and an Open Klant; every sync is a run of its own."""

    def __init__(self, server: OpenKlantServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.channel = FakeChannel([])
        self.settings: dict[str, Any] = {}

    def say(self, *messages: Message, changes: tuple[Change, ...] = ()) -> None:
        """Let messages and changes come in."""
        self.channel.add(Page(messages=messages, changes=changes, cursor=Cursor("")))

    def sync(self, **options: Any) -> Report:
        """Run one sync of all there is."""
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            return sync(
                self.channel, self.open(), ledger=ledger, files=FileStore(self.folder / "files"), start="all", **options
            )

    def deliver(self, **options: Any) -> Receipt:
        """Sync what became of one conversation, and give its receipt."""
        report = self.sync(**options)
        assert not report.errors, report.errors
        assert not report.refused, report.refused
        (delivery,) = report.delivered
        return delivery.receipt

    def open(self) -> Any:
        """Open the case system."""
        return _connect(self.server, **self.settings)

    def remove(self, klantcontact: Row) -> None:
        """Remove a klantcontact, as a colleague does."""
        answer = requests.delete(
            f"{self.server.url}/klantinteracties/api/v1/klantcontacten/{klantcontact['uuid']}",
            headers={"Authorization": f"Token {self.server.token}"},
            timeout=10,
        )
        answer.raise_for_status()

    def rows(self, collection: str) -> list[Row]:
        """What Open Klant keeps, oldest first."""
        return list(self.server.rows[collection])

    def contacten(self) -> list[Row]:
        """The klantcontacten, by when they took place."""
        return sorted(self.rows("klantcontacten"), key=lambda row: str(row["plaatsgevondenOp"]))


@pytest.fixture(scope="session")
def connect() -> Callable[..., Any]:
    """Open the case system on a server."""
    return _connect


@pytest.fixture
def server() -> Iterator[OpenKlantServer]:
    with OpenKlantServer() as server:
        yield server


@pytest.fixture
def desk(server: OpenKlantServer, tmp_path: Path) -> Desk:
    return Desk(server, tmp_path)


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Make a desk whose Open Klant has an API-version; what else is given goes to that server."""
    with ExitStack() as servers:

        def desk_of(version: str, **options: Any) -> Desk:
            return Desk(servers.enter_context(OpenKlantServer(version, **options)), tmp_path)

        yield desk_of
