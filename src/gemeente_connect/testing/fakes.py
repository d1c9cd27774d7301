"""A channel and a case system in memory, that behave like real ones, and fail when they are told to."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pydantic import ValidationError

from gemeente_connect.abilities import Outgoing, Plan, Received
from gemeente_connect.contracts import Batch, Cursor, Files, Findable, Page, Receipt, Refs, Steps
from gemeente_connect.errors import RejectedError, TemporaryError
from gemeente_connect.models import Attachment, Conversation, Message, Participant, Turn
from gemeente_connect.testing.builders import ACCOUNT
from gemeente_connect.testing.effects import Crash, about_to

__all__ = ["ALWAYS", "Crash", "FakeCaseSystem", "FakeChannel", "FakeReceiver", "FakeReplyingChannel", "Record"]

ALWAYS = math.inf
"""For `FakeCaseSystem(down=ALWAYS)`: it takes nothing, however often it is asked."""


class FakeChannel:
    """A channel that reads from a list.

    Messages are put on pages of `page_size`. Before the page with the number `fail_at` (from 0) it raises `error`.
    `contents` has what can be downloaded, by the source of the attachment; `names` what people call the threads.
    """

    def __init__(
        self,
        items: Sequence[Message] | Sequence[Page] = (),
        *,
        account: str = ACCOUNT,
        kind: str = "whatsapp",
        page_size: int = 2,
        fail_at: int | None = None,
        error: BaseException | None = None,
        contents: Mapping[str, bytes] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.account = account
        self.kind = kind
        self.fail_at = fail_at
        self.error = error or TemporaryError("the channel is down")
        self.contents = dict(contents or {})
        self.names = dict(names or {})
        self.closed = False
        self._page_size = page_size
        self._pages: list[Page] = []
        self.add(*items)

    def add(self, *items: Message | Page) -> None:
        """Let more be read: pages as they are, messages on pages of their own."""
        self._pages += [item for item in items if isinstance(item, Page)]
        messages = [item for item in items if isinstance(item, Message)]
        for start in range(0, len(messages), self._page_size):
            part = tuple(messages[start : start + self._page_size])
            self._pages.append(Page(messages=part, thread_names=self.names, cursor=Cursor("")))

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield the pages after the cursor, which is a page number."""
        for number in range(int(since or 0), len(self._pages)):
            self._fail_at(number)
            yield self._pages[number].model_copy(update={"cursor": Cursor(str(number + 1))})
        self._fail_at(len(self._pages))

    def _fail_at(self, number: int) -> None:
        if number == self.fail_at:
            raise self.error

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content in two parts. Raises RejectedError where there is none."""
        content = self.contents.get(attachment.source or "")
        if content is None:
            message = "the attachment is gone"
            raise RejectedError(message)
        yield content[:1]
        yield content[1:]

    def close(self) -> None:
        """Do as a real one."""
        self.closed = True


class FakeReceiver(FakeChannel):
    """A channel that is pushed to: payloads are batches as JSON, signed with a secret over their bytes."""

    SECRET = b"geheim"

    def payload(self, *messages: Message, **more: object) -> Received:
        """Make what the other side sends, with its signature."""
        return self.signed(Batch.model_validate({"messages": messages} | more).model_dump_json().encode())

    def signed(self, body: bytes) -> Received:
        """Make a request of any body, with the right signature."""
        headers = {"x-signature": hmac.new(self.SECRET, body, hashlib.sha256).hexdigest()}
        return Received(method="POST", url="https://hooks.example.nl/webhooks/chat", headers=headers, body=body)

    def handshake(self, query: Mapping[str, str]) -> str:
        """Give back the challenge."""
        if query.get("token") != "fluister":
            message = "this is not our subscription"
            raise RejectedError(message)
        return query.get("challenge", "")

    def verify(self, received: Received) -> None:
        """See whether the signature is right."""
        signature = hmac.new(self.SECRET, received.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature.encode(), received.headers.get("x-signature", "").encode()):
            message = "the signature is wrong"
            raise RejectedError(message)

    def read(self, received: Received) -> Batch:
        """Read a batch."""
        try:
            return Batch.model_validate_json(received.body)
        except ValidationError:
            message = "this is no batch"
        raise RejectedError(message)


class FakeReplyingChannel(FakeChannel):
    """A channel in which residents can be answered within a day, with texts of at most `longest` characters.

    What was sent stands in `sent`, by the id that it was given. The next reply raises `refusal`, if that is set: before
    it is sent, or after it with `after`.
    """

    lands_within = timedelta(0)
    longest = 100
    answered_within = timedelta(days=1)

    def __init__(self, items: Sequence[Message] | Sequence[Page] = (), **settings: Any) -> None:
        super().__init__(items, **settings)
        self.sent: dict[str, Outgoing] = {}
        self.refusal: BaseException | None = None
        self.after = False

    def draft(self, outgoing: Outgoing) -> Message:
        """Make the message, and refuse it where the channel would."""
        said = outgoing.said
        if isinstance(said, str) and len(said) > self.longest:
            message = f"the text is longer than {self.longest} characters"
            raise RejectedError(message)
        if isinstance(said, str) and outgoing.at - outgoing.heard_at >= self.answered_within:
            message = "the resident last wrote more than 24 hours ago: send a template"
            raise RejectedError(message)
        return Message(
            account=self.account, id=outgoing.key, thread=outgoing.thread, sent_at=outgoing.at, direction="out",
            sender=Participant(id="municipality", employee=True),
            kind="text" if isinstance(said, str) else "template",
            text=said if isinstance(said, str) else "\n".join((f"({said.name})", *said.parameters)),
        )  # fmt: skip

    def reply(self, outgoing: Outgoing) -> str:
        """Send it."""
        about_to("request", "a reply through the fake")
        if not self.after:
            self._refuse()
        message_id = f"sent-{len(self.sent) + 1}"
        self.sent[message_id] = outgoing
        self._refuse()
        return message_id

    def _refuse(self) -> None:
        refusal, self.refusal = self.refusal, None
        if refusal:
            raise refusal


@dataclass(slots=True)
class Record:
    """What the fake case system keeps of a conversation."""

    reference: str
    external_id: str
    turns: dict[str, str] = field(default_factory=dict)
    """The texts by turn."""
    files: set[str] = field(default_factory=set)
    """The hashes of the attachments that it has."""


class FakeCaseSystem:
    """A case system that keeps records in memory, makes them through `steps`, and counts requests.

    `refuse` names conversations, or their threads, that a person has to look at. `down` is how many of the next
    conversations it cannot take (ALWAYS: none ever). `residents` are the addresses it knows residents by; None:
    every resident finds everything. With `unique` the other side itself refuses a second record of one conversation,
    as some do; without, a double shows in `made`. With `crash_at` the request with that number (from 1) crashes,
    just before the other side has done it, or just after it with `after`.
    """

    lands_within = timedelta(0)

    def __init__(
        self,
        *,
        account: str = "fake",
        refuse: Collection[str] = (),
        down: float = 0,
        residents: Collection[str] | None = None,
        unique: bool = False,
        crash_at: int | None = None,
        after: bool = False,
    ) -> None:
        self.account = account
        self.refuse = refuse
        self.down = down
        self.residents = residents
        self.unique = unique
        self.crash_at = crash_at
        self.after = after
        self.made: list[Record] = []
        self.requests = 0
        self.closed = False
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        """Make a record, or bring it up to date."""
        self._may_refuse(conversation)
        made = steps.once("record", lambda: self._make(conversation), lambda: self._find(conversation))
        record = next(record for record in self.made if record.reference == made["reference"])
        for turn in conversation.turns:
            steps.keep(f"turn/{turn.id}", _shown(turn), partial(self._put, record, turn))
        for attachment in _attachments(conversation):
            if attachment.sha256:
                with files.open(attachment.sha256) as content:
                    content.read()
                record.files.add(attachment.sha256)
        return Receipt(
            reference=record.reference,
            findable=self._findable(conversation),
            missing=tuple(f"attachment-{a.missing}" for a in _attachments(conversation) if a.missing),
            checked_at=datetime.now(UTC),
        )

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        """Say what `deliver` would do."""
        if conversation.id in self.refuse or conversation.thread in self.refuse:
            return Plan(action="refuse", findable=Findable.NOT_SHOWN)
        return Plan(action="update" if done else "create", findable=self._findable(conversation))

    def close(self) -> None:
        """Do as a real one."""
        self.closed = True

    def _may_refuse(self, conversation: Conversation) -> None:
        if self.down > 0:
            self.down -= 1
            message = "the case system is down"
            raise TemporaryError(message)
        if conversation.id in self.refuse or conversation.thread in self.refuse:
            message = "subject is too long"
            raise RejectedError(message)

    def _request(self, effect: Callable[[], None]) -> None:
        with self._lock:
            self.requests += 1
            about_to("request", f"request {self.requests} to the fake")
            crashes = self.requests == self.crash_at
            if not crashes or self.after:
                effect()
            if crashes:
                raise Crash

    def _make(self, conversation: Conversation) -> Refs:
        made = Record(f"R{next(self._numbers)}", conversation.id)
        self._request(lambda: self._add(made))
        return {"reference": made.reference}

    def _add(self, record: Record) -> None:
        if self.unique and any(known.external_id == record.external_id for known in self.made):
            message = "there is a record with this id"
            raise RejectedError(message)
        self.made.append(record)

    def _find(self, conversation: Conversation) -> Refs | None:
        found = [record for record in self.made if record.external_id == conversation.id]
        return {"reference": found[0].reference} if found else None

    def _put(self, record: Record, turn: Turn) -> None:
        self._request(lambda: record.turns.update({turn.id: _shown(turn)}))

    def _findable(self, conversation: Conversation) -> Findable:
        if not conversation.residents:
            return Findable.NO_QUESTION
        if self.residents is None:
            return Findable.YES
        known = {i.value for p in conversation.residents for i in p.identities} & set(self.residents)
        if not known:
            return Findable.NO_RESIDENT_KNOWN
        return Findable.YES if len(conversation.residents) == 1 else Findable.MORE_THAN_ONE_RESIDENT


def _shown(turn: Turn) -> str:
    return "\n".join(message.text for message in turn.messages)


def _attachments(conversation: Conversation) -> list[Attachment]:
    return [attachment for message in conversation.messages for attachment in message.attachments]
