"""Edits, deletions, statuses: applied to the one message that is meant, once, and never backwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
import time_machine

from gemeente_connect.ledger import Ledger
from gemeente_connect.models import (
    Attachment,
    Deleted,
    Edited,
    Identity,
    IdentityChanged,
    Message,
    Reacted,
    Spot,
    Status,
    StatusChanged,
)
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, participant, receipt

Sql = Callable[[str], list[tuple[Any, ...]]]

LATER = START + timedelta(hours=1)
GONE = "Dit bericht is verwijderd"


def _store(ledger: Ledger, *messages: Message, **fields: Any) -> tuple[int, int, int, list[str]]:
    stored = ledger.store(ACCOUNT, "whatsapp", page(*messages, **fields))
    return stored.new, stored.known, stored.changed, list(stored.refused)


def _messages(ledger: Ledger) -> dict[str, Message]:
    offers = ledger.due(ACCOUNT, "somebody who looks", None)
    return {m.id: m for offer in offers for m in offer.conversation.messages}


def _texts(ledger: Ledger) -> dict[str, str]:
    return {id_: m.text for id_, m in _messages(ledger).items()}


def _is_due(ledger: Ledger) -> bool:
    offers = list(ledger.due(ACCOUNT, "loket", None))
    for offer in offers:
        ledger.settle(offer, "loket", receipt())
    return bool(offers)


def _edited(target: str | Spot, text: str, id_: str = "m1", at: datetime | None = None, number: int = 1) -> Edited:
    return Edited(message=message(number, id=id_, text=text), target=target, at=at)


def _deleted(target: str | Spot, id_: str = "m1", at: datetime | None = None) -> Deleted:
    return Deleted(message=message(1, id=id_, text=GONE), target=target, at=at)


def _spot(number: int = 1, *besides: str) -> Spot:
    return Spot(minute=START + timedelta(minutes=number), sender=participant().id, besides=frozenset(besides))


# ---- by exact id


def test_an_edit_by_id_shows_the_new_text_offers_the_conversation_again_and_keeps_the_old_text(
    ledger: Ledger, sql: Sql
) -> None:
    _store(ledger, message(1))
    assert _is_due(ledger)
    assert _store(ledger, changes=(_edited("m1", "Verbeterd", at=LATER),)) == (0, 0, 1, [])
    assert (_messages(ledger)["m1"].text, _messages(ledger)["m1"].edited_at) == ("Verbeterd", LATER)
    assert _is_due(ledger)
    assert sql("SELECT text FROM earlier_texts") == [("Bericht 1",)]


def test_a_deletion_by_id_puts_the_notice_in_the_place_of_the_text(ledger: Ledger) -> None:
    _store(ledger, message(1))
    assert _store(ledger, changes=(_deleted("m1", at=LATER),)) == (0, 0, 1, [])
    assert (_messages(ledger)["m1"].text, _messages(ledger)["m1"].deleted_at) == (GONE, LATER)


@pytest.mark.parametrize("change", [_edited("m1", "Verbeterd", at=LATER), _deleted("m1"), _edited("m1", "Zonder tijd")])
def test_the_same_change_again_changes_nothing_and_offers_nothing(ledger: Ledger, change: Edited | Deleted) -> None:
    _store(ledger, message(1), changes=(change,))
    assert _is_due(ledger)
    assert _store(ledger, changes=(change,)) == (0, 1, 0, [])
    assert not _is_due(ledger)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_whatever_the_order_in_which_changes_arrive_the_last_one_stands(ledger: Ledger, order: tuple[int, ...]) -> None:
    happened: list[dict[str, Any]] = [
        {"messages": (message(1),)},
        {"changes": (_edited("m1", "Eerste verbetering", at=LATER),)},
        {"changes": (_edited("m1", "Tweede verbetering", at=LATER + timedelta(hours=1)),)},
        {"changes": (_edited("m1", "Derde verbetering", at=LATER + timedelta(hours=2)),)},
    ]
    for number in order:
        _store(ledger, **{"messages": ()} | happened[number])
    assert _texts(ledger) == {"m1": "Derde verbetering"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_nothing_brings_back_what_was_deleted(ledger: Ledger, order: tuple[int, ...]) -> None:
    happened: list[dict[str, Any]] = [
        {"messages": (message(1),)},
        {"changes": (_edited("m1", "Verbeterd", at=LATER),)},
        {"changes": (_deleted("m1", at=LATER + timedelta(hours=1)),)},
    ]
    for number in order:
        _store(ledger, **{"messages": ()} | happened[number])
    _store(ledger, message(1))
    _store(ledger, message(1, text="Nog een keer", edited_at=LATER + timedelta(days=1)))
    assert _texts(ledger) == {"m1": GONE}


def test_an_edit_under_a_new_id_makes_that_an_alias(ledger: Ledger) -> None:
    _store(ledger, message(1), changes=(_edited("m1", "Verbeterd", id_="m1-v2"),))
    assert _store(ledger, message(1, id="m1-v2", text="Verbeterd")) == (0, 1, 0, [])
    assert _store(ledger, changes=(_edited("m1", "Verbeterd", id_="m1-v2"),)) == (0, 1, 0, [])
    assert _texts(ledger) == {"m1": "Verbeterd"}


def test_an_older_copy_does_not_undo_an_edit_and_a_newer_one_is_taken(ledger: Ledger) -> None:
    _store(ledger, message(1), changes=(_edited("m1", "Verbeterd", at=LATER),))
    assert _store(ledger, message(1)) == (0, 1, 0, [])
    assert _store(ledger, message(1, text="Ouder", edited_at=START)) == (0, 1, 0, [])
    assert _texts(ledger) == {"m1": "Verbeterd"}
    assert _store(ledger, message(1, text="Nieuwer", edited_at=LATER + timedelta(hours=1))) == (0, 0, 1, [])
    assert _texts(ledger) == {"m1": "Nieuwer"}


def test_a_text_that_changed_without_a_mark_is_an_edit_seen_now(ledger: Ledger) -> None:
    _store(ledger, message(1))
    assert _store(ledger, message(1, text="Anders")) == (0, 0, 1, [])
    assert _messages(ledger)["m1"].edited_at is not None


def test_a_text_that_changes_again_without_a_mark_is_taken_and_an_older_copy_is_not(ledger: Ledger) -> None:
    for text in ("Een", "Twee", "Drie", "Een", "Twee"):
        _store(ledger, message(1, text=text))
    assert _texts(ledger) == {"m1": "Drie"}


def test_of_two_edits_within_one_minute_both_earlier_texts_are_kept(ledger: Ledger, sql: Sql) -> None:
    _store(ledger, message(1), changes=(_edited("m1", "Twee", at=LATER), _edited("m1", "Drie", at=LATER)))
    assert sorted(sql("SELECT text FROM earlier_texts")) == [("Bericht 1",), ("Twee",)]


# ---- by the spot where it stands


@pytest.mark.parametrize("make", [_deleted, lambda spot, id_: _edited(spot, "Verbeterd", id_)])
def test_a_change_at_a_spot_with_one_candidate_is_applied_once(ledger: Ledger, make: Any) -> None:
    change = make(_spot(), "new")
    _store(ledger, message(1), message(2))
    assert _store(ledger, changes=(change,)) == (0, 0, 1, [])
    assert _texts(ledger) == {"m1": change.message.text, "m2": "Bericht 2"}
    assert _store(ledger, changes=(change,)) == (0, 1, 0, [])


def test_a_change_at_a_spot_where_nothing_stands_brings_the_message_itself(ledger: Ledger) -> None:
    change = _edited(_spot(), "Verbeterd", "new", at=LATER)
    assert _store(ledger, changes=(change,)) == (1, 0, 0, [])
    assert (_messages(ledger)["new"].text, _messages(ledger)["new"].edited_at) == ("Verbeterd", LATER)
    assert _store(ledger, changes=(change,)) == (0, 1, 0, [])


def test_a_change_that_could_be_of_several_messages_is_refused_for_a_person_and_changes_nothing(ledger: Ledger) -> None:
    _store(ledger, message(1), message(1, id="same-minute", text="Nog iets"))
    change = _deleted(_spot(), "new")
    assert _store(ledger, changes=(change,)) == (0, 0, 0, ["new"])
    assert _store(ledger, changes=(change,)) == (0, 1, 0, [])
    assert _texts(ledger) == {"m1": "Bericht 1", "same-minute": "Nog iets"}
    refusal = ledger.refused()["new"]
    assert (refusal.kind, refusal.account, refusal.attempts) == ("change", ACCOUNT, 2)
    assert "several messages" in refusal.reason
    _, raw = ledger.show(refusal.number)
    assert raw is not None
    assert Deleted.model_validate_json(raw) == change


def test_messages_that_stand_there_unchanged_are_no_candidates(ledger: Ledger) -> None:
    _store(ledger, message(1), message(1, id="same-minute", aliases=("known-as",)))
    assert _store(ledger, changes=(_deleted(_spot(1, "known-as"), "new"),)) == (0, 0, 1, [])
    assert _texts(ledger) == {"m1": GONE, "same-minute": "Bericht 1"}


def test_only_messages_of_that_sender_minute_and_thread_are_candidates(ledger: Ledger) -> None:
    _store(
        ledger,
        message(1),
        message(1, id="somebody-else", sender=participant(2)),
        message(1, id="elsewhere", thread="another"),
        message(2),
        message(1, id="deleted-before", deleted_at=START),
    )
    assert _store(ledger, changes=(_deleted(_spot(), "new"),)) == (0, 0, 1, [])
    assert _texts(ledger)["m1"] == GONE


def test_a_refused_change_that_can_be_applied_later_is_no_longer_listed(ledger: Ledger) -> None:
    _store(ledger, message(1), message(1, id="same-minute"), changes=(_deleted(_spot(), "new"),))
    assert list(ledger.refused()) == ["new"]
    assert _store(ledger, changes=(_deleted(_spot(1, "same-minute"), "new"),)) == (0, 0, 1, [])
    assert ledger.refused() == {}


def test_retrying_a_refused_change_applies_it_once_there_is_one_candidate(ledger: Ledger) -> None:
    _store(ledger, message(1), message(1, id="same-minute"), changes=(_deleted(_spot(), "new"),))
    number = ledger.refused()["new"].number
    ledger.retry(number)
    assert list(ledger.refused()) == ["new"], "there are still two"
    _store(ledger, changes=(_deleted("same-minute", "deleted-by-id"),))
    ledger.retry(number)
    assert ledger.refused() == {}
    assert _texts(ledger) == {"m1": GONE, "same-minute": GONE}


# ---- before its message, and after it


def test_a_change_of_a_message_that_is_not_known_waits_for_it(ledger: Ledger) -> None:
    assert _store(ledger, changes=(_edited("m1", "Verbeterd", at=LATER),)) == (0, 0, 0, [])
    assert _messages(ledger) == {}
    assert _store(ledger, message(2)) == (1, 0, 0, [])
    assert _store(ledger, message(1)) == (1, 0, 1, [])
    assert _texts(ledger) == {"m1": "Verbeterd", "m2": "Bericht 2"}


def test_a_change_whose_message_never_comes_goes_to_a_person_and_still_waits(ledger: Ledger, sql: Sql) -> None:
    _store(ledger, changes=(_edited("m1", "Verbeterd", at=LATER),))
    _store(ledger, changes=(StatusChanged(account=ACCOUNT, target="m2", status="read", at=START),))
    assert ledger.never_came(ACCOUNT) == {}
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        ((key, reason),) = ledger.never_came(ACCOUNT).items()
        assert "did not come" in reason
        assert list(ledger.refused()) == [key]
        assert ledger.never_came(ACCOUNT) == {}
    assert sql("SELECT target FROM parked_changes") == [("m1",)], "a status of what never came says nothing"
    _store(ledger, message(1))
    assert _texts(ledger)["m1"] == "Verbeterd"
    assert ledger.refused() == {}


def test_changes_without_a_time_that_waited_are_applied_in_the_order_in_which_they_came(ledger: Ledger) -> None:
    for number in range(9):
        _store(ledger, changes=(_edited("m1", f"Versie {number}", id_="m1"),))
    _store(ledger, message(1))
    assert _texts(ledger) == {"m1": "Versie 8"}


def test_a_change_waits_also_for_a_message_that_is_first_heard_of_as_edited(ledger: Ledger) -> None:
    _store(ledger, changes=(StatusChanged(account=ACCOUNT, target="new", status="read", at=START),))
    assert _store(ledger, changes=(_edited(_spot(), "Verbeterd", "new"),)) == (1, 0, 1, [])
    assert _messages(ledger)["new"].status == "read"


def test_a_status_never_goes_down_and_offers_nothing(ledger: Ledger) -> None:
    def told(status: Status) -> tuple[int, int, int, list[str]]:
        return _store(ledger, changes=(StatusChanged(account=ACCOUNT, target="m1", status=status, at=START),))

    _store(ledger, message(1, direction="out", status="sent"))
    assert _is_due(ledger)
    assert [told("read"), told("delivered"), told("read")] == [(0, 0, 1, []), (0, 1, 0, []), (0, 1, 0, [])]
    assert _store(ledger, message(1, direction="out", status="delivered")) == (0, 1, 0, [])
    assert not _is_due(ledger)
    assert _messages(ledger)["m1"].status == "read"


def test_the_last_reaction_of_somebody_counts(ledger: Ledger, sql: Sql) -> None:
    def reacted(emoji: str, at: datetime) -> tuple[int, int, int, list[str]]:
        change = Reacted(account=ACCOUNT, target="m1", sender=participant(), emoji=emoji, at=at)
        return _store(ledger, changes=(change,))

    _store(ledger, message(1))
    assert [reacted("👍", LATER), reacted("👎", START), reacted("👍", LATER)] == [
        (0, 0, 1, []),
        (0, 1, 0, []),
        (0, 1, 0, []),
    ]
    assert sql("SELECT emoji FROM reactions") == [("👍",)]


def test_somebody_who_goes_on_under_another_number_keeps_the_old_one_too(ledger: Ledger) -> None:
    new = Identity(kind="phone", value="+31612345679")
    _store(ledger, message(1))
    change = IdentityChanged(account=ACCOUNT, thread="t", participant=participant(), identity=new, at=LATER)
    assert _store(ledger, changes=(change,)) == (0, 0, 1, [])
    assert _store(ledger, changes=(change,)) == (0, 1, 0, [])
    sender = _messages(ledger)["m1"].sender
    assert sender is not None
    assert sender.identities == (*participant().identities, new)


# ---- an older export that is read after a newer one ------------------------------------------------------------------


@pytest.mark.parametrize("deleted", [True, False])
def test_what_a_message_said_before_its_edit_or_deletion_is_not_shown_when_it_is_read_later(
    ledger: Ledger, *, deleted: bool
) -> None:
    id_ = "as it reads now"
    change = _deleted(_spot(), id_=id_) if deleted else _edited(_spot(), "Mijn vraag", id_=id_)
    _store(ledger, changes=(change,))
    assert _store(ledger, message(1, id="as it was", text="Mijn geheim")) == (0, 0, 0, [])
    assert list(_texts(ledger).values()) == [change.message.text]
    assert _store(ledger, message(1, id="as it was", text="Mijn geheim"))[0] == 0, "it is known from then on"


def test_a_message_that_stands_beside_an_edited_one_is_a_message_of_its_own(ledger: Ledger) -> None:
    _store(ledger, changes=(_edited(_spot(), "nieuw", id_="edited"),))
    beside = message(1, id="written in the same minute", text="nog iets")
    again = _edited(_spot(1, beside.id), "nieuw", id_="edited")
    assert _store(ledger, beside, changes=(again,)) == (1, 1, 0, [])
    assert set(_texts(ledger).values()) == {"nieuw", "nog iets"}


def test_where_nobody_can_tell_which_message_was_deleted_none_is_shown_and_a_person_looks(ledger: Ledger) -> None:
    _store(ledger, changes=(_deleted(_spot(), id_="deleted"),))
    several = [message(1, id=f"either {n}", text=f"een van beide {n}") for n in range(2)]
    assert _store(ledger, *several) == (0, 0, 0, ["either 0", "either 1"])
    assert list(_texts(ledger).values()) == [GONE]
    refusal, raw = ledger.show(ledger.refused()["either 1"].number)
    assert "een van beide" not in refusal.reason
    assert raw is not None
    assert Message.model_validate_json(raw) == several[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1), (0, 1, 0)])
def test_what_a_source_left_out_and_gives_later_is_no_edit_in_whatever_order_it_comes(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    left_out = message(1, kind="document", text="", attachments=(Attachment(missing="omitted"),))
    whole = message(1, kind="image", text="kapotte lantaarn", attachments=(Attachment(source="foto"),))
    for which in order:
        _store(ledger, (left_out, whole)[which])
    assert _messages(ledger)["m1"] == whole


def test_a_deleted_message_is_offered_without_its_attachments(ledger: Ledger) -> None:
    photo = Attachment(name="foto.jpg", source="foto.jpg")
    _store(ledger, message(1, attachments=(photo,)))
    (before,) = _messages(ledger).values()
    _store(ledger, changes=(_deleted(before.id),))
    (after,) = _messages(ledger).values()
    assert (before.attachments, after.attachments) == ((photo,), ())


@pytest.mark.parametrize("seen", [{"text": ""}, {"text": "Bericht zonder tekst", "kind": "unsupported"}])
def test_a_sight_that_shows_less_than_was_read_before_takes_nothing_away(ledger: Ledger, seen: dict[str, str]) -> None:
    _store(ledger, message(1, id="m1", text="Kijk, hier is het"))
    assert _store(ledger, message(1, id="m1").model_copy(update=seen)) == (0, 1, 0, [])
    assert _texts(ledger) == {"m1": "Kijk, hier is het"}
    assert _store(ledger, message(1, id="m1", text="", edited_at=LATER)) == (0, 0, 1, []), "this one is an edit"
    assert _texts(ledger) == {"m1": ""}


def test_what_could_not_be_read_at_first_is_shown_once_it_can(ledger: Ledger) -> None:
    _store(ledger, message(1, id="m1", kind="unsupported", text="Bericht zonder tekst"))
    _store(ledger, message(1, id="m1", kind="location", text="Locatie: Raadhuisplein 1"))
    assert _texts(ledger) == {"m1": "Locatie: Raadhuisplein 1"}
