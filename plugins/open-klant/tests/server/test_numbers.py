"""Numbers of rows: unique, given by the server until 0.7.0, and what happens when requests race each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from gemeente_connect_open_klant.testing.problems import Crash, Refused
from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "a", "taal": "nld", "vertrouwelijk": False}


@pytest.mark.parametrize("field", ["nummer", "referentienummer"])
def test_a_number_is_of_one_row_only(make: Make, faults: Faults, ask: Ask, field: str) -> None:
    row = make("klantcontacten", **CONTACT, **{field: "4628864096"})
    other = make("klantcontacten", **CONTACT, **{field: "007"})

    assert faults("klantcontacten", **CONTACT, **{field: "4628864096"}) == [(field, "unique")]
    assert faults(f"klantcontacten/{other['uuid']}", "PATCH", **{field: "4628864096"}) == [(field, "unique")]
    assert ask("PATCH", f"klantcontacten/{row['uuid']}", {field: "4628864096"})[0] == 200


@pytest.mark.parametrize("number", ["-5", "007", "٣", 5])
def test_a_number_is_any_whole_number_of_ten_characters(make: Make, number: Any) -> None:
    assert make("klantcontacten", **CONTACT, nummer=number)["nummer"] == str(number)


def test_since_0_7_0_no_number_is_given(make: Make) -> None:
    assert make("klantcontacten", **CONTACT)["nummer"] is None
    assert make("klantcontacten", **CONTACT, nummer=None)["nummer"] is None


@pytest.mark.parametrize("collection", ["klantcontacten", "internetaken"])
def test_since_0_7_0_an_empty_number_is_taken_once_and_then_crashes(ask: Ask, make: Make, collection: str) -> None:
    contact = make("klantcontacten", **CONTACT)
    task = {"gevraagdeHandeling": "a", "status": "verwerkt", "toegewezenAanActoren": []}
    body = CONTACT if collection == "klantcontacten" else task
    body = body | {"nummer": "", "aanleidinggevendKlantcontact": {"uuid": contact["uuid"]}}

    assert ask("POST", collection, body)[0] == 201
    status, answer = ask("POST", collection, body)

    assert (status, answer["code"], answer["detail"]) == (500, "error", "Internal Server Error")
    assert "invalidParams" not in answer


@pytest.mark.parametrize("server", ["0.0.3", "0.3.0", "0.5.0", "0.6.0"], indirect=True)
def test_before_0_7_0_the_highest_number_is_counted_on_from(make: Make, faults: Faults, ask: Ask) -> None:
    assert make("klantcontacten", **CONTACT)["nummer"] == "0000000001"
    row = make("klantcontacten", **CONTACT, nummer="41")
    assert make("klantcontacten", **CONTACT, nummer="")["nummer"] == "0000000042"
    assert faults("klantcontacten", **CONTACT, nummer=None) == [("nummer", "null")]
    assert ask("PATCH", f"klantcontacten/{row['uuid']}", {"nummer": ""})[1]["nummer"] == "0000000043"


@pytest.mark.parametrize("server", ["0.6.0"], indirect=True)
def test_before_0_7_0_the_highest_possible_number_ends_all_numbering(ask: Ask, make: Make) -> None:
    make("klantcontacten", **CONTACT, nummer="9999999999")

    for path, body in (("klantcontacten", CONTACT), ("maak-klantcontact", {"klantcontact": CONTACT})):
        status, answer = ask("POST", path, body)
        assert (status, answer["code"]) == (409, "conflict")


@pytest.mark.parametrize("server", ["0.6.0"], indirect=True)
def test_before_0_7_0_a_number_in_other_digits_cannot_be_counted(ask: Ask, make: Make) -> None:
    make("klantcontacten", **CONTACT, nummer="٣")

    assert ask("POST", "klantcontacten", CONTACT)[0] == 500


def _at_once(server: OpenKlantServer, path: str, bodies: list[dict[str, Any]]) -> Counter[int]:
    def post(body: dict[str, Any]) -> int:
        headers = {"Authorization": f"Token {server.token}"}
        url = f"{server.url}/klantinteracties/api/v1/{path}"
        return requests.post(url, json=body, headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(max_workers=len(bodies)) as workers:
        return Counter(workers.map(post, bodies))


def test_of_equal_requests_at_once_one_is_kept_and_the_others_are_400_or_500() -> None:
    with OpenKlantServer(delay=0.02) as server:
        body = {"klantcontact": CONTACT | {"nummer": "12345"}, "betrokkene": {"rol": "klant", "initiator": True}}
        statuses = _at_once(server, "maak-klantcontact", [body] * 12)

        assert statuses[201] == 1
        assert statuses[400] + statuses[500] == 11
        assert [len(server.rows[each]) for each in ("klantcontacten", "betrokkenen")] == [1, 1]


def test_before_0_7_0_different_requests_at_once_lose_each_others_numbers() -> None:
    with OpenKlantServer("0.6.0", delay=0.02) as server:
        statuses = _at_once(server, "klantcontacten", [CONTACT | {"onderwerp": str(each)} for each in range(12)])

        assert set(statuses) <= {201, 500}
        assert len(server.rows["klantcontacten"]) == statuses[201] >= 1


def test_of_two_that_both_looked_before_either_was_kept_the_second_crashes_and_leaves_nothing() -> None:
    with OpenKlantServer() as server:
        writer, store = server._api.writer, server._store
        keeps = [writer.create("klantcontacten", CONTACT | {"nummer": "1"}) for _ in range(2)]
        first, second, alone = (*keeps, writer.create("klantcontacten", dict(CONTACT)))
        with store.transaction() as transaction:
            first(transaction)
        with pytest.raises(Crash), store.transaction() as transaction:
            assert [alone(transaction), second(transaction)]

        assert [row["nummer"] for row in server.rows["klantcontacten"]] == ["1"]


def test_of_two_standard_addresses_at_once_the_second_crashes() -> None:
    with OpenKlantServer() as server:
        partij = server.add_partij()
        values = {"verstrektDoorPartij": partij, "soortDigitaalAdres": "overig", "adres": "x", "isStandaardAdres": True}
        keeps = [server._api.writer.create("digitaleadressen", dict(values)) for _ in range(2)]
        with server._store.transaction() as transaction:
            keeps[0](transaction)
        with pytest.raises(Crash), server._store.transaction() as transaction:
            keeps[1](transaction)

        assert [row["isStandaardAdres"] for row in server.rows["digitaleadressen"]] == [True]


def test_of_two_addresses_with_one_reference_at_once_the_second_crashes() -> None:
    with OpenKlantServer() as server:
        values = {"verstrektDoorPartij": server.add_partij(), "soortDigitaalAdres": "overig", "adres": "x"}
        keeps = [server._api.writer.create("digitaleadressen", values | {"referentie": "w"}) for _ in range(2)]
        with server._store.transaction() as transaction:
            keeps[0](transaction)
        with pytest.raises(Crash), server._store.transaction() as transaction:
            keeps[1](transaction)


def test_of_equal_numbers_of_a_resident_at_once_the_second_is_400() -> None:
    number = {"codeObjecttype": "natuurlijk_persoon", "codeSoortObjectId": "bsn", "objectId": "999990676"}
    body = {
        "soortPartij": "persoon",
        "indicatieActief": True,
        "partijIdentificatoren": [{"partijIdentificator": number | {"codeRegister": "brp"}}],
    }
    with OpenKlantServer(delay=0.01) as server:
        assert _at_once(server, "partijen", [body] * 8) == {201: 1, 400: 7}
        assert len(server.rows["partijen"]) == 1


def test_a_row_that_is_deleted_between_looking_and_keeping_is_not_found(server: OpenKlantServer, make: Make) -> None:
    make("klantcontacten", **CONTACT)
    keep = server._api.writer.change("klantcontacten", server.rows["klantcontacten"][0], {"inhoud": "x"})
    server.rows["klantcontacten"].clear()

    with pytest.raises(Refused) as refused, server._store.transaction() as transaction:
        keep(transaction)
    assert refused.value.status == 404
