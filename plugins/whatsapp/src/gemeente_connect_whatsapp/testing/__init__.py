"""For tests: webhooks as Meta sends them, signed, and a stand-in of the Graph API on this machine.

with GraphServer() as graph:
    channel = connect(graph.url)
    inbox.answer(received(payload(text("wamid.1", "Goedemorgen"))))
"""

from gemeente_connect_whatsapp.testing.payloads import (
    ACCOUNT,
    APP_SECRET,
    PHONE_NUMBER_ID,
    SETTINGS,
    contact,
    history,
    media,
    payload,
    received,
    sign,
    status,
    text,
)
from gemeente_connect_whatsapp.testing.phone import Phone
from gemeente_connect_whatsapp.testing.server import GraphServer

__all__ = [
    "ACCOUNT", "APP_SECRET", "PHONE_NUMBER_ID", "SETTINGS", "GraphServer", "Phone", "contact", "history", "media",
    "payload", "received", "sign", "status", "text",
]  # fmt: skip
