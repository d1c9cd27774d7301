"""One run over the conversations: those that are open, those that were and are closed now, and those made meanwhile.

Twilio lists conversations by when they were made, and tells of what happened in them only by `date_updated`. So all
that are open are listed in each run, and those that differ from what is remembered are read. They are listed in the
order in which a conversation moves, active before inactive before closed: one that moves meanwhile is met again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from pydantic import ValidationError

from gemeente_connect.contracts import Cursor, Page, Unreadable
from gemeente_connect.errors import RejectedError
from gemeente_connect.http import ApiSession, StatusError, read
from gemeente_connect.models import Message
from gemeente_connect_twilio.chats import is_of, message_of
from gemeente_connect_twilio.lists import follow
from gemeente_connect_twilio.remembering import Reading, State
from gemeente_connect_twilio.settings import ConversationsSettings
from gemeente_connect_twilio.webhooks import Line
from gemeente_connect_twilio.wire import (
    Chat,
    ChatMessage,
    ChatMessages,
    ChatParticipant,
    ChatParticipants,
    Chats,
    Listed,
    Raw,
    unreadable,
)

AGAIN: Final = 50
"""Messages before the last one that are looked at again, for edits and for what became of them."""
_ENOUGH: Final = 100  # messages that are stored at once
_BACK: Final = timedelta(days=1)
_GONE: Final = 404
T = TypeVar("T")


class Run:
    """Reads what is new, and yields it in pages."""

    def __init__(self, api: ApiSession, settings: ConversationsSettings, line: Line, since: Cursor | None) -> None:
        self._api = api
        self._settings = settings
        self._line = line
        self._root = f"v1/Services/{settings.service}/Conversations" if settings.service else "v1/Conversations"
        self._state = State.read(since)
        self._written = since
        self._messages: list[Message] = []
        self._unreadable: list[Unreadable] = []
        self._readable: list[str] = []
        self._names: dict[str, str] = {}
        self._seen: set[str] = set()
        self._latest: datetime | None = None

    def pages(self) -> Iterator[Page]:
        """Read all there is to read."""
        state = self._state
        if state.reading:
            yield from self._read(state.reading)
        for word in ("active", "inactive"):
            for chats, _ in self._lists({"State": word}):
                yield from self._look_at(chats)
        for sid in state.open_but(self._seen):
            yield from self._look_at([chat for chat in [self._one(sid)] if chat])
        if state.link:
            yield from self._closed()  # what an earlier run was killed in; after it comes what was closed meanwhile
        yield from self._closed()
        yield from self._page()

    def _closed(self) -> Iterator[Page]:
        """Look at those that were made and closed since the last run, or at all in the first one."""
        state = self._state
        if state.link is None:
            state.next_day = self._next_day()
        params = {"State": "closed"} | ({"StartDate": state.day.isoformat()} if state.day else {})
        for chats, link in self._lists(params, state.link):
            yield from self._look_at(chats)
            state.link = link
            state.forget_closed()
        state.day, state.next_day = state.next_day or self._next_day(), None
        state.forget_closed()

    def _next_day(self) -> date | None:
        """Give the day before the last thing that was seen to happen: what is made from now on is not older."""
        latest = (self._latest.astimezone(UTC) - _BACK).date() if self._latest else None
        return max((day for day in (self._state.day, latest) if day), default=None)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _lists(self, params: Mapping[str, str], kept: str | None = None) -> Iterator[tuple[list[Chat], str | None]]:
        """Give a list of conversations, page by page, with the link to the next page."""
        for answer, _ in follow(partial(self._get, Chats, self._root, params), _link_of, kept):
            yield list(self._chats(answer)), _link_of(answer)

    def _chats(self, answer: Chats) -> Iterator[Chat]:
        for raw in answer.conversations:
            self._seen.add(str(raw.get("sid")))
            chat = self._chat(raw)
            if chat:
                self._latest = max(filter(None, (self._latest, chat.date_updated, chat.date_created)))
                yield chat

    def _chat(self, raw: Raw) -> Chat | None:
        try:
            return Chat.model_validate(raw)
        except ValidationError as error:
            self._unreadable.append(unreadable(raw, error, "conversation"))
        self._state.doubt(raw.get("sid"))
        return None

    def _one(self, sid: str) -> Chat | None:
        """Ask for a conversation that is not listed any more. None: it was removed, or cannot be read."""
        try:
            return self._chat(read(self._api.get(f"{self._root}/{sid}"), Raw))
        except StatusError as error:
            if error.status != _GONE:
                raise
            self._state.forget(sid)
        except RejectedError as error:
            self._unreadable.append(Unreadable(id=sid, reason=str(error)))
        return None

    def _get(self, shape: type[T], path: str, params: Mapping[str, str], link: str | None) -> T:
        if link:
            return read(self._api.get(link), shape)
        return read(self._api.get(path, params={**params, "PageSize": self._settings.page_size}), shape)

    def _people(self, sid: str) -> tuple[dict[str, ChatParticipant], bool]:
        """Give who takes part, and whether that is all of them: who cannot be read costs nobody else."""
        ask = partial(self._get, ChatParticipants, f"{self._root}/{sid}/Participants", {})
        people: dict[str, ChatParticipant] = {}
        whole = True
        for raw in (each for answer, _ in follow(ask, _link_of) for each in answer.participants):
            try:
                participant = ChatParticipant.model_validate(raw)
            except ValidationError as error:
                self._unreadable.append(unreadable(raw, error, "participant"))
                whole = False
                continue
            people[participant.sid] = participant
        self._readable += people
        return people, whole

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _look_at(self, chats: list[Chat]) -> Iterator[Page]:
        for chat in chats:
            known = self._state.of(chat)
            always = self._settings.every_conversation and chat.state != "closed"
            if known and known.fingerprint == chat.fingerprint and not always:
                continue
            down_to = known.last - AGAIN if known and known.last >= 0 else None
            yield from self._read(Reading(chat=chat, down_to=down_to, index=known.last if known else -1))

    def _read(self, reading: Reading) -> Iterator[Page]:
        """Read a conversation, or let go of it where it was removed meanwhile."""
        try:
            yield from self._read_on(reading)
        except StatusError as error:
            if error.status != _GONE:
                raise
            self._state.reading = None
            self._state.forget(reading.chat.sid)
        except RejectedError as error:
            self._put_off(reading, str(error))

    def _put_off(self, reading: Reading, reason: str) -> None:
        """Go on without a conversation whose lists cannot be read, and read it again when they can be."""
        chat, known = reading.chat, self._state.of(reading.chat)
        self._unreadable.append(Unreadable(id=chat.sid, reason=reason, thread=chat.sid))
        self._state.reading = None
        ours = bool((known and known.ours) or reading.link)
        self._state.keep(chat, known.last if known else -1, ours=ours)
        self._state.doubt(chat.sid)

    def _read_on(self, reading: Reading) -> Iterator[Page]:
        """Read a conversation: from its beginning, or back from its end when it was read before.

        Twilio can begin nowhere else, so that going on from the last index would mean reading all again each time.
        """
        chat, state = reading.chat, self._state
        people, whole = self._people(chat.sid)
        known = state.of(chat)
        if not ((known and known.ours) or reading.link or is_of(people.values(), self._line.number)):
            state.keep(chat, -1, ours=False)
            if not whole:  # the one who makes it ours may be the one who cannot be read
                state.doubt(chat.sid)
            return
        self._readable.append(chat.sid)
        if chat.friendly_name:
            self._names[chat.sid] = chat.friendly_name
        order = {"Order": "asc" if reading.down_to is None else "desc"}
        ask = partial(self._get, ChatMessages, f"{self._root}/{chat.sid}/Messages", order)
        for answer, _ in follow(ask, _link_of, reading.link):
            indexes = self._take(answer, chat, people)
            reading = reading.model_copy(update={"link": _link_of(answer), "index": max([reading.index, *indexes])})
            if reading.is_done(indexes):
                break
            state.reading = reading.nameless()
            yield from self._page(at_least=_ENOUGH)
        state.reading = None
        state.keep(chat, reading.index, ours=True)
        yield from self._page(at_least=_ENOUGH)

    def _take(self, answer: ChatMessages, chat: Chat, people: dict[str, ChatParticipant]) -> list[int]:
        indexes = []
        for raw in answer.messages:
            try:
                row = ChatMessage.model_validate(raw)
                indexes.append(row.index)
                self._messages.append(message_of(row, chat, people, self._line))
                self._readable.append(row.sid)
            except ValidationError as error:
                self._unreadable.append(unreadable(raw, error, "message"))
        return indexes

    def _page(self, *, at_least: int = 0) -> Iterator[Page]:
        """Yield what was gathered, with where to go on, where it is that much."""
        if len(self._messages) < at_least:
            return
        cursor = self._state.cursor()
        if self._messages or self._unreadable or cursor != self._written:
            page = Page(
                messages=tuple(self._messages),
                unreadable=tuple(self._unreadable),
                readable=tuple(self._readable),
                thread_names=self._names,
                cursor=cursor,
            )
            self._messages, self._unreadable, self._readable, self._names = [], [], [], {}
            self._written = cursor
            yield page


def _link_of(page: Listed) -> str | None:
    return page.meta.next_page_url
