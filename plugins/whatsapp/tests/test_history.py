"""The history of a number that was used in the WhatsApp Business app before it was connected."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

from gemeente_connect import Ledger
from gemeente_connect.contracts import Batch
from gemeente_connect.models import Message
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import history, media, payload, text
from gemeente_connect_whatsapp.testing.payloads import RESIDENT, START, Item, echo

Read = Callable[[Any], Batch]
BEFORE = START - 90 * 24 * 60 * 60


def asked(key: str, body: str, at: int, **more: Any) -> Item:
    return text(key, body, at=at, from_user_id=None, history_context={"status": "READ"}, **more)


def answered(key: str, body: str, at: int, status: str = "READ") -> Item:
    return echo(key, body, at=at, to_user_id=None, history_context={"status": status})


def chunk(*messages: Item, **more: Any) -> Item:
    return payload(history(*messages, **more), name="history", field="history")


def stored(channel: WhatsAppChannel, ledger: Ledger, *batches: Batch) -> list[list[Message]]:
    for batch in batches:
        ledger.store(channel.account, channel.kind, batch)
    return [list(offer.conversation.messages) for offer in ledger.due(channel.account, "nobody", None)]


def test_both_sides_are_told_apart(read: Read) -> None:
    one, two = read(chunk(asked("wamid.1", "Wanneer?", BEFORE), answered("wamid.2", "Morgen", BEFORE + 60))).messages
    assert (one.direction, one.thread, one.text, one.status) == ("in", f"+{RESIDENT}", "Wanneer?", None)
    assert (two.direction, two.thread, two.text, two.status) == ("out", f"+{RESIDENT}", "Morgen", "read")


def test_what_the_municipality_wrote_is_also_known_by_a_mark(read: Read) -> None:
    item = asked("wamid.1", "Morgen", BEFORE) | {
        "from": "31999999999",
        "history_context": {"from_me": True, "status": "pending"},
    }
    (said,) = read(chunk(item)).messages
    assert (said.direction, said.thread, said.status) == ("out", f"+{RESIDENT}", None)


def test_the_words_for_a_status_may_be_written_in_any_way(read: Read) -> None:
    words = {"READ": "read", "delivered": "delivered", "ERROR": "failed", "PLAYED": "played", "PENDING": None}
    items = [answered(f"wamid.{n}", "Morgen", BEFORE + n, word) for n, word in enumerate(words)]
    assert [m.status for m in read(chunk(*items)).messages] == list(words.values())


def test_a_list_with_the_newest_first_keeps_its_order_within_a_second(read: Read) -> None:
    items = [
        asked("4", "vier", BEFORE + 1),
        asked("3", "drie", BEFORE),
        asked("2", "twee", BEFORE),
        asked("1", "een", BEFORE),
    ]
    for given in (items, items[::-1]):
        said = sorted(read(chunk(*given)).messages, key=lambda m: (m.sent_at, m.position))
        assert [m.text for m in said] == ["een", "twee", "drie", "vier"]


def test_parts_and_the_file_of_a_message_may_come_in_any_order(
    channel: WhatsAppChannel, read: Read, tmp_path: Path
) -> None:
    placeholder = asked("wamid.2", "", BEFORE + 60, text=None) | {"type": "media_placeholder"}
    file = media("wamid.2", "image", "9", b"foto", caption="kapotte lantaarn", at=BEFORE + 60)
    payloads = [
        read(chunk(asked("wamid.1", "Kijk", BEFORE), placeholder, phase=1)),
        read(chunk(answered("wamid.3", "Dank u wel", BEFORE + 120), phase=0)),
        read(payload({name: value for name, value in file.items() if name != "from_user_id"}, field="history")),
    ]
    results = []
    for number, order in enumerate(permutations(payloads)):
        with Ledger(tmp_path / f"{number}.sqlite") as ledger:
            (conversation,) = stored(channel, ledger, *order)
            results.append([(m.id, m.text, m.kind, m.attachments, m.edited_at) for m in conversation])
    assert all(result == results[0] for result in results)
    assert [(text, kind) for _, text, kind, *_ in results[0]] == [
        ("Kijk", "text"), ("kapotte lantaarn", "image"), ("Dank u wel", "text"),
    ]  # fmt: skip


def test_a_file_that_never_comes_is_said_to_be_left_out(read: Read) -> None:
    (said,) = read(chunk(asked("wamid.2", "", BEFORE, text=None) | {"type": "media_placeholder"})).messages
    assert (said.kind, said.text, said.attachments[0].missing) == ("document", "", "omitted")


def test_a_history_that_was_not_shared_goes_to_a_person(read: Read) -> None:
    declined = {"errors": [{"code": 2593109, "title": "History sync is turned off by the business"}]}
    batch = read(payload(declined, name="history", field="history"))
    assert [u.reason for u in batch.unreadable] == [
        "WhatsApp does not give the history of this number: sharing it was declined in the app"
    ]


def test_a_part_that_only_tells_how_far_it_is_holds_nothing(read: Read) -> None:
    batch = read(payload({"metadata": {"phase": 2, "progress": 100}}, name="history", field="history"))
    assert (batch.messages, batch.changes, batch.unreadable) == ((), (), ())


def test_one_message_that_cannot_be_read_stops_no_other(read: Read) -> None:
    broken: list[Any] = [None, 7, {"id": "wamid.8"}, asked("wamid.9", "x", BEFORE) | {"timestamp": "gisteren"}]
    batch = read(chunk(asked("wamid.1", "een", BEFORE), *broken, asked("wamid.2", "twee", BEFORE)))
    assert [m.text for m in batch.messages] == ["een", "twee"]
    assert len(batch.unreadable) == len(broken)


def test_the_address_book_of_the_phone_is_not_taken_over(read: Read) -> None:
    person = {"type": "contact", "contact": {"full_name": "Fatima", "phone_number": RESIDENT}, "action": "add"}
    batch = read(payload(person, name="state_sync", field="smb_app_state_sync"))
    assert (batch.messages, batch.unreadable, dict(batch.thread_names)) == ((), (), {})
