"""Comparing the ledger with what a case system holds: what differs is told, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from tests.syncing.conftest import Zaken, deliver_all, now, said

from gemeente_connect.abilities import Record
from gemeente_connect.contracts import Findable
from gemeente_connect.errors import PluginError, TemporaryError
from gemeente_connect.ledger import Ledger
from gemeente_connect.syncing import deliver
from gemeente_connect.syncing.reconciling import AT_ONCE, Difference, Kind, listed, reconcile
from gemeente_connect.testing.builders import ACCOUNT, page
from gemeente_connect.testing.fakes import Crash, FakeCaseSystem
from gemeente_connect.testing.fakes import Record as Kept


def found(zaken: Zaken, ledger: Ledger, since: datetime | None = None) -> list[tuple[Kind, str | None, str | None]]:
    return [(each.kind, each.conversation, each.reference) for each in reconcile(zaken, ledger, since=since)]


def test_what_was_delivered_and_is_still_there_as_it_was_is_no_difference(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, said(1), said(2, direction="out"), said(3, thread=2))
    assert found(zaken, ledger) == []


def test_a_record_that_was_removed_there_is_missing(ledger: Ledger, zaken: Zaken) -> None:
    first, _ = deliver_all(ledger, zaken, said(1), said(2, thread=2))
    zaken.kept.pop(0)
    assert list(reconcile(zaken, ledger)) == [Difference(Kind.MISSING_THERE, first, None, None)]


def test_what_somebody_else_changed_there_is_told_by_what_was_kept(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    zaken.kept[0].turns["m1"] = "Iets anders"
    assert found(zaken, ledger) == [(Kind.CHANGED_THERE, key, "R1")]


def test_what_the_case_system_itself_says_was_changed_is_told(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    zaken.changed.add("R1")
    assert found(zaken, ledger) == [(Kind.CHANGED_THERE, key, "R1")]


def test_a_part_that_was_removed_there_is_a_change(ledger: Ledger, zaken: Zaken) -> None:
    class Parts(Zaken):
        def records(self, since: datetime | None) -> Iterator[Record]:
            return (each.model_copy(update={"done": {}}) for each in super().records(since))

    (key,) = deliver_all(ledger, zaken, said(1))
    without = Parts()
    without.inside.made = zaken.kept
    without.portal = zaken.portal
    assert found(without, ledger) == [(Kind.CHANGED_THERE, key, "R1")]


def test_a_conversation_that_grew_since_it_was_delivered_is_no_difference(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, said(1))
    deliver_all(ledger, FakeCaseSystem(account="other"), said(2))
    assert found(zaken, ledger) == []


def test_a_second_record_of_a_conversation_is_there_twice(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    zaken.portal["R9"] = Findable.YES
    zaken.kept.append(Kept("R9", key, zaken.kept[0].turns))
    assert found(zaken, ledger) == [(Kind.THERE_TWICE, key, "R9")]
    zaken.kept.reverse()
    assert found(zaken, ledger) == [(Kind.THERE_TWICE, key, None)], "the ledger's own is not named for removal"


def test_a_second_record_under_another_id_is_known_by_its_messages(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    zaken.kept.append(Kept("R9", "another-id", {"m1": "Bericht 1"}))
    assert found(zaken, ledger) == [(Kind.THERE_TWICE, key, "R9")]


def test_what_the_ledger_never_delivered_is_unknown_here(ledger: Ledger, zaken: Zaken) -> None:
    zaken.kept.extend([Kept("R8", "an-id", {"m1": "Bericht 1"}), Kept("R9", "")])
    assert found(zaken, ledger) == [(Kind.UNKNOWN_HERE, "an-id", "R8"), (Kind.UNKNOWN_HERE, None, "R9")]


def test_who_finds_it_is_judged_again(ledger: Ledger, zaken: Zaken) -> None:
    zaken.inside.residents = ["+31612345671"]
    first, second = deliver_all(ledger, zaken, said(1), said(2, thread=2))
    zaken.portal |= {"R1": Findable.NOT_VALID_THEN, "R2": Findable.YES}
    assert list(reconcile(zaken, ledger)) == [
        Difference(Kind.NO_LONGER_FINDABLE, first, "R1", Findable.NOT_VALID_THEN),
        Difference(Kind.NEWLY_FINDABLE, second, "R2", Findable.YES),
    ]


def test_another_reason_why_nobody_finds_it_is_no_difference(ledger: Ledger, zaken: Zaken) -> None:
    zaken.inside.residents = []
    deliver_all(ledger, zaken, said(1))
    zaken.portal["R1"] = Findable.NOT_VALID_THEN
    assert found(zaken, ledger) == []


def test_what_a_person_dropped_is_left_out(ledger: Ledger, zaken: Zaken) -> None:
    zaken.inside.refuse = deliver_all(ledger, zaken, said(1), said(2, thread=2))
    zaken.kept.pop(0)
    zaken.kept[0].turns["m2"] = "Iets anders"
    ledger.store(ACCOUNT, "whatsapp", page(said(3), said(4, thread=2)))
    assert len(deliver(zaken, ledger, account=ACCOUNT, start="all").refused) == 2
    assert len(found(zaken, ledger)) == 2
    for refusal in ledger.refusals():
        ledger.drop(refusal.number)
    assert found(zaken, ledger) == []


def test_with_a_day_only_what_was_made_since_can_be_missing(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, said(1))
    zaken.kept.clear()
    assert [kind for kind, *_ in found(zaken, ledger, now() - timedelta(days=1))] == [Kind.MISSING_THERE]
    assert found(zaken, ledger, now() + timedelta(days=1)) == []


def test_the_case_system_is_asked_a_little_further_back_for_clocks_that_differ(ledger: Ledger, zaken: Zaken) -> None:
    since = now()
    found(zaken, ledger, since)
    assert zaken.asked_since is not None
    assert timedelta(0) < since - zaken.asked_since <= timedelta(hours=1)
    found(zaken, ledger)
    assert zaken.asked_since is None


def test_what_was_begun_and_is_not_settled_yet_is_no_difference(ledger: Ledger, zaken: Zaken) -> None:
    zaken.inside.crash_at, zaken.inside.after = 1, True
    with pytest.raises(Crash):
        deliver_all(ledger, zaken, said(1))
    assert len(zaken.kept) == 1
    assert found(zaken, ledger) == []


def test_nothing_is_written_on_either_side(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, said(1), said(2, thread=2))
    zaken.kept.pop()
    zaken.kept[0].turns["m1"] = "Iets anders"
    requests = zaken.inside.requests
    before = [(each.key, each.attempts) for each in ledger.refusals(dropped=True)]
    assert found(zaken, ledger) == found(zaken, ledger)
    assert zaken.inside.requests == requests
    assert [(each.key, each.attempts) for each in ledger.refusals(dropped=True)] == before


def test_more_records_than_fit_in_one_part_are_compared_one_part_at_a_time(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, *(said(n % 10 + 1, thread=n, id=f"x{n}", sender=None) for n in range(AT_ONCE + 20)))
    assert [len(part) for part in listed(zaken)] == [AT_ONCE, 20]
    assert found(zaken, ledger) == []
    zaken.kept.pop(3)
    assert [kind for kind, *_ in found(zaken, ledger)] == [Kind.MISSING_THERE]


def test_a_case_system_that_cannot_list_is_told_as_such(ledger: Ledger) -> None:
    class Plain:
        account = "plain"

        deliver = FakeCaseSystem.deliver
        close = FakeCaseSystem.close

    with pytest.raises(PluginError, match="plain cannot list its records"):
        list(reconcile(Plain(), ledger))


def test_a_case_system_that_fails_halfway_says_so(ledger: Ledger, zaken: Zaken) -> None:
    class Down(Zaken):
        error: Exception = TemporaryError("the other side is down")

        def records(self, since: datetime | None) -> Iterator[Record]:
            yield from zaken.records(since)
            raise self.error

    deliver_all(ledger, zaken, said(1))
    down = Down()
    with pytest.raises(TemporaryError, match="is down"):
        list(reconcile(down, ledger))
    down.error = ValueError("kanarie")
    with pytest.raises(PluginError, match="report it to its maker") as told:
        list(reconcile(down, ledger))
    assert "kanarie" not in str(told.value)
