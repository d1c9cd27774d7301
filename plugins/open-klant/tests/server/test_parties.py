"""Partijen, the numbers they are known by, their addresses, and betrokkenen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
PERSON: dict[str, Any] = {"soortPartij": "persoon", "indicatieActief": True}
BSN = {
    "codeObjecttype": "natuurlijk_persoon",
    "codeSoortObjectId": "bsn",
    "objectId": "999990676",
    "codeRegister": "brp",
}
NAME = {"voorletters": "A.", "voornaam": "Anna", "voorvoegselAchternaam": "de", "achternaam": "Vries"}
PHONE: dict[str, Any] = {"adres": "+31612345678", "soortDigitaalAdres": "telefoonnummer", "verstrektDoorPartij": None}
NOBODY = {"uuid": "16d6f3d9-8159-45d4-8fb8-57098386b3ab"}


def _known_by(*numbers: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"partijIdentificator": number} for number in numbers]


def test_a_partij_is_made_with_its_number_and_its_name(make: Make) -> None:
    row = make("partijen", **PERSON, partijIdentificatoren=_known_by(BSN), partijIdentificatie={"contactnaam": NAME})

    (number,) = row["partijIdentificatoren"]
    assert number["partijIdentificator"] == BSN
    assert number["identificeerdePartij"] == {"uuid": row["uuid"], "url": row["url"]}
    assert number["subIdentificatorVan"] is None
    assert row["partijIdentificatie"] == {"contactnaam": NAME, "volledigeNaam": "Anna de Vries"}
    assert (row["rekeningnummers"], row["voorkeursRekeningnummer"], row["vertegenwoordigden"]) == ([], None, [])


@pytest.mark.parametrize("sent", [{}, {"partijIdentificatie": {}}, {"partijIdentificatie": {"onbekend": 1}}])
def test_a_partij_may_have_no_name_at_all(make: Make, sent: dict[str, Any]) -> None:
    assert make("partijen", **PERSON, **sent)["partijIdentificatie"] is None


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"soortPartij": "x", "partijIdentificatie": None}, [("soortPartij", "invalid_choice")]),
        ({"partijIdentificatie": None}, [("partijIdentificatie", "null")]),
        ({"partijIdentificatie": []}, [("partijIdentificatie.nonFieldErrors", "invalid")]),
        (
            {"partijIdentificatie": {"contactnaam": {"voorletters": "x" * 11, "voornaam": None}}},
            [
                ("partijIdentificatie.contactnaam.voorletters", "max_length"),
                ("partijIdentificatie.contactnaam.voornaam", "null"),
            ],
        ),
        ({"partijIdentificatoren": {}}, [("partijIdentificatoren.nonFieldErrors", "not_a_list")]),
        ({"partijIdentificatoren": [{}]}, [("partijIdentificatoren.0.partijIdentificator", "required")]),
        ({"digitaleAdressen": [NOBODY]}, [("digitaleAdressen.0.uuid", "invalid")]),
        ({"rekeningnummers": [NOBODY]}, [("rekeningnummers.0.uuid", "invalid")]),
        ({"voorkeursDigitaalAdres": {}}, [("voorkeursDigitaalAdres.uuid", "required")]),
        ({"voorkeurstaal": "nldx", "nummer": "x"}, [("nummer", "invalid"), ("voorkeurstaal", "max_length")]),
        (
            {"bezoekadres": {"huisnummer": 0, "postcode": "1234AB", "land": "n", "nummeraanduidingId": "1"}},
            [
                ("bezoekadres.nummeraanduidingId", "invalid"),
                ("bezoekadres.huisnummer", "min_value"),
                ("bezoekadres.postcode", "invalid"),
                ("bezoekadres.land", "invalid"),
                ("bezoekadres.land", "min_length"),
            ],
        ),
        ({"bezoekadres": {"land": "nl"}}, [("bezoekadres.land", "invalid")]),
        ({"bezoekadres": {"huisnummer": 100000}}, [("bezoekadres.huisnummer", "max_value")]),
        ({"bezoekadres": {"huisnummer": "x"}}, [("bezoekadres.huisnummer", "invalid")]),
    ],
)
def test_what_is_wrong_with_a_partij_is_told_by_its_path(
    faults: Faults, sent: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert faults("partijen", **PERSON | sent) == wrong


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        ({"objectId": "123456789"}, "partijIdentificatorObjectId", "invalid"),
        ({"objectId": "12345678"}, "partijIdentificatorObjectId", "invalid"),
        ({"objectId": "99999067x"}, "partijIdentificatorObjectId", "invalid"),
        ({"codeRegister": "hr"}, "partijIdentificatorCodeObjecttype", "invalid"),
        ({"codeSoortObjectId": "rsin"}, "partijIdentificatorCodeSoortObjectId", "invalid"),
        ({"codeObjecttype": "inp"}, "partijIdentificator.codeObjecttype", "invalid_choice"),
        ({"codeRegister": "BRP"}, "partijIdentificator.codeRegister", "invalid_choice"),
        ({"codeRegister": ""}, "partijIdentificator.codeRegister", "invalid_choice"),
    ],
)
def test_a_number_is_checked_whether_it_stands_in_a_partij_or_alone(
    faults: Faults, change: dict[str, str], name: str, code: str
) -> None:
    assert faults("partij-identificatoren", partijIdentificator=BSN | change) == [(name, code)]
    wrong = [(f"partijIdentificatoren.0.{name}", code)]
    assert faults("partijen", **PERSON, partijIdentificatoren=_known_by(BSN | change)) == wrong


def test_a_bsn_is_of_one_partij_and_a_partij_has_one_bsn(
    server: OpenKlantServer, make: Make, faults: Faults, ask: Ask
) -> None:
    anna, bea = (make("partijen", **PERSON, partijIdentificatoren=_known_by(number)) for number in (BSN, _bea()))
    twice = [("__all__", "invalid")]

    assert faults("partijen", **PERSON, partijIdentificatoren=_known_by(BSN)) == twice
    assert len(server.rows["partijen"]) == 2
    to = {"uuid": anna["uuid"]}
    other = BSN | {"objectId": "999991723"}
    assert faults("partij-identificatoren", identificeerdePartij=to, partijIdentificator=other) == twice
    assert faults("partij-identificatoren", identificeerdePartij=to, partijIdentificator=BSN) == twice * 2
    number = bea["partijIdentificatoren"][0]["uuid"]
    assert faults(f"partij-identificatoren/{number}", "PATCH", partijIdentificator=BSN) == twice
    assert ask("PATCH", f"partij-identificatoren/{number}", {"partijIdentificator": other})[0] == 200
    partial = faults(f"partij-identificatoren/{number}", "PATCH", partijIdentificator={"objectId": "999990676"})
    assert {code for _, code in partial} == {"required"}


def _bea() -> dict[str, Any]:
    return BSN | {"objectId": "999993653"}


def test_the_partij_of_a_number_within_it_is_not_told_again(make: Make, faults: Faults) -> None:
    partij = make("partijen", **PERSON)
    number = {"partijIdentificator": BSN, "identificeerdePartij": {"uuid": partij["uuid"]}}

    assert faults("partijen", **PERSON, partijIdentificatoren=[number]) == [
        ("partijIdentificatoren.0.identificeerdePartij", "invalid")
    ]


def test_a_branch_hangs_under_the_number_of_its_company_and_keeps_it_from_being_deleted(
    make: Make, faults: Faults, ask: Ask
) -> None:
    branch = {"codeObjecttype": "vestiging", "codeSoortObjectId": "vestigingsnummer", "codeRegister": "hr"}
    branch |= {"objectId": "000012345678"}
    company = {"codeObjecttype": "niet_natuurlijk_persoon", "codeSoortObjectId": "kvk_nummer", "codeRegister": "hr"}
    company |= {"objectId": "12345678"}
    missing = [("subIdentificatorVan", "invalid")]
    assert faults("partij-identificatoren", partijIdentificator=branch) == missing
    above = make("partij-identificatoren", partijIdentificator=company)["uuid"]
    person = make("partij-identificatoren", partijIdentificator=BSN)["uuid"]
    assert faults("partij-identificatoren", partijIdentificator=branch, subIdentificatorVan={"uuid": person}) == missing

    make("partij-identificatoren", partijIdentificator=branch, subIdentificatorVan={"uuid": above})

    assert faults(f"partij-identificatoren/{above}", "DELETE") == [("nonFieldErrors", "invalid")]
    assert ask("DELETE", f"partij-identificatoren/{person}")[0] == 204


def test_a_contactpersoon_works_for_an_organisatie(make: Make, faults: Faults) -> None:
    person, company = (make("partijen", **PERSON | {"soortPartij": each}) for each in ("persoon", "organisatie"))
    contact = PERSON | {"soortPartij": "contactpersoon"}

    wrong = {"werkteVoorPartij": {"uuid": person["uuid"]}}
    assert faults("partijen", **contact, partijIdentificatie=wrong) == [
        ("partijIdentificatie.werkteVoorPartij.uuid", "invalid")
    ]
    row = make("partijen", **contact, partijIdentificatie={"werkteVoorPartij": {"uuid": company["uuid"]}})
    assert row["partijIdentificatie"]["werkteVoorPartij"] == {"uuid": company["uuid"], "url": company["url"]}
    assert next(iter(row["partijIdentificatie"])) == "uuid"


def test_a_name_is_replaced_whole_and_only_with_the_kind_of_partij(ask: Ask, make: Make) -> None:
    row = make("partijen", **PERSON, partijIdentificatie={"contactnaam": NAME})
    path, bea = f"partijen/{row['uuid']}", {"partijIdentificatie": {"contactnaam": {"voornaam": "Bea"}}}

    assert ask("PATCH", path, bea)[1]["partijIdentificatie"]["volledigeNaam"] == "Anna de Vries"
    named = ask("PATCH", path, bea | {"soortPartij": "persoon"})[1]["partijIdentificatie"]
    assert named["contactnaam"] == dict.fromkeys(NAME, "") | {"voornaam": "Bea"}


def test_a_patch_links_addresses_and_lets_go_of_the_others(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    row = make("partijen", **PERSON)
    path = f"partijen/{row['uuid']}"
    one, two = (make("digitaleadressen", **PHONE)["uuid"] for _ in range(2))

    linked = ask("PATCH", path, {"digitaleAdressen": [{"uuid": one}, {"uuid": two}]})[1]
    assert [each["uuid"] for each in linked["digitaleAdressen"]] == [one, two]
    assert ask("PATCH", path, {"voorkeursDigitaalAdres": {"uuid": one}})[1]["voorkeursDigitaalAdres"]["uuid"] == one
    assert ask("PATCH", path, {"digitaleAdressen": []})[1]["digitaleAdressen"] == []
    assert [each["verstrektDoorPartij"] for each in server.rows["digitaleadressen"]] == [None, None]
    assert ask("PATCH", path, {"voorkeursDigitaalAdres": {"uuid": two}})[0] == 400


def test_a_preferred_address_must_be_one_of_the_addresses(ask: Ask, make: Make, faults: Faults) -> None:
    one, two = ({"uuid": make("digitaleadressen", **PHONE)["uuid"]} for _ in range(2))

    row = make("partijen", **PERSON, digitaleAdressen=[one], voorkeursDigitaalAdres=one)
    assert row["voorkeursDigitaalAdres"]["uuid"] == row["digitaleAdressen"][0]["uuid"] == one["uuid"]
    wrong = faults("partijen", **PERSON, digitaleAdressen=[one], voorkeursDigitaalAdres=two)
    assert wrong == [("voorkeursDigitaalAdres", "invalid")]
    assert ask("POST", "partijen", PERSON | {"voorkeursDigitaalAdres": two})[0] == 500


def test_a_patch_of_numbers_replaces_those_that_are_not_named(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    row = make("partijen", **PERSON, partijIdentificatoren=_known_by(BSN))
    path = f"partijen/{row['uuid']}"

    changed = ask("PATCH", path, {"partijIdentificatoren": _known_by(_bea())})[1]["partijIdentificatoren"]
    assert [each["partijIdentificator"]["objectId"] for each in changed] == ["999993653"]
    kept = [{"uuid": changed[0]["uuid"], "partijIdentificator": BSN}]
    again = ask("PATCH", path, {"partijIdentificatoren": kept})[1]["partijIdentificatoren"]
    assert [(each["uuid"], each["partijIdentificator"]) for each in again] == [(changed[0]["uuid"], BSN)]
    assert ask("PATCH", path, {"partijIdentificatoren": [{"anderePartijIdentificator": "x"}]})[0] == 400
    assert ask("PATCH", path, {"partijIdentificatoren": []})[1]["partijIdentificatoren"] == []
    assert server.rows["partij-identificatoren"] == []


def test_an_address_that_is_right_in_all_its_parts_is_kept(make: Make) -> None:
    adres = {
        "nummeraanduidingId": "1234567890123456",
        "straatnaam": "Dorpsstraat",
        "huisnummer": "12",
        "postcode": "1234 AB",
        "adresregel_1": "a",
        "land": "NL",
    }
    kept = make("partijen", **PERSON, bezoekadres=adres)["bezoekadres"]

    assert (kept["huisnummer"], kept["postcode"], kept["adresregel1"], kept["land"]) == (12, "1234 AB", "a", "NL")


def test_a_referentie_is_letters_digits_dashes_and_underscores(make: Make) -> None:
    assert make("digitaleadressen", **PHONE, referentie="portaal-voor_1")["referentie"] == "portaal-voor_1"


@pytest.mark.parametrize("number", ["+31612345678", "0612345678", "0031612345678", " +31612345678 "])
def test_a_telephone_number_is_taken_in_three_forms(make: Make, number: str) -> None:
    assert make("digitaleadressen", **PHONE | {"adres": number})["adres"] == number.strip()


@pytest.mark.parametrize(
    "number", ["31612345678", "+31 6 12345678", "06-12345678", "0800123456", "0900123456", "14010", "+31612345"]
)
def test_a_telephone_number_in_another_form_is_refused(faults: Faults, number: str) -> None:
    assert faults("digitaleadressen", **PHONE | {"adres": number}) == [("adres", "invalid")]


@pytest.mark.parametrize(("number", "taken"), [("0881234567", {"0.9.0"}), ("14010", {"0.0.3", "0.3.0"})])
@pytest.mark.parametrize("server", ["0.0.3", "0.3.0", "0.7.0", "0.9.0"], indirect=True)
def test_the_rule_for_telephone_numbers_was_written_anew(
    server: OpenKlantServer, ask: Ask, number: str, taken: set[str]
) -> None:
    body = PHONE | {"adres": number, "verstrektDoorBetrokkene": None, "omschrijving": "x"}
    expected = 201 if server.version in taken | ({"0.0.3", "0.3.0"} if number[0] == "0" else set()) else 400

    assert ask("POST", "digitaleadressen", body)[0] == expected


@pytest.mark.parametrize(
    "adres", ["anna@example.nl", "anna@localhost", "anna@exämple.nl", "anna@[127.0.0.1]", "x" * 65 + "@example.nl"]
)
def test_an_email_address_is_taken_bare(make: Make, adres: str) -> None:
    assert make("digitaleadressen", **PHONE | {"soortDigitaalAdres": "email", "adres": adres})["adres"] == adres


@pytest.mark.parametrize(
    "adres",
    [
        "Anna <anna@example.nl>",
        "anna",
        "anna@example",
        "@example.nl",
        "ánna@example.nl",
        '"a b"@example.nl',
        "anna@-example.nl",
        "an..na@example.nl",
        "anna@example..nl",
    ],
)
def test_an_email_address_in_another_form_is_refused(faults: Faults, adres: str) -> None:
    assert faults("digitaleadressen", **PHONE | {"soortDigitaalAdres": "email", "adres": adres}) == [
        ("adres", "invalid")
    ]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"soortDigitaalAdres": "whatsapp"}, [("soortDigitaalAdres", "invalid_choice")]),
        ({"soortDigitaalAdres": "overig", "adres": "x" * 81}, [("adres", "max_length")]),
        ({"omschrijving": "x" * 41}, [("omschrijving", "max_length")]),
        ({"referentie": "a b"}, [("referentie", "invalid")]),
        ({"referentie": None}, [("referentie", "null")]),
        ({"verificatieDatum": "2026-11-11T00:00:00"}, [("verificatieDatum", "invalid")]),
        ({"verificatieDatum": 5}, [("verificatieDatum", "invalid")]),
        ({"isStandaardAdres": True}, [("isStandaardAdres", "invalid")]),
        ({"verstrektDoorPartij": NOBODY}, [("verstrektDoorPartij.uuid", "invalid")]),
        ({"verstrektDoorPartij": {"uuid": 5}}, [("verstrektDoorPartij.uuid", "invalid")]),
        ({"verstrektDoorPartij": {"uuid": None}}, [("verstrektDoorPartij.uuid", "null")]),
    ],
)
def test_what_is_wrong_with_an_address_is_told(
    faults: Faults, sent: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert faults("digitaleadressen", **PHONE | sent) == wrong


def test_the_partij_of_an_address_must_be_told_even_if_it_is_none(faults: Faults) -> None:
    assert faults("digitaleadressen", adres="x", soortDigitaalAdres="overig") == [("verstrektDoorPartij", "required")]


def test_an_address_of_another_kind_is_any_text(make: Make) -> None:
    row = make("digitaleadressen", **PHONE | {"soortDigitaalAdres": "overig", "adres": "whatsapp:31612345678"})

    assert (row["referentie"], row["verificatieDatum"], row["isStandaardAdres"]) == ("", None, False)


def test_the_kind_that_is_kept_is_the_kind_that_a_patch_is_checked_by(ask: Ask, make: Make) -> None:
    path = f"digitaleadressen/{make('digitaleadressen', **PHONE)['uuid']}"

    assert ask("PATCH", path, {"adres": "x"})[0] == 400
    assert ask("PATCH", path, {"soortDigitaalAdres": "email"})[0] == 200  # the address itself is not looked at


def test_one_address_of_a_kind_is_the_standard_and_the_last_wins(make: Make, server: OpenKlantServer) -> None:
    partij = {"uuid": server.add_partij()}
    for kind, adres in (("overig", "a"), ("overig", "b"), ("email", "c@example.nl")):
        make(
            "digitaleadressen", adres=adres, soortDigitaalAdres=kind, verstrektDoorPartij=partij, isStandaardAdres=True
        )

    assert [row["isStandaardAdres"] for row in server.rows["digitaleadressen"]] == [False, True, True]


def test_a_referentie_is_of_one_address_of_its_kind_and_partij(
    make: Make, faults: Faults, ask: Ask, server: OpenKlantServer
) -> None:
    partij = {"uuid": server.add_partij()}
    sent = PHONE | {"verstrektDoorPartij": partij, "referentie": "whatsapp"}
    row = make("digitaleadressen", **sent)
    twice = [("nonFieldErrors", "unique")]

    assert faults("digitaleadressen", **sent) == twice
    assert faults(f"digitaleadressen/{row['uuid']}", "PATCH", referentie="whatsapp") == twice  # even its own
    assert ask("PATCH", f"digitaleadressen/{row['uuid']}", {"omschrijving": "x"})[0] == 200
    make("digitaleadressen", **sent | {"soortDigitaalAdres": "overig"})
    make("digitaleadressen", **PHONE | {"referentie": "whatsapp"})


def test_a_betrokkene_may_have_no_partij_but_has_a_klantcontact(make: Make, faults: Faults, ask: Ask) -> None:
    contact = make("klantcontacten", kanaal="a", onderwerp="a", taal="nld", vertrouwelijk=False)
    assert faults("betrokkenen", hadKlantcontact=None, rol="Klant", initiator=None) == [
        ("hadKlantcontact", "null"),
        ("rol", "invalid_choice"),
        ("initiator", "null"),
    ]

    row = make("betrokkenen", hadKlantcontact={"uuid": contact["uuid"]}, rol="klant", initiator=True, contactnaam=NAME)

    assert (row["wasPartij"], row["organisatienaam"], row["volledigeNaam"]) == (None, "", "Anna de Vries")
    path = f"betrokkenen/{row['uuid']}"
    assert ask("PATCH", path, {"contactnaam": {"voornaam": "Bea"}})[1]["volledigeNaam"] == "Bea"
    assert ask("PATCH", path, {"contactnaam": None})[1]["contactnaam"] == dict.fromkeys(NAME, "")
    assert ask("PATCH", path, {"wasPartij": {}})[0] == 500
