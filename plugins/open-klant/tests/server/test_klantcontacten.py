"""A klantcontact: what must be sent, what is too long, what is kept, and what a PATCH does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "Container", "taal": "nld", "vertrouwelijk": False}


def test_what_is_required_is_told_in_the_order_of_the_fields(faults: Faults) -> None:
    required = [("kanaal", "required"), ("onderwerp", "required"), ("taal", "required"), ("vertrouwelijk", "required")]

    assert faults("klantcontacten") == required


def test_what_is_not_sent_has_its_own_emptiness(make: Make, server: OpenKlantServer) -> None:
    row = make("klantcontacten", **CONTACT)

    assert row["url"] == f"{server.url}/klantinteracties/api/v1/klantcontacten/{row['uuid']}"
    assert {name: row[name] for name in ("nummer", "referentienummer", "indicatieContactGelukt")} == dict.fromkeys(
        ("nummer", "referentienummer", "indicatieContactGelukt")
    )
    assert (row["inhoud"], row["reactie"], row["hoofdOnderwerpType"], row["metadata"]) == ("", "", "", {})
    assert row["verdereActieOndernomen"] is False
    assert row["plaatsgevondenOp"].endswith("Z")
    assert row["hadBetrokkenen"] == row["gingOverOnderwerpobjecten"] == row["omvatteBijlagen"] == []


@pytest.mark.parametrize(
    ("field", "longest"),
    [("kanaal", 50), ("onderwerp", 200), ("inhoud", 1000), ("reactie", 4000), ("taal", 3)],
)
def test_a_text_over_its_limit_is_refused_and_not_cut(make: Make, faults: Faults, field: str, longest: int) -> None:
    make("klantcontacten", **CONTACT | {field: "😀" * longest})

    assert faults("klantcontacten", **CONTACT | {field: "x" * (longest + 1)}) == [(field, "max_length")]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kanaal", None, "null"),
        ("kanaal", " ", "blank"),
        ("onderwerp", "", "blank"),
        ("inhoud", None, "null"),
        ("reactie", None, "null"),
        ("metadata", None, "null"),
        ("metadata", [], "not_a_dict"),
        ("verdereActieOndernomen", None, "null"),
        ("plaatsgevondenOp", None, "null"),
        ("plaatsgevondenOp", "gisteren", "invalid"),
        ("plaatsgevondenOp", 5, "invalid"),
        ("plaatsgevondenOp", "0001-01-01T00:00:00+10:00", "overflow"),
        ("inhoud", True, "invalid"),
        ("inhoud", [], "invalid"),
        ("inhoud", "a\x00", "null_characters_not_allowed"),
        ("vertrouwelijk", "misschien", "invalid"),
        ("vertrouwelijk", {}, "invalid"),
        ("nummer", "abc", "invalid"),
        ("nummer", "12345678901", "max_length"),
        ("hoofdOnderwerpType", "zaaktype", "invalid"),
        ("hoofdOnderwerpType", "http://-a.nl", "invalid"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_code(faults: Faults, field: str, value: Any, code: str) -> None:
    assert faults("klantcontacten", **CONTACT | {field: value}) == [(field, code)]


def test_all_that_is_wrong_is_told_at_once(faults: Faults) -> None:
    sent = CONTACT | {"nummer": "abcdefghijkl", "taal": "nederlands", "hoofdOnderwerpType": "x" * 201}

    assert faults("klantcontacten", **sent) == [
        ("nummer", "invalid"),
        ("nummer", "max_length"),
        ("hoofdOnderwerpType", "max_length"),
        ("hoofdOnderwerpType", "invalid"),
        ("taal", "max_length"),
    ]


def test_values_are_taken_as_a_lenient_reader_takes_them(make: Make) -> None:
    row = make(
        "klantcontacten",
        kanaal=" WhatsApp ",
        onderwerp=5,
        taal="xx!",
        vertrouwelijk="yes",
        indicatieContactGelukt="null",
        hoofd_onderwerp_type="http://localhost:8000/x",
        onbekend=1,
    )

    assert (row["kanaal"], row["onderwerp"], row["taal"]) == ("WhatsApp", "5", "xx!")
    assert (row["vertrouwelijk"], row["indicatieContactGelukt"]) == (True, None)
    assert row["hoofdOnderwerpType"] == "http://localhost:8000/x"
    assert "onbekend" not in row


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-23T10:02:00+01:00", "2026-11-23T09:02:00Z"),
        ("2026-11-23T10:02:00", "2026-11-23T10:02:00Z"),
        ("2026-11-23T10:02:00.123456Z", "2026-11-23T10:02:00.123456Z"),
        ("2026-11-23T10:02:00.1Z", "2026-11-23T10:02:00.100000Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("2026-1-2T3:4:5", "2026-01-02T03:04:05Z"),
    ],
)
def test_a_moment_is_kept_in_utc_with_its_microseconds(make: Make, sent: str, kept: str) -> None:
    assert make("klantcontacten", **CONTACT, plaatsgevondenOp=sent)["plaatsgevondenOp"] == kept


def test_metadata_is_flat_and_its_keys_and_numbers_change_on_the_way(make: Make, faults: Faults) -> None:
    row = make("klantcontacten", **CONTACT, metadata={"external_id": "x", "n": 5, "f": 5.5})

    assert row["metadata"] == {"externalId": "x", "n": "5", "f": "5.5"}
    wrong: dict[str, Any] = {"b": True, "l": None, "e": "", "o": {}, "long": "x" * 256}
    assert faults("klantcontacten", **CONTACT, metadata=wrong) == [
        ("metadata.b", "invalid"),
        ("metadata.l", "null"),
        ("metadata.e", "blank"),
        ("metadata.o", "invalid"),
        ("metadata.long", "max_length"),
    ]


def test_a_contact_that_succeeded_needs_no_further_action(make: Make, faults: Faults) -> None:
    sic = [("nonFieldErrors", "no-further-action-when-contact-succesful")]
    assert faults("klantcontacten", **CONTACT, indicatieContactGelukt=True, verdereActieOndernomen=True) == sic

    row = make("klantcontacten", **CONTACT, indicatieContactGelukt=True)
    assert faults(f"klantcontacten/{row['uuid']}", "PATCH", verdereActieOndernomen=True) == sic


def test_kanaal_can_be_a_closed_list() -> None:
    with OpenKlantServer(kanalen=["WhatsApp"]) as server:
        url, headers = (
            f"{server.url}/klantinteracties/api/v1/klantcontacten",
            {"Authorization": f"Token {server.token}"},
        )
        answers = [
            requests.post(url, json=CONTACT | {"kanaal": kanaal}, headers=headers, timeout=5)
            for kanaal in ("WhatsApp", "whatsapp")
        ]

    assert [answer.status_code for answer in answers] == [201, 400]
    (fault,) = answers[1].json()["invalidParams"]
    assert (fault["name"], fault["code"]) == ("kanaal", "invalid")


def test_a_patch_changes_what_is_sent_and_replaces_metadata(ask: Ask, make: Make) -> None:
    row = make("klantcontacten", **CONTACT, inhoud="a", metadata={"a": "1"}, plaatsgevondenOp="2026-01-01T00:00:00Z")

    status, changed = ask(
        "PATCH", f"klantcontacten/{row['uuid']}", {"inhoud": "b", "metadata": {"c": "2"}, "uuid": "x"}
    )

    assert status == 200
    assert changed == row | {"inhoud": "b", "metadata": {"c": "2"}}


def test_a_put_asks_for_what_is_required_and_keeps_the_rest_but_for_one_flag(ask: Ask, make: Make) -> None:
    row = make("klantcontacten", **CONTACT, inhoud="a", verdereActieOndernomen=True)

    assert ask("PUT", f"klantcontacten/{row['uuid']}", {})[0] == 400
    status, changed = ask("PUT", f"klantcontacten/{row['uuid']}", CONTACT | {"onderwerp": "b"})

    assert status == 200
    assert changed == row | {"onderwerp": "b", "verdereActieOndernomen": False}
