"""The channel `twilio-messages`: what one number sent and received, from Twilio's list of messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final

from pydantic import ValidationError

from gemeente_connect.abilities import Finding, Received
from gemeente_connect.contracts import Batch, Cursor, Page, Unreadable
from gemeente_connect.errors import RejectedError
from gemeente_connect.http import ApiSession, StatusError, read
from gemeente_connect.models import Attachment, Message
from gemeente_connect_twilio.checking import check_messages
from gemeente_connect_twilio.contents import NOT_SENT, STATUSES, shown
from gemeente_connect_twilio.lists import follow
from gemeente_connect_twilio.people import bare, municipality, resident
from gemeente_connect_twilio.settings import MessagesSettings
from gemeente_connect_twilio.walking import WAYS, State, Walk, Way
from gemeente_connect_twilio.webhooks import Line, no_handshake, read_form, verify
from gemeente_connect_twilio.wire import MediaRow, MediaRows, MessageRow, MessageRows, Raw, unreadable

LARGEST: Final = 100 * 1024 * 1024  # bytes of a file: what WhatsApp allows
_SOURCE: Final = re.compile(r"Messages/(SM|MM)[0-9a-fA-F]{32}/Media/ME[0-9a-fA-F]{32}", re.ASCII)
_GONE: Final = 404


class MessagesChannel:
    """Reads the messages of one number, and is told of them by webhook."""

    def __init__(self, settings: MessagesSettings) -> None:
        self.account = settings.named("twilio-messages")
        self.kind: str = settings.kind
        self._settings = settings
        self._line = Line(self.account, settings.number)
        self._root = f"2010-04-01/Accounts/{settings.account_sid}"
        self._api = ApiSession(settings.url, auth=settings.auth)

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()

    # ---- what was sent and received ----------------------------------------------------------------------------------

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield what is new since the cursor, and what became of the messages of the last days."""
        state, written = State.read(since), since
        ways = [way for way in WAYS for _ in range(2 if state.walk(way).next else 1)]  # then also what came meanwhile
        for way in ways:
            for walk, batch in self._walk(way, state.walk(way)):
                state = state.with_walk(way, walk)
                if batch.messages or batch.unreadable or state.cursor() != written:
                    written = state.cursor()
                    yield Page(cursor=written, **dict(batch))

    def _walk(self, way: Way, walk: Walk) -> Iterator[tuple[Walk, Batch]]:
        """Read a list to its end, and give what each page holds with where to go on after it."""
        for answer, is_first in follow(partial(self._ask, way, walk.day), _link_of, walk.next):
            walk, batch = self._take(answer, walk.from_its_start() if is_first else walk)
            yield walk, batch

    def _ask(self, way: Way, day: date | None, link: str | None) -> MessageRows:
        if link:
            return read(self._api.get(link), MessageRows)
        params: dict[str, str | int] = {way: self._settings.number, "PageSize": self._settings.page_size}
        if day:
            params["DateSent>"] = day.isoformat()
        return read(self._api.get(f"{self._root}/Messages.json", params=params), MessageRows)

    def _take(self, answer: MessageRows, walk: Walk) -> tuple[Walk, Batch]:
        rows: list[MessageRow] = []
        wrong: list[Unreadable] = []
        for raw in answer.messages:
            try:
                rows.append(MessageRow.model_validate(raw))
            except ValidationError as error:
                wrong.append(unreadable(raw, error, "message"))
        walk = walk.noting(rows, timedelta(days=self._settings.overlap_days))
        messages: list[Message] = []
        for row in rows:
            walk = walk.past(row)
            if self._is_ours(row) and not walk.is_known(row):
                messages += self._messages(row, walk.position, wrong)
        messages.reverse()
        readable = tuple(_ids(messages)) if walk.day else ()  # in the first walk none was refused
        batch = Batch(messages=tuple(messages), unreadable=tuple(wrong), readable=readable)
        return (walk.not_all() if wrong else walk).after(answer.next_page_uri), batch

    def _is_ours(self, row: MessageRow) -> bool:
        """Tell whether it came in at this number, or was sent from it: of one between two numbers there are two."""
        if row.direction == "inbound":
            return row.to == self._settings.number
        return row.sender == self._settings.number and row.status not in NOT_SENT

    def _messages(self, row: MessageRow, position: int, wrong: list[Unreadable]) -> Iterator[Message]:
        """Give the message of a row; none where it cannot be read, and then it is added to what is wrong."""
        try:
            yield self._message(row, position, wrong)
        except ValidationError as error:
            wrong.append(unreadable(_raw(row), error, "message"))
        except RejectedError as error:  # of its files; a refusal of the request may be about all of them
            if isinstance(error, StatusError):
                raise
            wrong.append(Unreadable(id=row.sid, reason=str(error), raw=json.dumps(_raw(row)).encode()))

    def _message(self, row: MessageRow, position: int, wrong: list[Unreadable]) -> Message:
        inbound = row.direction == "inbound"
        attachments = self._attachments(row, wrong)
        kind, text = shown(row.body, attachments)
        return Message(
            account=self.account,
            id=row.sid,
            thread=bare(row.sender if inbound else row.to),
            sent_at=row.at,
            position=position,
            direction="in" if inbound else "out",
            sender=resident(row.sender) if inbound else municipality(row.sender),
            kind=kind,
            text=text,
            attachments=attachments,
            status=None if inbound else STATUSES.get(row.status),
        )

    # ---- files -------------------------------------------------------------------------------------------------------

    def _attachments(self, row: MessageRow, wrong: list[Unreadable]) -> tuple[Attachment, ...]:
        """List the files of a message, in the order of their SIDs: the webhook names them in another one."""
        count = row.num_media or 0
        if not count:
            return ()
        kept = [_attachment(row, raw, wrong) for raw in self._media_of(row)]
        return (*kept, *[Attachment(missing="expired")] * (count - len(kept)))

    def _media_of(self, row: MessageRow) -> list[Raw]:
        try:
            answer = self._api.get(f"{self._root}/Messages/{row.sid}/Media.json", params={"PageSize": 100})
        except StatusError as error:
            if error.status != _GONE:
                raise
            return []
        return sorted(read(answer, MediaRows).media_list, key=lambda raw: str(raw.get("sid")))

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content of a file. RejectedError: it was deleted, or is somewhere it should not be."""
        source = attachment.source or ""
        if not _SOURCE.fullmatch(source):
            message = "this is no file of a message at Twilio"
            raise RejectedError(message)
        yield from self._api.download(f"{self._root}/{source}", limit=LARGEST, hosts=self._settings.media_hosts)

    # ---- what is pushed ----------------------------------------------------------------------------------------------

    def handshake(self, query: Mapping[str, str]) -> str:
        """Refuse: Twilio asks no question before it pushes."""
        return no_handshake()

    def verify(self, received: Received) -> None:
        """See whether Twilio signed it."""
        verify(received, self._settings.auth_token)

    def read(self, received: Received) -> Batch:
        """Read a message that came in, or what became of one that was sent."""
        return read_form(received, self._line)

    def check(self) -> Iterator[Finding]:
        """Ask for one message in each direction."""
        return check_messages(self._api, self._settings)


def _raw(row: MessageRow) -> Raw:
    return row.model_dump(mode="json", by_alias=True)


def _ids(messages: list[Message]) -> Iterator[str]:
    """Give the SIDs of messages and of their files."""
    for message in messages:
        yield message.id
        yield from (each.source.rpartition("/")[2] for each in message.attachments if each.source)


def _attachment(row: MessageRow, raw: Raw, wrong: list[Unreadable]) -> Attachment:
    """Name a file. One that cannot be read keeps its place, for when it can be."""
    try:
        media = MediaRow.model_validate(raw)
    except ValidationError as error:
        if not re.fullmatch("ME[0-9a-fA-F]{32}", str(raw.get("sid"))):
            raise  # its place among the files is not known: the message waits
        wrong.append(unreadable(raw, error, "file"))
        return Attachment(missing="failed")
    return Attachment(source=f"Messages/{row.sid}/Media/{media.sid}", media_type=media.content_type)


def _link_of(page: MessageRows) -> str | None:
    return page.next_page_uri
