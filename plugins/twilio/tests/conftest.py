"""Twilio on this machine, and the two channels opened on it the way the configuration opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import FileStore, Ledger, collect
from gemeente_connect.contracts import Channel, Cursor, Page
from gemeente_connect.models import Message
from gemeente_connect.syncing import Report
from gemeente_connect_twilio.plugin import register_channels
from gemeente_connect_twilio.testing import NUMBER, TwilioServer

OpenChannel = Callable[..., Any]


@pytest.fixture
def twilio() -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        yield server


def connect(name: str, server: TwilioServer, **values: object) -> Any:
    """Open one of the channels on a server."""
    (connector,) = (each for each in register_channels() if each.name == name)
    known: dict[str, object] = {
        "url": server.url,
        "account_sid": server.account_sid,
        "auth_token": server.auth_token,
        "number": NUMBER,
        "media_hosts": [server.media_host],
    }
    if name == "twilio-conversations":
        known["media_url"] = server.url
    return connector.connect({key: value for key, value in (known | values).items() if value is not None})


@pytest.fixture
def open_messages(twilio: TwilioServer) -> OpenChannel:
    return lambda **values: connect("twilio-messages", twilio, **values)


@pytest.fixture
def open_chats(twilio: TwilioServer) -> OpenChannel:
    return lambda **values: connect("twilio-conversations", twilio, **values)


class Desk:
    """A ledger and a store of files, and a look at what is in them."""

    def __init__(self, folder: Path) -> None:
        self.files = FileStore(folder / "files")
        self.path = folder / "ledger.sqlite"

    def collect(self, channel: Channel) -> Report:
        """Collect as one run does."""
        with Ledger(self.path) as ledger:
            return collect(channel, ledger, files=self.files)

    def messages(self, channel: Channel) -> list[Message]:
        """Give all that is kept, in order within each conversation."""
        with Ledger(self.path) as ledger:
            offers = list(ledger.due(channel.account, "nowhere", None))
        return [message for offer in offers for message in offer.conversation.messages]

    def refused(self) -> list[str]:
        """Give the keys of what needs a person."""
        with Ledger(self.path) as ledger:
            return list(ledger.refused())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def texts(pages: list[Page]) -> list[str]:
    """Give the texts of pages."""
    return [message.text for page in pages for message in page.messages]


def read(channel: Channel, since: Cursor | None = None) -> list[Page]:
    """Read a channel to its end."""
    return list(channel.pages(since))
