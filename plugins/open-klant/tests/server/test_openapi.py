"""The loopback Open Klant against the OpenAPI files of the real one, where they lie beside this repository.

Where the running program was seen to differ from its own file, the program is followed; `SEEN` lists those places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import yaml

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Json = dict[str, Any]
CONTRACTS = Path(__file__).parents[4].parent / "shared" / "contracts"
BSN = {
    "codeObjecttype": "natuurlijk_persoon",
    "codeSoortObjectId": "bsn",
    "objectId": "999990676",
    "codeRegister": "brp",
}
SEEN = {
    r"toegewezenAanActor\.uuid: None is no string": "a task of nobody has an actor without a uuid",
    r"toegewezenAanActor: no url": "and without a URL",
    r"(partijIdentificatie|actorIdentificatie): None is no object": "what was never sent is null, though not nullable",
}
"""Places in answers where the file is wrong, and what the running program does."""

pytestmark = pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the OpenAPI files are not beside this repository")


@cache
def _contract(version: str) -> Json:
    path = CONTRACTS / f"open-klant-klantinteracties-{version}.yaml"
    contract: Json = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    return contract


@pytest.fixture(params=["0.6.0", "0.9.0"])
def server(request: pytest.FixtureRequest) -> Iterator[OpenKlantServer]:
    """An Open Klant of each version of which there is a file."""
    with OpenKlantServer(request.param) as made:
        yield made


def test_every_path_and_method_is_in_the_file(server: OpenKlantServer) -> None:
    paths = _contract(server.version)["paths"]

    assert set(paths["/maak-klantcontact"]) == {"post"}
    for collection in server._api.shapes:
        assert {"get", "post"} <= set(paths[f"/{collection}"])
        assert {"get", "put", "patch", "delete"} <= set(paths[f"/{collection}/{{uuid}}"])


def test_the_parameters_of_every_list_are_those_of_the_file(server: OpenKlantServer) -> None:
    paths = _contract(server.version)["paths"]
    for collection, shape in server._api.shapes.items():
        known = set(server._api.lists.known[collection]) | {"page", "pageSize"}
        if shape.expands is not None:
            known |= {"expand"}
            assert _names(paths[f"/{collection}/{{uuid}}"]["get"]) == {"expand"}
        assert known == _names(paths[f"/{collection}"]["get"]), collection
    assert "cascade" in _names(paths["/onderwerpobjecten/{uuid}"]["delete"])


def _names(operation: Json) -> set[str]:
    return {each["name"] for each in operation["parameters"] if each["in"] == "query"}


def test_what_expand_takes_is_what_the_file_says(server: OpenKlantServer) -> None:
    paths = _contract(server.version)["paths"]
    for collection, shape in server._api.shapes.items():
        if shape.expands is not None:
            (parameter,) = (each for each in paths[f"/{collection}"]["get"]["parameters"] if each["name"] == "expand")
            assert set(parameter["schema"]["items"]["enum"]) == set(shape.expands)


def test_every_answer_is_of_the_shape_that_the_file_says(server: OpenKlantServer) -> None:
    client = _Client(server)
    client.make_all()
    for collection, shape in server._api.shapes.items():
        expand = f"?expand={','.join(shape.expands)}" if shape.expands else ""
        client.ask("GET", f"/{collection}", query=expand)
        for row in list(server.rows[collection]):
            client.ask("GET", f"/{collection}/{{uuid}}", row["uuid"], query=expand)
            client.ask("PATCH", f"/{collection}/{{uuid}}", row["uuid"], {})
    client.ask(
        "DELETE", "/onderwerpobjecten/{uuid}", server.rows["onderwerpobjecten"][0]["uuid"], query="?cascade=true"
    )

    assert client.wrong == []
    assert client.seen == set(SEEN), "a place that is not seen any more"


class _Client:
    """Asks, and holds each answer against the file."""

    def __init__(self, server: OpenKlantServer) -> None:
        self.server, self.contract = server, _contract(server.version)
        self.wrong: list[str] = []
        self.seen: set[str] = set()

    def ask(self, method: str, path: str, key: str = "", body: Json | None = None, query: str = "") -> Json:
        url = f"{self.server.url}/klantinteracties/api/v1{path.replace('{uuid}', key)}{query}"
        headers = {"Authorization": f"Token {self.server.token}"}
        answer = requests.request(method, url, json=body, headers=headers, timeout=5)
        told = self.contract["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        made: Json = answer.json()
        faults = self._unseen(made, told["content"]["application/json"]["schema"], "")
        self.wrong += [f"{method} {path}{each}" for each in faults]
        return made

    def _unseen(self, value: Any, schema: Json, where: str) -> list[str]:
        unseen = []
        for each in self._faults(value, schema, where):
            why = {seen for seen in SEEN if re.search(seen, each)}
            self.seen |= why
            unseen += [] if why else [each]
        return unseen

    def _faults(self, value: Any, schema: Json, where: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self.contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if value is None and schema.get("nullable"):
            return
        for each in schema.get("allOf", []):
            yield from self._faults(value, each, where)
        if "oneOf" in schema and all(self._unseen(value, each, where) for each in schema["oneOf"]):
            yield f"{where}: {value} is none of its kinds"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value} is no choice"
        if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
            yield f"{where}: {value} is no {schema['type']}"
            return
        yield from getattr(self, f"_{schema.get('type', 'any')}", self._any)(value, schema, where)

    def _any(self, _value: Any, _schema: Json, _where: str) -> Iterator[str]:
        return iter(())

    def _string(self, value: str, schema: Json, where: str) -> Iterator[str]:
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{where}: too long"
        if value and not re.search(schema.get("pattern", ""), value):
            yield f"{where}: {value} has not the pattern"
        if schema.get("format") == "uuid":
            UUID(value)
        if schema.get("format") == "date-time" and not re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", value
        ):
            yield f"{where}: {value} is no moment"

    def _array(self, value: list[Any], schema: Json, where: str) -> Iterator[str]:
        for number, each in enumerate(value):
            yield from self._faults(each, schema["items"], f"{where}.{number}")

    def _object(self, value: Json, schema: Json, where: str) -> Iterator[str]:
        more, known = schema.get("additionalProperties", {}), schema.get("properties", {})
        yield from (f"{where}: no {name}" for name in schema.get("required", []) if name not in value)
        for name, each in value.items():
            yield from self._faults(each, known.get(name, more), f"{where}.{name}")

    def make_all(self) -> None:
        """Make a row of each kind, by hand."""
        contact = {
            "kanaal": "a",
            "onderwerp": "a",
            "taal": "nld",
            "vertrouwelijk": False,
            "indicatieContactGelukt": True,
        }
        person: Json = {"soortPartij": "persoon", "indicatieActief": True}
        name = {"contactnaam": {"voornaam": "Anna", "achternaam": "Vries"}}
        numbers = [{"partijIdentificator": BSN}]
        anna = self.ask(
            "POST", "/partijen", body=person | {"partijIdentificatoren": numbers, "partijIdentificatie": name}
        )
        self.ask("POST", "/partijen", body=person)
        company = self.ask("POST", "/partijen", body=person | {"soortPartij": "organisatie"})
        works = {"werkteVoorPartij": {"uuid": company["uuid"]}} | name
        self.ask("POST", "/partijen", body=person | {"soortPartij": "contactpersoon", "partijIdentificatie": works})
        adres = {"adres": "+31612345678", "soortDigitaalAdres": "telefoonnummer", "verificatieDatum": "2026-01-10"}
        self.ask("POST", "/digitaleadressen", body=adres | {"verstrektDoorPartij": {"uuid": anna["uuid"]}})
        klant = {"rol": "klant", "initiator": True}
        about = {"wasKlantcontact": None, "onderwerpobjectidentificator": {"objectId": "a"}}
        made = self.ask(
            "POST",
            "/maak-klantcontact",
            body={
                "klantcontact": contact | {"metadata": {"a": "b"}, "plaatsgevondenOp": "2026-01-01T10:00:00+01:00"},
                "betrokkene": klant | {"wasPartij": {"uuid": anna["uuid"]}},
                "onderwerpobject": about,
            },
        )
        to = {"uuid": self.ask("POST", "/klantcontacten", body=contact)["uuid"]}
        betrokkene = self.ask("POST", "/betrokkenen", body=klant | {"hadKlantcontact": to})
        orphan = {"verstrektDoorPartij": None, "verstrektDoorBetrokkene": {"uuid": betrokkene["uuid"]}}
        self.ask("POST", "/digitaleadressen", body=adres | orphan)
        was = {"uuid": made["klantcontact"]["uuid"]}
        self.ask("POST", "/onderwerpobjecten", body={"klantcontact": to, "wasKlantcontact": was})
        self.ask("POST", "/bijlagen", body={"wasBijlageVanKlantcontact": to})
        told = {"functie": "KCC", "telefoonnummer": "0201234567"}
        actor = self.ask("POST", "/actoren", body={"naam": "f", "soortActor": "medewerker", "actorIdentificatie": told})
        self.ask("POST", "/actoren", body={"naam": "r", "soortActor": "geautomatiseerde_actor"})
        by = {"uuid": actor["uuid"]}
        self.ask("POST", "/actorklantcontacten", body={"actor": by, "klantcontact": to})
        task = {"gevraagdeHandeling": "a", "aanleidinggevendKlantcontact": to}
        self.ask("POST", "/internetaken", body=task | {"status": "verwerkt", "toegewezenAanActoren": [by]})
        self.ask("POST", "/internetaken", body=task | {"status": "te_verwerken", "toegewezenAanActoren": []})


TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}
