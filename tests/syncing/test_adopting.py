"""A ledger that was lost is rebuilt from the case system, and nothing is delivered there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.syncing.conftest import BSN, Zaken, deliver_all, said

from gemeente_connect.abilities import Record
from gemeente_connect.errors import StorageError
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Message
from gemeente_connect.syncing import deliver
from gemeente_connect.syncing.adopting import Doubtful, adopt
from gemeente_connect.syncing.reconciling import Kind, reconcile
from gemeente_connect.testing.builders import ACCOUNT, page
from gemeente_connect.testing.fakes import ALWAYS, FakeCaseSystem
from gemeente_connect.testing.fakes import Record as Kept

Anew = Callable[[], Path | str]


@contextmanager
def lost(anew: Anew, messages: Iterable[Message]) -> Iterator[Ledger]:
    """A new ledger, in which all is collected again that the channel still has, in another order."""
    with Ledger(anew()) as ledger:
        for each in sorted(messages, key=lambda m: m.id, reverse=True):
            ledger.store(ACCOUNT, "whatsapp", page(each))
        yield ledger


def delivered(anew: Anew, zaken: Zaken, *portions: Iterable[Message]) -> list[Kept]:
    """Deliver these messages, portion by portion, and give what stands there then."""
    with Ledger(anew()) as ledger:
        for portion in portions:
            deliver_all(ledger, zaken, *portion)
    return deepcopy(zaken.kept)


def test_nothing_is_delivered_twice_and_nothing_there_changes(anew: Anew, zaken: Zaken) -> None:
    portions = [said(1), said(2, direction="out")], [said(3), said(4, thread=2), said(5, days=9)]
    before = delivered(anew, zaken, *portions)
    requests = zaken.inside.requests
    with lost(anew, [m for portion in portions for m in portion]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 3}
        assert list(reconcile(zaken, ledger)) == []
        assert len(deliver_all(ledger, zaken)) == 3, "each is compared once"
        assert (zaken.kept, zaken.inside.requests) == (before, requests)
        assert deliver_all(ledger, zaken) == []


def test_without_adopting_it_would_be_there_twice(anew: Anew, zaken: Zaken) -> None:
    messages = [said(2)], [said(1)]
    delivered(anew, zaken, *messages)
    with lost(anew, [m for portion in messages for m in portion]) as ledger:
        deliver_all(ledger, zaken)
        assert len(zaken.kept) == 2
        assert [each.kind for each in reconcile(zaken, ledger)] == [Kind.THERE_TWICE]


def test_a_conversation_is_known_by_its_messages_when_its_first_one_came_late(anew: Anew, zaken: Zaken) -> None:
    portions = [said(2)], [said(1), said(3)]
    before = delivered(anew, zaken, *portions)
    with lost(anew, [said(1), said(2), said(3)]) as ledger:
        adopt(zaken, ledger)
        deliver_all(ledger, zaken)
    assert zaken.kept == before


def test_conversations_that_a_late_message_bridged_stay_two_and_what_is_new_joins_the_nearest(
    anew: Anew, zaken: Zaken
) -> None:
    first, late, new, last = said(1), said(2, days=0.9), said(3, days=1.5), said(4, days=1.9)
    delivered(anew, zaken, [first, last], [late])
    assert [set(each.turns) for each in zaken.kept] == [{"m1"}, {"m4"}]
    with lost(anew, [first, late, new, last]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 2}
        deliver_all(ledger, zaken)
    assert [each.turns for each in zaken.kept] == [
        {"m1": "Bericht 1\nBericht 2"},
        {"m4": "Bericht 3\nBericht 4"},
    ], "m3 lies nearer to m4 than to m2"


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_records_are_listed_decides_nothing(anew: Anew, order: int) -> None:
    class Ordered(Zaken):
        def records(self, since: datetime | None) -> Iterator[Record]:
            yield from list(super().records(since))[::order]

    zaken = Ordered()
    first, middle, last, new = said(1), said(2, days=2), said(3, days=4), said(9, days=3.1)
    delivered(anew, zaken, [first, middle, last])
    bridges = [said(4, days=0.9), said(5, days=1.5), said(6, days=2.9), said(7, days=3.5)]
    with lost(anew, [first, middle, last, new, *bridges]) as ledger:
        adopt(zaken, ledger)
        deliver_all(ledger, zaken)
    texts = [each.turns for each in zaken.kept]
    assert texts == [
        {"m1": "Bericht 1\nBericht 4"},
        {"m2": "Bericht 5\nBericht 2\nBericht 6"},
        {"m3": "Bericht 9\nBericht 7\nBericht 3"},
    ]


def test_what_came_since_the_loss_is_added_to_the_record_that_is_there(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1)])
    with lost(anew, [said(1), said(2, direction="out"), said(3, thread=2)]) as ledger:
        adopt(zaken, ledger)
        deliver_all(ledger, zaken)
    assert [each.turns for each in zaken.kept] == [{"m1": "Bericht 1", "m2": "Bericht 2"}, {"m3": "Bericht 3"}]
    assert zaken.kept[0].reference == before.reference


def test_a_conversation_of_a_resident_who_goes_by_two_names_is_taken_in_whole(anew: Anew, zaken: Zaken) -> None:
    both = page(said(1), said(2, thread=2), other_names={"t2": ("t1",)})
    for adopts in (False, True):
        with Ledger(anew()) as ledger:
            ledger.store(ACCOUNT, "whatsapp", both)
            if adopts:
                assert adopt(zaken, ledger).counts == {"adopted": 1}
            deliver_all(ledger, zaken)
    assert [each.turns for each in zaken.kept] == [{"m1": "Bericht 1\nBericht 2"}]


@pytest.mark.parametrize("account_known", [True, False])
def test_a_case_system_that_keeps_nothing_but_the_names_of_turns_is_enough(
    anew: Anew, zaken: Zaken, *, account_known: bool
) -> None:
    portions = [said(2), said(3), said(4, direction="out")], [said(1), said(5)]
    before = delivered(anew, zaken, *portions)
    zaken.ids, zaken.account_known = {}, account_known
    with lost(anew, [m for portion in portions for m in portion]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        deliver_all(ledger, zaken)
    assert zaken.kept == before


def test_a_record_that_bears_no_id_gets_the_one_it_was_made_with(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(2)], [said(1)])
    zaken.kept[0].external_id = ""
    with lost(anew, [said(1), said(2)]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        assert deliver_all(ledger, zaken) == [before.external_id]
    assert len(zaken.kept) == 1


def test_a_message_is_also_known_by_an_alias(anew: Anew, zaken: Zaken) -> None:
    delivered(anew, zaken, [said(2)], [said(1)])
    renamed = said(2, id="another", aliases=("m2",))
    with lost(anew, [said(1), renamed]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        deliver_all(ledger, zaken)
    assert len(zaken.kept) == 1


def test_what_a_record_has_as_two_messages_may_turn_out_to_be_one(anew: Anew, zaken: Zaken) -> None:
    delivered(anew, zaken, [said(1), said(2), said(3, id="another")])
    with lost(anew, [said(1), said(2, id="another", aliases=("m2",))]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        deliver_all(ledger, zaken)
    assert len(zaken.kept) == 1


def test_a_record_with_messages_that_the_channel_no_longer_gives_waits_for_a_person(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1), said(2), said(3, direction="out")])
    with lost(anew, [said(2), said(3, direction="out")]) as ledger:
        assert adopt(zaken, ledger).doubtful == [Doubtful("incomplete", before.external_id, "R1")]
        assert deliver_all(ledger, zaken, said(4, direction="out")) == [], "also when it grew"
        assert zaken.kept == [before]
        (held,) = ledger.refusals(dropped=True)
        assert "the channel no longer gives" in held.reason


def test_a_record_whose_messages_are_read_in_after_all_is_delivered_again(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1), said(2), said(3, direction="out")])
    with lost(anew, [said(2), said(3, direction="out")]) as ledger:
        adopt(zaken, ledger)
        ledger.store(ACCOUNT, "whatsapp", page(said(1)))
        assert adopt(zaken, ledger).doubtful == []
        assert deliver_all(ledger, zaken) == [before.external_id]
        assert zaken.kept == [before]
        assert ledger.refusals(dropped=True) == []


def test_a_record_of_which_no_message_is_here_is_told_and_left_alone(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1)])
    with lost(anew, [said(2, thread=2)]) as ledger:
        assert adopt(zaken, ledger).doubtful == [Doubtful("unmatched", before.external_id, "R1")]
        assert [each.kind for each in reconcile(zaken, ledger)] == [Kind.UNKNOWN_HERE]


def test_a_record_that_says_too_little_or_what_cannot_be_is_told_and_left_alone(anew: Anew, zaken: Zaken) -> None:
    delivered(anew, zaken, [said(1), said(2, thread=2)])
    zaken.kept[0].turns |= {"m2": "Bericht 2"}
    zaken.kept[1] = Kept("R2", "")
    with lost(anew, [said(1), said(2, thread=2)]) as ledger:
        assert [each.outcome for each in adopt(zaken, ledger).doubtful] == ["unmatched", "unmatched"]


def test_records_that_are_there_twice_already_are_told(anew: Anew, zaken: Zaken) -> None:
    delivered(anew, zaken, [said(2)], [said(1)])
    with lost(anew, [said(1), said(2)]) as ledger:
        deliver_all(ledger, zaken)
        done = adopt(zaken, ledger)
        assert (done.counts, done.doubtful[0].reference) == ({"twice": 1, "known": 1}, "R1")
        assert deliver_all(ledger, zaken) == []


def test_a_conversation_that_another_case_system_has_under_another_id_waits_for_a_person(
    anew: Anew, zaken: Zaken
) -> None:
    delivered(anew, zaken, [said(2)], [said(1)])
    with lost(anew, [said(1), said(2)]) as ledger:
        (other,) = deliver_all(ledger, FakeCaseSystem(account="other"))
        assert adopt(zaken, ledger).counts == {"twice": 1}
        assert deliver_all(ledger, zaken, said(3)) == [], "also when it grew"
        assert len(zaken.kept) == 1
        (held,) = ledger.refusals(dropped=True)
        assert (held.key, held.account, "under another id" in held.reason) == (other, "zaken", True)
        ledger.retry(held.number)
        assert deliver_all(ledger, zaken) == [other]


def test_conversations_that_were_offered_and_never_delivered_get_the_ids_they_had(anew: Anew, zaken: Zaken) -> None:
    before = delivered(anew, zaken, [said(2), said(3, thread=2)], [said(1)])
    with lost(anew, [said(1), said(2), said(3, thread=2)]) as ledger:
        down = FakeCaseSystem(account="zaken", down=ALWAYS)
        assert deliver(down, ledger, account=ACCOUNT, start="all").deferred
        assert adopt(zaken, ledger).counts == {"adopted": 2}
        deliver_all(ledger, zaken)
    assert zaken.kept == before


def test_several_case_systems_are_adopted_one_after_the_other(anew: Anew, zaken: Zaken) -> None:
    other = Zaken("other")
    messages = [said(2), said(3, thread=2)], [said(1)]
    with Ledger(anew()) as ledger:
        for portion in messages:
            ledger.store(ACCOUNT, "whatsapp", page(*portion))
            deliver_all(ledger, zaken)
            deliver_all(ledger, other)
    before = deepcopy((zaken.kept, other.kept))
    with lost(anew, [m for portion in messages for m in portion]) as ledger:
        assert adopt(zaken, ledger).counts == adopt(other, ledger).counts == {"adopted": 2}
        deliver_all(ledger, zaken)
        deliver_all(ledger, other)
    assert (zaken.kept, other.kept) == before


def test_adopting_again_changes_nothing(anew: Anew, zaken: Zaken) -> None:
    before = delivered(anew, zaken, [said(1)], [said(2, thread=2), said(3)])
    with lost(anew, [said(1), said(2, thread=2), said(3)]) as ledger:
        adopt(zaken, ledger)
        assert adopt(zaken, ledger).counts == {"known": 2}
        deliver_all(ledger, zaken)
        assert adopt(zaken, ledger).counts == {"known": 2}
        assert deliver_all(ledger, zaken) == []
    assert zaken.kept == before


def test_a_ledger_that_was_not_lost_is_left_as_it_is(ledger: Ledger, zaken: Zaken) -> None:
    deliver_all(ledger, zaken, said(1))
    ledger.store(ACCOUNT, "whatsapp", page(said(2)))
    assert adopt(zaken, ledger).counts == {"known": 1}
    deliver_all(ledger, zaken)
    assert [each.turns for each in zaken.kept] == [{"m1": "Bericht 1\nBericht 2"}]


def test_a_conversation_of_which_the_channel_knows_the_id_goes_on_as_that(anew: Anew, zaken: Zaken) -> None:
    own: dict[str, Any] = {"conversation": "c1"}
    before = delivered(anew, zaken, [said(1, **own)], [said(2, days=40, **own)])
    with lost(anew, [said(1, **own), said(2, days=40, **own)]) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        deliver_all(ledger, zaken, said(3, days=80, **own))
    assert [(each.reference, set(each.turns)) for each in zaken.kept] == [(before[0].reference, {"m1"})]
    assert zaken.kept[0].turns["m1"].endswith("Bericht 3")


def test_whom_it_was_taken_away_from_is_known_again(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1)])
    zaken.detached[before.external_id] = (BSN,)
    with lost(anew, [said(1)]) as ledger:
        adopt(zaken, ledger)
        assert ledger.mending.untold("another") == [(before.external_id, BSN)]
        assert ledger.mending.untold("zaken") == []


def test_when_it_was_made_is_taken_from_the_case_system(anew: Anew, zaken: Zaken) -> None:
    (before,) = delivered(anew, zaken, [said(1)])
    with lost(anew, [said(1)]) as ledger:
        adopt(zaken, ledger)
        zaken.kept.clear()
        year_2000 = datetime.fromisoformat("2000-01-01T00:00:00+01:00")
        assert list(reconcile(zaken, ledger, since=year_2000)) == [], "nobody knows when it was made"
        assert [each.conversation for each in reconcile(zaken, ledger)] == [before.external_id]


def test_it_waits_for_a_run_that_is_delivering(ledger: Ledger, zaken: Zaken, where: Path | str) -> None:
    ledger.store(ACCOUNT, "whatsapp", page(said(1), said(2, thread=2)))
    offers = ledger.due(ACCOUNT, "zaken", None)
    next(offers)
    with Ledger(where) as other, pytest.raises(StorageError, match="adopt when it is done"):
        adopt(zaken, other)
    offers.close()
    with Ledger(where) as other:
        assert adopt(zaken, other).counts == {}


@pytest.mark.parametrize("hours", [1, 24 * 30])
def test_another_quiet_gap_after_the_loss_changes_no_conversation(anew: Anew, zaken: Zaken, hours: int) -> None:
    messages = [said(1), said(2, days=0.5), said(3, days=0.9), said(4, days=9), said(5, days=9.8)]
    before = delivered(anew, zaken, messages)
    assert len(before) == 2
    with Ledger(anew()) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(*messages), timedelta(hours=hours))
        assert adopt(zaken, ledger).counts == {"adopted": 2}
        deliver_all(ledger, zaken)
    assert zaken.kept == before


def test_what_is_listed_and_known_shows_no_text(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1, text="kanarie"))
    zaken.detached[key] = (BSN,)
    told = f"{list(zaken.records(None))} {ledger.mending.known('zaken', [key])}"
    assert "R1" in told
    assert "kanarie" not in told
    assert BSN.value not in told


def test_a_backup_of_the_ledger_that_is_older_than_the_case_system_is_brought_up_to_date(
    ledger: Ledger, zaken: Zaken
) -> None:
    deliver_all(ledger, zaken, said(2))
    with ledger.copy() as backup:
        later = said(1), said(3, direction="out"), said(5, thread=2), said(4, thread=2)
        deliver_all(ledger, zaken, *later[:3])
        deliver_all(ledger, zaken, *later[3:])
        before = deepcopy(zaken.kept)
        backup.store(ACCOUNT, "whatsapp", page(*reversed(later)))
        assert adopt(zaken, backup).counts == {"adopted": 2}
        deliver_all(backup, zaken)
        assert zaken.kept == before
        assert list(reconcile(zaken, backup)) == []


def test_a_record_that_was_changed_there_before_the_loss_is_still_told(anew: Anew, zaken: Zaken) -> None:
    delivered(anew, zaken, [said(1)])
    zaken.changed.add("R1")
    with lost(anew, [said(1)]) as ledger:
        adopt(zaken, ledger)
        assert [each.kind for each in reconcile(zaken, ledger)] == [Kind.CHANGED_THERE]


def test_no_record_is_too_large(anew: Anew, zaken: Zaken) -> None:
    messages = [said(n % 9, id=f"x{n:04}", sent_at=said(1).sent_at + timedelta(seconds=n)) for n in range(1000)]
    before = delivered(anew, zaken, messages)
    with lost(anew, messages) as ledger:
        assert adopt(zaken, ledger).counts == {"adopted": 1}
        deliver_all(ledger, zaken)
    assert zaken.kept == before
