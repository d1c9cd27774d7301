"""The channel and the ledger together: what the same chat comes to when it is exported again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gemeente_connect import Ledger, collect
from gemeente_connect.contracts import Channel
from gemeente_connect.models import Message

FIRST = """\
02-05-2022 16:08 - +31 6 12345678: Goedemorgen
02-05-2022 16:08 - +31 6 12345678: de lantarn is kapot
02-05-2022 16:08 - +31 6 12345678: ok
02-05-2022 16:08 - +31 6 12345678: ok
02-05-2022 16:09 - Gemeente Voorbeeld: Wij kijken
02-05-2022 16:10 - +31 6 12345678: laat maar
02-05-2022 16:11 - +31 6 12345678: een
02-05-2022 16:11 - +31 6 12345678: twee
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def collected(chats: Path, open_channel: Callable[..., Channel], ledger: Ledger) -> Callable[[str], list[Message]]:
    def run(text: str) -> list[Message]:
        (chats / "chat.txt").write_text(text)
        channel = open_channel()
        collect(channel, ledger)
        offers = ledger.due(channel.account, "nowhere", None)
        return [message for offer in offers for message in offer.conversation.messages]

    return run


def test_an_export_that_is_longer_or_cut_off_within_a_minute_adds_nothing_twice(
    collected: Callable[[str], list[Message]],
) -> None:
    whole = [m.text for m in collected(FIRST)]
    assert len(whole) == 8
    for skip in range(1, 8):
        cut = "\n".join(FIRST.split("\n")[skip:])
        assert [m.text for m in collected(cut)] == whole
    assert [m.text for m in collected(cut + "02-05-2022 16:12 - +31 6 12345678: nieuw\n")] == [*whole, "nieuw"]


def test_an_edit_and_a_deletion_find_their_message_when_there_is_one_it_can_be(
    collected: Callable[[str], list[Message]], ledger: Ledger
) -> None:
    before = collected(FIRST)
    changed = FIRST.replace("de lantarn is kapot", "de lantaarn is kapot <Dit bericht is bewerkt>")
    changed = changed.replace("laat maar", "Dit bericht is verwijderd")
    for _ in range(2):  # the second time nothing happens
        after = collected(changed)
        assert [m.id for m in after] == [m.id for m in before]
        assert after[1].text == "de lantaarn is kapot"
        assert after[1].edited_at
        assert after[5].deleted_at
    assert not ledger.refused()


def test_a_deletion_that_may_be_of_two_messages_is_left_to_a_person(
    collected: Callable[[str], list[Message]], ledger: Ledger
) -> None:
    collected(FIRST)
    gone = FIRST.replace("een\n", "Dit bericht is verwijderd\n").replace("twee\n", "Dit bericht is verwijderd\n")
    after = collected(gone)
    assert [m.text for m in after[-2:]] == ["een", "twee"]
    assert len(ledger.refused()) == 2
