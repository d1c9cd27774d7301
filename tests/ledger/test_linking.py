"""One chat under two names: a telephone number, and the user id of who has it. Never two people in one conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemeente_connect.contracts import Cursor, Findable, Page, Receipt
from gemeente_connect.conversations import one_person
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Conversation, Direction, Identity, IdentityChanged, Message, Participant
from gemeente_connect.testing.builders import ACCOUNT, START, message, participant

GAP = timedelta(hours=24)
NUMBER, ONE, TWO, PARENT = "+31612345671", "NL.one", "NL.two", "NL.ENT.one"


def who(name: str) -> Participant:
    """Make a resident as one message shows them: by the number alone, by a user id as well, or by a parent id too."""
    ids = {NUMBER: (), PARENT: (ONE, PARENT)}.get(name, (name,))
    phone = Identity(kind="phone", value=NUMBER)
    return Participant(id=name, identities=(phone, *(Identity(kind="whatsapp", value=each) for each in ids)))


def said(number: int, hours: float, name: str, direction: Direction = "in") -> Message:
    sender = who(name) if direction == "in" else participant(employee=True)
    sent_at = START + timedelta(hours=hours)
    return message(number, sent_at=sent_at, thread=name, direction=direction, sender=sender)


def page(*messages: Message) -> Page:
    """Put messages on a page that tells, as WhatsApp does, under which number who has a user id may be answered."""
    known = {m.thread: m.sender for m in messages if m.sender and m.sender.id == m.thread}
    others = {name: tuple(i.value for i in resident.identities if i.value != name) for name, resident in known.items()}
    named = {name: its for name, its in others.items() if its}
    return Page(messages=messages, other_names=named, cursor=Cursor("1"))


def moved(name: str, hours: float) -> Page:
    """Tell that who goes by this name got another number."""
    new = Identity(kind="phone", value="+31612345679")
    at = START + timedelta(hours=hours)
    change = IdentityChanged(account=ACCOUNT, thread=name, participant=who(name), identity=new, at=at)
    return Page(changes=(change,), cursor=Cursor("1"))


def store(ledger: Ledger, *pages: Page) -> None:
    for each in pages:
        ledger.store(ACCOUNT, "whatsapp", each, GAP)


def deliver(ledger: Ledger) -> list[Conversation]:
    delivered = []
    for offer in ledger.due(ACCOUNT, "loket", None):
        ledger.settle(offer, "loket", Receipt(reference="R", findable=Findable.YES, checked_at=datetime.now(UTC)))
        delivered.append(offer.conversation)
    return delivered


def ids(conversations: Iterable[Conversation]) -> list[list[str]]:
    return [[m.id for m in each.messages] for each in conversations]


@pytest.fixture
def ledger(empty: Callable[[], AbstractContextManager[Ledger]]) -> Iterator[Ledger]:
    with empty() as ledger:
        yield ledger


def test_a_conversation_that_goes_on_while_the_number_is_connected_stays_one(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, NUMBER), said(2, 1, NUMBER, "out")), page(said(3, 2, ONE)))
    (conversation,) = deliver(ledger)
    assert (conversation.thread, ids([conversation])) == (ONE, [["m1", "m2", "m3"]])


def test_its_resident_is_one_person_under_both_names(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, NUMBER)), page(said(2, 1, ONE)))
    (conversation,) = deliver(ledger)
    assert [each.id for each in conversation.residents] == [ONE]


def test_what_was_delivered_under_the_number_is_gone_on_with_under_the_user_id(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, NUMBER)))
    (before,) = deliver(ledger)
    store(ledger, page(said(2, 1, ONE)), page(said(3, 2, ONE, "out")))
    (after,) = deliver(ledger)
    assert (after.id, ids([after])) == (before.id, [["m1", "m2", "m3"]])


def test_an_answer_to_a_number_joins_the_conversation_of_who_has_it(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, ONE)))
    deliver(ledger)
    store(ledger, page(said(2, 1, NUMBER, "out")))
    assert ids(deliver(ledger)) == [["m1", "m2"]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_answer_to_a_number_that_two_residents_are_just_writing_from_joins_neither(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    pages = [page(said(1, 0, ONE)), page(said(2, 1, TWO)), page(said(3, 2, NUMBER, "out"))]
    store(ledger, *(pages[each] for each in order))
    assert sorted(ids(deliver(ledger))) == [["m1"], ["m2"], ["m3"]]


def test_two_residents_who_had_one_number_on_the_same_page_stay_two(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, NUMBER)))
    deliver(ledger)
    store(ledger, page(said(2, 1, ONE), said(3, 2, TWO)))
    for each in deliver(ledger):
        assert len({m.sender.id for m in each.messages if m.sender} - {NUMBER}) == 1


def test_after_a_quiet_gap_a_number_tells_nothing_any_more(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, ONE)), page(said(2, 24, NUMBER)))
    assert ids(deliver(ledger)) == [["m1"], ["m2"]]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_once_a_resident_got_another_number_the_old_one_is_theirs_no_more(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    before, after = said(3, 0.5, NUMBER, "out"), said(2, 2, NUMBER, "out")
    pages = [moved(ONE, 1), page(said(1, 0, ONE)), page(before), page(after)]
    store(ledger, *(pages[each] for each in order))
    assert sorted(ids(deliver(ledger))) == [["m1", "m3"], ["m2"]]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_what_was_said_before_a_number_was_left_is_not_of_who_has_it_next(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    pages = [page(said(1, -30, ONE)), moved(ONE, 1), page(said(2, 0.5, NUMBER, "out")), page(said(3, 2, TWO))]
    store(ledger, *(pages[each] for each in order))
    assert sorted(ids(deliver(ledger))) == [["m1"], ["m2"], ["m3"]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("name", [ONE, NUMBER])
def test_a_number_that_was_left_under_one_name_is_left_under_all(
    ledger: Ledger, name: str, order: tuple[int, ...]
) -> None:
    pages = [moved(name, 1), page(said(1, 2, PARENT)), page(said(2, 3, NUMBER))]
    store(ledger, *(pages[each] for each in order))
    assert sorted(ids(deliver(ledger))) == [["m1"], ["m2"]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_names_of_one_resident_are_one_person_in_one_conversation(ledger: Ledger, order: tuple[int, ...]) -> None:
    pages = [page(said(1, 0, NUMBER)), page(said(2, 1, ONE)), page(said(3, 2, PARENT))]
    store(ledger, *(pages[each] for each in order))
    (conversation,) = deliver(ledger)
    assert (conversation.thread, [each.id for each in conversation.residents]) == (PARENT, [PARENT])


def test_a_reply_knows_when_the_resident_last_wrote_under_either_name(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, NUMBER)))
    (conversation,) = deliver(ledger)
    store(ledger, page(said(2, 1, ONE)), page(said(3, 40, ONE)))
    to = ledger.replies.addressee(conversation.id)
    assert (to.resident.id, to.heard_at) == (ONE, START + timedelta(hours=40))


def test_who_wrote_last_under_a_bare_number_is_answered_under_their_user_id(ledger: Ledger) -> None:
    store(ledger, page(said(1, 0, ONE)), page(said(2, 1, NUMBER)))
    (conversation,) = deliver(ledger)
    to = ledger.replies.addressee(conversation.id)
    assert (to.thread, to.resident.id) == (ONE, ONE)


def test_who_wrote_only_under_a_number_is_answered_as_whom_the_conversation_is_of(ledger: Ledger) -> None:
    store(ledger, page(said(1, -90, ONE)), page(said(2, 0, ONE, "out")), page(said(3, 1, NUMBER)))
    (_, conversation) = deliver(ledger)
    to = ledger.replies.addressee(conversation.id)
    assert (to.thread, to.resident.id) == (ONE, ONE)


@pytest.mark.parametrize(
    ("people", "same"),
    [
        ((NUMBER, ONE), {NUMBER: ONE}),
        ((ONE, TWO), {}),
        ((NUMBER, ONE, TWO), {}),  # it may be either
        ((NUMBER,), {}),
        ((NUMBER, ONE, PARENT), {NUMBER: PARENT, ONE: PARENT}),
    ],
)
def test_who_is_known_by_nothing_else_is_that_person(people: tuple[str, ...], same: dict[str, str]) -> None:
    assert {key: each.id for key, each in one_person(map(who, people)).items()} == same


def test_a_name_alone_is_nobody_else() -> None:
    assert one_person([Participant(id="Jan", name="Jan"), who(ONE)]) == {}


_SIDES: st.SearchStrategy[Direction] = st.sampled_from(["in", "out"])


def _chats(*names: str) -> st.SearchStrategy[list[Message]]:
    each = st.tuples(st.integers(0, 30), st.sampled_from(names), _SIDES)
    return st.lists(each, min_size=1, max_size=9).map(
        lambda them: [said(n, 4 * at, name, side) for n, (at, name, side) in enumerate(them)]
    )


_quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_quick
@given(
    chat=_chats(NUMBER, ONE, TWO, PARENT),
    moves=st.lists(st.builds(moved, st.sampled_from([NUMBER, ONE, TWO, PARENT]), st.integers(0, 120)), max_size=2),
    data=st.data(),
)
def test_any_order_of_arrival_gives_the_same_conversations(
    empty: Callable[[], AbstractContextManager[Ledger]], chat: list[Message], moves: list[Page], data: st.DataObject
) -> None:
    found = []
    for pages in ([page(*chat), *moves], data.draw(st.permutations([*moves, *map(page, chat)]))):
        with empty() as ledger:
            store(ledger, *pages)
            found.append(sorted((each.id, ids([each])) for each in deliver(ledger)))
    assert found[0] == found[1]


@_quick
@given(chat=_chats(NUMBER, ONE, TWO), delivered=st.integers(0, 9), size=st.integers(1, 4))
def test_no_conversation_ever_holds_two_people(
    empty: Callable[[], AbstractContextManager[Ledger]], chat: list[Message], delivered: int, size: int
) -> None:
    with empty() as ledger:
        last: dict[str, Conversation] = {}
        for start in range(0, len(chat), size):
            store(ledger, page(*chat[start : start + size]))
            if start >= delivered:
                last |= {each.id: each for each in deliver(ledger)}
        last |= {each.id: each for each in deliver(ledger)}
        assert sorted(m for each in ids(last.values()) for m in each) == sorted(m.id for m in chat)
        for each in last.values():
            threads = {m.id: m.thread for m in chat}
            assert not {ONE, TWO} <= {threads[m.id] for m in each.messages}
