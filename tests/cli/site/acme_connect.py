"""A plugin as a maker ships it, installed by putting this folder on the path. It does what its settings say."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from gemeente_connect.abilities import Finding, Outgoing, Plan
from gemeente_connect.contracts import (
    CaseSystemConnector,
    ChannelConnector,
    Connector,
    Cursor,
    Files,
    Findable,
    LocalPath,
    Page,
    Receipt,
    Refs,
    Settings,
    Steps,
    Unreadable,
)
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, TemporaryError
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect.models import Attachment, Conversation, Identity, Message, Participant
from gemeente_connect.testing.fakes import FakeReceiver

CANARY = "kanarie"  # everything that says something about a person holds it

RAW = f"{CANARY}\x1b[2J".encode()

FAILURES: Mapping[str, Exception] = {
    "config": ConfigError("the account is not known: correct `account`"),
    "auth": AuthError("the token was refused"),
    "temporary": TemporaryError("the other side is down", retry_after=90),
    "rejected": RejectedError("it will not take this"),
    "bug": ValueError(f"{CANARY} +31612345678"),
}


def fail(how: str | None) -> None:
    if how is not None:
        raise FAILURES[how]


class ChatSettings(Settings):
    account: str = "acme:gemeente"
    chats: int = 3
    first_day: date = date(2026, 1, 5)
    unreadable: int = 0
    fail_open: str | None = None
    fail_pages: str | None = None
    fail_reply: str | None = None


class Chat:
    kind = "acme"

    def __init__(self, settings: ChatSettings) -> None:
        fail(settings.fail_open)
        self.account = settings.account
        self._settings = settings

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        read = int(since or 0)
        first = datetime.combine(self._settings.first_day, datetime.min.time(), UTC)
        for number in range(read, self._settings.chats):
            sender = Participant(
                id=f"+316123456{number:02}",
                name=f"Jan {CANARY}",
                identities=(Identity(kind="phone", value=f"+316123456{number:02}"),),
            )
            message = Message(
                account=self.account,
                id=f"m{number}",
                thread=sender.id,
                sent_at=first + timedelta(days=20 * number, hours=12),
                direction="in",
                sender=sender,
                text=f"{CANARY}: mijn paspoort is kwijt",
            )
            yield Page(messages=(message,), thread_names={sender.id: f"chat {number}"}, cursor=Cursor(str(number + 1)))
        unreadable = [
            Unreadable(
                id=f"file{n}", reason=f"file {n} is empty", name=f"{CANARY}{n}.txt", raw=f"{CANARY}\x1b[2J".encode()
            )
            for n in range(self._settings.unreadable)
        ]
        yield Page(unreadable=tuple(unreadable), cursor=Cursor(str(max(read, self._settings.chats))))
        fail(self._settings.fail_pages)

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        raise NotImplementedError

    def draft(self, outgoing: Outgoing) -> Message:
        said = outgoing.said
        return Message(
            account=self.account,
            id=outgoing.key,
            thread=outgoing.thread,
            sent_at=outgoing.at,
            direction="out",
            sender=Participant(id="municipality", employee=True),
            kind="text" if isinstance(said, str) else "template",
            text=said if isinstance(said, str) else " ".join((said.name, said.language, *said.parameters)),
        )

    def reply(self, outgoing: Outgoing) -> str:
        fail(self._settings.fail_reply)
        with Path("sent.txt").open("a") as stream:
            stream.write(f"{self.draft(outgoing).text}\n")
        return f"sent-{outgoing.key}"

    def close(self) -> None: ...


class ZakenSettings(Settings):
    records: LocalPath
    """A line for every conversation that was delivered."""
    token: SecretStr = SecretStr("")
    findable: tuple[Findable, ...] = (Findable.YES,)
    """In turn."""
    fail_open: str | None = None
    fail_deliver: str | None = None
    wrong: str | None = None
    """A finding that is not well."""
    hang: bool = False


class Zaken:
    account = "acme-zaken:test"

    def __init__(self, settings: ZakenSettings) -> None:
        fail(settings.fail_open)
        self._settings = settings
        self._findable = itertools.cycle(settings.findable)

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        if self._settings.hang:
            self._settings.records.write_text("hangs\n")
            time.sleep(60)
        fail(self._settings.fail_deliver)
        with self._settings.records.open("a") as stream:
            stream.write(f"{conversation.id}\n")
        return Receipt(reference=conversation.id, findable=next(self._findable), checked_at=datetime.now(UTC))

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        return Plan(action="create", findable=next(self._findable))

    def check(self) -> Iterable[Finding]:
        yield Finding(ok=True, text="the token is accepted")
        if self._settings.wrong:
            yield Finding(ok=False, text=self._settings.wrong)

    def close(self) -> None: ...


class PostSettings(Settings): ...


class Post:
    """A case system that can do nothing but what it must."""

    account = "acme-post:test"

    def __init__(self, settings: PostSettings) -> None: ...

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        return Receipt(reference=None, findable=Findable.NOT_SHOWN, checked_at=datetime.now(UTC))

    def close(self) -> None: ...


class HooksSettings(Settings): ...


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    return [
        Connector(name="acme-chat", settings=ChatSettings, open=Chat),
        Connector(name="acme-hooks", settings=HooksSettings, open=lambda _: FakeReceiver()),
    ]


@hookimpl
def register_case_systems() -> Iterable[CaseSystemConnector]:
    return [
        Connector(name="acme-zaken", settings=ZakenSettings, open=Zaken),
        Connector(name="acme-post", settings=PostSettings, open=Post),
    ]
