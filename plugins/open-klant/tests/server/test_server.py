"""What a test has at hand: rows, requests, and partijen as a colleague would have made them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from gemeente_connect_open_klant.testing.naming import as_answered
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]


def test_an_unknown_version_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"no API-version '1.0.0'; known: 0.0.3, 0.3.0, .*0.9.0"):
        OpenKlantServer("1.0.0")


def test_rows_are_kept_with_references_as_uuids_and_can_be_changed_by_a_colleague(
    server: OpenKlantServer, ask: Ask, make: Make
) -> None:
    contact = make("klantcontacten", kanaal="WhatsApp", onderwerp="a", taal="nld", vertrouwelijk=False)
    make("betrokkenen", hadKlantcontact={"uuid": contact["uuid"]}, rol="klant", initiator=True)

    assert server.rows["betrokkenen"][0]["hadKlantcontact"] == contact["uuid"]
    server.rows["klantcontacten"][0]["inhoud"] = "by a colleague"
    assert ask("GET", f"klantcontacten/{contact['uuid']}")[1]["inhoud"] == "by a colleague"


def test_requests_are_told_in_the_order_in_which_they_came(server: OpenKlantServer, ask: Ask) -> None:
    ask("GET", "klantcontacten?kanaal=a%20b")
    ask("DELETE", "klantcontacten/x")

    assert server.requests == [("GET", "klantcontacten", "kanaal=a%20b"), ("DELETE", "klantcontacten/x", "")]
    assert server.requests[0].method == "GET"


def test_clear_forgets_rows_and_requests(server: OpenKlantServer, ask: Ask) -> None:
    server.add_partij(bsn="999990676")
    ask("GET", "partijen")

    server.clear()

    assert not any(server.rows.values())
    assert server.requests == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_partij_that_was_added_is_found_by_its_number(version: str) -> None:
    with OpenKlantServer(version) as server:
        adressen = [("telefoonnummer", "+31612345678", "2026-01-10"), ("email", "anna@example.nl", None)]
        key = server.add_partij(bsn="999990676", naam="Anna van der Vries", adressen=adressen, actief=False)

        (row,) = server.rows["partijen"]
        (number,) = server.rows["partij-identificatoren"]
    assert (row["uuid"], row["indicatieActief"], row["soortPartij"]) == (key, False, "persoon")
    assert row["partijIdentificatie"]["contactnaam"] == {
        "voorletters": "",
        "voornaam": "Anna",
        "voorvoegselAchternaam": "van der",
        "achternaam": "Vries",
    }
    assert (number["partijIdentificator"]["objectId"], number["identificeerdePartij"]) == ("999990676", key)
    assert [each["verstrektDoorPartij"] for each in server.rows["digitaleadressen"]] == [key, key]
    verified = server.rows["digitaleadressen"][0].get("verificatieDatum")
    assert verified == (None if version == "0.0.3" else "2026-01-10")


def test_a_partij_may_be_an_organisatie_or_a_contactpersoon_or_have_one_name(server: OpenKlantServer, ask: Ask) -> None:
    for soort, naam in (("organisatie", "Bakker"), ("contactpersoon", "Bea Jansen"), ("persoon", "Anna")):
        server.add_partij(soort=soort, naam=naam)

    person, contact, company = ask("GET", "partijen")[1]["results"]
    assert company["partijIdentificatie"] == {"naam": "Bakker"}
    assert contact["partijIdentificatie"]["volledigeNaam"] == "Bea Jansen"
    assert contact["partijIdentificatie"]["werkteVoorPartij"] is None
    assert person["partijIdentificatie"]["volledigeNaam"] == "Anna"


def test_hundreds_of_requests_at_once_are_all_answered(server: OpenKlantServer, ask: Ask) -> None:
    threads = [threading.Thread(target=ask, args=("GET", "klantcontacten")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(server.requests) == 20


@pytest.mark.parametrize(("fault", "told"), [(ConnectionResetError, False), (KeyError, True)])
def test_a_client_that_goes_away_is_no_news_but_a_fault_of_the_server_is(
    server: OpenKlantServer, capsys: pytest.CaptureFixture[str], fault: type[Exception], *, told: bool
) -> None:
    with suppress(fault), _Telling(server):
        raise fault

    assert (fault.__name__ in capsys.readouterr().err) is told


class _Telling:
    """Tells the server of what goes wrong in the block, as its threads do."""

    def __init__(self, server: OpenKlantServer) -> None:
        self.handle = cast(Any, server._server).handle_error

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.handle(None, ("127.0.0.1", 1))


def test_an_actor_can_be_added_too(server: OpenKlantServer, ask: Ask) -> None:
    key = server.add_actor("Team afval")

    assert ask("GET", f"actoren/{key}")[1]["soortActor"] == "organisatorische_eenheid"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("external_id", "externalId"),
        ("externalId2", "externalId2"),
        ("WAID", "waid"),
        ("a_1", "a1"),
        ("A1", "a1"),
        ("B12b", "b12b"),
        ("aAB1", "aAb1"),
        ("_x", "X"),
        ("Hoofd", "Hoofd"),
        ("wa-id", "wa-id"),
        ("conv:1", "conv:1"),
        ("bron.systeem", "bron.systeem"),
        ("a__b", "a_B"),
        ("", ""),
    ],
)
def test_a_key_of_a_body_comes_back_in_camel_case(sent: str, answered: str) -> None:
    assert as_answered({sent: [{sent: 1}]}) == {answered: [{answered: 1}]}
