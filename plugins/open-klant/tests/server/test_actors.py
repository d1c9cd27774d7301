"""Actoren, what links them to klantcontacten, and interne taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]
ACTOR: dict[str, Any] = {"naam": "Fatima", "soortActor": "medewerker"}
MDW = {"objectId": "f@example.nl", "codeObjecttype": "mdw", "codeRegister": "msei", "codeSoortObjectId": "email"}


@pytest.fixture
def contact(make: Make) -> dict[str, str]:
    """A reference to a klantcontact."""
    return {"uuid": make("klantcontacten", kanaal="a", onderwerp="a", taal="nld", vertrouwelijk=False)["uuid"]}


@pytest.fixture
def actor(make: Make) -> dict[str, str]:
    """A reference to an actor."""
    return {"uuid": make("actoren", **ACTOR)["uuid"]}


def test_an_actor_needs_a_name_and_a_kind_and_may_be_made_twice(make: Make, faults: Faults) -> None:
    assert faults("actoren") == [("naam", "required"), ("soortActor", "required")]
    rows = [make("actoren", **ACTOR, actoridentificator=MDW) for _ in range(2)]

    assert rows[0]["uuid"] != rows[1]["uuid"]
    assert (rows[0]["indicatieActief"], rows[0]["actoridentificator"], rows[0]["actorIdentificatie"]) == (
        True,
        MDW,
        None,
    )


def test_what_is_told_of_a_medewerker_needs_a_function_and_a_telephone_number(make: Make, faults: Faults) -> None:
    required = [("actorIdentificatie.functie", "required"), ("actorIdentificatie.telefoonnummer", "required")]
    assert faults("actoren", **ACTOR, actorIdentificatie={}) == required
    wrong = {"functie": "x" * 41, "emailadres": "x", "telefoonnummer": "z"}
    assert faults("actoren", **ACTOR, actorIdentificatie=wrong) == [
        ("actorIdentificatie.functie", "max_length"),
        ("actorIdentificatie.emailadres", "invalid"),
        ("actorIdentificatie.telefoonnummer", "invalid"),
    ]

    row = make("actoren", **ACTOR, actorIdentificatie={"functie": "KCC", "telefoonnummer": "0201234567"})
    assert row["actorIdentificatie"] == {"functie": "KCC", "emailadres": "", "telefoonnummer": "0201234567"}


def test_actors_of_other_kinds_tell_other_things(make: Make) -> None:
    robot = make("actoren", naam="r", soortActor="geautomatiseerde_actor", actorIdentificatie={"functie": "f"})
    office = make("actoren", naam="o", soortActor="organisatorische_eenheid", actorIdentificatie={"omschrijving": "x"})

    assert robot["actorIdentificatie"] == {"functie": "f", "omschrijving": ""}
    assert office["actorIdentificatie"]["omschrijving"] == "x"
    nothing = make("actoren", naam="o", soortActor="organisatorische_eenheid", actorIdentificatie={})
    assert nothing["actorIdentificatie"] is None


def test_an_actor_is_linked_to_a_klantcontact_once_and_then_told_with_it(
    ask: Ask, make: Make, faults: Faults, actor: dict[str, str], contact: dict[str, str]
) -> None:
    row = make("actorklantcontacten", actor=actor, klantcontact=contact)

    assert faults("actorklantcontacten", actor=actor, klantcontact=contact) == [("nonFieldErrors", "unique")]
    assert faults("actorklantcontacten") == [("actor", "required"), ("klantcontact", "required")]
    assert ask("PATCH", f"actorklantcontacten/{row['uuid']}", {"actor": actor})[0] == 200
    (told,) = ask("GET", f"klantcontacten/{contact['uuid']}")[1]["hadBetrokkenActoren"]
    assert told["naam"] == "Fatima"


def test_a_task_is_assigned_in_one_of_two_ways(
    make: Make, faults: Faults, actor: dict[str, str], contact: dict[str, str]
) -> None:
    task = {"aanleidinggevendKlantcontact": contact, "gevraagdeHandeling": "a", "status": "te_verwerken"}
    assert faults("internetaken", **task) == [("nonFieldErrors", "invalid")]
    both = {"toegewezenAanActor": actor, "toegewezenAanActoren": [actor]}
    assert faults("internetaken", **task, **both) == [("nonFieldErrors", "invalid")]

    one = make("internetaken", **task, toegewezenAanActor=actor)
    several = make("internetaken", **task, toegewezenAanActoren=[actor, actor])
    nobody = make("internetaken", **task, toegewezenAanActoren=[])

    assert one["toegewezenAanActor"] == several["toegewezenAanActor"] == several["toegewezenAanActoren"][0]
    assert len(one["toegewezenAanActoren"]) == len(several["toegewezenAanActoren"]) == 1
    assert (nobody["toegewezenAanActor"], nobody["toegewezenAanActoren"]) == ({"uuid": None}, [])
    assert (one["toelichting"], one["nummer"], one["afgehandeldOp"]) == ("", None, None)
    assert one["toegewezenOp"].endswith("Z")


def test_a_task_that_is_dealt_with_has_a_moment(ask: Ask, make: Make, faults: Faults, contact: dict[str, str]) -> None:
    task = {"aanleidinggevendKlantcontact": contact, "gevraagdeHandeling": "a", "toegewezenAanActoren": []}
    moment = "2026-01-01T00:00:00Z"
    assert faults("internetaken", **task, status="te_verwerken", afgehandeldOp=moment) == [("afgehandeldOp", "invalid")]
    done = make("internetaken", **task, status="verwerkt", afgehandeldOp=moment)
    assert done["afgehandeldOp"] == moment
    row = make("internetaken", **task, status="verwerkt")
    path = f"internetaken/{row['uuid']}"

    assert row["afgehandeldOp"] is not None
    assert ask("PATCH", path, {"status": "te_verwerken"})[1]["afgehandeldOp"] is None
    assert ask("PATCH", path, {"status": "verwerkt"})[1]["afgehandeldOp"] is not None


def test_what_is_wrong_with_a_task_is_told(faults: Faults, contact: dict[str, str]) -> None:
    nobody = {"uuid": "16d6f3d9-8159-45d4-8fb8-57098386b3ab"}
    assert faults(
        "internetaken",
        aanleidinggevendKlantcontact=contact,
        gevraagdeHandeling="x" * 201,
        status="x",
        toegewezenAanActoren=[nobody],
        toelichting="x" * 1001,
    ) == [
        ("gevraagdeHandeling", "max_length"),
        ("toegewezenAanActoren.0.uuid", "invalid"),
        ("toelichting", "max_length"),
        ("status", "invalid_choice"),
    ]


def test_an_onderwerpobject_and_a_bijlage_may_be_empty_orphans(make: Make, ask: Ask, contact: dict[str, str]) -> None:
    link, file = make("onderwerpobjecten"), make("bijlagen")

    assert (link["klantcontact"], link["wasKlantcontact"]) == (None, None)
    assert set(link["onderwerpobjectidentificator"].values()) == set(file["bijlageidentificator"].values()) == {""}
    changed = ask("PATCH", f"bijlagen/{file['uuid']}", {"wasBijlageVanKlantcontact": contact})[1]
    assert changed["wasBijlageVanKlantcontact"]["uuid"] == contact["uuid"]


def test_with_an_actor_go_its_links_and_its_name_on_tasks(
    ask: Ask, make: Make, server: OpenKlantServer, actor: dict[str, str], contact: dict[str, str]
) -> None:
    make("actorklantcontacten", actor=actor, klantcontact=contact)
    task = {"aanleidinggevendKlantcontact": contact, "gevraagdeHandeling": "a", "status": "te_verwerken"}
    make("internetaken", **task, toegewezenAanActoren=[actor])
    make("internetaken", **task, toegewezenAanActoren=[])

    assert ask("DELETE", f"actoren/{actor['uuid']}") == (204, "")

    assert server.rows["actorklantcontacten"] == []
    assert [row["toegewezenAanActoren"] for row in server.rows["internetaken"]] == [[], []]
