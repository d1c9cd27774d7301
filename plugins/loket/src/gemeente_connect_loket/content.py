"""What a resident sees of a conversation: its subject, its turns, and what of it cannot be shown.

Pure functions from the models to the rows of the database. Notes between employees are left out here, so they never
reach the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

from gemeente_connect.conversations import title
from gemeente_connect.models import Attachment, Conversation, Message, Turn
from gemeente_connect.residents import Claim, claim
from gemeente_connect_loket.store import as_text, maybe_text

SUBJECT_LENGTH: Final = 80
FORM: Final = "2:"
"""How every digest begins. Counts up when the rows change, so that every record is written again."""

_LABELS: Final = {
    "whatsapp": "WhatsApp",
    "email": "E-mail",
    "telefoon": "Telefoon",
    "post": "Post",
    "balie": "Balie",
    "sms": "Sms",
    "facebook": "Facebook",
    "messenger": "Messenger",
    "instagram": "Instagram",
    "x": "X",
    "chat": "Chat",
    "webformulier": "Webformulier",
}

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Content:
    """The rows of one record, each without the number of the record."""

    channel: str
    subject: str
    answered: bool
    started_at: str | None
    last_at: str | None
    claim: Claim
    turns: list[Row]
    """Position, id, direction."""
    messages: list[Row]
    """Turn, position, id, sent_at, kind, text, edited, deleted."""
    attachments: list[Row]
    """Turn, message, position, name, media type, size, sha256, missing."""

    @cached_property
    def claimed(self) -> Row:
        """The claim the way the file has it: residents, addresses, first in, last in, first, last."""
        who = self.claim
        return (
            who.residents,
            who.addresses,
            *map(maybe_text, (who.first_in, who.last_in)),
            self.started_at,
            self.last_at,
        )

    @cached_property
    def digest(self) -> str:
        """Changes whenever something changes that is shown, or that decides who sees it."""
        rows = json.dumps(_SHOWN(self))
        return FORM + hashlib.blake2b(rows.encode(), digest_size=16).hexdigest()

    @cached_property
    def files(self) -> set[str]:
        """The digests of the attachments that are to be copied."""
        return {row[6] for row in self.attachments if row[6]}

    @property
    def missing(self) -> tuple[str, ...]:
        """What the record cannot show, in closed terms."""
        return tuple(sorted({f"attachment-{row[7]}" for row in self.attachments if row[7]}))


_SHOWN: Final = attrgetter(*("claimed" if field.name == "claim" else field.name for field in fields(Content)))


def content(conversation: Conversation, *, lost: frozenset[str] = frozenset()) -> Content:
    """Take from a conversation what a resident sees.

    `lost`: digests of attachments whose content is announced but cannot be read now.
    """
    turns = shown(conversation)
    messages = [message for turn in turns for message in turn.messages]
    who = claim(messages)
    label = channel_label(conversation.channel)
    return Content(
        channel=conversation.channel,
        subject=title(turns, conversation.subject, SUBJECT_LENGTH) or f"Vraag via {label}",
        answered=bool(turns) and turns[-1].direction == "out",
        started_at=maybe_text(who.first),
        last_at=maybe_text(who.last),
        claim=who,
        turns=[(number, turn.id, turn.direction) for number, turn in enumerate(turns)],
        messages=[
            _message_row(number, position, message)
            for number, turn in enumerate(turns)
            for position, message in enumerate(turn.messages)
        ],
        attachments=list(_attachment_rows(turns, lost)),
    )


def shown(conversation: Conversation) -> list[Turn]:
    """Leave out the notes between employees."""
    return [turn for turn in conversation.turns if not turn.internal]


def channel_label(channel: str) -> str:
    """Name a channel the way residents know it."""
    return _LABELS.get(channel, channel[:1].upper() + channel[1:])


def _message_row(turn: int, position: int, message: Message) -> Row:
    m = vars(message)  # several times as fast as a field of a model
    deleted = m["deleted_at"] is not None
    text = "" if deleted else m["text"]
    edited = m["edited_at"] is not None and not deleted
    return turn, position, m["id"], as_text(m["sent_at"]), m["kind"], text, int(edited), int(deleted)


def _attachment_rows(turns: Iterable[Turn], lost: frozenset[str]) -> Iterator[Row]:
    for number, turn in enumerate(turns):
        for position, message in enumerate(turn.messages):
            attachments = message.attachments
            if attachments and message.deleted_at is None:
                for ordinal, attachment in enumerate(attachments):
                    yield number, position, ordinal, *_attachment_row(attachment, lost)


def _attachment_row(attachment: Attachment, lost: frozenset[str]) -> Row:
    sha256 = None if attachment.sha256 in lost else attachment.sha256
    missing = None if sha256 else "failed" if attachment.sha256 else attachment.missing or "not-yet"
    return attachment.name, attachment.media_type, attachment.size, sha256, missing
