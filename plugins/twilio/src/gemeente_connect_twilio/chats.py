"""Messages of a conversation, and who takes part in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gemeente_connect.models import Attachment, Message, Participant
from gemeente_connect_twilio.contents import outcome, shown
from gemeente_connect_twilio.people import WHATSAPP, bare, employee, is_address, municipality, resident
from gemeente_connect_twilio.webhooks import Line
from gemeente_connect_twilio.wire import Chat, ChatMessage, ChatParticipant

SYSTEM: Final = "system"


def is_of(people: Iterable[ChatParticipant], number: str) -> bool:
    """Tell whether somebody writes in it through this number."""
    bindings = [each.messaging_binding for each in people if each.messaging_binding]
    return any(each.proxy_address == number for each in bindings)


def writer(author: str | None, participant: ChatParticipant | None, number: str) -> tuple[Participant, bool]:
    """Say who wrote a message, and whether that is somebody from outside."""
    binding = participant.messaging_binding if participant else None
    if participant and participant.identity is None and binding and binding.address:
        return resident(binding.address), True
    author = (participant.identity if participant else None) or author or SYSTEM
    if not is_address(author):
        return employee(author), False
    if bare(author) == bare(number):
        return municipality(number), False
    # a bare number stands for the channel of the conversation
    prefix = WHATSAPP if number.startswith(WHATSAPP) else ""
    return resident(prefix + bare(author)), True


def message_of(row: ChatMessage, chat: Chat, people: Mapping[str, ChatParticipant], line: Line) -> Message:
    """Read a message."""
    sender, inbound = writer(row.author, people.get(row.participant_sid or ""), line.number)
    attachments = tuple(
        Attachment(
            name=each.filename,
            source=f"Services/{chat.chat_service_sid}/Media/{each.sid}",
            media_type=each.content_type,
            size=each.size,
        )
        for each in row.media or ()
    )
    kind, text = shown(row.body, attachments)
    return Message(
        account=line.account,
        id=row.sid,
        thread=chat.sid,
        conversation=chat.sid,
        sent_at=row.date_created,
        position=row.index,
        direction="in" if inbound else "out",
        sender=sender,
        kind=kind,
        text=text,
        attachments=attachments,
        status=None if inbound else outcome(row.delivery),
    )
