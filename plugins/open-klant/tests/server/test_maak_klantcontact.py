"""`maak-klantcontact`: three rows or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "Container", "taal": "nld", "vertrouwelijk": False}
ZAAK = {
    "objectId": "095be615-a8ad-4c33-8e9c-c7612fbf6c9f",
    "codeObjecttype": "zgw-Zaak",
    "codeRegister": "openzaak",
    "codeSoortObjectId": "uuid",
}
NAME = {"voorletters": "A.", "voornaam": "Anna", "voorvoegselAchternaam": "de", "achternaam": "Vries"}


def test_a_question_and_its_answer_are_made_and_linked_in_one_request_each(
    server: OpenKlantServer, ask: Ask, make: Make
) -> None:
    anna = {"uuid": server.add_partij(bsn="999990676")}
    klant = {"wasPartij": anna, "rol": "klant", "initiator": True, "contactnaam": NAME}
    about = {"wasKlantcontact": None, "onderwerpobjectidentificator": ZAAK}

    made = make("maak-klantcontact", klantcontact=CONTACT | {"nummer": "1"}, betrokkene=klant, onderwerpobject=about)
    question, betrokkene, zaak = made["klantcontact"], made["betrokkene"], made["onderwerpobject"]

    assert question["hadBetrokkenen"] == [{"uuid": betrokkene["uuid"], "url": betrokkene["url"]}]
    assert question["gingOverOnderwerpobjecten"] == [{"uuid": zaak["uuid"], "url": zaak["url"]}]
    assert betrokkene["wasPartij"]["uuid"] == anna["uuid"]
    assert betrokkene["hadKlantcontact"]["uuid"] == question["uuid"]
    assert betrokkene["volledigeNaam"] == "Anna de Vries"
    assert zaak["onderwerpobjectidentificator"] == ZAAK
    answer = make(
        "maak-klantcontact", klantcontact=CONTACT, onderwerpobject={"wasKlantcontact": {"uuid": question["uuid"]}}
    )
    assert answer["onderwerpobject"]["wasKlantcontact"]["uuid"] == question["uuid"]
    assert answer["betrokkene"] is None
    assert ask("GET", "klantcontacten")[1]["count"] == 2


def test_an_empty_onderwerpobject_is_none_at_all(make: Make, server: OpenKlantServer) -> None:
    assert make("maak-klantcontact", klantcontact=CONTACT, onderwerpobject={})["onderwerpobject"] is None
    assert server.rows["onderwerpobjecten"] == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("klantcontact", "required")]),
        ({"klantcontact": None}, [("klantcontact", "null")]),
        (
            {"klantcontact": CONTACT, "betrokkene": None, "onderwerpobject": None},
            [("betrokkene", "null"), ("onderwerpobject", "null")],
        ),
        ({"klantcontact": CONTACT, "betrokkene": [{}]}, [("betrokkene.nonFieldErrors", "invalid")]),
        (
            {"klantcontact": CONTACT, "betrokkene": {}},
            [("betrokkene.rol", "required"), ("betrokkene.initiator", "required")],
        ),
        (
            {"klantcontact": {"kanaal": ""}, "onderwerpobject": {"wasKlantcontact": {"uuid": "x"}}},
            [
                ("klantcontact.kanaal", "blank"),
                ("klantcontact.onderwerp", "required"),
                ("klantcontact.taal", "required"),
                ("klantcontact.vertrouwelijk", "required"),
                ("onderwerpobject.wasKlantcontact.uuid", "invalid"),
            ],
        ),
        (
            {"klantcontact": CONTACT | {"indicatieContactGelukt": True, "verdereActieOndernomen": True}},
            [("klantcontact.nonFieldErrors", "no-further-action-when-contact-succesful")],
        ),
    ],
)
def test_what_is_wrong_is_told_of_all_parts_with_their_names_and_nothing_is_kept(
    server: OpenKlantServer, faults: Faults, body: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert faults("maak-klantcontact", **body) == wrong
    assert not any(server.rows.values())


def test_a_number_that_is_taken_leaves_nothing_behind(server: OpenKlantServer, make: Make, faults: Faults) -> None:
    body = {"klantcontact": CONTACT | {"nummer": "1"}, "betrokkene": {"rol": "klant", "initiator": True}}
    make("maak-klantcontact", **body)

    assert faults("maak-klantcontact", **body) == [("klantcontact.nummer", "unique")]
    assert [len(server.rows[each]) for each in ("klantcontacten", "betrokkenen")] == [1, 1]


def test_a_crash_in_the_middle_leaves_nothing_behind(server: OpenKlantServer, ask: Ask) -> None:
    body = {"klantcontact": CONTACT | {"nummer": ""}, "betrokkene": {"rol": "klant", "initiator": True}}
    assert ask("POST", "maak-klantcontact", body)[0] == 201

    assert ask("POST", "maak-klantcontact", body)[0] == 500
    assert [len(server.rows[each]) for each in ("klantcontacten", "betrokkenen")] == [1, 1]


def test_references_to_the_klantcontact_itself_are_passed_over(make: Make) -> None:
    elsewhere = {"uuid": "16d6f3d9-8159-45d4-8fb8-57098386b3ab"}
    made = make(
        "maak-klantcontact",
        klantcontact=CONTACT,
        betrokkene={"rol": "klant", "initiator": True, "hadKlantcontact": elsewhere, "bezoekadres": None},
        onderwerpobject={"klantcontact": elsewhere, "wasKlantcontact": None},
    )

    assert made["betrokkene"]["hadKlantcontact"]["uuid"] == made["klantcontact"]["uuid"]
    assert made["betrokkene"]["bezoekadres"]["huisnummer"] is None
    assert made["onderwerpobject"]["klantcontact"]["uuid"] == made["klantcontact"]["uuid"]
