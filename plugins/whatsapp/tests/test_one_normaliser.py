"""The same conversation by webhook, by the history of a number, and by an exported chat gives the same messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect import Ledger
from gemeente_connect.contracts import Batch
from gemeente_connect.models import Direction, Message
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import contact, history, payload, text
from gemeente_connect_whatsapp.testing.payloads import RESIDENT, START, Item, echo, message, webhook
from gemeente_connect_whatsapp_export.plugin import register_channels as register_export

Read = Callable[[Any], Batch]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PLACE = {"latitude": 52.09, "longitude": 5.12}


class Said(NamedTuple):
    id: str
    at: int
    direction: Direction
    text: str

    def item(self, **more: Any) -> Item:
        made = text if self.direction == "in" else echo
        ids = {"from_user_id": None} if self.direction == "in" else {"to_user_id": None}
        return made(self.id, self.text, at=self.at, **ids, **more)


@st.composite
def chats(draw: st.DrawFn) -> list[Said]:
    """Draw what two sides said, in order. Several may fall in one second."""
    words = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" \n"), min_size=1, max_size=30)
    said, at = [], START
    for number in range(draw(st.integers(2, 8))):
        at += draw(st.sampled_from([0, 0, 1, 59, 3600, 100_000]))
        body = draw(words.map(str.strip).filter(bool))
        said.append(Said(f"wamid.{number}", at, draw(st.sampled_from(["in", "out"])), body))
    said[0] = said[0]._replace(direction="in")
    said[-1] = said[-1]._replace(direction="out")
    return said


def by_webhook(said: Sequence[Said]) -> Item:
    """Put each message in the list it comes in, in one webhook."""
    changes = []
    for each in said:
        name, field = ("messages", "messages") if each.direction == "in" else ("message_echoes", "smb_message_echoes")
        changes += payload(each.item(), name=name, field=field)["entry"][0]["changes"]
    return webhook(*changes)


def by_history(said: Sequence[Said]) -> Item:
    items = [each.item(history_context={"status": "READ"}) for each in said]
    return payload(history(*items), name="history", field="history")


def plain(messages: Iterable[Message]) -> list[tuple[str, datetime, str | None, str]]:
    in_order = sorted(messages, key=lambda m: (m.sent_at, m.position))
    return [(m.text, m.sent_at.astimezone(UTC), m.direction, m.kind) for m in in_order]


@given(chats())
def test_webhook_and_history_give_the_same_messages(read: Read, said: list[Said]) -> None:
    expected = [(each.text, datetime.fromtimestamp(each.at, UTC), each.direction, "text") for each in said]
    assert plain(read(by_webhook(said)).messages) == expected
    assert plain(read(by_history(said)).messages) == expected
    assert plain(read(by_history(said[::-1])).messages) == expected or said[0].at == said[-1].at


@given(said=chats(), history_first=st.booleans())
def test_seen_both_ways_a_message_is_one(
    channel: WhatsAppChannel, read: Read, *, said: list[Said], history_first: bool
) -> None:
    batches = [read(by_webhook(said)), read(by_history(said))]
    with Ledger(None) as ledger:
        for batch in batches[::-1] if history_first else batches:
            ledger.store(channel.account, channel.kind, batch)
        stored = [m for offer in ledger.due(channel.account, "nobody", None) for m in offer.conversation.messages]
    assert len(stored) == len(said)
    assert plain(stored) == plain(batches[0].messages)
    assert not any(m.edited_at for m in stored)


def exported(folder: Path, lines: Iterable[tuple[int, Direction, str]]) -> list[Message]:
    """Write what an iPhone exports, and read it."""
    path = folder / "chat.txt"
    names = {"in": "+31 6 12345678", "out": "Gemeente Voorbeeld"}
    stamped = (
        f"[{datetime.fromtimestamp(at, AMSTERDAM):%d-%m-%Y %H:%M:%S}] {names[direction]}: {body}\r\n"
        for at, direction, body in lines
    )
    path.write_bytes("".join(stamped).encode())
    (connector,) = register_export()
    settings = {"path": path, "account": "+31 20 1234567", "own_name": names["out"], "chat": f"+{RESIDENT}"}
    return [m for page in connector.connect(settings).pages(None) for m in page.messages]


@given(chats())
def test_an_exported_chat_gives_the_same_messages_too(read: Read, tmp_path: Path, said: list[Said]) -> None:
    from_export = exported(tmp_path, [(each.at, each.direction, each.text) for each in said])
    assert plain(from_export) == plain(read(by_webhook(said)).messages)
    from_webhook = read(by_webhook(said)).messages
    assert {m.thread for m in from_export} == {m.thread for m in from_webhook} == {f"+{RESIDENT}"}


def test_a_place_reads_the_same_in_an_export(read: Read, tmp_path: Path) -> None:
    place = read(payload(message("wamid.1", "location", PLACE), contacts=[contact()])).messages[0]
    line = f"\u200e{place.text}"
    (_, from_export) = exported(tmp_path, [(START - 60, "out", "Waar?"), (START, "in", line)])
    assert (from_export.kind, from_export.text) == (place.kind, place.text)
