"""What a message says and what became of it, in the words of gemeente_connect."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gemeente_connect.models import Attachment, MessageKind, Status
from gemeente_connect_twilio.wire import Delivery

NO_TEXT: Final = "Bericht zonder tekst, zoals een locatie"
"""Stands for what Twilio shows nothing of: the list of messages has no place for a location."""
DELETED: Final = "Dit bericht is verwijderd"
NOT_SENT: Final = frozenset({"accepted", "scheduled", "queued", "sending", "canceled"})
"""What the municipality has not sent, or not yet."""
STATUSES: Final[dict[str, Status]] = {
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
}
"""What became of a message of the municipality."""


def shown(body: str | None, attachments: Collection[Attachment]) -> tuple[MessageKind, str]:
    """Give the kind of a message and its text."""
    for attachment in attachments:
        return kind_of(attachment.media_type), body or ""
    return ("text", body) if body and body.strip() else ("unsupported", NO_TEXT)


def kind_of(media_type: str | None) -> MessageKind:
    """Give the kind of message that a file of this type makes."""
    media_type = (media_type or "").partition(";")[0].strip().lower()
    if media_type == "image/webp":
        return "sticker"
    if media_type in {"text/vcard", "text/x-vcard"}:
        return "contact"
    kinds: dict[str, MessageKind] = {"image": "image", "video": "video", "audio": "audio"}
    return kinds.get(media_type.partition("/")[0], "document")


def outcome(delivery: Delivery | None) -> Status | None:
    """Say what became of a message that may have gone to several people: what holds for all of them."""
    if delivery is None:
        return None
    if "all" in {delivery.failed, delivery.undelivered}:
        return "failed"
    if delivery.read == "all":
        return "read"
    if delivery.delivered == "all":
        return "delivered"
    return "sent" if delivery.sent != "none" else None
