"""Who may ask, what is answered when a request itself is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
API = "/klantinteracties/api/v1/"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "not_authenticated"),
        ("Bearer x", "not_authenticated"),
        ("Token", "authentication_failed"),
        ("Token wrong", "authentication_failed"),
        ("Token two words", "authentication_failed"),
    ],
)
def test_a_request_without_the_token_is_401_with_one_of_two_codes(ask: Ask, authorization: str, code: str) -> None:
    status, answer = ask("GET", "klantcontacten", headers={"Authorization": authorization})

    assert (status, answer["code"], answer["status"]) == (401, code, 401)


def test_an_error_is_plain_json_with_dutch_texts_and_an_id_of_its_own(server: OpenKlantServer) -> None:
    answer = requests.get(f"{server.url}{API}klantcontacten", timeout=5)

    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert list(body) == ["type", "code", "title", "status", "detail", "instance"]
    assert body["type"] == f"{server.url}/ref/fouten/NotAuthenticated/"
    assert body["instance"].startswith("urn:uuid:")


@pytest.mark.parametrize("server", ["0.0.3", "0.3.0", "0.5.0", "0.6.0", "0.7.0", "0.9.0"], indirect=True)
def test_every_answer_of_the_api_tells_its_version(server: OpenKlantServer) -> None:
    headers = {"Authorization": f"Token {server.token}"}
    for path, status in (("klantcontacten", 200), ("klantcontacten/x", 404)):
        answer = requests.get(f"{server.url}{API}{path}", headers=headers, timeout=5)
        assert (answer.status_code, answer.headers["API-version"]) == (status, server.version)
    assert requests.get(f"{server.url}{API}actoren", timeout=5).headers["API-version"] == server.version


@pytest.mark.parametrize("path", [f"{API}klantcontacten/", f"{API}nothing", f"{API}klantcontacten/a/b", "/", "/x"])
def test_an_unknown_url_or_one_with_a_slash_at_its_end_is_a_html_page(server: OpenKlantServer, path: str) -> None:
    answer = requests.get(f"{server.url}{path}", headers={"Authorization": f"Token {server.token}"}, timeout=5)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "API-version" not in answer.headers


def test_the_root_names_what_there_is_to_anybody(server: OpenKlantServer) -> None:
    answer = requests.get(f"{server.url}{API}", timeout=5)

    assert (answer.status_code, answer.headers["API-version"]) == (200, "0.9.0")
    assert answer.json()["klantcontacten"] == f"{server.url}{API}klantcontacten"
    assert "maak-klantcontact" in answer.json()


@pytest.mark.parametrize("key", ["nonsense", "16d6f3d9-8159-45d4-8fb8-57098386b3ab"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_a_row_that_is_not_there_is_a_404_in_json(ask: Ask, method: str, key: str) -> None:
    status, answer = ask(method, f"betrokkenen/{key}", {})

    assert (status, answer["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "klantcontacten"), ("DELETE", "actoren"), ("POST", "actoren/x"), ("GET", "maak-klantcontact")],
)
def test_a_method_that_is_not_for_this_url_is_405(ask: Ask, method: str, path: str) -> None:
    status, answer = ask(method, path)

    assert (status, answer["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("accept", "status"), [("application/problem+json", 406), ("text/html", 406), ("text/html, application/*", 200)]
)
def test_a_client_must_accept_json(ask: Ask, accept: str, status: int) -> None:
    assert ask("GET", "klantcontacten", headers={"Accept": accept})[0] == status


def test_a_form_is_415_and_a_broken_body_400_parse_error(ask: Ask) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json = {"Content-Type": "application/json"}

    status, answer = ask("POST", "klantcontacten", data="a=b", headers=form)
    assert (status, answer["code"]) == (415, "unsupported_media_type")
    status, answer = ask("POST", "klantcontacten", data="{", headers=json)
    assert (status, answer["code"]) == (400, "parse_error")
    assert "invalidParams" not in answer
    status, answer = ask("POST", "klantcontacten", data=b"\xff", headers=json)
    assert (status, answer["code"]) == (400, "parse_error")


@pytest.mark.parametrize(("body", "code"), [([], "invalid"), ("text", "invalid"), (5, "invalid")])
@pytest.mark.parametrize("path", ["klantcontacten", "maak-klantcontact", "partijen"])
def test_a_body_that_is_no_object_is_refused(ask: Ask, path: str, body: Any, code: str) -> None:
    status, answer = ask("POST", path, body)

    assert status == 400
    assert [(each["name"], each["code"]) for each in answer["invalidParams"]] == [("nonFieldErrors", code)]


def test_no_body_at_all_is_an_empty_object(ask: Ask) -> None:
    status, answer = ask("POST", "actoren")

    assert (status, answer["invalidParams"][0]["code"]) == (400, "required")


def test_null_for_a_body_is_refused_as_null(ask: Ask) -> None:
    _, answer = ask("POST", "klantcontacten", data="null", headers={"Content-Type": "application/json"})

    assert [(each["name"], each["code"]) for each in answer["invalidParams"]] == [("nonFieldErrors", "null")]


def test_an_answer_links_to_the_name_by_which_the_client_knows_the_server(ask: Ask, server: OpenKlantServer) -> None:
    port = server.url.rsplit(":", 1)[1]
    host = {"Host": f"localhost:{port}"}

    _, row = ask("POST", "actoren", {"naam": "a", "soortActor": "medewerker"}, headers=host)

    assert row["url"] == f"http://localhost:{port}{API}actoren/{row['uuid']}"
