"""An Open Klant in which a test writes by hand what a resident asked and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from gemeente_connect_open_klant.testing.server import OpenKlantServer

ANNA = "999990676"
Write = Callable[..., str]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[OpenKlantServer]:
    """An Open Klant with Anna in it; of another version with `parametrize("server", …, indirect=True)`."""
    with OpenKlantServer(getattr(request, "param", "0.9.0")) as made:
        made.add_partij(bsn=ANNA, naam="Anna de Vries")
        yield made


@pytest.fixture
def post(server: OpenKlantServer) -> Callable[..., dict[str, Any]]:
    """Make a row, and give the answer."""

    def send(path: str, **body: Any) -> dict[str, Any]:
        url, headers = f"{server.url}/klantinteracties/api/v1/{path}", {"Authorization": f"Token {server.token}"}
        answer = requests.post(url, json=body, headers=headers, timeout=5)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return send


@pytest.fixture
def write(server: OpenKlantServer, post: Callable[..., dict[str, Any]]) -> Write:
    """Write a klantcontact on a day of January 2026, and give its uuid.

    `was` is the klantcontact that it answers. `by` tells who is its betrokkene: `anna`, `somebody` without a partij, or
    `nobody`. `zaak` is the uuid of the zaak that it is about.
    """
    numbers = iter(range(1, 1000))

    def make(
        day: int, inhoud: str, *, was: str | None = None, by: str = "anna", zaak: str | None = None, **fields: Any
    ) -> str:
        moment = f"2026-01-{day:02}T00:00:00Z"
        contact = {"kanaal": "WhatsApp", "onderwerp": "Container", "taal": "nld", "vertrouwelijk": False}
        contact |= {"inhoud": inhoud, "plaatsgevondenOp": moment, "nummer": str(next(numbers))} | fields
        body: dict[str, Any] = {"klantcontact": contact}
        if by != "nobody":
            partij = {"uuid": server.rows["partijen"][0]["uuid"]} if by == "anna" else None
            body["betrokkene"] = {"wasPartij": partij, "rol": "klant", "initiator": was is None}
        if was or zaak:
            body["onderwerpobject"] = {"wasKlantcontact": {"uuid": was} if was else None}
        if zaak:
            about = {
                "objectId": zaak,
                "codeObjecttype": "zgw-Zaak",
                "codeRegister": "openzaak",
                "codeSoortObjectId": "uuid",
            }
            body["onderwerpobject"]["onderwerpobjectidentificator"] = about
        key: str = post("maak-klantcontact", **body)["klantcontact"]["uuid"]
        return key

    return make
