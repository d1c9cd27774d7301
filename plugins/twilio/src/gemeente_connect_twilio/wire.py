"""What Twilio answers, as far as it is used. What is not named here is let pass."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gemeente_connect.contracts import Unreadable
from gemeente_connect.timestamps import parse_timestamp

Raw = dict[str, Any]
"""A thing on a page, before it is looked at: one that cannot be read stops no other."""


class Wire(BaseModel):
    """The base of what is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


def _moment(value: object) -> object:
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        message = "a time is written as text"
        raise ValueError(message)  # noqa: TRY004 - pydantic makes a validation error of it
    return parse_timestamp(value)


def _whole(value: object) -> object:
    """Put halves of an emoji together, as of an SMS that was cut in it; one that stays alone cannot be stored."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_whole)]
"""What somebody wrote."""
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
"""RFC 2822 in the one API, ISO 8601 in the other."""
MessageSid = Annotated[str, Field(pattern="^(SM|MM)[0-9a-fA-F]{32}$")]
MediaSid = Annotated[str, Field(pattern="^ME[0-9a-fA-F]{32}$")]
ChatSid = Annotated[str, Field(pattern="^CH[0-9a-fA-F]{32}$")]
ServiceSid = Annotated[str, Field(pattern="^IS[0-9a-fA-F]{32}$")]
Address = Annotated[str, Field(min_length=1)]

# ---- Messages --------------------------------------------------------------------------------------------------------


class MessageRow(Wire):
    """A message, of either direction."""

    sid: MessageSid
    direction: str
    status: str
    date_created: Moment
    sender: Annotated[Address, Field(alias="from")]
    to: Address
    body: Text | None = None
    num_media: Annotated[int | None, Field(ge=0, le=100)] = None
    date_sent: Moment | None = None
    date_updated: Moment | None = None

    @property
    def at(self) -> datetime:
        """When it was sent."""
        return self.date_sent or self.date_created


class MessageRows(Wire):
    """A page of messages, newest first."""

    messages: list[Raw]
    next_page_uri: str | None


class MediaRow(Wire):
    """A file of a message."""

    sid: MediaSid
    content_type: str | None = None


class MediaRows(Wire):
    """The files of a message."""

    media_list: list[Raw]


# ---- Conversations ---------------------------------------------------------------------------------------------------


class Meta(Wire):
    """Where a page stands."""

    next_page_url: str | None


class Chat(Wire):
    """A conversation."""

    sid: ChatSid
    state: str
    chat_service_sid: ServiceSid
    date_created: Moment
    date_updated: Moment | None = None
    friendly_name: Text | None = None
    timers: dict[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """What differs when something happened in it. A message also puts off its timers, where it has them."""
        parts = self.state, str(self.date_updated), json.dumps(self.timers, sort_keys=True)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()


class Listed(Wire):
    """A page of something."""

    meta: Meta


class Chats(Listed):
    """A page of conversations."""

    conversations: list[Raw]


class Binding(Wire):
    """How a participant writes from outside."""

    type: str | None = None
    address: str | None = None
    proxy_address: str | None = None


class ChatParticipant(Wire):
    """Somebody in a conversation."""

    sid: str
    identity: str | None = None
    messaging_binding: Binding | None = None


class ChatParticipants(Listed):
    """A page of participants."""

    participants: list[Raw]


class ChatMedia(Wire):
    """A file of a message in a conversation."""

    sid: MediaSid
    content_type: str | None = None
    filename: Text | None = None
    size: Annotated[int | None, Field(ge=0)] = None


Share = Literal["none", "some", "all"]


class Delivery(Wire):
    """To how many of those outside a message got."""

    sent: Share = "none"
    delivered: Share = "none"
    read: Share = "none"
    failed: Share = "none"
    undelivered: Share = "none"


class ChatMessage(Wire):
    """A message in a conversation."""

    sid: Annotated[str, Field(pattern="^IM[0-9a-fA-F]{32}$")]
    index: int
    date_created: Moment
    author: str | None = None
    participant_sid: str | None = None
    body: Text | None = None
    media: list[ChatMedia] | None = None
    delivery: Delivery | None = None


class ChatMessages(Listed):
    """A page of messages."""

    messages: list[Raw]


class StoredMedia(Wire):
    """Where a file of a conversation can be had, for a short time."""

    links: dict[str, str | None]


# ---- what cannot be read ---------------------------------------------------------------------------------------------


def unreadable(raw: Mapping[str, object], error: ValidationError, what: str) -> Unreadable:
    """Keep a thing that is not as expected, with the names of the fields that are wrong."""
    body = json.dumps(raw).encode()
    sid = str(raw.get("sid"))
    known = re.fullmatch(r"[A-Z]{2}[0-9a-fA-F]{32}", sid, re.ASCII)
    return Unreadable(
        id=sid if known else f"{what} {hashlib.blake2b(body, digest_size=12).hexdigest()}",
        reason=f"Twilio gave a {what} that is not as expected: {wrong(error)}",
        raw=body,
    )


def wrong(error: ValidationError) -> str:
    """Name the fields that are wrong, and what is wrong with each."""
    problems = error.errors(include_input=False, include_context=False, include_url=False)
    return ", ".join(f"{'.'.join(map(str, each['loc']))} ({each['type']})" for each in problems[:5])
