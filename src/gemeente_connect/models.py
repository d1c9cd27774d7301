"""Conversations and messages as plain, frozen data.

What a model can refuse, no plugin can get wrong: unknown fields, empty ids, times without a zone, messages out of
order. Validation errors and `repr` never show a personal value.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter, le
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gemeente_connect.privacy import Personal, pseudonym

NonEmpty = Annotated[str, Field(min_length=1)]
Text = Annotated[str, Field(max_length=10_000_000)]
"""What somebody wrote or named, of any length that makes sense."""
Direction = Literal["in", "out"]
"""`in`: written by a resident; `out`: written on behalf of the municipality."""
MessageKind = Literal[
    "text", "image", "video", "audio", "sticker", "document", "location", "contact", "call", "poll", "view-once",
    "order", "template", "system", "unsupported",
]  # fmt: skip
IdentityKind = Literal["phone", "email", "whatsapp", "messenger", "instagram", "x", "postal", "bsn", "kvk"]
Status = Literal["sent", "delivered", "read", "played", "failed"]
Missing = Literal["omitted", "absent", "expired", "too-large", "failed"]
"""Why an attachment has no content: left out by the source, named but not there, no longer to be had, over the cap,
or not fetched yet after an error."""


_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Model(BaseModel):
    """What every model here shares: frozen, no unknown fields, and silent about personal data."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
        str_min_length=0,  # any bound makes sure that a text can be stored: half an emoji (a lone surrogate) cannot
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        fields = type(self).model_fields
        for name, value in super().__repr_args__():
            mark = next((m for m in fields[name].metadata if isinstance(m, Personal)), None) if name in fields else None
            yield name, pseudonym(value, mark.kind) if mark and value is not None else value


class Identity(Model):
    """One address under which somebody is known: a telephone number, an e-mail address, a BSN.

    An address is no proof of who somebody is until it is verified, and it may belong to somebody else later.
    """

    kind: IdentityKind
    value: Annotated[str, Field(min_length=1), Personal("address")]
    """A telephone number in E.164 (`+31612345678`), an e-mail address in lower case, else as its source has it."""
    verified_at: AwareDatetime | None = None
    """When it was proved that the address is this person's; None: never."""
    valid_from: AwareDatetime | None = None
    """From when it ties this person to messages; None: from its verification."""
    valid_until: AwareDatetime | None = None
    """Until when (not included); None: still."""

    @field_validator("value")
    @classmethod
    def _has_the_form_of_its_kind(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind == "phone" and not _E164.fullmatch(value):
            msg = "a phone identity is written in E.164, like +31612345678"
            raise ValueError(msg)
        if kind == "email" and ("@" not in value or value != value.lower()):
            msg = "an email identity is an address in lower case"
            raise ValueError(msg)
        return value


class Participant(Model):
    """Somebody who takes part in a thread, on either side."""

    id: Annotated[str, Field(min_length=1), Personal("address")]
    """What tells this participant from the others of the thread, and stays the same from one collect to the next."""
    name: Annotated[Text | None, Personal("name")] = None
    identities: tuple[Identity, ...] = ()
    employee: bool = False
    """True for whoever writes on behalf of the municipality."""


class Attachment(Model):
    """A file that came with a message, or the mention of one."""

    name: Annotated[Text | None, Personal("file")] = None
    source: Annotated[Text | None, Personal("file")] = None
    """What the channel needs to download it; None: the channel cannot give it."""
    media_type: str | None = None
    """Such as `image/jpeg`. Judged from the content once that is kept; before, what the channel says."""
    size: int | None = None
    """Length of the content in bytes; None: not kept, and the channel does not tell."""
    sha256: str | None = None
    """Lower-case hex digest of the content, under which the attachment store keeps it; None: not kept."""
    missing: Missing | None = None
    """Why there is no content; None: it is kept, or still to be fetched."""


class Message(Model):
    """One message, or one line by the channel itself (`kind="system"`, without sender and direction)."""

    account: NonEmpty
    """The account of the channel it came through, such as `whatsapp:31591123456`."""
    id: NonEmpty
    """Unique within the account, for ever."""
    thread: Annotated[str, Field(min_length=1), Personal("address")]
    """What the channel puts together: a chat, a mail thread, a telephone number."""
    sent_at: AwareDatetime
    position: int = 0
    """Order among messages of the same time."""
    direction: Direction | None = None
    """None: a line by the channel itself, and nothing else. A page refuses a message whose direction was forgotten."""
    sender: Participant | None = None
    kind: MessageKind = "text"
    text: Annotated[Text, Personal("text")] = ""
    """Always readable, also for a location or a kind this library does not know."""
    attachments: tuple[Attachment, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other exact ids of the same message: a provider's, a Message-ID."""
    conversation: str | None = None
    """The channel's own id of the conversation; None: the channel knows none, a quiet gap decides."""
    reply_to: str | None = None
    edited_at: AwareDatetime | None = None
    """When it was edited, or first seen edited where the source does not tell; None: never."""
    deleted_at: AwareDatetime | None = None
    """When it was deleted by its sender, or first seen deleted; None: never."""
    status: Status | None = None
    internal: bool = False
    """A note between employees: never shown to a resident."""


in_order = attrgetter("sent_at", "position")
"""Sort key: the order of messages is `(sent_at, position)`."""


class Turn(Model):
    """Consecutive messages of one side: what a case system records as one question or one answer."""

    id: NonEmpty
    """The id of its first message when it was first delivered. Never changes afterwards."""
    direction: Direction
    internal: bool = False
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]

    @field_validator("messages")
    @classmethod
    def _is_of_one_side_and_in_order(cls, messages: tuple[Message, ...], info: ValidationInfo) -> tuple[Message, ...]:
        side = info.data.get("direction"), info.data.get("internal")
        for message in messages:
            if (message.direction, message.internal) != side:
                msg = "the messages of a turn are of one side"
                raise ValueError(msg)
        _refuse_disorder(messages, "the messages of a turn")
        return messages


class Reference(Model):
    """Something outside the conversation that it is about."""

    kind: Literal["zaak", "product", "other"]
    value: NonEmpty


class Conversation(Model):
    """What a resident and the municipality said about one thing: the unit that is delivered and found."""

    id: NonEmpty
    channel: NonEmpty
    """The kind of channel as residents know it: `whatsapp`, `email`, `telefoon`."""
    account: NonEmpty
    thread: Annotated[str, Field(min_length=1), Personal("address")]
    subject: Annotated[Text | None, Personal("text")] = None
    """None: the source has none; a case system may take the first sentence."""
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    references: tuple[Reference, ...] = ()

    @field_validator("turns")
    @classmethod
    def _is_in_order_without_doubles(cls, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        _refuse_disorder([turn.messages[0] for turn in turns], "the turns")
        ids = [message.id for turn in turns for message in turn.messages]
        if len(set(ids)) < len(ids):
            msg = "a message stands in a conversation once"
            raise ValueError(msg)
        return turns

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """All messages of all turns, oldest first."""
        return tuple(sorted((m for turn in self.turns for m in turn.messages), key=in_order))

    @cached_property
    def participants(self) -> tuple[Participant, ...]:
        """Everybody who wrote, in order of appearance, as they were when they wrote last."""
        return tuple({m.sender.id: m.sender for m in self.messages if m.sender}.values())

    @property
    def residents(self) -> tuple[Participant, ...]:
        """Those who wrote and are not the municipality."""
        return tuple(p for p in self.participants if not p.employee)


def _refuse_disorder(messages: Sequence[Message], what: str) -> None:
    times = list(map(in_order, messages))
    if not all(map(le, times, times[1:])):
        msg = f"{what} stand oldest first"
        raise ValueError(msg)


class Spot(Model):
    """Where a message stands, for sources without ids: somebody's message within a minute."""

    minute: AwareDatetime
    """The start of the minute."""
    sender: Annotated[str, Field(min_length=1), Personal("address")]
    """The id of the participant who wrote it."""
    besides: frozenset[str] = frozenset()
    """Ids of messages that stand there unchanged, and so cannot be the one that is meant."""


class Edited(Model):
    """A message was changed by its sender. Carries the message as it reads now."""

    change: Literal["edited"] = "edited"
    message: Message
    target: str | Spot
    """The id of the message that was changed, or where it stands. The id of `message` becomes an alias of it."""
    at: AwareDatetime | None = None
    """When; None: the source does not tell."""


class Deleted(Model):
    """A message was deleted by its sender. Carries what stands in its place."""

    change: Literal["deleted"] = "deleted"
    message: Message
    target: str | Spot
    at: AwareDatetime | None = None


class Reacted(Model):
    """Somebody put an emoji under a message; an empty one takes it away."""

    change: Literal["reacted"] = "reacted"
    account: NonEmpty
    target: NonEmpty
    sender: Participant
    emoji: str
    at: AwareDatetime


class StatusChanged(Model):
    """A message was sent, delivered, read, or failed. A status never goes down."""

    change: Literal["status"] = "status"
    account: NonEmpty
    target: NonEmpty
    status: Status
    at: AwareDatetime
    reply: str | None = None
    """The key of the reply that the message was sent as, where the channel gives it back: then it was sent."""


class IdentityChanged(Model):
    """A participant goes on under another identity. It links the two, and overwrites neither."""

    change: Literal["identity"] = "identity"
    account: NonEmpty
    thread: Annotated[str, Field(min_length=1), Personal("address")]
    participant: Participant
    identity: Identity
    at: AwareDatetime


Change = Annotated[Edited | Deleted | Reacted | StatusChanged | IdentityChanged, Field(discriminator="change")]


def json_schema() -> str:
    """Describe the models as JSON Schema (2020-12), the way they are published for other languages."""
    from pydantic.json_schema import models_json_schema  # only who publishes needs it

    published: list[type[BaseModel]] = [Conversation, Message, Edited, Deleted, Reacted, StatusChanged, IdentityChanged]
    _, schema = models_json_schema([(model, "validation") for model in published], title="gemeente_connect models")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False)
