"""`expand`: what it brings, and where the real one brings less than one would think."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "a", "taal": "nld", "vertrouwelijk": False}


def _contact(make: Make, partij: str) -> str:
    made = make(
        "maak-klantcontact",
        klantcontact=CONTACT,
        betrokkene={"wasPartij": {"uuid": partij}, "rol": "klant", "initiator": True},
    )
    return str(made["klantcontact"]["uuid"])


def test_a_list_has_an_empty_expand_and_a_single_row_none(ask: Ask, make: Make) -> None:
    key = make("klantcontacten", **CONTACT)["uuid"]

    assert ask("GET", "klantcontacten")[1]["results"][0]["_expand"] == {}
    assert "_expand" not in ask("GET", f"klantcontacten/{key}")[1]
    assert "_expand" not in ask("GET", f"klantcontacten/{key}?expand=hadBetrokkenen.wasPartij")[1]
    make("bijlagen")
    assert "_expand" not in ask("GET", "bijlagen")[1]["results"][0]


def test_what_is_brought_is_nested_at_each_level(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    anna = server.add_partij(bsn="999990676", naam="Anna de Vries")
    key = _contact(make, anna)

    _, row = ask("GET", f"klantcontacten/{key}?expand=hadBetrokkenen&expand=hadBetrokkenen.wasPartij")

    (betrokkene,) = row["_expand"]["hadBetrokkenen"]
    assert betrokkene["hadKlantcontact"]["uuid"] == key
    partij = betrokkene["_expand"]["wasPartij"]
    assert partij["partijIdentificatie"]["volledigeNaam"] == "Anna de Vries"
    assert partij["partijIdentificatoren"][0]["partijIdentificator"]["objectId"] == "999990676"


def test_of_several_relations_without_rows_only_the_first_is_there(ask: Ask, make: Make) -> None:
    key = make("klantcontacten", **CONTACT)["uuid"]

    _, row = ask("GET", f"klantcontacten/{key}?expand=leiddeTotInterneTaken,hadBetrokkenen,omvatteBijlagen")

    assert row["_expand"] == {"omvatteBijlagen": []}


def test_a_row_is_brought_once_for_a_request(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    anna = server.add_partij(naam="Anna")
    for _ in range(2):
        _contact(make, anna)

    _, page = ask("GET", "klantcontacten?expand=hadBetrokkenen,hadBetrokkenen.wasPartij")

    brought = [row["_expand"]["hadBetrokkenen"][0]["_expand"]["wasPartij"] for row in page["results"]]
    assert [partij and partij["uuid"] for partij in brought] == [anna, None]


def test_partijen_and_addresses_bring_their_own(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    anna = server.add_partij(adressen=[("email", "anna@example.nl", None)])
    key = _contact(make, anna)
    betrokkene = server.rows["betrokkenen"][0]["uuid"]
    adres = {"adres": "+31612345678", "soortDigitaalAdres": "telefoonnummer", "verstrektDoorPartij": None}
    make("digitaleadressen", **adres, verstrektDoorBetrokkene={"uuid": betrokkene})

    paths = "digitaleAdressen,betrokkenen,betrokkenen.hadKlantcontact,categorieRelaties"
    brought = ask("GET", f"partijen/{anna}?expand={paths}")[1]["_expand"]
    assert brought["digitaleAdressen"][0]["adres"] == "anna@example.nl"
    assert brought["betrokkenen"][0]["_expand"]["hadKlantcontact"]["uuid"] == key
    above = "verstrektDoorBetrokkene"
    paths = f"{above},{above}.hadKlantcontact,{above}.hadKlantcontact.leiddeTotInterneTaken"
    latest, first = ask("GET", f"digitaleadressen?expand={paths}")[1]["results"]
    assert latest["_expand"][above]["_expand"]["hadKlantcontact"]["_expand"] == {"leiddeTotInterneTaken": []}
    assert first["_expand"] == {above: None}
    assert ask("GET", f"betrokkenen/{betrokkene}?expand=digitaleAdressen")[1]["_expand"]["digitaleAdressen"]


@pytest.mark.parametrize("path", ["nothing", "had_betrokkenen", "hadBetrokkenen,nothing"])
def test_an_unknown_path_is_refused(ask: Ask, path: str) -> None:
    status, answer = ask("GET", f"klantcontacten?expand={path}")

    assert status == 400
    assert [(each["name"], each["code"]) for each in answer["invalidParams"]] == [("expand", "invalid_choice")]


@pytest.mark.parametrize("server", ["0.3.0"], indirect=True)
def test_before_0_5_0_the_last_expand_counts(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    key = _contact(make, server.add_partij())

    assert "_expand" in ask("GET", f"klantcontacten/{key}?expand=omvatteBijlagen&expand=hadBetrokkenen")[1]
    assert list(ask("GET", f"klantcontacten/{key}?expand=hadBetrokkenen&expand=omvatteBijlagen")[1]["_expand"]) == [
        "omvatteBijlagen"
    ]
