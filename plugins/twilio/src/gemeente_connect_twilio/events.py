"""What Twilio pushes of conversations.

A message that was added is not read from here: the form does not say of which number the conversation is, and the next
run reads it anyway. A message that was removed is in no list any more, so of that the form is the only word.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, ValidationError

from gemeente_connect.abilities import Received
from gemeente_connect.contracts import Batch
from gemeente_connect.models import Deleted, Message, StatusChanged
from gemeente_connect_twilio.chats import writer
from gemeente_connect_twilio.contents import DELETED, STATUSES
from gemeente_connect_twilio.webhooks import Line, form_of
from gemeente_connect_twilio.wire import ChatSid, Moment, Wire, unreadable


class _Event(Wire):
    event: Annotated[str, Field(alias="EventType")]


class _Removed(Wire):
    sid: Annotated[str, Field(alias="MessageSid", pattern="^IM[0-9a-fA-F]{32}$")]
    chat: Annotated[ChatSid, Field(alias="ConversationSid")]
    index: Annotated[int, Field(alias="Index")]
    created: Annotated[Moment, Field(alias="DateCreated")]
    author: Annotated[str, Field(alias="Author")] = ""


class _Delivered(Wire):
    sid: Annotated[str, Field(alias="MessageSid", pattern="^IM[0-9a-fA-F]{32}$")]
    status: Annotated[str, Field(alias="Status")]


def read_event(received: Received, line: Line) -> Batch:
    """Read a form of Twilio's Conversations. Raises RejectedError when it is none."""
    form = form_of(received)
    at = received.received_at or datetime.now(UTC)
    try:
        event = _Event.model_validate(form).event
        if event == "onMessageRemoved":
            return Batch(changes=(_removed(_Removed.model_validate(form), line, at),))
        if event == "onDeliveryUpdated":
            return _delivered(_Delivered.model_validate(form), line, at)
    except ValidationError as error:
        return Batch(unreadable=(unreadable({"sid": form.get("MessageSid"), **form}, error, "webhook"),))
    return Batch()


def _removed(event: _Removed, line: Line, at: datetime) -> Deleted:
    sender, inbound = writer(event.author, None, line.number)
    message = Message(
        account=line.account,
        id=event.sid,
        thread=event.chat,
        conversation=event.chat,
        sent_at=event.created,
        position=event.index,
        direction="in" if inbound else "out",
        sender=sender,
        text=DELETED,
    )
    return Deleted(message=message, target=event.sid, at=at)


def _delivered(event: _Delivered, line: Line, at: datetime) -> Batch:
    status = STATUSES.get(event.status)
    if status is None:
        return Batch()
    return Batch(changes=(StatusChanged(account=line.account, target=event.sid, status=status, at=at),))
