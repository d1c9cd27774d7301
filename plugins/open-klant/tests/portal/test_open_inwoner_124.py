"""The rules of Open Inwoner v1.24; each was seen in the program itself, and read in its source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gemeente_connect_open_klant.testing.portal import OpenInwoner124, PageFailed, Question
from gemeente_connect_open_klant.testing.server import OpenKlantServer

Write = Callable[..., str]
ANNA, BEA = "999990676", "999993653"
ZAAK = "095be615-a8ad-4c33-8e9c-c7612fbf6c9f"


@pytest.fixture
def portal(server: OpenKlantServer) -> OpenInwoner124:
    """The portal, set up to show what came by WhatsApp."""
    return OpenInwoner124(server.url, server.token, mijn_vragen_kanaal="WhatsApp")


def test_a_question_is_shown_as_the_pages_write_it(portal: OpenInwoner124, write: Write) -> None:
    key = write(1, "Regel 1\nRegel  2 <b>x</b> ", nummer="4628864096")

    assert portal.questions(ANNA) == [
        Question(
            uuid=key,
            nummer="4628864096",
            onderwerp="Container",
            inhoud="Regel 1 Regel 2 <b>x</b>",
            kanaal="Whatsapp",
            datum=datetime(2026, 1, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam")),
            status="Onbeantwoord",
            answers=(),
            zaak=None,
        )
    ]


def test_the_newest_question_comes_first(portal: OpenInwoner124, write: Write) -> None:
    first, last = write(1, "a"), write(2, "b")

    assert [each.uuid for each in portal.questions(ANNA)] == [last, first]


def test_questions_of_somebody_else_or_of_a_resident_who_is_not_known_are_not_shown(
    portal: OpenInwoner124, write: Write, server: OpenKlantServer
) -> None:
    write(1, "of Anna")
    assert portal.questions(BEA) == []
    server.add_partij(bsn=BEA)
    assert portal.questions(BEA) == []


def test_the_number_is_looked_for_on_partijen_of_persons_only(
    portal: OpenInwoner124, write: Write, server: OpenKlantServer
) -> None:
    write(1, "a")
    server.rows["partijen"][0]["soortPartij"] = "organisatie"

    assert portal.questions(ANNA) == []


@pytest.mark.parametrize("kanaal", ["whatsapp", "E-mail"])
def test_only_one_kanaal_is_shown_to_the_letter(portal: OpenInwoner124, write: Write, kanaal: str) -> None:
    write(1, "a", kanaal=kanaal)

    assert portal.questions(ANNA) == []


def test_an_onderwerpobject_about_a_zaak_hides_the_question(portal: OpenInwoner124, write: Write) -> None:
    write(1, "about a zaak", zaak=ZAAK)
    shown = write(2, "about nothing")

    assert [each.uuid for each in portal.questions(ANNA)] == [shown]


def test_of_the_answers_to_a_question_the_oldest_is_shown(portal: OpenInwoner124, write: Write) -> None:
    question = write(1, "vraag")
    write(2, "eerste\nantwoord", was=question)
    write(3, "tweede antwoord", was=question)

    (shown,) = portal.questions(ANNA)
    assert (shown.status, shown.answers) == ("Beantwoord", ("eerste antwoord",))


def test_an_answer_to_an_answer_is_not_shown(portal: OpenInwoner124, write: Write) -> None:
    question = write(1, "vraag")
    answer = write(2, "antwoord", was=question)
    write(3, "nog een", was=answer)

    assert [each.answers for each in portal.questions(ANNA)] == [("antwoord",)]


def test_an_answer_in_another_kanaal_is_not_shown(portal: OpenInwoner124, write: Write) -> None:
    question = write(1, "vraag")
    write(2, "antwoord", was=question, kanaal="E-mail")

    assert [each.status for each in portal.questions(ANNA)] == ["Onbeantwoord"]


def test_the_first_onderwerpobject_of_an_answer_counts(
    portal: OpenInwoner124, write: Write, post: Callable[..., dict[str, Any]]
) -> None:
    question = write(1, "vraag")
    answer = write(2, "antwoord", was=question)
    post("onderwerpobjecten", klantcontact={"uuid": answer}, onderwerpobjectidentificator={"objectId": ZAAK})

    assert [each.answers for each in portal.questions(ANNA)] == [("antwoord",)]


def test_an_empty_answer_counts_but_is_not_shown(portal: OpenInwoner124, write: Write) -> None:
    question = write(1, "")
    write(2, "", was=question)

    (shown,) = portal.questions(ANNA)
    assert (shown.inhoud, shown.status, shown.answers) == ("", "Beantwoord", ())


def test_interne_taken_are_not_looked_at(
    portal: OpenInwoner124, write: Write, post: Callable[..., dict[str, Any]]
) -> None:
    question = {"uuid": write(1, "vraag")}
    task = {"gevraagdeHandeling": "a", "status": "verwerkt", "toegewezenAanActoren": []}
    post("internetaken", aanleidinggevendKlantcontact=question, **task)

    assert [each.status for each in portal.questions(ANNA)] == ["Onbeantwoord"]


def test_nothing_hides_a_confidential_question_and_nothing_shows_a_reactie(
    portal: OpenInwoner124, write: Write
) -> None:
    write(1, "geheim", vertrouwelijk=True, reactie="antwoord", indicatieContactGelukt=False)

    assert [(each.inhoud, each.answers) for each in portal.questions(ANNA)] == [("geheim", ())]


def test_a_question_without_a_nummer_fails_the_page(portal: OpenInwoner124, write: Write) -> None:
    write(1, "a", nummer=None)

    with pytest.raises(PageFailed, match="without a nummer"):
        portal.questions(ANNA)


def test_an_answer_without_a_nummer_does_no_harm(portal: OpenInwoner124, write: Write) -> None:
    write(2, "antwoord", was=write(1, "vraag"), nummer=None)

    assert [each.answers for each in portal.questions(ANNA)] == [("antwoord",)]


@pytest.mark.parametrize("by", ["somebody", "nobody"])
def test_one_klantcontact_of_nobody_fails_the_page_for_everybody(portal: OpenInwoner124, write: Write, by: str) -> None:
    write(1, "of Anna")
    write(2, "of somebody", by=by)

    with pytest.raises(PageFailed, match="without a partij"):
        portal.questions(ANNA)


def test_a_klantcontact_of_nobody_in_another_kanaal_or_with_an_onderwerpobject_does_no_harm(
    portal: OpenInwoner124, write: Write
) -> None:
    question = write(1, "of Anna")
    write(2, "of somebody", by="somebody", kanaal="Balie")
    write(3, "an answer", by="nobody", was=question)

    assert [each.status for each in portal.questions(ANNA)] == ["Onbeantwoord"]


def test_an_open_klant_that_refuses_fails_the_page(server: OpenKlantServer) -> None:
    portal = OpenInwoner124(server.url, "wrong", mijn_vragen_kanaal="WhatsApp")

    with pytest.raises(PageFailed, match="status 401"):
        portal.questions(ANNA)


def test_as_released_it_finds_nobody_in_an_open_klant_of_today(server: OpenKlantServer, write: Write) -> None:
    write(1, "vraag")
    portal = OpenInwoner124(server.url, server.token, mijn_vragen_kanaal="WhatsApp", objecttype="inp")

    assert portal.questions(ANNA) == []


@pytest.mark.parametrize("server", ["0.0.3"], indirect=True)
def test_as_released_it_finds_residents_in_the_open_klant_of_its_own_days(
    server: OpenKlantServer, write: Write
) -> None:
    write(1, "vraag")
    portal = OpenInwoner124(server.url, server.token, mijn_vragen_kanaal="WhatsApp", objecttype="inp")

    assert [each.inhoud for each in portal.questions(ANNA)] == ["vraag"]


def test_all_pages_of_open_klant_are_read(portal: OpenInwoner124, write: Write, server: OpenKlantServer) -> None:
    first = write(1, "vraag")
    for _ in range(100):
        write(2, "a")

    assert portal.questions(ANNA)[-1].uuid == first
    assert len([each for each in server.requests if each.path == "klantcontacten"]) == 2
