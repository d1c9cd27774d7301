"""The channel: pages of messages out of a folder of exported chats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from gemeente_connect.abilities import Finding
from gemeente_connect.contracts import Cursor, Page, Unreadable
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect.models import Attachment, Change, Message
from gemeente_connect_whatsapp_export.cursor import Sketch, State, short
from gemeente_connect_whatsapp_export.decoding import Unsafe
from gemeente_connect_whatsapp_export.settings import ExportSettings
from gemeente_connect_whatsapp_export.sources import Export, Source, download, find, readable, unreadable

if TYPE_CHECKING:  # loaded once there is something to read
    from gemeente_connect_whatsapp_export.contacts import Contacts
    from gemeente_connect_whatsapp_export.people import Chat
    from gemeente_connect_whatsapp_export.reading import Reader, Row

PAGE = 500
"""How many messages make a page."""
_READING = 1  # raise it when files that were read before have to be read again by newer code


class ExportChannel:
    """Reads the exported chats of one municipal WhatsApp account."""

    kind = "whatsapp"

    def __init__(self, settings: ExportSettings) -> None:
        self.account = f"whatsapp-export:{settings.account.removeprefix('+')}"
        self._settings = settings
        self._path = settings.path.resolve()
        if isinstance(settings.chat, str) and self._path.is_dir():
            message = "chat: `path` is a folder, so write a table of threads by file name or name of the chat"
            raise ConfigError(message)

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield what stands in files that are new or have changed since the cursor (None: in all).

        Raises ConfigError for a missing file or folder, and, after everything else was yielded, for files whose dates
        can be read in two ways.
        """
        self.__dict__.pop("_contacts", None)  # the file may have changed since the last run
        sources = find(self._path)
        state = State(since, self._digest_of_settings())
        state.keep_only(source.name for source in sources)
        batch = _Batch(state)
        undecided: list[int] = []
        for source in sources:
            yield from self._file(source, batch, undecided, self._where(source, len(sources)))
        if batch:
            yield batch.page()
        if undecided:
            raise ConfigError(_ask(undecided, len(sources)))

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content of an attachment. Raises RejectedError when it is not there any more."""
        if attachment.source is None:
            message = "the attachment cannot be read: it did not come with the export"
            raise RejectedError(message)
        yield from download(self._root, attachment.source)

    def check(self) -> Iterator[Finding]:
        """Look at every file without reading messages from it, and at the contacts."""
        from gemeente_connect_whatsapp_export.headers import Undecided
        from gemeente_connect_whatsapp_export.survey import Unusable

        try:
            sources = find(self._path)
            contacts = self._contacts
        except ConfigError as error:
            yield Finding(ok=False, text=str(error))
            return
        yield Finding(ok=bool(sources), text=f"exported chats found in `path`: {len(sources)}")
        if self._settings.contacts:
            yield Finding(ok=bool(contacts), text=f"names found in `contacts`: {len(contacts)}")
        for source in sources:
            where = self._where(source, len(sources))
            try:
                with source.open() as export:
                    self._resolve(source, export)
            except Undecided:
                yield Finding(ok=False, text=_ask([source.number], len(sources)))
            except unreadable(Unusable) as error:
                yield Finding(ok=False, text=f"{where}: {_reason(error)}")

    def close(self) -> None:
        """Nothing stays open between pages."""

    @property
    def _root(self) -> Any:
        return self._path if self._path.is_dir() else self._path.parent

    @cached_property
    def _contacts(self) -> Contacts:
        from gemeente_connect_whatsapp_export.contacts import read_contacts

        path = self._settings.contacts
        return read_contacts(path, self._settings.region) if path else {}

    def _digest_of_settings(self) -> str:
        """Stand for everything but the files that decides what is read from them."""
        settings = self._settings.model_dump_json(exclude={"path", "contacts"})
        contacts = self._settings.contacts
        try:
            content = contacts.read_bytes() if contacts else b""
        except OSError:
            message = "contacts: the file cannot be opened; correct `contacts`"
            raise ConfigError(message) from None
        return hashlib.sha256(f"{_READING}{settings}".encode() + content).hexdigest()[:16]

    def _where(self, source: Source, total: int) -> str:
        return f"file {source.number} of {total} in `path`" if self._path.is_dir() else "the file in `path`"

    def _file(self, source: Source, batch: _Batch, undecided: list[int], where: str) -> Iterator[Page]:
        """Read a file, unless it was read before, into pages."""
        key = short(source.name)
        try:
            was, digest = _stamp(source), source.digest()
            if batch.state.is_read(source.name, digest):
                return
            key = digest[:32] if was[0] else short(source.name)  # all empty files have one content
        except OSError as error:
            batch.refuse(source, key, f"{where}: {_reason(error)}", None)
            return
        from gemeente_connect_whatsapp_export.headers import Undecided
        from gemeente_connect_whatsapp_export.survey import Unusable

        try:
            with source.open() as export:
                yield from self._chat(source, export, batch, was)
            batch.finish(source, digest)
        except Undecided:
            undecided.append(source.number)
            if self._path.is_dir():  # listed too: there its name can be looked up
                reason = f"{where}: its dates can be read as day/month and as month/day: set `date_order`"
                batch.refuse(source, key, reason, None)
        except unreadable(Unusable) as error:
            batch.refuse(source, key, f"{where}: {_reason(error)}", getattr(error, "name", None))

    def _chat(self, source: Source, export: Export, batch: _Batch, was: tuple[int, int]) -> Iterator[Page]:
        from gemeente_connect_whatsapp_export.people import Unresolved
        from gemeente_connect_whatsapp_export.reading import with_spots

        chat, reader = self._resolve(source, export)
        if _stamp(source) != was:
            message = (
                "it changed while it was looked at: it is read in the next run; move finished files only to `path`"
            )
            raise Unsafe(message)
        if chat.by_name and batch.state.stands_for_another(chat.name or "", chat.thread):
            message = "a chat of that name was read under another number before: when this file is of the number there is now, add it to `chat` by its file name, or skip it"  # noqa: E501
            raise Unresolved(message, chat.name)
        known = batch.state.sketch(chat.thread) if chat.by_name else set()
        if known and _is_another(reader().parts(export.text()), known):
            message = "it shares no message with what was read of a chat of that name before, so one of them may be somebody else's: see whose they are, and add this file to `chat` by its file name"  # noqa: E501
            raise Unresolved(message, chat.name)
        sketch = Sketch()
        for rows, changes in with_spots(reader().parts(export.text())):
            if chat.name:
                batch.names[chat.thread] = chat.name
            if chat.by_name:
                sketch.add(_telling(rows))
            batch.rows += rows
            batch.changes += changes
            while batch.full:
                yield batch.page()
        if chat.by_name:
            batch.state.keep_sketch(chat.name or "", chat.thread, sketch)

    def _resolve(self, source: Source, export: Export) -> tuple[Chat, Any]:
        """Look a chat through and find out whose it is. Gives also a maker of readers for it."""
        from zoneinfo import ZoneInfo

        from gemeente_connect_whatsapp_export.people import resolve
        from gemeente_connect_whatsapp_export.reading import Reader
        from gemeente_connect_whatsapp_export.survey import survey

        seen = survey(export.text(), self._settings.date_order)
        chat = resolve(seen, source.name, source.chat_name, self._settings, self._contacts)

        def reader() -> Reader:
            return Reader(
                survey=seen,
                account=self.account,
                thread=chat.thread,
                people=chat.people,
                zone=ZoneInfo(self._settings.timezone),
                end=self._settings.end,
                media=export.media,
            )

        return chat, reader


@dataclass
class _Batch:
    """What was read and is not yielded yet. Spans files, so that the cursor is not written for every small one."""

    state: State
    rows: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    readable: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    _finished: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows or self.changes or self.unreadable or self.readable or self._finished)

    @property
    def full(self) -> bool:
        return len(self.rows) + len(self.changes) >= PAGE

    def page(self) -> Page:
        """Take out one page."""
        rows, self.rows = self.rows[:PAGE], self.rows[PAGE:]
        threads = {row["thread"] for row in (*rows, *(change["message"] for change in self.changes))}
        page = Page(
            messages=_MESSAGES.validate_python(rows, extra="ignore"),  # looking for unknown fields takes a tenth
            changes=_CHANGES.validate_python(self.changes),
            unreadable=tuple(self.unreadable),
            readable=tuple(self.readable),
            thread_names={thread: name for thread, name in self.names.items() if thread in threads},
            cursor=self.state.cursor(),
        )
        self.changes, self.unreadable, self.readable, self._finished = [], [], [], False
        if not self.rows:
            self.names = {}
        return page

    def refuse(self, source: Source, key: str, reason: str, thread: str | None) -> None:
        """Hold a file for a person."""
        self._settle(source, key)
        self.state.refuse(source.name, key)
        self.unreadable.append(Unreadable(id=f"file-{key}", reason=reason, thread=thread, name=readable(source.name)))

    def finish(self, source: Source, digest: str) -> None:
        """Note that a file was read to its end."""
        self._settle(source, None)
        self.state.read(source.name, digest)
        self._finished = True

    def _settle(self, source: Source, key: str | None) -> None:
        """Say that what this file was held for before needs nobody any more."""
        before = self.state.refused(source.name)
        if before and before != key:
            self.readable.append(f"file-{before}")


_MESSAGES = TypeAdapter(tuple[Message, ...])
_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


def _stamp(source: Source) -> tuple[int, int]:
    told = source.path.stat()
    return told.st_size, told.st_mtime_ns


def _telling(rows: list[Row]) -> list[str]:
    """Give the ids by which a chat is known again: what the municipality wrote, it may have sent to many at once."""
    return [row["id"] for row in rows if row["direction"] == "in"]


def _is_another(parts: Any, known: set[str]) -> bool:
    """Tell whether there are messages of residents, and none of them is known."""
    some = False
    for part in parts:
        ids = _telling(part.rows)
        some = some or bool(ids)
        if any(each[:8] in known for each in ids):
            return False
    return some


def _reason(error: Exception) -> str:
    from gemeente_connect_whatsapp_export.survey import Unusable

    if isinstance(error, Unusable | Unsafe):
        return str(error)
    if isinstance(error, OSError):
        return f"it cannot be opened ({error.strerror or 'input/output error'}): see to the rights on the file"
    return "the zip is broken off or damaged: copy it again, or export the chat again"


def _ask(numbers: list[int], total: int) -> str:
    files = "the file in `path`" if total == 1 else f"{len(numbers)} of {total} files in `path` (file {_list(numbers)})"
    return (
        f"date_order: the dates of {files} can be read as day/month and as month/day: set `date_order` to 'dmy' (day "
        "first) or 'mdy' (month first), as the phone that made the export writes dates"
    )


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return f"{shown}, …" if len(numbers) > 5 else shown  # noqa: PLR2004 - enough to find them
