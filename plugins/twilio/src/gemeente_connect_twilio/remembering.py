"""What `twilio-conversations` remembers: each open conversation, and where it was in the middle of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from pydantic import ConfigDict, Field

from gemeente_connect_twilio.cursors import Remembered
from gemeente_connect_twilio.wire import Chat, Wire


class Known(NamedTuple):
    """What is known of a conversation: about 60 bytes in the cursor."""

    fingerprint: str
    """As it was listed when it was read."""
    last: int
    """The highest index that was read; -1: none was."""
    ours: bool
    """It was seen to be of our number, and stays so when its participants leave."""
    closed: date | None
    """The day on which it was made, once it is closed; None: it is open."""


class Reading(Wire):
    """The conversation that is being read, a page at a time."""

    chat: Chat
    link: str | None = None
    """To the page to go on with; None: the first one."""
    down_to: int | None = None
    """Read from the newest back to this index; None: from the oldest."""
    index: int = -1
    """The highest index so far."""

    def nameless(self) -> Reading:
        """Leave out what people call the conversation, which may be somebody's name: a cursor holds none."""
        return self.model_copy(update={"chat": self.chat.model_copy(update={"friendly_name": None})})

    def is_done(self, indexes: Collection[int]) -> bool:
        """Tell whether nothing is left to read after a page with these indexes."""
        if self.link is None:
            return True
        return bool(indexes) and self.down_to is not None and min(indexes) <= self.down_to


class State(Remembered):
    """The cursor, taken apart. Unlike other models here it changes, for it may hold thousands of conversations."""

    model_config = ConfigDict(frozen=False)

    known: dict[str, Known] = Field(default_factory=dict)
    """By SID, without its `CH`."""
    reading: Reading | None = None
    day: date | None = None
    """Closed conversations that were made from this day on are listed; None: all."""
    next_day: date | None = None
    """What `day` becomes when the closed ones were all listed."""
    link: str | None = None
    """To the page of closed conversations to go on with; None: the first one."""

    def of(self, chat: Chat) -> Known | None:
        """Give what is known of a conversation."""
        return self.known.get(chat.sid[2:])

    def keep(self, chat: Chat, index: int, *, ours: bool) -> None:
        """Note that a conversation was read as it was listed."""
        closed = chat.date_created.date() if chat.state == "closed" else None
        self.known[chat.sid[2:]] = Known(chat.fingerprint, index, ours, closed)

    def doubt(self, sid: object) -> None:
        """Note that what is known of a conversation may be old: it is read again once that can be done."""
        key = str(sid)[2:]
        if key in self.known:
            self.known[key] = self.known[key]._replace(fingerprint="")

    def open_but(self, seen: set[str]) -> list[str]:
        """Give the SIDs of conversations that were open and are not among those seen."""
        return [f"CH{key}" for key, known in self.known.items() if known.closed is None and f"CH{key}" not in seen]

    def forget(self, sid: str) -> None:
        """Forget a conversation that is not there any more."""
        self.known.pop(sid[2:], None)

    def forget_closed(self) -> None:
        """Forget closed conversations that the next run will not list."""
        day = self.next_day or self.day
        self.known = {
            key: known for key, known in self.known.items() if not (day and known.closed and known.closed < day)
        }
