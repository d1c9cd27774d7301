"""From webhook to conversation: through the inbox, in any order, more than once, and dying at every point."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import FileStore, Ledger, collect
from gemeente_connect.inbox import Inbox
from gemeente_connect.syncing import Report
from gemeente_connect.testing import survey, tell
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import GraphServer, contact, media, payload, received, status, text
from gemeente_connect_whatsapp.testing.payloads import START, Item, echo, message

PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 een lantaarn"
EDIT = {"original_message_id": "wamid.2", "message": {"type": "text", "text": {"body": "de lantaarn is kapot"}}}
WEEK = 7 * 24 * 60 * 60
PAYLOADS = [
    payload(text("wamid.1", "Goedemorgen"), text("wamid.2", "de lantarn is kapot"), contacts=[contact()]),
    payload(media("wamid.3", "image", "1234", PHOTO, caption="deze", at=START + 1)),
    payload(message("wamid.e", "edit", EDIT, at=START + 30)),
    payload(echo("wamid.4", "Wij kijken", at=START + 60), name="message_echoes", contacts=[contact()]),
    payload(status("wamid.4", "read", at=START + 70), status("wamid.4", "sent", at=START + 61), name="statuses"),
    payload(message("wamid.5", "reaction", {"message_id": "wamid.4", "emoji": "👍"}, at=START + 80)),
    payload(message("wamid.5b", "reaction", {"message_id": "wamid.4"}, at=START + 90)),
    payload(text("wamid.6", "laat maar", at=START + 100)),
    payload(message("wamid.r", "revoke", {"original_message_id": "wamid.6"}, at=START + 110)),
    payload(text("wamid.7", "Nog een vraag", at=START + WEEK)),
    payload(text("wamid.1", "Goedemorgen"), contacts=[contact()]),
]
COUNT = 6


def conversations(ledger: Ledger, account: str) -> list[list[tuple[Hashable, ...]]]:
    with closing(ledger.due(account, "nobody", None)) as due:
        return [
            [
                (
                    m.id, m.text, m.kind, m.sent_at, m.direction, m.status, bool(m.edited_at), bool(m.deleted_at),
                    *(a.sha256 for a in m.attachments),
                )
                for m in offer.conversation.messages
            ]
            for offer in due
        ]  # fmt: skip


def push(channel: WhatsAppChannel, ledger: Ledger, payloads: list[Item]) -> None:
    inbox = Inbox(channel, ledger)
    for each in payloads:
        assert inbox.answer(received(each)).status == 200


def test_a_webhook_with_another_signature_leaves_nothing_behind(channel: WhatsAppChannel, ledger: Ledger) -> None:
    inbox = Inbox(channel, ledger)
    assert inbox.answer(received(PAYLOADS[0], secret="another-secret")).status == 403
    assert list(ledger.inbox.unread(channel.account)) == []


def test_what_is_signed_and_unreadable_is_answered_with_200_and_kept_for_a_person(
    channel: WhatsAppChannel, ledger: Ledger
) -> None:
    inbox = Inbox(channel, ledger)
    assert inbox.answer(received(b"geen json")).status == 200
    push(channel, ledger, [payload({"id": "wamid.9"})])
    assert len(collect(channel, ledger).refused) == 2
    assert collect(channel, ledger).refused == {}


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_arrival_gives_the_same_conversations(channel: WhatsAppChannel, tmp_path: Path, seed: int) -> None:
    def arrived(name: str, payloads: list[Item], *, often: bool) -> list[list[tuple[Hashable, ...]]]:
        with Ledger(tmp_path / name) as ledger:
            for each in payloads:
                push(channel, ledger, [each])
                if often:
                    collect(channel, ledger)
            collect(channel, ledger)
            assert ledger.refused() == {}
            return conversations(ledger, channel.account)

    expected = arrived("in-order", PAYLOADS, often=True)
    chance = random.Random(seed)
    shuffled = chance.sample(PAYLOADS, len(PAYLOADS)) + chance.sample(PAYLOADS, 3)
    assert arrived("shuffled", shuffled, often=seed % 2 == 0) == expected
    assert [len(conversation) for conversation in expected] == [COUNT - 1, 1]
    texts = [text for conversation in expected for _, text, *_ in conversation]
    assert texts == [
        "Goedemorgen", "de lantaarn is kapot", "deze", "Wij kijken", "Dit bericht is verwijderd.", "Nog een vraag",
    ]  # fmt: skip


def test_a_file_is_fetched_when_it_is_collected(
    graph: GraphServer, open_channel: Callable[..., WhatsAppChannel], ledger: Ledger, tmp_path: Path
) -> None:
    graph.files["1234"] = PHOTO
    files = FileStore(tmp_path / "files")
    channel = open_channel(base_url=graph.url)
    push(channel, ledger, PAYLOADS)
    graph.fail(131000)
    report = collect(channel, ledger, files=files)
    assert list(report.refused.values()) == ["the Graph API answers with error 131000"]
    (refusal,) = ledger.refusals()
    ledger.retry(refusal.number)
    collect(channel, ledger, files=files)
    (offer, _) = ledger.due(channel.account, "nobody", None)
    (kept,) = (attachment for said in offer.conversation.messages for attachment in said.attachments)
    with files.open(kept.sha256 or "") as file:
        assert file.read() == PHOTO
    assert ledger.refused() == {}


class World:
    """WhatsApp, which sends a webhook until it is answered with 200, and a ledger of its own."""

    def __init__(self, channel: WhatsAppChannel, folder: Path) -> None:
        self.channel = channel
        self.folder = folder
        self.waiting = list(PAYLOADS)

    def run(self) -> Report:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            inbox = Inbox(self.channel, ledger)
            while self.waiting:
                if inbox.answer(received(self.waiting[0])).status != 200:
                    break
                self.waiting.pop(0)
            return collect(self.channel, ledger, files=FileStore(self.folder / "files"))

    def state(self) -> Iterator[Hashable]:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            for conversation in conversations(ledger, self.channel.account):
                yield from conversation
            yield from ((refusal.key, refusal.reason) for refusal in ledger.refusals())


def test_nothing_is_lost_or_doubled_wherever_receiving_and_collecting_die(
    graph: GraphServer, open_channel: Callable[..., Any], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    graph.files["1234"] = PHOTO
    channel, numbers = open_channel(base_url=graph.url), count()
    found = survey("WhatsApp", lambda: World(channel, tmp_path / str(next(numbers))), World.run, World.state)
    tell(pytestconfig, found)
    assert not found.wounds, found
    assert found.tried > len(PAYLOADS)
