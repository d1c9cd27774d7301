"""The tests that every channel must pass. What was pushed stands in the inbox; here it is given as pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gemeente_connect.contracts import Channel, Cursor, Page
from gemeente_connect.models import Attachment
from gemeente_connect.testing import ChannelContract
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import GraphServer, contact, history, media, payload, received, status, text
from gemeente_connect_whatsapp.testing.payloads import START, Item, echo, message

PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 een lantaarn"
BROKEN: Any = {"id": "wamid.9"}
PAYLOADS = [
    payload(text("wamid.1", "Goedemorgen"), text("wamid.2", "de lantaarn is kapot"), contacts=[contact()]),
    payload(media("wamid.3", "image", "1234", PHOTO, caption="deze", at=START + 1), BROKEN),
    payload(echo("wamid.4", "Wij kijken", at=START + 60), name="message_echoes", field="smb_message_echoes"),
    payload(status("wamid.4", "read", at=START + 70), name="statuses"),
    payload(message("wamid.5", "reaction", {"message_id": "wamid.4", "emoji": "👍"}, at=START + 80)),
    payload(history(text("wamid.0", "Vorige keer", at=START - 10**6)), name="history", field="history"),
]


class Pushed:
    """A channel whose payloads are its pages."""

    def __init__(self, channel: WhatsAppChannel, payloads: Sequence[Item]) -> None:
        self.account, self.kind = channel.account, channel.kind
        self.download: Callable[[Attachment], Iterator[bytes]] = channel.download
        self.close = channel.close
        self._read = channel.read
        self._payloads = payloads

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        for number in range(int(since or 0), len(self._payloads)):
            batch = self._read(received(self._payloads[number]))
            yield Page(**dict(batch), cursor=Cursor(str(number + 1)))


class TestWhatsApp(ChannelContract):
    @pytest.fixture
    def channel(self, graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> Iterator[Channel]:
        graph.files["1234"] = PHOTO
        channel = open_channel(base_url=graph.url)
        yield Pushed(channel, PAYLOADS)
        channel.close()
