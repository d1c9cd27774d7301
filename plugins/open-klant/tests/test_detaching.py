"""Taking a conversation away from a resident it was wrongly tied to, for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gemeente_connect import Ledger
from gemeente_connect.contracts import Findable
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Identity
from gemeente_connect.syncing import collect
from gemeente_connect.syncing.adopting import adopt
from gemeente_connect.syncing.detaching import detach
from gemeente_connect.testing.builders import START, message, participant
from gemeente_connect_open_klant.testing.server import OpenKlantServer

ANNAS, BRAMS = "999990676", "999993653"
ANNA, BRAM = Identity(kind="bsn", value=ANNAS), Identity(kind="bsn", value=BRAMS)
PHONE = ("telefoonnummer", "+31612345671", "2026-01-10")
TALK = (message(1, text="woord " * 300), message(2, direction="out"), message(3))
NUMBERED = ["0.7.0", "0.9.0"]


class Case:
    """A conversation that was delivered, and is Anna's as it seems."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.anna = desk.server.add_partij(bsn=ANNAS, naam="Anna de Vries", adressen=[PHONE])
        desk.say(*TALK)
        (delivery,) = desk.sync(offer_again=timedelta(0)).delivered
        self.id, self.findable = delivery.conversation, delivery.receipt.findable

    def detach(self) -> bool:
        with self.ledger() as ledger:
            return detach(self.desk.open(), ledger, self.id)

    def ledger(self) -> Ledger:
        return Ledger(self.desk.folder / "ledger.sqlite")

    def lose_the_ledger(self) -> None:
        for file in self.desk.folder.glob("ledger.sqlite*"):
            file.unlink()
        with self.ledger() as ledger:
            collect(self.desk.channel, ledger)
            adopt(self.desk.open(), ledger)

    def tied(self) -> set[str | None]:
        """Who has the question and all its answers."""
        return {row["wasPartij"] for row in self.desk.rows("betrokkenen")}

    def sync(self) -> Findable:
        report = self.desk.sync(offer_again=timedelta(0))
        assert (report.refused, report.errors) == ({}, [])
        (delivery,) = report.delivered
        findable: Findable = delivery.receipt.findable
        return findable


@pytest.fixture
def case(desk: Any) -> Case:
    case = Case(desk)
    assert (case.findable, case.tied()) == (Findable.YES, {case.anna})
    return case


@pytest.mark.parametrize("version", NUMBERED)
def test_the_question_and_every_answer_are_taken_away(desk: Any, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        case = Case(desk)
        assert case.tied() == {case.anna}
        assert case.detach()
        assert case.tied() == {None}
        assert len(desk.rows("betrokkenen")) == 4


def test_it_is_never_tied_to_that_resident_again_however_often_it_is_offered_or_grows(case: Case) -> None:
    case.detach()
    assert case.sync() is Findable.NOT_VALID_THEN
    case.desk.say(message(4, direction="out"), message(5))
    assert case.sync() is Findable.NOT_VALID_THEN
    assert case.tied() == {None}
    assert len(case.desk.contacten()) == 6


def test_a_new_ledger_does_not_tie_it_again(case: Case) -> None:
    case.detach()
    case.lose_the_ledger()
    case.desk.say(message(4, direction="out"))
    assert case.sync() is Findable.NOT_VALID_THEN
    assert case.tied() == {None}


def test_whom_it_was_taken_from_is_remembered_by_number_and_never_by_name(case: Case) -> None:
    case.detach()
    metadata = str(case.desk.rows("klantcontacten")[0]["metadata"])
    assert case.anna in metadata
    assert f"bsn:{ANNAS}" in metadata
    assert "Vries" not in metadata
    (record,) = case.desk.open().records(None)
    assert record.detached == (ANNA,)


def test_what_is_remembered_stays_when_the_text_of_the_question_changes(case: Case) -> None:
    case.detach()
    case.desk.say(message(0, sent_at=START))  # joins the question
    assert case.sync() is Findable.NOT_VALID_THEN
    assert case.anna in str(case.desk.rows("klantcontacten")[0]["metadata"])
    assert case.tied() == {None}


@pytest.mark.parametrize("lost", [False, True])
def test_another_resident_whose_it_is_may_find_it(case: Case, *, lost: bool) -> None:
    case.detach()
    bram = case.desk.server.add_partij(bsn=BRAMS, naam="Bram Bakker", adressen=[PHONE])
    if lost:
        case.lose_the_ledger()
    assert case.sync() is Findable.YES
    assert case.tied() == {bram}


def test_it_may_be_taken_away_from_one_after_the_other(case: Case) -> None:
    case.detach()
    case.desk.server.add_partij(bsn=BRAMS, naam="Bram Bakker", adressen=[PHONE])
    case.sync()
    assert case.detach()
    assert case.sync() is Findable.NOT_VALID_THEN
    assert case.tied() == {None}
    with case.ledger() as ledger:
        done = ledger.mending.done(case.desk.open().account, case.id)
    assert set(case.desk.open().detach(case.id, done, None)) == {ANNA, BRAM}


def test_doing_it_twice_does_it_once(case: Case) -> None:
    assert case.detach()
    case.desk.server.requests.clear()
    assert case.detach()
    assert {each.method for each in case.desk.server.requests} == {"GET"}


def test_a_resident_who_does_not_have_it_keeps_nobody_else_from_it(case: Case) -> None:
    case.desk.server.add_partij(bsn=BRAMS, naam="Bram Bakker")
    with case.ledger() as ledger:
        done = ledger.mending.done(case.desk.open().account, case.id)
    assert case.desk.open().detach(case.id, done, BRAM) == (BRAM,)
    assert case.tied() == {case.anna}


def test_a_resident_whom_open_klant_does_not_know_yet_does_not_get_it_either(desk: Any) -> None:
    desk.say(*TALK)
    (delivery,) = desk.sync(offer_again=timedelta(0)).delivered
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        done = ledger.mending.done(desk.open().account, delivery.conversation)
    assert desk.open().detach(delivery.conversation, done, ANNA) == (ANNA,)
    desk.server.add_partij(bsn=ANNAS, naam="Anna de Vries", adressen=[PHONE])
    (again,) = desk.sync(offer_again=timedelta(0)).delivered
    assert again.receipt.findable is Findable.NOT_VALID_THEN
    assert {row["wasPartij"] for row in desk.rows("betrokkenen")} == {None}


def test_a_partij_that_is_removed_and_made_anew_does_not_get_it_back(case: Case) -> None:
    case.detach()
    for collection in ("digitaleadressen", "partij-identificatoren", "partijen"):
        rows = case.desk.server.rows[collection]
        rows[:] = [row for row in rows if row.get("verstrektDoorBetrokkene")]
    case.desk.server.add_partij(bsn=ANNAS, naam="Anna de Vries", adressen=[PHONE])
    assert case.sync() is Findable.NOT_VALID_THEN
    assert case.tied() == {None}


def test_a_company_of_one_person_does_not_get_it_back_by_its_other_number(desk: Any) -> None:
    partij = desk.server.add_partij(bsn=ANNAS, naam="Anna de Vries")
    codes = {"codeObjecttype": "niet_natuurlijk_persoon", "codeRegister": "hr", "codeSoortObjectId": "kvk_nummer"}
    desk.server._add(
        "partij-identificatoren", identificeerdePartij=partij, partijIdentificator={"objectId": "12345678", **codes}
    )
    kvk = Identity(kind="kvk", value="12345678", verified_at=START)
    desk.say(message(1, sender=participant(identities=(kvk,))))
    (delivery,) = desk.sync(offer_again=timedelta(0)).delivered
    assert {row["wasPartij"] for row in desk.rows("betrokkenen")} == {partij}
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        assert detach(desk.open(), ledger, delivery.conversation)
    desk.say(message(2, direction="out"))
    (again,) = desk.sync(offer_again=timedelta(0)).delivered
    assert again.receipt.findable is Findable.NOT_VALID_THEN
    assert {row["wasPartij"] for row in desk.rows("betrokkenen")} == {None}


def test_what_nobody_finds_is_taken_away_from_nobody(desk: Any) -> None:
    desk.say(message(1, sender=participant(2)))
    (delivery,) = desk.sync().delivered
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        assert not detach(desk.open(), ledger, delivery.conversation)
    assert "losgemaakt" not in str(desk.rows("klantcontacten"))


def test_what_breaks_off_after_it_was_remembered_is_done_by_the_next_try(case: Case) -> None:
    case.detach()
    for row in case.desk.rows("betrokkenen")[1:]:
        row["wasPartij"] = case.anna
    assert case.detach()
    assert case.tied() == {None}


# -- where it cannot be done


@pytest.mark.parametrize("version", ["0.3.0", "0.6.0"])
def test_an_open_klant_that_could_not_remember_it_refuses(desk: Any, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        case = Case(desk)
        with pytest.raises(RejectedError, match="cannot remember whom a conversation was taken away from"):
            case.detach()
        assert case.tied() == {case.anna}


def test_for_a_portal_that_would_break_on_it_it_is_refused(case: Case) -> None:
    case.desk.settings = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    with pytest.raises(RejectedError, match="breaks the page of every resident"):
        case.detach()
    assert case.tied() == {case.anna}
    assert "losgemaakt" not in str(case.desk.rows("klantcontacten"))


def test_for_that_portal_nothing_is_refused_where_nothing_is_taken_away(case: Case) -> None:
    case.desk.settings = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    case.desk.server.add_partij(bsn=BRAMS, naam="Bram Bakker")
    with case.ledger() as ledger:
        done = ledger.mending.done(case.desk.open().account, case.id)
    assert case.desk.open().detach(case.id, done, BRAM) == (BRAM,)
    assert case.tied() == {case.anna}


def test_what_that_portal_does_not_list_cannot_break_it(case: Case) -> None:
    case.desk.settings = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "Mijn vragen"}
    assert case.detach()
    assert case.tied() == {None}


def test_before_there_is_a_question_a_resident_it_was_taken_from_elsewhere_cannot_be_remembered(desk: Any) -> None:
    assert desk.open().detach("c1", {}, None) == ()
    with pytest.raises(RejectedError, match="its question is not in Open Klant yet"):
        desk.open().detach("c1", {}, ANNA)
