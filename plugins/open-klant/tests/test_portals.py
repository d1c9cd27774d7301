"""What each portal shows a resident, as rules that are applied before anything is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gemeente_connect.contracts import Findable
from gemeente_connect.models import Message
from gemeente_connect.testing.builders import conversation, message, participant
from gemeente_connect_open_klant.contacten import contacts
from gemeente_connect_open_klant.partijen import Resident
from gemeente_connect_open_klant.portals import PORTALS, View
from gemeente_connect_open_klant.settings import Portaal
from gemeente_connect_open_klant.testing.server import OpenKlantServer

ANNA = Resident(Findable.YES, "anna", "natuurlijk_persoon")
ANNA_OF_OLD = Resident(Findable.YES, "anna", "inp")
COMPANY = Resident(Findable.YES, "bakkerij", "niet_natuurlijk_persoon")
COMPANY_OF_OLD = Resident(Findable.YES, "bakkerij", "nnp")
NAMELESS = Resident(Findable.YES, "somebody", "")
NOBODY = Resident(Findable.NO_RESIDENT_KNOWN)
NOT_FOUND = [Findable.NO_RESIDENT_KNOWN, Findable.MORE_THAN_ONE_RESIDENT, Findable.NOT_VALID_THEN]

NEW = View(PORTALS[Portaal.OPEN_INWONER_2026], None)
OLD = View(PORTALS[Portaal.OPEN_INWONER_1_24], "WhatsApp")
NONE = View(PORTALS[Portaal.NONE], None)
VIEWS = [NEW, OLD, NONE]

PHONE = ("telefoonnummer", "+31612345671", "2026-01-10")
OLD_PORTAL = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}


def test_every_portal_that_can_be_set_has_its_rules() -> None:
    assert set(PORTALS) == set(Portaal)


# -- selection: which kanaal


@pytest.mark.parametrize("kanaal", ["WhatsApp", "E-mail", "whatsapp"])
def test_the_portal_of_2026_shows_any_kanaal(kanaal: str) -> None:
    assert NEW.findable(ANNA, kanaal) is Findable.YES


def test_the_portal_of_2024_shows_the_one_kanaal_that_is_set_there_to_the_letter() -> None:
    assert OLD.findable(ANNA_OF_OLD, "WhatsApp") is Findable.YES
    for kanaal in ("E-mail", "whatsapp", "Whats App"):
        assert OLD.findable(ANNA_OF_OLD, kanaal) is Findable.NOT_SHOWN


# -- by which number the resident is found


@pytest.mark.parametrize("who", [ANNA, COMPANY])
def test_the_portal_of_2026_finds_whoever_has_a_number_of_the_new_kind(who: Resident) -> None:
    assert NEW.findable(who, "WhatsApp") is Findable.YES
    assert OLD.findable(who, "WhatsApp") is Findable.NOT_SHOWN


@pytest.mark.parametrize("who", [ANNA_OF_OLD, COMPANY_OF_OLD])
def test_the_portal_of_2024_finds_whoever_has_a_number_of_the_old_kind(who: Resident) -> None:
    assert OLD.findable(who, "WhatsApp") is Findable.YES
    assert NEW.findable(who, "WhatsApp") is Findable.NOT_SHOWN


def test_no_portal_finds_a_partij_without_a_number() -> None:
    assert {view.findable(NAMELESS, "WhatsApp") for view in VIEWS} == {Findable.NOT_SHOWN}


def test_where_there_is_no_portal_nobody_finds_anything() -> None:
    assert {NONE.findable(who, "WhatsApp") for who in (ANNA, COMPANY, ANNA_OF_OLD)} == {Findable.NOT_SHOWN}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("reason", NOT_FOUND)
def test_that_nobody_is_known_says_more_than_that_it_is_not_shown(view: View, reason: Findable) -> None:
    assert view.findable(Resident(reason), "E-mail") is reason


# -- robustness: what belongs to nobody


def test_only_the_portal_of_2024_breaks_on_what_belongs_to_nobody_and_only_in_its_kanaal() -> None:
    assert OLD.breaks_on_nobody("WhatsApp")
    assert not OLD.breaks_on_nobody("E-mail")
    assert not NEW.breaks_on_nobody("WhatsApp")
    assert not NONE.breaks_on_nobody("WhatsApp")


def test_what_would_break_the_portal_is_held_back_until_somebody_is_known() -> None:
    assert OLD.holds_back(NOBODY, "WhatsApp")
    assert not OLD.holds_back(NOBODY, "E-mail")
    assert not OLD.holds_back(ANNA, "WhatsApp"), "a partij that it does not find does not break it"
    assert not NEW.holds_back(NOBODY, "WhatsApp")


# -- answers


QUESTION, ANSWER, AGAIN = message(1), message(2, direction="out"), message(3)
LONG = "woord " * 300


@pytest.mark.parametrize(
    ("said", "old"),
    [
        ((QUESTION,), True),
        ((QUESTION, ANSWER), True),
        ((QUESTION, ANSWER, AGAIN), False),
        ((QUESTION, message(2, direction="out", text=LONG)), False),
        ((message(1, text=LONG),), False),
        ((QUESTION, message(2, direction="out", internal=True), message(3)), False),
    ],
)
def test_the_portal_of_2024_shows_a_question_and_one_answer_of_one_part_and_the_other_all(
    said: tuple[Message, ...], *, old: bool
) -> None:
    talk = conversation(*said)
    written = list(contacts(talk, talk.turns, "m1", "WhatsApp"))
    assert OLD.shows_all([each.role for each in written]) is old
    assert NEW.shows_all([each.role for each in written])


# -- a zaak


def test_a_question_may_be_linked_to_a_zaak_but_for_the_portal_of_2024_that_hides_it_then() -> None:
    assert [view.portal.zaak for view in VIEWS] == [True, False, True]


# -- the rules at work


def test_a_receipt_of_the_new_portal_says_that_the_resident_finds_it(desk: Any) -> None:
    desk.server.add_partij(bsn="999990676", naam="Anna de Vries", adressen=[PHONE])
    desk.say(message(1), message(2, direction="out"), message(3), message(4, direction="out"))
    receipt = desk.deliver()
    assert (receipt.findable, receipt.missing) == (Findable.YES, ())


def test_a_receipt_of_the_old_portal_says_what_it_leaves_out(desk: Any) -> None:
    with OpenKlantServer("0.0.3") as server:
        desk.server, desk.settings = server, OLD_PORTAL
        server.add_partij(bsn="999990676", naam="Anna de Vries")
        anna = participant(identities=({"kind": "bsn", "value": "999990676", "verified_at": "2026-03-01T00:00Z"},))
        desk.say(message(1, sender=anna), message(2, direction="out"), message(3, sender=anna))
        receipt = desk.deliver()
    assert (receipt.findable, receipt.missing) == (Findable.YES, ("turn-not-shown",))


def test_a_question_of_nobody_is_held_back_from_the_old_portal_and_written_when_somebody_is_known(desk: Any) -> None:
    desk.settings = OLD_PORTAL
    desk.say(message(1), message(2, direction="out"))
    (held_back,) = desk.sync(offer_again=timedelta(0)).delivered
    assert (held_back.receipt.reference, held_back.receipt.findable) == (None, Findable.NO_RESIDENT_KNOWN)
    assert desk.contacten() == []
    desk.server.add_partij(bsn="999990676", naam="Anna de Vries", adressen=[PHONE])
    (delivery,) = desk.sync(offer_again=timedelta(0)).delivered
    assert delivery.receipt.reference
    assert len(desk.contacten()) == 2
    assert all(row["wasPartij"] for row in desk.rows("betrokkenen"))


def test_a_question_of_nobody_is_written_for_a_portal_that_stands_it(desk: Any) -> None:
    desk.say(message(1))
    receipt = desk.deliver()
    assert receipt.findable is Findable.NO_RESIDENT_KNOWN
    assert (
        receipt.reference == f"{desk.server.url}/klantinteracties/api/v1/klantcontacten/{desk.contacten()[0]['uuid']}"
    )


def test_what_only_employees_said_is_no_question(desk: Any) -> None:
    desk.say(message(1, direction="out"))
    receipt = desk.deliver()
    assert (receipt.reference, receipt.findable) == (None, Findable.NO_QUESTION)
    assert desk.contacten() == []
