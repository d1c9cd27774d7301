"""What goes along when a row is deleted, and what stays behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "a", "taal": "nld", "vertrouwelijk": False}
PHONE = {"adres": "+31612345678", "soortDigitaalAdres": "telefoonnummer", "omschrijving": "x"}


def _contact(make: Make, partij: str, was: str | None = None) -> dict[str, Any]:
    made = make(
        "maak-klantcontact",
        klantcontact=CONTACT,
        betrokkene={"wasPartij": {"uuid": partij}, "rol": "klant", "initiator": True},
        onderwerpobject={"wasKlantcontact": {"uuid": was} if was else None},
    )
    betrokkene = {"uuid": made["betrokkene"]["uuid"]}
    make("digitaleadressen", **PHONE, verstrektDoorPartij=None, verstrektDoorBetrokkene=betrokkene)
    make("bijlagen", wasBijlageVanKlantcontact={"uuid": made["klantcontact"]["uuid"]})
    return made


def test_a_klantcontact_takes_all_along_but_the_address_of_its_betrokkene(
    ask: Ask, make: Make, server: OpenKlantServer
) -> None:
    question = _contact(make, server.add_partij())["klantcontact"]["uuid"]
    make("onderwerpobjecten", wasKlantcontact={"uuid": question})
    task = {"gevraagdeHandeling": "a", "status": "verwerkt", "toegewezenAanActoren": []}
    make("internetaken", **task, aanleidinggevendKlantcontact={"uuid": question})

    assert ask("DELETE", f"klantcontacten/{question}?foo=1") == (204, "")

    left = {collection: len(rows) for collection, rows in server.rows.items() if rows}
    assert left == {"partijen": 1, "digitaleadressen": 1}
    assert server.rows["digitaleadressen"][0]["verstrektDoorBetrokkene"] is None


@pytest.mark.parametrize("server", ["0.0.3", "0.5.0"], indirect=True)
def test_before_0_6_0_the_address_went_along(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    made = _contact(make, server.add_partij())

    ask("DELETE", f"betrokkenen/{made['betrokkene']['uuid']}")

    assert server.rows["digitaleadressen"] == []


def test_a_partij_takes_its_numbers_addresses_and_betrokkenen_along(
    ask: Ask, make: Make, server: OpenKlantServer
) -> None:
    anna = server.add_partij(bsn="999990676", adressen=[("email", "anna@example.nl", None)])
    _contact(make, anna)
    mail = server.rows["digitaleadressen"][0]["uuid"]
    ask("PATCH", f"partijen/{anna}", {"voorkeursDigitaalAdres": {"uuid": mail}})
    ask("DELETE", f"digitaleadressen/{mail}")
    assert server.rows["partijen"][0]["voorkeursDigitaalAdres"] is None

    ask("DELETE", f"partijen/{anna}")

    left = {collection: len(rows) for collection, rows in server.rows.items() if rows}
    assert left == {"klantcontacten": 1, "onderwerpobjecten": 1, "bijlagen": 1, "digitaleadressen": 1}


def test_an_onderwerpobject_can_take_klantcontacten_and_their_addresses_along(
    ask: Ask, make: Make, server: OpenKlantServer
) -> None:
    anna = server.add_partij()
    question = _contact(make, anna)
    answer = _contact(make, anna, question["klantcontact"]["uuid"])

    status, left = ask("DELETE", f"onderwerpobjecten/{answer['onderwerpobject']['uuid']}?cascade=TRUE")
    assert (status, left) == (200, {"behouden": [question["klantcontact"]["url"]]})
    assert [row["uuid"] for row in server.rows["klantcontacten"]] == [question["klantcontact"]["uuid"]]
    status, left = ask("DELETE", f"onderwerpobjecten/{question['onderwerpobject']['uuid']}?cascade=true")

    assert (status, left) == (200, {"behouden": []})
    assert {collection for collection, rows in server.rows.items() if rows} == {"partijen"}


def test_without_cascade_only_the_onderwerpobject_goes(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    made = _contact(make, server.add_partij())

    assert ask("DELETE", f"onderwerpobjecten/{made['onderwerpobject']['uuid']}?cascade=false") == (204, "")
    assert len(server.rows["klantcontacten"]) == 1


@pytest.mark.parametrize("server", ["0.5.0"], indirect=True)
def test_before_0_6_0_there_is_no_cascade(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    made = _contact(make, server.add_partij())

    assert ask("DELETE", f"onderwerpobjecten/{made['onderwerpobject']['uuid']}?cascade=true") == (204, "")


def test_an_address_of_a_partij_is_not_taken_along_by_a_cascade(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    anna = server.add_partij()
    made = _contact(make, anna)
    server.rows["digitaleadressen"][0]["verstrektDoorPartij"] = anna

    ask("DELETE", f"onderwerpobjecten/{made['onderwerpobject']['uuid']}?cascade=true")

    assert len(server.rows["digitaleadressen"]) == 1


def test_a_link_to_a_klantcontact_that_a_test_took_away_does_no_harm(
    ask: Ask, make: Make, server: OpenKlantServer
) -> None:
    made = _contact(make, server.add_partij())
    server.rows["klantcontacten"].clear()

    assert ask("DELETE", f"onderwerpobjecten/{made['onderwerpobject']['uuid']}?cascade=true")[0] == 200
