"""Any size of page, any interruption and any order of things gives the messages that one calm run gives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from plugins.twilio.tests.conftest import connect, read

from gemeente_connect import Ledger
from gemeente_connect.contracts import Channel, Cursor, Page
from gemeente_connect.models import Message
from gemeente_connect_twilio.testing import RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import START

PEOPLE = [RESIDENT, "whatsapp:+31612345679"]
NAMES = ["twilio-messages", "twilio-conversations"]

_seconds = st.integers(0, 3 * 24 * 60 * 60) | st.integers(0, 3)  # days apart, or in one second
_writing = st.tuples(_seconds, st.sampled_from(PEOPLE), st.booleans(), st.booleans())
_stops = st.lists(st.integers(1, 3), max_size=20)


def _fill(twilio: TwilioServer, writings: list[tuple[int, str, bool, bool]]) -> None:
    chats: dict[str, str] = {}
    for number, (second, who, inbound, photo) in enumerate(sorted(writings)):
        at = START + timedelta(seconds=second)
        media = [("image/jpeg", b"\xff\xd8\xff\xe0" + bytes([number]))] if photo else []
        if inbound:
            twilio.messages.receive(f"Bericht {number}", sender=who, at=at, media=media)
        else:
            twilio.messages.send(f"Bericht {number}", to=who, at=at, media=media)
        chat = chats.setdefault(who, "") or twilio.chats.open(resident=who, employees=["jan@example.nl"], at=at)
        chats[who] = chat
        twilio.chats.say(chat, who if inbound else "jan@example.nl", f"Bericht {number}", at=at, skip=second % 2)
        if second % 7 == 0:
            twilio.chats.move(chat, "closed")
            chats[who] = ""


def _in_parts(open_: Callable[[], Channel], stops: list[int]) -> Iterator[Page]:
    """Read as one run after another does, each killed after some pages, and the last one not."""
    since: Cursor | None = None
    for stop in stops:
        for page in islice(open_().pages(since), stop):
            yield page
            since = page.cursor
    yield from open_().pages(since)


def _by_id(pages: Iterator[Page] | list[Page]) -> dict[str, Message]:
    return {message.id: message for page in pages for message in page.messages}


@given(st.lists(_writing, max_size=25), st.integers(1, 7), _stops)
@settings(max_examples=80)
def test_any_size_of_page_and_any_interruption_gives_the_same_messages(
    writings: list[tuple[int, str, bool, bool]], size: int, stops: list[int]
) -> None:
    with TwilioServer() as twilio:
        _fill(twilio, writings)
        for name in NAMES:
            calm = _by_id(read(connect(name, twilio)))
            assert sorted(m.text for m in calm.values()) == sorted(f"Bericht {n}" for n in range(len(writings)))
            assert _by_id(_in_parts(lambda name=name: connect(name, twilio, page_size=size), stops)) == calm  # type: ignore[misc]


_events = st.lists(
    st.tuples(
        st.sampled_from(["in", "out", "move", "redact", "close", "collect"]), st.integers(0, 5), st.integers(1, 3)
    ),
    max_size=30,
)


class _World:
    """An account at Twilio where things happen, and a ledger that is filled by runs that may be killed."""

    def __init__(self, twilio: TwilioServer, name: str, folder: Path) -> None:
        self.twilio = twilio
        self.name = name
        self.path = folder / f"{name}.sqlite"
        self.said: list[str] = []
        self.chat = ""

    def happen(self, what: str, which: int, pages: int) -> None:
        twilio = self.twilio
        if what in {"in", "out"}:
            text = f"Bericht {len(self.said)}"
            self.said.append(text)
            self.chat = self.chat or twilio.chats.open(employees=["jan@example.nl"])
            twilio.chats.say(self.chat, RESIDENT if what == "in" else "jan@example.nl", text)
            twilio.messages.receive(text) if what == "in" else twilio.messages.send(text, status="queued")
        elif what == "collect":
            self.collect(pages)
        elif what == "close" and self.chat:
            twilio.chats.move(self.chat, "closed")
            self.chat = ""
        elif what == "move":
            sent = [row["sid"] for row in twilio.messages.rows if row["direction"] != "inbound"]
            for key in sent[-1 - which :][:1]:
                twilio.messages.move(key, ["sent", "delivered", "read"][which % 3])

    def collect(self, pages: int | None = None) -> None:
        channel = connect(self.name, self.twilio, page_size=2)
        with Ledger(self.path) as ledger:
            since = ledger.cursor(channel.account)
            for page in islice(channel.pages(since), pages):
                ledger.store(channel.account, channel.kind, page, after=since)
                since = page.cursor

    def kept(self) -> list[tuple[Any, ...]]:
        account = connect(self.name, self.twilio).account
        with Ledger(self.path) as ledger:
            offers = list(ledger.due(account, "nowhere", None))
        return sorted((m.text, m.direction, m.sent_at, m.id) for o in offers for m in o.conversation.messages)


@given(_events)
@settings(max_examples=80)
def test_whatever_happens_between_runs_that_are_killed_the_ledger_holds_each_message_once(
    events: list[tuple[str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            with TwilioServer() as twilio:
                world = _World(twilio, name, Path(folder))
                for event in events:
                    world.happen(*event)
                for row in twilio.messages.rows:
                    if row["status"] == "queued":
                        twilio.messages.move(row["sid"], "sent")
                world.collect()
                assert sorted(text for text, *_ in world.kept()) == sorted(world.said)
                fresh = _World(twilio, name, Path(folder) / "fresh")
                fresh.path.parent.mkdir(exist_ok=True)
                fresh.path = fresh.path.with_suffix(f".{len(list(fresh.path.parent.iterdir()))}")
                fresh.collect()
                assert world.kept() == fresh.kept()
