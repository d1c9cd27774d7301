"""A loopback Open Klant of some version, and ways to ask it things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
Faults = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[OpenKlantServer]:
    """An Open Klant; of another version with `parametrize("server", ["0.6.0"], indirect=True)`."""
    with OpenKlantServer(getattr(request, "param", "0.9.0")) as made:
        yield made


@pytest.fixture
def ask(server: OpenKlantServer) -> Iterator[Ask]:
    """Send a request, and give the status and the body of the answer."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {server.token}"

        def send(method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
            sent = {"json": body} if body is not None else {}
            answer = session.request(method, f"{server.url}/klantinteracties/api/v1/{path}", **sent, **more)
            is_json = answer.headers.get("Content-Type") == "application/json"
            return answer.status_code, answer.json() if is_json else answer.text

        yield send


@pytest.fixture
def make(ask: Ask) -> Make:
    """Make a row, and give the answer."""

    def post(path: str, **body: Any) -> dict[str, Any]:
        status, answer = ask("POST", path, body)
        assert status == 201, answer
        made: dict[str, Any] = answer
        return made

    return post


@pytest.fixture
def faults(ask: Ask) -> Faults:
    """Send what is refused, and give the name and code of everything that is wrong."""

    def post(path: str, method: str = "POST", **body: Any) -> list[tuple[str, str]]:
        status, answer = ask(method, path, body)
        assert (status, answer["code"], answer["status"]) == (400, "invalid", 400), answer
        assert all(each["reason"] for each in answer["invalidParams"])
        return [(each["name"], each["code"]) for each in answer["invalidParams"]]

    return post
