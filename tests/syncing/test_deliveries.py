"""What a report keeps of a run that delivers very much."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gemeente_connect.contracts import Findable, Receipt
from gemeente_connect.syncing import Deliveries, Delivery, Report

MANY = 1_003
BEGIN = datetime(2026, 1, 5, 8, 30, 0, 123456, tzinfo=UTC)


def delivery(number: int) -> Delivery:
    findable = list(Findable)[number % len(Findable)]
    missing = ("attachment-omitted",) if number % 7 == 0 else ()
    checked_at = BEGIN + timedelta(seconds=number)
    reference = f"reference-{number}" if number % 11 else None
    receipt = Receipt(reference=reference, findable=findable, missing=missing, checked_at=checked_at)
    return Delivery(f"conversation-{number}", number % 5 == 0, receipt)


@pytest.fixture
def many() -> Deliveries:
    kept = Deliveries()
    for start in range(0, MANY, 25):
        kept.add(delivery(number) for number in range(start, min(start + 25, MANY)))
    return kept


def test_many_deliveries_read_as_a_list_of_them_does(many: Deliveries) -> None:
    plain = list(map(delivery, range(MANY)))
    assert (list(many), len(many), bool(many)) == (plain, MANY, True)
    assert [many[place] for place in (0, 249, 250, 999, 1000, -1, -MANY)] == [
        plain[place] for place in (0, 249, 250, 999, 1000, -1, -MANY)
    ]
    assert (many[990:], many[::-100]) == (plain[990:], plain[::-100])
    assert (many == plain, many == plain[1:], many == "no deliveries") == (True, False, False)
    assert repr(many).startswith(repr(plain)[:200])
    with pytest.raises(IndexError):
        many[MANY]


def test_a_report_without_deliveries_equals_an_empty_list() -> None:
    report = Report()
    nothing: Sequence[Delivery] = []
    assert report.delivered == nothing
    assert (report.findable, report.not_findable) == (0, {})


def test_findable_deliveries_are_counted_by_reason(many: Deliveries) -> None:
    report = Report(delivered=many)
    assert report.findable + sum(report.not_findable.values()) == MANY
    assert list(report.not_findable) == sorted(set(Findable) - {Findable.YES})


def test_many_deliveries_take_little_memory() -> None:
    def some(start: int) -> Iterator[Delivery]:
        return map(delivery, range(start, start + 1000))

    kept = Deliveries()
    kept.add(some(0))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for start in range(1000, 6000, 1000):
            kept.add(some(start))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 5000 * 150, "bytes"
