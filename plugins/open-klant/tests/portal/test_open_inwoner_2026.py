"""The rules of Open Inwoner of August 2026, as they were read in single files of its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.portal import OpenInwoner2026, PageIncomplete
from gemeente_connect_open_klant.testing.server import OpenKlantServer

Write = Callable[..., str]
Post = Callable[..., dict[str, Any]]
ANNA, BEA = "999990676", "999993653"
ZAAK = "095be615-a8ad-4c33-8e9c-c7612fbf6c9f"


@pytest.fixture
def portal(server: OpenKlantServer) -> OpenInwoner2026:
    """The portal."""
    return OpenInwoner2026(server.url, server.token)


def _task(post: Post, contact: str, status: str) -> None:
    task = {"gevraagdeHandeling": "a", "toegewezenAanActoren": [], "status": status}
    post("internetaken", aanleidinggevendKlantcontact={"uuid": contact}, **task)


def test_questions_of_the_resident_are_shown_in_any_kanaal_the_newest_first(
    portal: OpenInwoner2026, write: Write
) -> None:
    write(1, "Regel 1\nRegel 2")
    write(2, "b", kanaal="Live chat")

    shown = portal.questions(ANNA)
    assert [(each.kanaal, each.inhoud) for each in shown] == [("Live chat", "b"), ("Whatsapp", "Regel 1 Regel 2")]
    assert [each.datum.hour for each in shown] == [1, 1]  # Dutch time
    assert portal.questions(BEA) == []


def test_klantcontacten_of_nobody_do_no_harm(portal: OpenInwoner2026, write: Write) -> None:
    write(1, "of Anna")
    write(2, "of somebody", by="somebody")
    write(3, "of nobody", by="nobody", nummer=None)

    assert [each.inhoud for each in portal.questions(ANNA)] == ["of Anna"]


def test_all_answers_are_shown_the_oldest_first_also_to_answers_and_without_the_resident(
    portal: OpenInwoner2026, write: Write
) -> None:
    question = write(1, "vraag")
    write(4, "laatste", was=question, by="nobody")
    answer = write(2, "eerste", was=question)
    follow = write(3, "en verder", was=answer, by="nobody")
    write(5, "daarop", was=follow)

    (shown,) = portal.questions(ANNA)
    assert (shown.status, shown.answers) == ("Beantwoord", ("eerste", "en verder", "laatste", "daarop"))


def test_without_the_reply_between_them_a_later_reply_becomes_a_question(
    portal: OpenInwoner2026, write: Write, server: OpenKlantServer
) -> None:
    answer = write(2, "antwoord", was=write(1, "vraag"))
    write(3, "vervolg", was=answer)
    key = server.rows["onderwerpobjecten"][1]["uuid"]
    server.rows["onderwerpobjecten"][:] = [row for row in server.rows["onderwerpobjecten"] if row["uuid"] != key]

    assert [each.inhoud for each in portal.questions(ANNA)] == ["vervolg", "vraag"]


def test_a_question_is_dealt_with_when_there_are_tasks_and_all_are(
    portal: OpenInwoner2026, write: Write, post: Post
) -> None:
    question = write(1, "vraag")
    answer = write(2, "antwoord", was=question, by="nobody")

    _task(post, question, "verwerkt")
    assert portal.questions(ANNA)[0].status == "Afgehandeld"
    _task(post, answer, "te_verwerken")
    assert portal.questions(ANNA)[0].status == "Beantwoord"


def test_a_question_about_one_zaak_links_to_it(portal: OpenInwoner2026, write: Write, post: Post) -> None:
    question = write(1, "vraag", zaak=ZAAK)

    (shown,) = portal.questions(ANNA)
    assert (shown.uuid, shown.zaak) == (question, ZAAK)
    post("onderwerpobjecten", klantcontact={"uuid": question}, onderwerpobjectidentificator={"objectId": "a"})
    (shown,) = portal.questions(ANNA)
    assert shown.zaak is None


def test_an_onderwerpobject_that_is_no_uuid_links_to_nothing(portal: OpenInwoner2026, write: Write, post: Post) -> None:
    question = write(1, "vraag")
    assert portal.questions(ANNA)[0].zaak is None
    post("onderwerpobjecten", klantcontact={"uuid": question}, onderwerpobjectidentificator={"objectId": "a"})
    assert portal.questions(ANNA)[0].zaak is None


def test_a_question_that_is_found_twice_is_shown_once(
    portal: OpenInwoner2026, write: Write, post: Post, server: OpenKlantServer
) -> None:
    question = {"uuid": write(1, "vraag")}
    anna = {"uuid": server.rows["partijen"][0]["uuid"]}
    post("betrokkenen", hadKlantcontact=question, wasPartij=anna, rol="klant", initiator=True)

    assert len(portal.questions(ANNA)) == 1


def test_a_link_without_a_klantcontact_or_round_in_a_circle_does_no_harm(
    portal: OpenInwoner2026, write: Write, post: Post
) -> None:
    question = {"uuid": write(1, "vraag")}
    answer = write(2, "antwoord", was=question["uuid"])
    post("onderwerpobjecten", klantcontact=None, wasKlantcontact=question)
    post("onderwerpobjecten", klantcontact={"uuid": answer}, wasKlantcontact={"uuid": answer})

    assert [each.answers for each in portal.questions(ANNA)] == [("antwoord",)]


def test_one_klantcontact_without_a_nummer_hides_all_questions(portal: OpenInwoner2026, write: Write) -> None:
    write(1, "with a nummer")
    write(2, "without", nummer=None)

    with pytest.raises(PageIncomplete, match="without a nummer"):
        portal.questions(ANNA)


def test_an_open_klant_that_refuses_or_is_slow_makes_the_page_incomplete(server: OpenKlantServer, write: Write) -> None:
    write(1, "vraag")

    with pytest.raises(PageIncomplete, match="status 401"):
        OpenInwoner2026(server.url, "wrong").questions(ANNA)
    with pytest.raises(PageIncomplete, match="within 0 seconds"):
        OpenInwoner2026(server.url, server.token, budget=0).questions(ANNA)


def test_nothing_is_written(portal: OpenInwoner2026, write: Write, server: OpenKlantServer) -> None:
    write(1, "vraag")
    server.requests.clear()

    portal.questions(ANNA)
    portal.questions(BEA)

    assert {each.method for each in server.requests} == {"GET"}
