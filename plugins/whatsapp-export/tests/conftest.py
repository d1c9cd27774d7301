"""A folder with exported chats, and the channel opened on it the way the configuration opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gemeente_connect.contracts import Channel, Cursor, Page, Unreadable
from gemeente_connect.models import Deleted, Edited, Message
from gemeente_connect_whatsapp_export.plugin import register_channels

OpenChannel = Callable[..., Channel]


class Read:
    """Everything that the pages of one run hold."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.pages = list(pages)
        self.messages: list[Message] = [m for page in self.pages for m in page.messages]
        self.changes: list[Edited | Deleted] = [
            c for page in self.pages for c in page.changes if isinstance(c, Edited | Deleted)
        ]
        self.unreadable: list[Unreadable] = [u for page in self.pages for u in page.unreadable]
        self.readable: list[str] = [key for page in self.pages for key in page.readable]

    @property
    def cursor(self) -> Cursor:
        return self.pages[-1].cursor

    @property
    def texts(self) -> list[str]:
        return [m.text for m in self.messages]

    @property
    def ids(self) -> set[str]:
        return {m.id for m in self.messages} | {c.message.id for c in self.changes}


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    folder = tmp_path / "chats"
    folder.mkdir()
    return folder


@pytest.fixture
def open_channel(chats: Path) -> OpenChannel:
    def opened(**values: object) -> Channel:
        (connector,) = register_channels()
        given = {"path": chats, "account": "+31 591 123456", "own_name": "Gemeente Voorbeeld", **values}
        return connector.connect(given)

    return opened


@pytest.fixture
def read(open_channel: OpenChannel) -> Callable[..., Read]:
    def run(since: Cursor | None = None, **values: object) -> Read:
        return Read(open_channel(**values).pages(since))

    return run


@pytest.fixture
def read_one(chats: Path, read: Callable[..., Read]) -> Callable[..., Read]:
    """Read one text as a chat with +31612345678."""

    def run(text: str | bytes, **values: object) -> Read:
        path = chats / "chat.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(**{"path": path, "chat": "+31612345678", **values})

    return run
