"""A channel and a case system for the loopback API, written against the public contracts as a vendor would."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from gemeente_connect.contracts import (
    CaseSystem,
    CaseSystemConnector,
    Channel,
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
from gemeente_connect.http import ApiSession, read
from gemeente_connect.models import Attachment, Conversation, Identity, Participant, Turn

if TYPE_CHECKING:
    from concurrent.futures import Future  # not loaded where one page follows the other

T = TypeVar("T")
U = TypeVar("U")
ACCOUNT = "chat:bench"


# ---- wire formats ----------------------------------------------------------------------------------------------------


class Wire(BaseModel):
    model_config = ConfigDict(defer_build=True)  # only what is read is built


class Sender(Wire):
    id: str
    name: str
    email: str | None


class Post(Wire):
    id: str
    chat: str
    sent_at: AwareDatetime
    direction: Literal["in", "out"]
    sender: Sender
    type: Literal["text"]
    text: str


class Posts(Wire):
    messages: list[Post]
    next: str = ""
    more: bool = False


class Chats(Wire):
    chats: list[str]
    next: str
    more: bool


class Numbered(Wire):
    pages: int


class Made(Wire):
    id: str


# ---- the channel -----------------------------------------------------------------------------------------------------


class ChatSettings(Settings):
    url: str
    walk: Literal["cursor", "numbered", "chats"] = "cursor"
    """How to read: page after page, pages by number, or one request a conversation."""
    workers: int = 1
    """Requests at the same time, where the walk allows it."""


class Chat:
    """Reads the API. A page is yielded when all before it were: workers never let the cursor run ahead."""

    kind = "chat"
    account = ACCOUNT

    def __init__(self, settings: ChatSettings) -> None:
        self._api = ApiSession(settings.url, pool_maxsize=settings.workers)
        self._workers = settings.workers
        self.pages: Callable[[Cursor | None], Iterator[Page]] = {
            "cursor": self._by_cursor,
            "numbered": self._by_number,
            "chats": self._by_chat,
        }[settings.walk]

    def _by_cursor(self, since: Cursor | None) -> Iterator[Page]:
        more, after = True, since or Cursor("0")
        while more:
            answer = read(self._api.get("messages", params={"after": after}), Posts)
            more, after = answer.more, Cursor(answer.next)
            if answer.messages:
                yield _page(answer, after)

    def _by_number(self, since: Cursor | None) -> Iterator[Page]:
        last = read(self._api.get("numbered"), Numbered).pages
        for number, body in in_order(self._numbered, range(int(since or 0), last), self._workers):
            yield _page(body(), Cursor(str(number + 1)))

    def _by_chat(self, since: Cursor | None) -> Iterator[Page]:
        chats = enumerate(self._chats(since or Cursor("0")), start=int(since or 0))
        for (number, _), body in in_order(self._one_chat, chats, self._workers):
            yield _page(body(), Cursor(str(number + 1)))

    def _chats(self, after: Cursor) -> Iterator[str]:
        more = True
        while more:
            answer = read(self._api.get("chats", params={"after": after}), Chats)
            more, after = answer.more, Cursor(answer.next)
            yield from answer.chats

    def _numbered(self, number: int) -> Callable[[], Posts]:
        return partial(read, self._api.get("numbered", params={"page": number}), Posts)

    def _one_chat(self, chat: tuple[int, str]) -> Callable[[], Posts]:
        return partial(read, self._api.get(f"chats/{chat[1]}"), Posts)

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        message = "there are no attachments"
        raise RejectedError(message)

    def close(self) -> None:
        self._api.close()


def in_order(do: Callable[[T], U], items: Iterable[T], workers: int) -> Iterator[tuple[T, U]]:
    """Do it for several items at once, and yield each with its outcome in the order of the items.

    At most a few outcomes wait to be taken, however many items there are.
    """
    from concurrent.futures import ThreadPoolExecutor

    waiting: deque[tuple[T, Future[U]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append((item, pool.submit(do, item)))
            if len(waiting) > 2 * workers:
                first, outcome = waiting.popleft()
                yield first, outcome.result()
        for first, outcome in waiting:
            yield first, outcome.result()


def _page(posts: Posts, cursor: Cursor) -> Page:
    return Page.model_validate({"messages": list(map(_message, posts.messages)), "cursor": cursor})


def _message(post: Post) -> dict[str, object]:
    """Give the fields of a message: a page makes its messages all at once."""
    return {
        "account": ACCOUNT,
        "id": post.id,
        "thread": post.chat,
        "sent_at": post.sent_at,
        "direction": post.direction,
        "sender": _participant(post.sender.id, post.sender.name, post.sender.email),
        "kind": post.type,
        "text": post.text,
    }


@lru_cache(maxsize=1000)  # somebody writes more than one message
def _participant(key: str, name: str, email: str | None) -> Participant:
    identities = (Identity(kind="email", value=email),) if email else ()
    return Participant(id=key, name=name, identities=identities, employee=email is None)


# ---- the case system -------------------------------------------------------------------------------------------------


class DeskSettings(Settings):
    url: str
    connections: int = 1
    """Conversations that are delivered at the same time."""
    side_by_side: int = 1
    """Requests of one conversation at the same time, after the first."""


class Desk:
    """Makes a record for a conversation, and one for each of its turns."""

    account = "desk:bench"

    def __init__(self, settings: DeskSettings) -> None:
        from concurrent.futures import ThreadPoolExecutor

        together = settings.connections * settings.side_by_side
        self._api = ApiSession(settings.url, pool_maxsize=together)
        self._pool = ThreadPoolExecutor(together) if settings.side_by_side > 1 else None

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        record = steps.once("record", lambda: self._make("records", record_body(conversation)), _nothing)["id"]
        each = self._pool.map if self._pool else map
        for _ in each(lambda turn: self._turn(record, turn, steps), conversation.turns):
            pass
        return Receipt(reference=record, findable=Findable.YES, checked_at=datetime.now(UTC))

    def _turn(self, record: str, turn: Turn, steps: Steps) -> None:
        steps.once(f"turn/{turn.id}", lambda: self._make("turns", turn_body(record, turn)), _nothing)

    def _make(self, path: str, body: object) -> Refs:
        return {"id": read(self._api.post(path, body), Made).id}

    def close(self) -> None:
        self._api.close()
        if self._pool:
            self._pool.shutdown()


def record_body(conversation: Conversation) -> object:
    return {"number": conversation.id, "channel": conversation.channel, "subject": conversation.messages[0].text[:80]}


def turn_body(record: str, turn: Turn) -> object:
    text = "\n".join(message.text for message in turn.messages)
    return {"record": record, "direction": turn.direction, "at": turn.messages[0].sent_at.isoformat(), "text": text}


def _nothing() -> None:
    """Find nothing: no step is in doubt here."""


# ---- the plugin ------------------------------------------------------------------------------------------------------


def open_chat(settings: ChatSettings) -> Channel:
    return Chat(settings)


def open_desk(settings: DeskSettings) -> CaseSystem:
    return Desk(settings)


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    return [Connector(name="bench-chat", settings=ChatSettings, open=open_chat)]


@hookimpl
def register_case_systems() -> Iterable[CaseSystemConnector]:
    return [Connector(name="bench-desk", settings=DeskSettings, open=open_desk)]
