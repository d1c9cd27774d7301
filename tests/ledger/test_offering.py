"""What is due for a case system, and when it is due again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gemeente_connect.contracts import Findable
from gemeente_connect.ledger import Ledger, Offer, Tally
from gemeente_connect.models import Message
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, receipt

DAY = timedelta(days=1)


def _store(ledger: Ledger, *messages: Message) -> None:
    ledger.store(ACCOUNT, "whatsapp", page(*messages))


def _due(ledger: Ledger, case_system: str = "loket", start: datetime | None = None) -> list[Offer]:
    return list(ledger.due(ACCOUNT, case_system, start))


def test_nothing_is_due_of_an_account_that_is_not_known(ledger: Ledger) -> None:
    assert ledger.count_due("unknown", "loket", None) == (0, 0)
    assert list(ledger.due("unknown", "loket", None)) == []


def test_a_delivered_conversation_is_due_again_only_when_it_changed_and_then_tells_its_last_receipt(
    ledger: Ledger,
) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    assert offer.before is None
    first = receipt(reference="R7", missing=("attachment-omitted",))
    ledger.settle(offer, "loket", first)
    assert _due(ledger) == []
    _store(ledger, message(2))
    (again,) = _due(ledger)
    assert (again.before, again.conversation.id) == (first, offer.conversation.id)
    assert again.revision > offer.revision


def test_what_arrives_while_a_conversation_is_being_delivered_is_delivered_next_time(ledger: Ledger) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    _store(ledger, message(2))
    ledger.settle(offer, "loket", receipt())
    (again,) = _due(ledger)
    assert [m.id for m in again.conversation.messages] == ["m1", "m2"]


def test_each_case_system_gets_everything(ledger: Ledger) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    ledger.settle(offer, "loket", receipt())
    (other,) = _due(ledger, "open-klant")
    assert other.conversation == offer.conversation
    assert other.before is None


@pytest.mark.parametrize(
    ("findable", "hours", "due"),
    [
        (Findable.NO_RESIDENT_KNOWN, 22.9, 0),
        (Findable.NO_RESIDENT_KNOWN, 23.9, 1),  # a run at the same time every day looks a little early
        (Findable.YES, 1000, 0),
        (Findable.NO_QUESTION, 1000, 0),
        (Findable.NOT_SHOWN, 1000, 0),
    ],
)
def test_only_a_conversation_that_nobody_finds_yet_is_offered_again_and_every_day(
    ledger: Ledger, findable: Findable, hours: float, due: int
) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    ledger.settle(offer, "loket", receipt(findable, checked_at=datetime.now(UTC) - timedelta(hours=hours)))
    assert [again.before.findable for again in _due(ledger) if again.before] == [findable] * due
    assert ledger.count_due(ACCOUNT, "loket", None) == (due, 0)


def test_it_may_be_offered_more_often(ledger: Ledger) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    an_hour_ago = receipt(Findable.NO_RESIDENT_KNOWN, checked_at=datetime.now(UTC) - timedelta(hours=1))
    ledger.settle(offer, "loket", an_hour_ago)
    assert _due(ledger) == []
    ledger.settle(offer, "loket", an_hour_ago, offer_again=timedelta(minutes=30))
    assert len(_due(ledger)) == 1


def test_an_offer_that_was_put_off_before_the_clock_was_put_back_is_due_at_once(ledger: Ledger) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    ledger.settle(offer, "loket", receipt(Findable.NO_RESIDENT_KNOWN, checked_at=datetime.now(UTC) + 300 * DAY))
    assert len(_due(ledger)) == 1


def test_what_is_found_after_all_is_not_offered_any_more(ledger: Ledger) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger)
    ledger.settle(offer, "loket", receipt(Findable.NO_RESIDENT_KNOWN, checked_at=datetime.now(UTC) - 2 * DAY))
    (again,) = _due(ledger)
    ledger.settle(again, "loket", receipt())
    assert _due(ledger) == []


def test_conversations_that_began_before_the_start_stay_behind_and_are_counted(ledger: Ledger) -> None:
    _store(ledger, message(1), message(2, thread="b", sent_at=START + 3 * DAY))
    start = START + 2 * DAY
    assert ledger.count_due(ACCOUNT, "loket", start) == (1, 1)
    (offer,) = _due(ledger, start=start)
    assert offer.conversation.thread == "b"
    assert ledger.count_due(ACCOUNT, "loket", None) == (2, 0)


def test_a_conversation_of_long_ago_is_delivered_when_everything_is_asked_for(ledger: Ledger) -> None:
    _store(ledger, message(1, sent_at=datetime(1969, 7, 20, tzinfo=UTC)))
    assert ledger.count_due(ACCOUNT, "loket", None) == (1, 0)
    assert len(_due(ledger)) == 1


def test_a_delivered_conversation_is_kept_up_to_date_also_when_a_late_message_lies_before_the_start(
    ledger: Ledger,
) -> None:
    _store(ledger, message(1))
    (offer,) = _due(ledger, start=START)
    ledger.settle(offer, "loket", receipt())
    _store(ledger, message(2, sent_at=START - timedelta(hours=1)))
    assert ledger.count_due(ACCOUNT, "loket", START) == (1, 0)
    (again,) = _due(ledger, start=START)
    assert [m.id for m in again.conversation.messages] == ["m2", "m1"]


def test_the_oldest_conversation_is_offered_first(ledger: Ledger) -> None:
    _store(ledger, *(message(n, thread=f"t{n}", sent_at=START - n * DAY) for n in range(5)))
    assert [offer.conversation.thread for offer in _due(ledger)] == ["t4", "t3", "t2", "t1", "t0"]


def test_tallies_count_conversations_by_channel_and_by_the_month_they_began_in_local_time(ledger: Ledger) -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    late_in_march = datetime(2026, 3, 31, 21, 30, tzinfo=UTC)  # 23:30 in Amsterdam
    _store(ledger, message(1, sent_at=late_in_march), message(2, thread="b", sent_at=late_in_march))
    _store(ledger, message(3, thread="c", sent_at=late_in_march + timedelta(hours=1)))
    ledger.store("mail", "email", page(message(4, account="mail", sent_at=late_in_march)))
    for offer, found in zip(_due(ledger), (Findable.YES, Findable.NO_QUESTION), strict=False):
        ledger.settle(offer, "loket", receipt(found))
        ledger.settle(offer, "another", receipt(found))
    assert ledger.tallies(amsterdam) == [
        Tally("email", "2026-03", 1, 0, 0),
        Tally("whatsapp", "2026-03", 2, 2, 1),
        Tally("whatsapp", "2026-04", 1, 0, 0),
    ]
