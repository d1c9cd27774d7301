"""What two sources may both have brought is listed for a person, and merged by nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect.contracts import Findable, Receipt
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Message
from gemeente_connect.syncing import sync
from gemeente_connect.testing import FakeCaseSystem, FakeChannel
from gemeente_connect.testing.builders import START, message, page, receipt

EXPORT, PLATFORM, SMS = "whatsapp-export:31591123456", "whatsapp:31591123456", "sms:31591123456"
CHAT = (message(1), message(2, direction="out"), message(3))


@pytest.fixture
def ledger(anew: Callable[[], Path | str]) -> Iterator[Ledger]:
    with Ledger(anew()) as ledger:
        yield ledger


def of(account: str, *messages: Message, later: float = 0, **fields: Any) -> list[Message]:
    """Give messages as another source has them: other ids, and a time that is `later`, in seconds."""
    return [
        m.model_copy(
            update={
                "account": account, "id": f"{account}/{m.id}", "sent_at": m.sent_at + timedelta(seconds=later), **fields
            }
        )
        for m in messages
    ]  # fmt: skip


def deliver(ledger: Ledger, account: str, *messages: Message, kind: str = "whatsapp", **fields: Any) -> dict[str, str]:
    """Collect and deliver; give what is listed as new."""
    if messages:
        ledger.store(account, kind, page(*messages, **fields))
    found: dict[str, str] = {}
    for offer in ledger.due(account, "loket", None):
        receipt = Receipt(reference="R", findable=Findable.YES, checked_at=datetime.now(UTC))
        found |= ledger.settle_all([(offer, receipt)], "loket")
    return found


def listed(ledger: Ledger) -> list[tuple[str, str]]:
    return [(each.kind, each.reason.split(" of the")[0]) for each in ledger.refusals()]


def test_the_same_messages_from_two_sources_are_listed_once_and_stay_apart(ledger: Ledger) -> None:
    assert deliver(ledger, EXPORT, *of(EXPORT, *CHAT)) == {}
    found = deliver(ledger, PLATFORM, *of(PLATFORM, *CHAT, later=42))
    assert listed(ledger) == [("double", "3")]
    assert found == {each.key: each.reason for each in ledger.refusals()}
    assert EXPORT in next(iter(found.values()))
    assert [tally.conversations for tally in ledger.tallies(UTC)] == [2]


def test_what_was_listed_is_new_again_only_when_more_of_it_is_alike(ledger: Ledger) -> None:
    deliver(ledger, EXPORT, *of(EXPORT, *CHAT))
    deliver(ledger, PLATFORM, *of(PLATFORM, *CHAT[:2]))
    (number,) = (each.number for each in ledger.refusals())
    ledger.drop(number)
    assert deliver(ledger, PLATFORM, *of(PLATFORM, message(9))) == {}
    assert listed(ledger) == []
    assert deliver(ledger, PLATFORM, *of(PLATFORM, CHAT[2]))
    assert listed(ledger) == [("double", "3")]


def test_a_pair_counts_the_same_whichever_of_the_two_is_delivered(ledger: Ledger) -> None:
    deliver(ledger, EXPORT, *of(EXPORT, message(1, text="Ja"), message(2, text="Ja")))
    deliver(ledger, PLATFORM, *of(PLATFORM, message(1, text="Ja")))
    assert listed(ledger) == [("double", "1")]
    ledger.drop(ledger.refusals()[0].number)
    assert deliver(ledger, EXPORT, *of(EXPORT, message(9))) == {}
    assert listed(ledger) == []


def test_a_dropped_pair_stays_dropped_when_less_of_it_is_alike(ledger: Ledger) -> None:
    deliver(ledger, EXPORT, *of(EXPORT, *CHAT))
    deliver(ledger, PLATFORM, *of(PLATFORM, *CHAT))
    ledger.drop(ledger.refusals()[0].number)
    assert deliver(ledger, PLATFORM, *of(PLATFORM, CHAT[0], text="Verbeterd")) == {}
    assert listed(ledger) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_looking_for_doubles_costs_the_same_however_many_other_chats_there_are(ledger: Ledger) -> None:
    others = (message(n, id=f"other-{n}", thread=f"+316000{n:05}") for n in range(2000))
    costs = []
    for number, more in enumerate(([], others)):
        same = message(number, thread=f"NL.{number}")
        deliver(ledger, EXPORT, *of(EXPORT, *more, same))
        costs.append(_cost_of_delivering(ledger, PLATFORM, *of(PLATFORM, same)))
    assert len(listed(ledger)) == 2
    assert costs[1] < 2 * costs[0]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_comparing_two_long_chats_costs_no_more_than_reading_them(ledger: Ledger) -> None:
    costs = []
    for day, size in enumerate((100, 800)):
        chat = [
            message(n, id=f"{day}-{n}", sent_at=START + timedelta(days=9 * day, minutes=9 * n)) for n in range(size)
        ]
        deliver(ledger, EXPORT, *of(EXPORT, *chat))
        costs.append(_cost_of_delivering(ledger, PLATFORM, *of(PLATFORM, *chat)))
    assert listed(ledger) == [("double", "100"), ("double", "800")]
    assert costs[1] < 20 * costs[0]


def _cost_of_delivering(ledger: Ledger, account: str, *messages: Message) -> int:
    """Count how often SQLite did ten instructions to keep the receipt of the only conversation that is due."""
    ledger.store(account, "whatsapp", page(*messages))
    (offer,) = ledger.due(account, "loket", None)
    counted: list[int] = []
    driver: Any = ledger._db._driver
    driver.connection.set_progress_handler(lambda: counted.append(1), 10)
    ledger.settle_all([(offer, receipt())], "loket")
    driver.connection.set_progress_handler(None, 0)
    return len(counted)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "Iets anders"},
        {"thread": "+31612345679"},
        {"direction": "out"},
        {"kind": "image"},
        {"sent_at": START + timedelta(minutes=4)},  # more than two minutes after the first
    ],
)
def test_another_text_resident_side_kind_or_time_is_no_double(ledger: Ledger, fields: dict[str, Any]) -> None:
    deliver(ledger, EXPORT, *of(EXPORT, message(1)))
    deliver(ledger, PLATFORM, *of(PLATFORM, message(1), **fields))
    assert listed(ledger) == []


def test_another_kind_of_channel_and_the_same_account_bring_no_doubles(ledger: Ledger) -> None:
    deliver(ledger, EXPORT, *of(EXPORT, message(1), message(1, id="again")))
    deliver(ledger, SMS, *of(SMS, message(1)), kind="sms")
    assert listed(ledger) == []


def test_a_chat_under_a_number_is_compared_with_one_under_a_user_id(ledger: Ledger) -> None:
    deliver(ledger, PLATFORM, *of(PLATFORM, *CHAT, thread="NL.one"), other_names={"NL.one": (message(1).thread,)})
    deliver(ledger, EXPORT, *of(EXPORT, *CHAT))
    assert listed(ledger) == [("double", "3")]
    ledger.drop(ledger.refusals()[0].number)
    deliver(ledger, PLATFORM, *of(PLATFORM, message(4), thread="NL.one"))
    assert listed(ledger) == []  # it is the same pair, whichever of the two is delivered again


def test_what_was_never_offered_is_not_compared_with(ledger: Ledger) -> None:
    ledger.store(EXPORT, "whatsapp", page(*of(EXPORT, *CHAT)))
    assert deliver(ledger, PLATFORM, *of(PLATFORM, *CHAT)) == {}


def test_a_sync_reports_them_and_the_reason_holds_nothing_of_a_resident(ledger: Ledger) -> None:
    system = FakeCaseSystem()
    reports = [
        sync(FakeChannel(of(account, *CHAT), account=account), system, ledger=ledger, start="all")
        for account in (EXPORT, PLATFORM)
    ]
    ((key, reason),) = reports[1].refused.items()
    assert key == "+".join(sorted(each.conversation for report in reports for each in report.delivered))
    assert CHAT[0].thread not in reason
    assert CHAT[0].text not in reason
