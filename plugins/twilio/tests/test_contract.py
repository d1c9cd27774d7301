"""The tests that every channel must pass, on an account with pages, files and a message that cannot be read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from plugins.twilio.tests.conftest import connect

from gemeente_connect.abilities import Checkable, Receiver
from gemeente_connect.contracts import Channel
from gemeente_connect.testing import ChannelContract
from gemeente_connect_twilio.testing import RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import START

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 een lantaarn"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def opened(channel: Channel) -> Channel:
    """See what the channel is able to do."""
    abilities: list[type] = [Receiver, Checkable]
    assert all(isinstance(channel, ability) for ability in abilities)
    return channel


class TestMessagesChannel(ChannelContract):
    reads_back = True  # what was changed in the minutes before the newest change
    largest_page = 2

    @pytest.fixture
    def channel(self, twilio: TwilioServer) -> Channel:
        for number in range(3):
            twilio.messages.receive(f"Vraag {number}", at=START + timedelta(hours=number))
            twilio.messages.send(f"Antwoord {number}", at=START + timedelta(hours=number, minutes=5))
        twilio.messages.receive("Kijk", media=[("image/jpeg", JPEG), ("image/png", PNG)])
        twilio.messages.row(twilio.messages.receive("stuk"))["direction"] = None
        return opened(connect("twilio-messages", twilio, page_size=2))


class TestConversationsChannel(ChannelContract):
    reads_back = True  # the last messages of a conversation that changed

    @pytest.fixture
    def channel(self, twilio: TwilioServer) -> Channel:
        chats = twilio.chats
        for number in range(3):
            chat = chats.open(employees=["jan@example.nl"])
            for turn in range(3):
                chats.say(chat, RESIDENT, f"Vraag {number}.{turn}")
                chats.say(chat, "jan@example.nl", f"Antwoord {number}.{turn}", skip=turn)
        chats.say(chat, RESIDENT, "Kijk", media=[("lantaarn.jpg", "image/jpeg", JPEG), ("kaart.png", "image/png", PNG)])
        chats.say(chat, RESIDENT, "stuk")
        chats.messages[chat][-1]["date_created"] = "gisteren"
        chats.move(chat, "inactive")
        chats.move(chats.rows[0]["sid"], "closed")
        return opened(connect("twilio-conversations", twilio, page_size=2))
