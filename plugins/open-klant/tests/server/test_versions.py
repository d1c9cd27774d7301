"""Older versions: what they do not know is dropped, what they require, and what is broken in the oldest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "a", "taal": "nld", "vertrouwelijk": False}
OLDEST = pytest.mark.parametrize("server", ["0.0.3"], indirect=True)
PERSON: dict[str, Any] = {
    "soortPartij": "persoon",
    "indicatieActief": True,
    "digitaleAdressen": [],
    "voorkeursDigitaalAdres": None,
    "rekeningnummers": [],
    "voorkeursRekeningnummer": None,
}


@pytest.mark.parametrize("server", ["0.0.3", "0.3.0", "0.5.0", "0.6.0"], indirect=True)
def test_before_0_7_0_three_fields_are_dropped_without_a_word(make: Make) -> None:
    row = make("klantcontacten", **CONTACT, metadata=5, reactie=[], referentienummer="x")

    assert not {"metadata", "reactie", "referentienummer"} & set(row)


@pytest.mark.parametrize("server", ["0.7.0"], indirect=True)
def test_before_0_9_0_some_limits_were_lower_and_two_fields_unknown(make: Make, faults: Faults) -> None:
    assert faults("klantcontacten", **CONTACT, reactie="x" * 1001) == [("reactie", "max_length")]
    assert faults("klantcontacten", **CONTACT, metadata={"a": "x" * 101}) == [("metadata.a", "max_length")]
    row = make("klantcontacten", **CONTACT, indicatieContactGelukt=True, verdereActieOndernomen=True)
    assert not {"verdereActieOndernomen", "hoofdOnderwerpType"} & set(row)


@pytest.mark.parametrize("server", ["0.7.0"], indirect=True)
def test_before_0_8_0_an_identificator_may_be_empty(make: Make) -> None:
    row = make("partijen", soortPartij="persoon", indicatieActief=True, partijIdentificatoren=[{}])
    assert set(row["partijIdentificatoren"][0]["partijIdentificator"].values()) == {""}
    blank = {"codeObjecttype": "", "codeSoortObjectId": "", "objectId": "1", "codeRegister": ""}
    assert make("partij-identificatoren", partijIdentificator=blank)["partijIdentificator"] == blank


@pytest.mark.parametrize(
    ("query", "since"),
    [
        ("klantcontacten?leiddeTotInterneTaken=true", (0, 9)),
        ("bijlagen?klantcontact__uuid=16d6f3d9-8159-45d4-8fb8-57098386b3ab", (0, 8)),
        ("klantcontacten?referentienummer=1", (0, 7)),
    ],
)
@pytest.mark.parametrize("server", ["0.5.0", "0.6.0", "0.7.0", "0.9.0"], indirect=True)
def test_a_filter_is_unknown_before_the_version_that_brought_it(
    server: OpenKlantServer, ask: Ask, query: str, since: tuple[int, ...]
) -> None:
    assert ask("GET", query)[0] == (200 if server._number >= since else 400)


@OLDEST
def test_the_oldest_requires_references_even_if_they_are_null(faults: Faults, make: Make) -> None:
    assert faults("onderwerpobjecten") == [("klantcontact", "required"), ("wasKlantcontact", "required")]
    assert faults("maak-klantcontact", klantcontact=CONTACT, betrokkene={"rol": "klant", "initiator": True}) == [
        ("betrokkene.wasPartij", "required")
    ]
    assert faults("digitaleadressen", adres="x", soortDigitaalAdres="overig") == [
        ("verstrektDoorBetrokkene", "required"),
        ("verstrektDoorPartij", "required"),
        ("omschrijving", "required"),
    ]
    assert faults("partijen", soortPartij="persoon", indicatieActief=True) == [
        ("digitaleAdressen", "required"),
        ("voorkeursDigitaalAdres", "required"),
        ("rekeningnummers", "required"),
        ("voorkeursRekeningnummer", "required"),
    ]
    assert faults("partijen", **PERSON, partijIdentificatie={}) == [("partijIdentificatie.contactnaam", "required")]
    assert make("partijen", **PERSON)["partijIdentificatoren"] == []


@OLDEST
def test_the_oldest_takes_any_number_for_anybody_as_often_as_it_comes(make: Make, server: OpenKlantServer) -> None:
    partij = {"uuid": server.add_partij()}
    number = {"codeObjecttype": "inp", "codeSoortObjectId": "bsn", "objectId": "1", "codeRegister": "BRP"}
    for _ in range(2):
        row = make("partij-identificatoren", identificeerdePartij=partij, partijIdentificator=number)

    assert list(row["partijIdentificator"]) == ["codeObjecttype", "codeSoortObjectId", "objectId", "codeRegister"]
    assert "subIdentificatorVan" not in row


@OLDEST
def test_the_oldest_drops_numbers_within_a_partij_and_wants_its_kind_in_each_patch(
    make: Make, faults: Faults, ask: Ask
) -> None:
    number = {"codeObjecttype": "inp", "codeSoortObjectId": "bsn", "objectId": "999990676", "codeRegister": "brp"}
    row = make("partijen", **PERSON, partijIdentificatoren=[{"partijIdentificator": number}])

    assert row["partijIdentificatoren"] == []
    assert faults(f"partijen/{row['uuid']}", "PATCH", indicatieActief=False) == [("soortPartij", "invalid")]
    changed = ask("PATCH", f"partijen/{row['uuid']}", {"indicatieActief": False, "soortPartij": "persoon"})[1]
    assert changed["indicatieActief"] is False


@OLDEST
def test_the_oldest_has_short_addresses_with_other_codes_of_countries(faults: Faults, make: Make) -> None:
    assert faults("partijen", **PERSON, bezoekadres={"land": "NL"}) == [("bezoekadres.land", "invalid")]
    row = make("partijen", **PERSON, bezoekadres={"land": "6030", "straatnaam": "x"})
    assert list(row["bezoekadres"]) == ["nummeraanduidingId", "adresregel1", "adresregel2", "adresregel3", "land"]


@OLDEST
def test_the_oldest_passes_over_two_look_ups_that_are_not_in_snake_case(make: Make, ask: Ask) -> None:
    for each in ("a", "b"):
        make("bijlagen", wasBijlageVanKlantcontact=None, bijlageidentificator={"objectId": each})

    assert ask("GET", "bijlagen?bijlageidentificatorObjectId=a")[1]["count"] == 2
    assert ask("GET", "bijlagen?bijlageidentificator_object_id=a")[1]["count"] == 1


@pytest.mark.parametrize("server", ["0.3.0"], indirect=True)
def test_before_0_5_0_a_look_up_in_snake_case_works_too(make: Make, ask: Ask) -> None:
    for each in ("a", "b"):
        make("bijlagen", bijlageidentificator={"objectId": each})

    assert ask("GET", "bijlagen?bijlageidentificatorObjectId=a")[1]["count"] == 1
    assert ask("GET", "bijlagen?bijlageidentificator_object_id=a")[1]["count"] == 1


@OLDEST
def test_the_oldest_has_filters_on_addresses_that_are_broken(ask: Ask) -> None:
    assert ask("GET", "digitaleadressen?adres__icontains=1")[0] == 500
    assert ask("GET", "digitaleadressen?verstrektDoorPartij__soortPartij=persoon")[0] == 400
    assert ask("GET", "digitaleadressen?soortDigitaalAdres=x")[0] == 200


@OLDEST
def test_the_oldest_knows_no_expand_of_betrokkenen(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    body = {"wasPartij": {"uuid": server.add_partij()}, "rol": "klant", "initiator": True}
    made = make("maak-klantcontact", klantcontact=CONTACT, betrokkene=body)

    row = ask("GET", f"betrokkenen/{made['betrokkene']['uuid']}?expand=digitaleAdressen")[1]
    assert row == made["betrokkene"]
    assert "_expand" not in ask("GET", "betrokkenen")[1]["results"][0]
