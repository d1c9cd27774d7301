"""Twilio on this machine, in memory: the other side for tests of these channels.

    with TwilioServer() as twilio:
        twilio.messages.receive("Goedemorgen")
        channel = MessagesChannel(MessagesSettings(url=twilio.url, …))

It answers as Twilio documents it, with its rules for paging and dates, and its errors. What it was not seen to do, but
has to do somehow, is said where it does it.
"""

from __future__ import annotations

from gemeente_connect_twilio.testing.server import NUMBER, RESIDENT, TwilioServer

__all__ = ["NUMBER", "RESIDENT", "TwilioServer"]
