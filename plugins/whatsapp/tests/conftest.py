"""A channel opened the way the configuration opens it, and a stand-in of the Graph API that it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gemeente_connect import Ledger
from gemeente_connect.contracts import Batch
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.plugin import register_channels
from gemeente_connect_whatsapp.testing import GraphServer, received
from gemeente_connect_whatsapp.testing.payloads import SETTINGS, Item

OpenChannel = Callable[..., WhatsAppChannel]
Read = Callable[[Item | bytes], Batch]


@pytest.fixture
def open_channel() -> OpenChannel:
    def opened(**values: object) -> WhatsAppChannel:
        (connector,) = register_channels()
        channel = connector.connect({**SETTINGS, **values})
        assert isinstance(channel, WhatsAppChannel)
        return channel

    return opened


@pytest.fixture
def channel(open_channel: OpenChannel) -> WhatsAppChannel:
    return open_channel()


@pytest.fixture
def read(channel: WhatsAppChannel) -> Read:
    return lambda content: channel.read(received(content))


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened
