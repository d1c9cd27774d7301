"""What needs a person: kept, listed, tried again, or dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gemeente_connect.contracts import Unreadable
from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger import Ledger, Offer
from gemeente_connect.ledger.refusals import wait
from gemeente_connect.testing.builders import ACCOUNT, message, page, receipt

Sql = Callable[[str], list[tuple[Any, ...]]]


def _refused_conversation(ledger: Ledger, reason: str = "subject is too long") -> Offer:
    ledger.store(ACCOUNT, "whatsapp", page(message(1)))
    (offer,) = ledger.due(ACCOUNT, "loket", None)
    assert ledger.refuse(offer, "loket", reason)
    return offer


def _due(ledger: Ledger, case_system: str = "loket") -> list[Offer]:
    return list(ledger.due(ACCOUNT, case_system, None))


def test_a_refused_conversation_is_listed_and_waits(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    refusal = ledger.refused()[offer.conversation.id]
    assert (refusal.kind, refusal.account, refusal.reason) == ("conversation", "loket", "subject is too long")
    assert (refusal.attempts, refusal.name, refusal.dropped) == (1, None, False)
    quarter = timedelta(minutes=15)
    assert quarter * 0.75 <= refusal.not_before - refusal.first_at <= quarter * 1.25
    assert _due(ledger) == []
    assert ledger.count_due(ACCOUNT, "loket", None) == (0, 0)
    assert len(_due(ledger, "another case system")) == 1


def test_the_wait_doubles_up_to_a_day_and_differs_every_time() -> None:
    minute = 60 * 1_000_000
    for attempts, minutes in [(1, 15), (2, 30), (3, 60), (7, 960), (8, 1440), (1000, 1440)]:
        waits = {wait(attempts) for _ in range(50)}
        assert all(0.75 * minutes * minute <= w <= 1.25 * minutes * minute for w in waits)
        assert len(waits) > 1


def test_after_its_wait_it_is_tried_again_by_itself(ledger: Ledger, sql: Sql) -> None:
    _refused_conversation(ledger)
    sql("UPDATE refusals SET not_before = not_before - 60 * 60 * CAST(1000000 AS BIGINT)")  # an hour goes by
    assert len(_due(ledger)) == 1


def test_refused_again_without_a_change_is_no_news_also_in_other_words(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    assert not ledger.refuse(offer, "loket", "subject is too long")
    assert not ledger.refuse(offer, "loket", "unknown channel")
    refusal = ledger.refused()[offer.conversation.id]
    assert (refusal.attempts, refusal.reason) == (3, "unknown channel")


def test_a_refused_conversation_that_changed_is_tried_at_once(ledger: Ledger) -> None:
    _refused_conversation(ledger)
    ledger.store(ACCOUNT, "whatsapp", page(message(2)))
    assert len(_due(ledger)) == 1


def test_a_person_may_have_it_tried_at_the_next_run(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    ledger.retry(ledger.refused()[offer.conversation.id].number)
    (again,) = _due(ledger)
    ledger.settle(again, "loket", receipt())
    assert ledger.refused(dropped=True) == {}


def test_what_a_person_dropped_is_kept_unlisted_and_comes_back_only_with_something_new(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    number = ledger.refused()[offer.conversation.id].number
    ledger.drop(number)
    assert ledger.refused() == {}
    assert ledger.refused(dropped=True)[offer.conversation.id].dropped
    assert not ledger.refuse(offer, "loket", "subject is too long")
    assert ledger.refused() == {}
    ledger.store(ACCOUNT, "whatsapp", page(message(2)))
    (changed,) = _due(ledger)
    assert ledger.refuse(changed, "loket", "subject is too long")
    assert not ledger.refused()[offer.conversation.id].dropped


def test_something_dropped_can_be_taken_up_again(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    number = ledger.refused()[offer.conversation.id].number
    ledger.drop(number)
    ledger.retry(number)
    assert len(_due(ledger)) == 1


def test_what_was_unreadable_is_kept_with_its_content_until_it_can_be_read(ledger: Ledger) -> None:
    item = Unreadable(id="file-1", reason="this is a PDF: export the chat again", name="chat.txt", raw=b"%PDF-1.7")
    stored = ledger.store(ACCOUNT, "whatsapp", page(unreadable=(item,)))
    assert stored.refused == {"file-1": item.reason}
    assert ledger.store(ACCOUNT, "whatsapp", page(unreadable=(item,))).refused == {}
    listed = ledger.refused()["file-1"]
    assert ledger.show(listed.number) == (listed, b"%PDF-1.7")
    assert (listed.kind, listed.name, listed.attempts) == ("unreadable", "chat.txt", 2)
    assert "chat.txt" not in repr(listed)
    ledger.store(ACCOUNT, "whatsapp", page(readable=("file-1", "never heard of")))
    assert ledger.refused() == {}


def test_the_same_thing_refused_at_two_places_is_listed_twice(ledger: Ledger) -> None:
    _refused_conversation(ledger)
    (offer,) = _due(ledger, "open-klant")
    ledger.refuse(offer, "open-klant", "unknown channel")
    assert [refusal.account for refusal in ledger.refusals()] == ["loket", "open-klant"]


@pytest.mark.parametrize("what", ["show", "retry", "drop"])
def test_an_unknown_number_says_how_to_list_them(ledger: Ledger, what: str) -> None:
    with pytest.raises(ConfigError, match="there is no refusal 7: `gemeente-connect refused list`"):
        getattr(ledger, what)(7)


def test_a_number_that_a_person_saw_is_never_given_to_something_else(ledger: Ledger) -> None:
    offer = _refused_conversation(ledger)
    number = ledger.refused()[offer.conversation.id].number
    ledger.settle(offer, "loket", receipt())
    item = Unreadable(id="file-1", reason="empty")
    ledger.store(ACCOUNT, "whatsapp", page(unreadable=(item,)))
    assert ledger.refused()["file-1"].number != number
