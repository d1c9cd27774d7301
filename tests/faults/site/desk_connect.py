"""A channel and a case system that speak HTTP, the way a maker would write them on what the library offers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, SecretStr

from gemeente_connect.contracts import (
    CaseSystemConnector,
    ChannelConnector,
    Connector,
    Cursor,
    Files,
    Findable,
    Page,
    Receipt,
    Refs,
    Settings,
    Steps,
)
from gemeente_connect.errors import RejectedError
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect.http import ApiSession, StatusError, read
from gemeente_connect.models import Attachment, Conversation, Deleted, Edited, Identity, Message, Participant, Turn

T = TypeVar("T")
LIMIT = 10_000_000


class DeskSettings(Settings):
    base_url: str
    token: SecretStr = SecretStr("een geheim teken")
    timeout: float = 5
    enforces_key: bool = False
    """The other side takes a second record of one conversation for a mistake."""


def _session(settings: DeskSettings) -> ApiSession:
    headers = {"Authorization": SecretStr(f"Token {settings.token.get_secret_value()}")}
    waits = settings.timeout, settings.timeout
    return ApiSession(settings.base_url, headers=headers, timeout=waits, backoff=0.001)


class Results(BaseModel):
    """A page of rows."""

    next: str | None
    results: list[dict[str, Any]]


# ---- the channel -----------------------------------------------------------------------------------------------------


class Post(BaseModel):
    """One row of the channel: a message, or what became of one."""

    number: int
    key: str
    chat: str
    sent_at: AwareDatetime
    sender: str
    by_desk: bool = False
    text: str = ""
    file: str | None = None
    what: Literal["said", "edited", "deleted"] = "said"
    target: str = ""


class DeskChat:
    """Reads posts in the order in which they came; the cursor is the number of the last."""

    kind = "webchat"

    def __init__(self, settings: DeskSettings) -> None:
        self.account = "desk-chat:gemeente"
        self._session = _session(settings)

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        link: str | None = f"posts?since={since or 0}"
        while link:
            page = read(self._session.get(link), Results)
            posts = [Post.model_validate(row, extra="ignore") for row in page.results]
            if posts:
                yield self._page(posts)
            link = page.next

    def _page(self, posts: list[Post]) -> Page:
        return Page(
            messages=tuple(self._message(post) for post in posts if post.what == "said"),
            changes=tuple(
                (Edited if post.what == "edited" else Deleted)(
                    message=self._message(post), target=post.target, at=post.sent_at
                )
                for post in posts
                if post.what != "said"
            ),
            cursor=Cursor(str(posts[-1].number)),
        )

    def _message(self, post: Post) -> Message:
        identities = () if post.by_desk else (Identity(kind="email", value=post.sender),)
        return Message(
            account=self.account,
            id=post.key,
            thread=post.chat,
            sent_at=post.sent_at,
            direction="out" if post.by_desk else "in",
            sender=Participant(id=post.sender, identities=identities, employee=post.by_desk),
            text=post.text,
            attachments=(Attachment(name=post.file, source=post.file),) if post.file else (),
        )

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        yield from self._session.download(f"files/{attachment.source}", limit=LIMIT)

    def close(self) -> None:
        self._session.close()


# ---- the case system -------------------------------------------------------------------------------------------------


class Desk:
    """Makes a record for each conversation, a row for each turn, and one for each attachment."""

    def __init__(self, settings: DeskSettings) -> None:
        self.account = "desk:gemeente"
        self._session = _session(settings)

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        desk = self._once(steps, "desk", "employees", {"external_id": "desk"}, shared=True)
        record = self._once(steps, "record", "records", {"external_id": conversation.id, "employee": desk})
        missing = set()
        for turn in conversation.turns:
            key = f"{conversation.id}/{turn.id}"
            fields = {"external_id": key, "record": record, "direction": turn.direction, "text": ""}
            made = self._once(steps, f"turn/{turn.id}", "turns", fields)
            text = _text(turn)
            steps.keep(f"text/{turn.id}", _digest(text), partial(self._change, "turns", made, text=text))
            for message in turn.messages:
                for number, attachment in enumerate(message.attachments):
                    missing |= self._attach(steps, files, made, f"{key}/{message.id}/{number}", attachment)
        resident, findable = self._resident(conversation)
        steps.keep("resident", str(resident), partial(self._change, "records", record, resident=resident))
        return Receipt(
            reference=record, findable=findable, missing=tuple(sorted(missing)), checked_at=datetime.now(UTC)
        )

    def _attach(self, steps: Steps, files: Files, turn: str, key: str, attachment: Attachment) -> set[str]:
        if not attachment.sha256 or attachment.sha256 not in files:
            return {f"attachment-{attachment.missing or 'not-yet'}"}
        with files.open(attachment.sha256) as stored:
            content = base64.b64encode(stored.read()).decode()
        fields = {"external_id": key, "turn": turn, "name": attachment.name, "content": content}
        self._once(steps, f"file/{key}", "attachments", fields)
        return set()

    def _resident(self, conversation: Conversation) -> tuple[str | None, Findable]:
        if len(conversation.residents) != 1:
            nobody = Findable.MORE_THAN_ONE_RESIDENT if conversation.residents else Findable.NO_QUESTION
            return None, nobody
        address = conversation.residents[0].id
        found = self._rows("residents", address=address)
        return (found[0]["bsn"], Findable.YES) if found else (None, Findable.NO_RESIDENT_KNOWN)

    def _once(
        self, steps: Steps, name: str, collection: str, fields: Mapping[str, object], *, shared: bool = False
    ) -> str:
        def make() -> Refs:
            try:
                return {"id": read(self._session.post(collection, fields), dict[str, Any])["id"]}
            except StatusError as error:
                made = find() if ("external_id", "unique") in error.problems else None  # an earlier request landed
                if made:
                    return made
                raise

        def find() -> Refs | None:
            found = self._rows(collection, external_id=fields["external_id"])
            return {"id": found[0]["id"]} if found else None

        return steps.once(name, make, find, shared=shared)["id"]

    def _rows(self, collection: str, **query: object) -> list[dict[str, Any]]:
        return read(self._session.get(collection, params=query), Results).results  # type: ignore[arg-type] # texts

    def _change(self, collection: str, key: str, **fields: object) -> None:
        try:
            self._session.patch(f"{collection}/{key}", fields)
        except StatusError as error:
            if error.status != 404:
                raise
            message = "its record was removed from the desk: make sure that this was meant, then drop this"
            raise RejectedError(message) from None

    def close(self) -> None:
        self._session.close()


class KeyedDesk(Desk):
    """A desk that enforces its key, so that a step in doubt need not wait."""

    lands_within = timedelta(0)


def _text(turn: Turn) -> str:
    return "\n".join("(verwijderd)" if message.deleted_at else message.text for message in turn.messages)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def open_desk(settings: DeskSettings) -> Desk:
    return KeyedDesk(settings) if settings.enforces_key else Desk(settings)


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    return [Connector(name="desk-chat", settings=DeskSettings, open=DeskChat)]


@hookimpl
def register_case_systems() -> Iterable[CaseSystemConnector]:
    return [Connector(name="desk", settings=DeskSettings, open=open_desk)]
