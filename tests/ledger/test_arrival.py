"""The order of arrival: before the first delivery nothing depends on it, and after it ids are fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemeente_connect.contracts import Cursor, Findable, Page, Receipt
from gemeente_connect.conversations import conversation_id, turns
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Conversation, Direction, Message
from gemeente_connect.testing.builders import ACCOUNT, START, message

GAP = timedelta(hours=24)
Found = dict[str, list[tuple[str, list[str]]]]  # by conversation, its turns with their messages


def _page(*messages: Message) -> Page:
    return Page(messages=messages, cursor=Cursor("1"))


def _store(ledger: Ledger, *messages: Message) -> None:
    ledger.store(ACCOUNT, "whatsapp", _page(*messages), GAP)


def _deliver(ledger: Ledger, case_system: str = "loket") -> list[Conversation]:
    delivered = []
    for offer in ledger.due(ACCOUNT, case_system, None):
        receipt = Receipt(reference="R", findable=Findable.YES, checked_at=datetime.now(UTC))
        ledger.settle(offer, case_system, receipt)
        delivered.append(offer.conversation)
    return delivered


def _shape(conversations: Iterable[Conversation]) -> Found:
    return {c.id: [(turn.id, [m.id for m in turn.messages]) for turn in c.turns] for c in conversations}


def _by_the_rules(messages: Iterable[Message]) -> Found:
    """Say in the plainest way what must come out: sort, cut at the gaps, and name after the first message."""
    found: Found = {}
    ordered = sorted(messages, key=lambda m: (m.thread, m.sent_at, m.position, m.id))
    for thread, its in groupby(ordered, key=lambda m: m.thread):
        parts: list[list[Message]] = []
        for m in its:
            if not parts or m.sent_at - parts[-1][-1].sent_at >= GAP:
                parts.append([])
            parts[-1].append(m)
        for part in parts:
            key = conversation_id(ACCOUNT, thread, part[0].id)
            found[key] = [(turn.id, [m.id for m in turn.messages]) for turn in turns(part)]
    return found


_SIDES: st.SearchStrategy[Direction] = st.sampled_from(["in", "out"])
_SAID = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 1), _SIDES, st.sampled_from(["a", "b"])),
    min_size=1,
    max_size=14,
).map(
    lambda said: [
        message(n, sent_at=START + timedelta(hours=6 * at), position=position, direction=side, thread=thread)
        for n, (at, position, side, thread) in enumerate(said)
    ]
)


def _pages(data: st.DataObject, said: list[Message]) -> list[list[Message]]:
    """Put messages on pages in any order, some of them more than once."""
    twice = data.draw(st.lists(st.sampled_from(said), max_size=5))
    arriving = data.draw(st.permutations([*said, *twice]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arriving)), max_size=4)))
    return [list(arriving[a:b]) for a, b in pairwise([0, *cuts, len(arriving)])]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SAID, st.data())
def test_any_order_and_any_paging_gives_the_same_conversations(
    empty: Callable[[], AbstractContextManager[Ledger]], said: list[Message], data: st.DataObject
) -> None:
    with empty() as ledger:
        for page in _pages(data, said):
            _store(ledger, *page)
        assert _shape(_deliver(ledger)) == _by_the_rules(said)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SAID, st.data())
def test_what_was_delivered_keeps_its_ids_messages_and_turns_whatever_comes_late(
    empty: Callable[[], AbstractContextManager[Ledger]], said: list[Message], data: st.DataObject
) -> None:
    with empty() as ledger:
        before: Found = {}
        arrived: set[str] = set()
        for page in _pages(data, said):
            _store(ledger, *page)
            arrived |= {m.id for m in page}
            if data.draw(st.booleans()):
                _deliver(ledger)
                now = _shape(offer.conversation for offer in ledger.due(ACCOUNT, "somebody who looks", None))
                _keeps(before, now)
                assert sorted(id_ for its in now.values() for _, ids in its for id_ in ids) == sorted(arrived)
                before = now


def _keeps(before: Found, now: Found) -> None:
    for key, its_turns in before.items():
        turns_now = dict(now[key])
        for turn, ids in its_turns:
            assert set(ids) <= set(turns_now[turn])


def test_two_delivered_conversations_stay_two_when_a_late_message_lies_between_them(ledger: Ledger) -> None:
    first, last = message(1), message(2, sent_at=START + timedelta(hours=40))
    _store(ledger, first, last)
    one, other = _deliver(ledger)
    _store(ledger, message(3, sent_at=START + timedelta(hours=19)), message(4, sent_at=START + timedelta(hours=21)))
    assert _shape(_deliver(ledger)) == {
        one.id: [("m1", ["m1", "m3"])],
        other.id: [("m2", ["m4", "m2"])],
    }


def test_two_conversations_that_were_not_delivered_become_one_when_a_message_fills_their_gap(ledger: Ledger) -> None:
    _store(ledger, message(1), message(2, sent_at=START + timedelta(hours=40)))
    _store(ledger, message(3, sent_at=START + timedelta(hours=20)))
    (only,) = _deliver(ledger)
    assert [m.id for m in only.messages] == ["m1", "m3", "m2"]


def test_a_loose_conversation_that_a_late_message_ties_to_a_delivered_one_joins_it(ledger: Ledger) -> None:
    _store(ledger, message(1, sent_at=START))
    (delivered,) = _deliver(ledger)
    _store(ledger, message(2, sent_at=START + timedelta(hours=40)))
    _store(ledger, message(3, sent_at=START + timedelta(hours=20)))
    (again,) = _deliver(ledger)
    assert again.id == delivered.id
    assert [m.id for m in again.messages] == ["m1", "m3", "m2"]


@pytest.mark.parametrize(("hours", "conversations"), [(23.999, 1), (24, 2)])
def test_a_silence_of_exactly_the_quiet_gap_starts_a_new_conversation(
    ledger: Ledger, hours: float, conversations: int
) -> None:
    _store(ledger, message(1, sent_at=START))
    _store(ledger, message(2, sent_at=START + timedelta(hours=hours)))
    assert len(_deliver(ledger)) == conversations


def test_a_channel_that_knows_its_own_conversations_decides_and_no_gap_does(ledger: Ledger) -> None:
    later = START + timedelta(days=300)
    _store(ledger, message(1, conversation="A"), message(2, conversation="B"), message(3, conversation="A"))
    _store(ledger, message(4, conversation="A", sent_at=later), message(5, sent_at=later))
    assert sorted([m.id for m in c.messages] for c in _deliver(ledger)) == [["m1", "m3", "m4"], ["m2"], ["m5"]]


def test_a_line_by_the_channel_itself_is_kept_but_belongs_to_no_conversation(ledger: Ledger) -> None:
    stored = ledger.store(ACCOUNT, "whatsapp", _page(message(1, direction=None), message(2)))
    assert stored.new == 2
    (only,) = _deliver(ledger)
    assert [m.id for m in only.messages] == ["m2"]


def test_a_message_with_every_field_comes_out_as_it_went_in(ledger: Ledger) -> None:
    full = message(
        1,
        sent_at=datetime(2026, 3, 2, 9, 30, 15, 123457, tzinfo=UTC),
        position=7,
        kind="image",
        text="Regel 1\nregel 2 \N{PILE OF POO}\x00",
        reply_to="m0",
        edited_at=START,
        deleted_at=START,
        status="read",
        internal=True,
    )
    _store(ledger, full)
    (only,) = _deliver(ledger)
    assert only.messages == (full,)
    assert (only.channel, only.account, only.thread) == ("whatsapp", ACCOUNT, full.thread)


def test_delivering_many_conversations_offers_each_of_them_once(ledger: Ledger) -> None:
    _store(ledger, *(message(n, sent_at=START + timedelta(days=2 * (n // 3)), thread=f"t{n % 3}") for n in range(750)))
    assert len({c.id for c in _deliver(ledger)}) == 750
    assert _deliver(ledger) == []
