"""Webhooks with sensible defaults. The resident is made up, and her number looks like +31612345678."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from gemeente_connect.abilities import Received

Item = dict[str, Any]
"""One update, or a part of one, as it stands in a webhook."""

NUMBER: Final = "31201234567"
ACCOUNT: Final = f"whatsapp:{NUMBER}"
PHONE_NUMBER_ID: Final = "106540352242922"
APP_SECRET: Final = "app-secret"  # noqa: S105 - a made-up secret
VERIFY_TOKEN: Final = "een-eigen-woord"  # noqa: S105 - the same
ACCESS_TOKEN: Final = "zeer-geheim-teken"  # noqa: S105 - the same
SETTINGS: Final[Mapping[str, str]] = {
    "account": "+31 20 1234567",
    "phone_number_id": PHONE_NUMBER_ID,
    "app_secret": APP_SECRET,
    "verify_token": VERIFY_TOKEN,
    "access_token": ACCESS_TOKEN,
}
"""Settings of the channel that reads these webhooks."""

RESIDENT: Final = "31612345678"
USER_ID: Final = "NL.13491208655302741918"
START: Final = 1_793_890_800
"""When the first message is sent, in seconds since 1970."""


def message(key: str, kind: str, body: object, *, at: int = START, from_: str | None = RESIDENT, **more: Any) -> Item:
    """Make a message of the resident. Give `from_user_id=None`, or any other field, to leave it out or change it."""
    item = {"from": from_, "from_user_id": USER_ID, "id": key, "timestamp": str(at), "type": kind, kind: body} | more
    return {name: value for name, value in item.items() if value is not None}


def text(key: str, body: str, *, at: int = START, **more: Any) -> Item:
    """Make a typed message of the resident."""
    return message(key, "text", {"body": body}, at=at, **more)


def media(key: str, kind: str, media_id: str, content: bytes, *, at: int = START, **more: Any) -> Item:
    """Make a message with a file: `image`, `video`, `audio`, `sticker` or `document`. `more` goes with the file."""
    body = {"id": media_id, "sha256": hashlib.sha256(content).hexdigest(), "mime_type": "image/jpeg"} | more
    return message(key, kind, body, at=at)


def echo(key: str, body: str, *, at: int = START, **more: Any) -> Item:
    """Make a typed message of an employee, from the WhatsApp Business app."""
    return text(key, body, at=at, from_=NUMBER, **{"from_user_id": None, "to": RESIDENT, "to_user_id": USER_ID} | more)


def status(key: str, word: str, *, at: int = START, **more: Any) -> Item:
    """Tell what became of a message to the resident."""
    return {"id": key, "status": word, "timestamp": str(at), "recipient_id": RESIDENT} | more


def contact(name: str = "Fatima de Vries", **more: Any) -> Item:
    """Tell who the resident is."""
    item = {"profile": {"name": name}, "wa_id": RESIDENT, "user_id": USER_ID} | more
    return {key: value for key, value in item.items() if value is not None}


def history(*messages: Item, thread: str = RESIDENT, phase: int = 0, chunk: int = 1) -> Item:
    """Make a part of the history of a number that was used in the app before."""
    return {
        "metadata": {"phase": phase, "chunk_order": chunk, "progress": 50},
        "threads": [{"id": thread, "messages": list(messages)}],
    }


def payload(*updates: Item, name: str = "messages", field: str = "messages", **value: Any) -> Item:
    """Put updates into a webhook, in the list of that name. `value` stands beside it, such as `contacts`."""
    metadata = {"display_phone_number": NUMBER, "phone_number_id": PHONE_NUMBER_ID}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, name: list(updates)} | value
    return webhook({"field": field, "value": whole})


def webhook(*changes: Item) -> Item:
    """Make a webhook of changes."""
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": list(changes)}]}


def sign(body: bytes, secret: str = APP_SECRET) -> str:
    """Sign a body as Meta does: what stands in the header `X-Hub-Signature-256`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def received(content: Item | bytes, *, secret: str = APP_SECRET) -> Received:
    """Make the request that brings a webhook, signed."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"x-hub-signature-256": sign(body, secret), "content-type": "application/json"}
    return Received(method="POST", url="https://gemeente.example.nl/whatsapp", headers=headers, body=body)
