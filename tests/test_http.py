"""Against a real server on this machine; `responses` only where the wire does not matter."""

from __future__ import annotations

import gzip
import json
import logging
import re
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from gemeente_connect.errors import AuthError, ConfigError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.http import ApiSession, Method, StatusError, read

BSN = "999990676"
TOKEN = "Zeer-Geheim-Teken-42"
WORDS = "Mijn container is niet geleegd"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    declared: int | None = None
    wait: float = 0
    reset: bool = False


Script = Callable[[Request], Answer]


class Server:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.answer: Script = lambda _: Answer()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                server.seen.append(request)
                self.give(server.answer(request))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815 - names of http.server

            def give(self, answer: Answer) -> None:
                time.sleep(answer.wait)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                declared = len(answer.body) if answer.declared is None else answer.declared
                self.send_header("Content-Length", str(declared))
                self.end_headers()
                self.wfile.write(answer.body if self.command != "HEAD" else b"")
                if answer.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = answer.reset or declared != len(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:  # a client that did not wait
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.host = self.url.removeprefix("http://")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def a_server() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with a_server() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Server]:
    with a_server() as another:
        yield another


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@contextmanager
def api(url: str, **more: Any) -> Iterator[ApiSession]:
    settings: dict[str, Any] = {
        "headers": {"Authorization": SecretStr(f"Token {TOKEN}")},
        "backoff": 0.001,
        "timeout": (2, 2),
    }
    with ApiSession(url, **(settings | more)) as session:
        yield session


def one_after_the_other(*answers: Answer) -> Script:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# ---- sending ---------------------------------------------------------------------------------------------------------


def test_a_path_starts_from_the_base_url_and_the_headers_go_along(server: Server) -> None:
    with api(f"{server.url}/api/v1", headers={"Authorization": SecretStr(f"Token {TOKEN}"), "X-Plain": "1"}) as session:
        session.get("klantcontacten", params={"page": 2, "naam": "a+b &c"})
    assert server.seen[0].path == "/api/v1/klantcontacten?page=2&naam=a%2Bb+%26c"
    assert server.seen[0].headers["Authorization"] == f"Token {TOKEN}"
    assert server.seen[0].headers["X-Plain"] == "1"
    assert server.seen[0].headers["Accept"] == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_arrives_as_the_json_it_was_also_with_half_an_emoji(server: Server, method: Method) -> None:
    body = {"inhoud": "café 🙂", "half": "\ud83d", "leeg": None}
    with api(server.url) as session:
        session.request(method, "x", json=body)
    assert json.loads(server.seen[0].body) == body
    assert server.seen[0].headers["Content-Type"] == "application/json"


def test_an_answer_with_half_an_emoji_is_read_and_what_is_wrong_in_it_is_named(server: Server) -> None:
    server.answer = lambda _: Answer(body=b'{"half": "\\ud83d", "n": 1}')
    with api(server.url) as session:
        answer = session.get("x")
    assert read(answer, dict[str, Any]) == {"half": "\ud83d", "n": 1}
    with pytest.raises(RejectedError, match="not as expected: "):
        read(answer, dict[str, int])


def test_a_body_of_bytes_is_sent_as_it_stands_with_headers_for_this_request_only(server: Server) -> None:
    with api(server.url) as session:
        session.request("POST", "x", content=b"\x00\xff", headers={"Content-Type": "image/png", "If-Match": '"1"'})
        session.delete("x")
    assert (server.seen[0].body, server.seen[0].headers["Content-Type"]) == (b"\x00\xff", "image/png")
    assert server.seen[0].headers["If-Match"] == '"1"'
    assert "If-Match" not in server.seen[1].headers


def test_a_name_and_password_become_basic_authentication(server: Server) -> None:
    with api(server.url, headers={}, auth=("anna", SecretStr("geheim"))) as session:
        session.get("x")
    assert server.seen[0].headers["Authorization"] == "Basic YW5uYTpnZWhlaW0="


def test_a_token_that_expires_is_put_on_each_request_by_a_function(server: Server) -> None:
    tokens = iter(["een", "twee"])

    def put_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {next(tokens)}"
        return request

    with api(server.url, headers={}, auth=put_token) as session:
        session.put("x", {})
        session.patch("x", {})
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer een", "Bearer twee"]


def test_cookies_are_not_sent_back(server: Server) -> None:
    server.answer = lambda _: Answer(headers={"Set-Cookie": "session=1; Path=/"})
    with api(server.url) as session:
        session.get("x")
        session.get("x")
    assert "Cookie" not in server.seen[1].headers


def test_the_environment_is_not_looked_at_again_later(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api(server.url) as session:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        session.get("x")
    assert (len(server.seen), len(other.seen)) == (1, 0)


def test_the_proxy_of_the_environment_is_found_once_and_used_from_then_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    with api("http://api.example.nl/v1") as session:
        monkeypatch.delenv("HTTP_PROXY")
        session.get("x")
    assert server.seen[0].path == "http://api.example.nl/v1/x"


def test_netrc_is_read_once_and_only_when_no_credentials_are_given(server: Server, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login anna password geheim\n")
    with api(server.url, headers={}) as session, api(server.url) as with_token:
        netrc.unlink()
        session.get("x")
        with_token.get("x")
    assert server.seen[0].headers["Authorization"] == "Basic YW5uYTpnZWhlaW0="
    assert server.seen[1].headers["Authorization"] == f"Token {TOKEN}"


@pytest.mark.parametrize("value", [f"Token {TOKEN}\n", f" {TOKEN}", f"{TOKEN}\r\nX: y", "tokén", ""])
def test_a_header_that_cannot_be_sent_is_refused_at_once_without_its_value(value: str) -> None:
    with pytest.raises(ConfigError, match=r"'Authorization'.*line break") as caught:
        ApiSession("https://api.example.nl", headers={"Authorization": SecretStr(value)})
    assert TOKEN not in everything(caught.value)


def test_a_bundle_of_certificates_that_is_not_there_is_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/niet/hier.pem")
    with api("https://127.0.0.1:1") as session:
        with pytest.raises(ConfigError, match="certificates"):
            session.get("x")
        with pytest.raises(ConfigError, match="certificates"):
            next(session.download("https://localhost:1/x", limit=1, hosts=["localhost:1"]))


def test_the_repr_shows_where_and_not_with_what() -> None:
    with api("https://api.example.nl/v1") as session:
        assert repr(session) == "ApiSession('https://api.example.nl/v1/')"


# ---- repeating -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_may_be_repeated_is_repeated_until_it_goes_well(server: Server, method: Method) -> None:
    server.answer = one_after_the_other(Answer(503), Answer(502), Answer(429, headers={"Retry-After": "0"}), Answer())
    with api(server.url) as session:
        assert session.request(method, "x").status_code == 200
    assert len(server.seen) == 4


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "answer", [Answer(503), Answer(429, headers={"Retry-After": "0"}), Answer(reset=True, declared=9), Answer(wait=0.4)]
)
def test_a_post_and_a_patch_are_sent_once(server: Server, method: Method, answer: Answer) -> None:
    server.answer = lambda _: answer
    with api(server.url, timeout=(1, 0.2)) as session, pytest.raises(TemporaryError):
        session.request(method, "x", json={})
    time.sleep(0.1)
    assert len(server.seen) == 1


def test_a_post_is_sent_once_also_when_the_handshake_breaks() -> None:
    tries = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            listening.settimeout(0.3)
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                tries.append(connection.recv(10))
                connection.sendall(b"no TLS here, sorry, none at all")
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = listening.getsockname()[1]
        with api(f"https://127.0.0.1:{port}") as session, pytest.raises(TemporaryError, match="secure connection"):
            session.post("x", {})
        thread.join()
    assert len(tries) == 1


def test_when_repeating_does_not_help_the_last_status_is_told(server: Server) -> None:
    server.answer = lambda _: Answer(503, headers={"Retry-After": "0"})
    with api(server.url, retries=2) as session, pytest.raises(TemporaryError, match=r"^GET /x: status 503$") as caught:
        session.get("x")
    assert len(server.seen) == 3
    assert caught.value.retry_after == 0


def test_a_long_wait_is_not_sat_out_but_told(server: Server) -> None:
    server.answer = lambda _: Answer(429, headers={"Retry-After": "31"})
    with api(server.url) as session, pytest.raises(TemporaryError) as caught:
        session.get("x")
    assert len(server.seen) == 1
    assert caught.value.retry_after == 31


def test_a_short_wait_is_sat_out(server: Server) -> None:
    server.answer = one_after_the_other(Answer(429, headers={"Retry-After": "1"}), Answer())
    started = time.monotonic()
    with api(server.url) as session:
        session.get("x")
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("-5", None),
        ("soon", None),
        ("9" * 400, 86400),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_never_negative_and_at_most_a_day(
    server: Server, header: str, seconds: float | None
) -> None:
    server.answer = lambda _: Answer(503, headers={"Retry-After": header})
    with api(server.url) as session, pytest.raises(TemporaryError) as caught:
        session.post("x", {})
    assert caught.value.retry_after == seconds


def test_retry_after_as_a_date_counts_from_now(server: Server) -> None:
    server.answer = lambda _: Answer(503, headers={"Retry-After": formatdate(time.time() + 60, usegmt=True)})
    with api(server.url) as session, pytest.raises(TemporaryError) as caught:
        session.post("x", {})
    assert caught.value.retry_after is not None
    assert 50 < caught.value.retry_after <= 60


# ---- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, StatusError),
        (401, AuthError),
        (403, AuthError),
        (404, StatusError),
        (407, AuthError),
        (408, TemporaryError),
        (409, StatusError),
        (410, StatusError),
        (425, TemporaryError),
        (429, TemporaryError),
        (500, TemporaryError),
        (501, TemporaryError),
    ],
)
def test_each_status_becomes_the_error_that_says_what_to_do(
    server: Server, status: int, kind: type[GemeenteConnectError]
) -> None:
    server.answer = lambda _: Answer(status)
    with api(server.url) as session, pytest.raises(kind, match=f"^POST /x: status {status}"):
        session.post("x", {})


def test_an_api_that_says_more_in_its_answer_than_in_its_status_is_judged_by_the_answer(server: Server) -> None:
    def judge(response: requests.Response) -> GemeenteConnectError | None:
        return TemporaryError("a limit", retry_after=6) if response.json().get("code") == 4 else None

    with ApiSession(server.url, retries=0, judge=judge) as api:
        server.answer = lambda _: Answer(400, b'{"code": 4}')
        with pytest.raises(TemporaryError, match="a limit"):
            api.get("things")
        server.answer = lambda _: Answer(400, b'{"code": 5}')
        with pytest.raises(StatusError, match="status 400"):
            api.get("things")


def test_a_rejection_names_the_fields_and_codes_and_repeats_no_sentence(server: Server) -> None:
    problem = {
        "code": "invalid",
        "title": "Ongeldige invoerwaarde.",
        "detail": f"{BSN} is fout",
        "invalidParams": [
            {"name": "nummer", "code": "unique", "reason": f"{BSN} bestaat al"},
            {"name": "partij.0.adres", "code": "max_length", "reason": WORDS},
            {"name": BSN, "code": "x y"},
            "geen object",
        ],
    }
    server.answer = lambda _: Answer(400, json.dumps(problem).encode())
    with api(server.url) as session, pytest.raises(StatusError) as caught:
        session.post("klantcontacten", {}, headers={"X-Reden": WORDS})
    assert str(caught.value) == (
        "POST /klantcontacten: status 400: nummer (unique), partij.0.adres (max_length), ? (?)"
    )
    assert caught.value.status == 400
    assert caught.value.problems == (("nummer", "unique"), ("partij.0.adres", "max_length"), ("?", "?"))


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (b'{"code": "parse_error", "detail": "JSON parse error"}', (("", "parse_error"),)),
        (b'{"code": 20003}', (("", "20003"),)),
        (b'{"code": 31612345678}', (("", "?"),)),
        (b'{"code": null}', (("", "?"),)),
        (b'{"detail": "Not found."}', ()),
        (b"<html>nee</html>", ()),
        (b"[]", ()),
        (b"", ()),
        (b"[" * 100_000, ()),
        (b'{"invalidParams": "nee", "code": "invalid"}', (("", "invalid"),)),
    ],
)
def test_a_rejection_without_named_fields_is_still_a_rejection(
    server: Server, body: bytes, problems: tuple[tuple[str, str], ...]
) -> None:
    server.answer = lambda _: Answer(400, body)
    with api(server.url) as session, pytest.raises(StatusError) as caught:
        session.post("x", {})
    assert caught.value.problems == problems


def test_a_slow_answer_is_temporary(server: Server) -> None:
    server.answer = lambda _: Answer(wait=0.5)
    with (
        api(server.url, timeout=(1, 0.1), retries=1) as session,
        pytest.raises(TemporaryError, match="no answer in time"),
    ):
        session.get("x")
    assert len(server.seen) == 2


def test_nobody_listening_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with api(f"http://127.0.0.1:{port}") as session, pytest.raises(TemporaryError, match="connection failed"):
        session.get("x")


@pytest.mark.parametrize("answer", [Answer(body=b'{"a"', declared=100), Answer(body=b'{"a"', declared=100, reset=True)])
def test_an_answer_that_breaks_off_is_temporary(server: Server, answer: Answer) -> None:
    server.answer = lambda _: answer
    with api(server.url) as session, pytest.raises(TemporaryError, match=r"^GET /x: "):
        session.get("x")


def test_an_answer_that_cannot_be_unpacked_is_temporary(server: Server) -> None:
    server.answer = lambda _: Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    with api(server.url) as session, pytest.raises(TemporaryError, match="broke off"):
        session.get("x")


def test_a_proxy_that_is_down_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with api("https://api.example.nl", retries=0) as session, pytest.raises(TemporaryError, match="proxy"):
        session.get("x")


# ---- where requests may go -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        "api.example.nl",
        "ftp://api.example.nl",
        "https://",
        "https://anna:geheim@api.example.nl",
        f"https://api.example.nl/?token={TOKEN}",
        "https://api.example.nl/a/../b",
        "https://api.example.nl\\@elders.nl",
        "https://api.example.nl:poort",
        "https://[::1",
        "",
    ],
)
def test_a_base_url_that_is_none_is_a_matter_of_configuration(base: str) -> None:
    with pytest.raises(ConfigError, match=r"a base URL is like https://") as caught:
        ApiSession(base)
    assert not any(secret in everything(caught.value) for secret in ("geheim", TOKEN))


BASE = "https://api.example.nl/klant/v1"


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("x", f"{BASE}/x"),
        ("x/y/", f"{BASE}/x/y/"),
        ("?page=2", f"{BASE}/?page=2"),
        ("", f"{BASE}/"),
        (f"{BASE}/x?page=2", f"{BASE}/x?page=2"),
        (f"{BASE}/x?next=https://elders.nl/../", f"{BASE}/x?next=https://elders.nl/../"),
        ("https://API.example.nl:443/klant/v1/x", f"{BASE}/x"),
        ("/klant/v1/x", f"{BASE}/x"),
        (f"{BASE}", f"{BASE}"),
        ("x/a..b", f"{BASE}/x/a..b"),
        ("x/a%2Fb", f"{BASE}/x/a%2Fb"),
    ],
)
@responses.activate
def test_a_path_or_a_link_under_the_base_url_is_followed(link: str, asked: str) -> None:
    responses.get(asked.partition("?")[0], json={})
    with api(BASE) as session:
        session.get(link)
    assert responses.calls[0].request.url == asked


@pytest.mark.parametrize(
    "link",
    [
        "https://api.example.nl.elders.nl/klant/v1/x",
        "https://api.example.nl@elders.nl/klant/v1/x",
        "https://api.example.nl:pw@api.example.nl/klant/v1/x",
        "https://elders.nl/klant/v1/x",
        "//elders.nl/klant/v1/x",
        "http://api.example.nl/klant/v1/x",
        "https://api.example.nl:8443/klant/v1/x",
        "https://api.example.nl./klant/v1/x",
        "https://api.example.nl/klant/v1evil",
        "https://api.example.nl/klant",
        "https://api.example.nl/klant/v1/../beheer",
        "https://api.example.nl/klant/v1/%2e%2e/beheer",
        "https://api.example.nl/klant/v1/..%2fbeheer",
        "https://api.example.nl/klant/v1/%252e%252e/beheer",
        "https://api.example.nl/klant/v1/x%5C..%5Cbeheer",
        "https://api.example.nl\\@elders.nl/klant/v1/",
        "\\\\elders.nl\\x",
        "../beheer",
        "a/../../beheer",
        "./x",
        "/x",
        "x y",
        "x\ny",
        "\x00x",
        "file:///etc/passwd",
        "https://api.example.nl:port/klant/v1/x",
        "https://[::1/klant/v1/x",
    ],
)
@responses.activate
def test_a_link_that_leads_anywhere_else_is_refused_and_nothing_is_sent(link: str) -> None:
    with api(BASE) as session, pytest.raises(RejectedError, match="not under the base URL") as caught:
        session.get(f"{link}?bsn={BSN}")
    assert BSN not in everything(caught.value)
    assert len(responses.calls) == 0


@given(st.text(max_size=40) | st.text("./%2ef\\:@?#ax", max_size=20))
def test_whatever_a_link_is_it_stays_under_the_base_url_or_is_refused(link: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.add_passthru("nothing")
        wire.get(url=re.compile(".*"), json={})
        with api(BASE, retries=0) as session:
            try:
                session.get(link)
            except GemeenteConnectError:
                return
        asked = wire.calls[0].request.url or ""
    assert asked == BASE or asked.startswith((f"{BASE}/", f"{BASE}?"))
    assert "/../" not in asked.partition("?")[0] + "/"


def test_a_redirect_within_the_api_is_followed_for_a_get(server: Server) -> None:
    server.answer = one_after_the_other(Answer(302, headers={"Location": "/api/nieuw?a=1"}), Answer())
    with api(f"{server.url}/api") as session:
        session.get("oud", params={"page": 1})
    assert [seen.path for seen in server.seen] == ["/api/oud?page=1", "/api/nieuw?a=1"]


def test_a_redirect_to_another_origin_is_not_followed(server: Server, other: Server) -> None:
    server.answer = lambda _: Answer(302, headers={"Location": f"{other.url}/api/x?bsn={BSN}"})
    with api(f"{server.url}/api") as session, pytest.raises(RejectedError, match="not under the base URL") as caught:
        session.get("x")
    assert other.seen == []
    assert BSN not in everything(caught.value)


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://anna:x@127.0.0.1/api/x", "/api/\xe9?{}", "http://127.0.0.1:poort/api", "/api/%2e%2e/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_to_what_is_no_address_is_one_of_our_errors_too(
    server: Server, method: Method, location: str
) -> None:
    server.answer = lambda _: Answer(302, headers={"Location": f"{location}?bsn={BSN}"})
    with api(f"{server.url}/api") as session, pytest.raises((ConfigError, RejectedError)) as caught:
        session.request(method, "x")
    assert len(server.seen) == 1
    assert BSN not in everything(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_post_is_not_sent_again(server: Server, status: int) -> None:
    server.answer = lambda _: Answer(status, headers={"Location": "/nieuw"})
    with api(server.url) as session, pytest.raises(ConfigError, match="correct the base URL"):
        session.post("x", {})
    assert len(server.seen) == 1


def test_going_round_in_redirects_ends(server: Server) -> None:
    server.answer = lambda _: Answer(302, headers={"Location": "/x"})
    with api(server.url) as session, pytest.raises(RejectedError, match="more than 5 times"):
        session.get("x")
    assert len(server.seen) == 6


# ---- downloads -------------------------------------------------------------------------------------------------------

PICTURE = bytes(range(256)) * 1000


def test_a_file_at_the_api_itself_is_downloaded_with_the_credentials(server: Server) -> None:
    server.answer = lambda _: Answer(body=PICTURE)
    with api(f"{server.url}/api") as session:
        assert b"".join(session.download(f"{server.url}/media/1", limit=len(PICTURE))) == PICTURE
    assert server.seen[0].headers["Authorization"] == f"Token {TOKEN}"


def test_a_file_at_a_listed_host_is_downloaded_without_the_credentials(server: Server, other: Server) -> None:
    server.answer = lambda _: Answer(302, headers={"Location": f"{other.url}/signed?sig=1"})
    other.answer = lambda _: Answer(body=PICTURE)
    with api(server.url) as session:
        assert b"".join(session.download("media/1", limit=10**6, hosts=[other.host])) == PICTURE
    assert "Authorization" not in other.seen[0].headers
    assert TOKEN not in str(other.seen)


def test_netrc_gives_nothing_away_to_a_listed_host(server: Server, other: Server, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password geheim\n")
    with api(server.url) as session:
        list(session.download(f"{other.url}/1", limit=10, hosts=[other.host]))
    assert "Authorization" not in other.seen[0].headers


def test_a_file_at_a_trusted_host_is_downloaded_with_the_credentials(server: Server, other: Server) -> None:
    with api(server.url) as session:
        list(session.download(f"{other.url}/1", limit=10, trusted=[other.host]))
    assert other.seen[0].headers["Authorization"] == f"Token {TOKEN}"


def test_a_file_at_a_host_that_is_not_listed_is_refused(server: Server, other: Server) -> None:
    server.answer = lambda _: Answer(302, headers={"Location": f"{other.url}/1?sig={TOKEN}"})
    with api(server.url) as session, pytest.raises(RejectedError, match=r"only .* may be asked") as caught:
        list(session.download("1", limit=10, hosts=["media.example.nl"]))
    assert other.seen == []
    assert TOKEN not in everything(caught.value)


@pytest.mark.parametrize(
    ("url", "hosts", "allowed"),
    [
        ("https://media.example.nl/1", ["media.example.nl"], True),
        ("https://ams4.cdn.example.nl/1", [".cdn.example.nl"], True),
        ("https://cdn.example.nl/1", [".cdn.example.nl"], False),
        ("https://evilcdn.example.nl/1", [".cdn.example.nl"], False),
        ("https://media.example.nl.elders.nl/1", ["media.example.nl"], False),
        ("https://media.example.nl@elders.nl/1", ["media.example.nl"], False),
        ("https://media.example.nl:8443/1", ["media.example.nl"], False),
        ("https://media.example.nl:8443/1", ["media.example.nl:8443"], True),
        ("http://media.example.nl/1", ["media.example.nl"], False),
        ("https://169.254.169.254/meta", [], False),
    ],
)
@responses.activate
def test_a_host_is_listed_by_its_whole_name_over_https(url: str, hosts: list[str], allowed: bool) -> None:  # noqa: FBT001 - a column of the table
    responses.get(url, body=b"content")
    with api(BASE) as session:
        download = session.download(url, limit=10, hosts=hosts)
        if allowed:
            assert b"".join(download) == b"content"
        else:
            with pytest.raises(RejectedError):
                list(download)


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_file_over_the_limit_is_refused(server: Server, headers: dict[str, str]) -> None:
    content = gzip.compress(PICTURE) if headers else PICTURE
    server.answer = lambda _: Answer(body=content, headers=headers)
    with api(server.url) as session, pytest.raises(RejectedError, match=r"larger than 0\.255999 MB"):
        list(session.download("1", limit=len(PICTURE) - 1))


def test_a_file_that_says_it_is_over_the_limit_is_not_begun(server: Server) -> None:
    server.answer = lambda _: Answer(body=PICTURE)
    with api(server.url) as session:
        download = session.download("1", limit=len(PICTURE) - 1)
        with pytest.raises(RejectedError):
            next(download)


def test_a_download_that_breaks_off_is_temporary_and_not_mistaken_for_the_whole(server: Server) -> None:
    server.answer = lambda _: Answer(body=PICTURE, declared=len(PICTURE) + 1)
    with api(server.url) as session, pytest.raises(TemporaryError, match="broke off"):
        list(session.download("1", limit=10**6))


def test_a_link_that_has_expired_at_another_host_says_nothing_of_our_credentials(server: Server, other: Server) -> None:
    server.answer = other.answer = lambda _: Answer(403)
    with api(server.url) as session:
        with pytest.raises(StatusError):
            list(session.download(f"{other.url}/1", limit=10, hosts=[other.host]))
        with pytest.raises(AuthError):
            list(session.download("1", limit=10))


# ---- reading ---------------------------------------------------------------------------------------------------------


class Contact(BaseModel):
    nummer: int
    inhoud: str = Field(alias="inhoudTekst")
    extra: dict[str, int] = {}


class ContactPage(BaseModel):
    results: list[Contact]


@contextmanager
def answer_of(body: bytes, content_type: str = "application/json") -> Iterator[requests.Response]:
    with responses.RequestsMock() as wire, api(BASE) as session:
        wire.get(f"{BASE}/x", body=body, content_type=content_type)
        yield session.get("x", params={"bsn": BSN})


def test_an_answer_is_read_as_a_model_or_as_anything_pydantic_knows() -> None:
    one = b'{"nummer": 1, "inhoudTekst": "Hallo"}'
    with answer_of(one) as response:
        assert read(response, Contact).inhoud == "Hallo"
    with answer_of(b"[" + one + b"]") as response:
        assert [contact.nummer for contact in read(response, list[Contact])] == [1]


def test_an_unexpected_answer_is_told_by_field_and_never_by_value() -> None:
    body = {
        "results": [
            {"nummer": WORDS, "inhoudTekst": "ok"},
            {"nummer": 1},
            {"nummer": 1, "inhoudTekst": "", "extra": {"Jan Jansen": "x"}},
        ]
    }
    with answer_of(json.dumps(body).encode()) as response, pytest.raises(RejectedError) as caught:
        read(response, ContactPage)
    assert str(caught.value) == (
        "GET /klant/v1/x: the answer is not as expected: results.0.nummer (int_parsing), "
        "results.1.inhoudTekst (missing), results.2.extra.* (int_parsing)"
    )
    assert not any(secret in everything(caught.value) for secret in (WORDS, "Jansen", BSN))


def test_an_answer_that_is_something_else_altogether_is_told_so() -> None:
    with answer_of(b"[]") as response, pytest.raises(RejectedError, match=r"the whole \(model_type\)"):
        read(response, Contact)


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b'{"nummer": 1, "inh', "application/json", "application/json"),
        (b"<html>Onderhoud</html>", "text/html; charset=utf-8", "text/html"),
        (b"", "", "of no known kind"),
        (b'{"nummer": 1, "inhoudTekst": "\xff"}', "application/json", "application/json"),
    ],
)
def test_a_body_that_is_no_json_is_temporary(body: bytes, content_type: str, told: str) -> None:
    with (
        answer_of(body, content_type) as response,
        pytest.raises(TemporaryError, match=f"is {told}, and not") as caught,
    ):
        read(response, Contact)
    assert "Onderhoud" not in everything(caught.value)


# ---- keeping quiet ---------------------------------------------------------------------------------------------------


def everything(error: BaseException) -> str:
    """All that can be printed of an error, and of what it hides."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return "\n".join(f"{e} {e!r} {e.args} {''.join(traceback.format_exception(e))}" for e in chain)


CANARIES = (
    BSN,
    TOKEN,
    "+31612345678",
    "%2B31612345678",
    "31612345678",
    "anna@example.nl",
    "anna%40example.nl",
    "geleegd",
)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(400, f'{{"code": "x", "detail": "{BSN} {WORDS}"}}'.encode()),
        Answer(401),
        Answer(503),
        Answer(wait=0.2),
        Answer(reset=True, declared=100),
        Answer(302, headers={"Location": f"/elders/{BSN}?token={TOKEN}"}),
        Answer(302, headers={"Location": f"//elders.nl/{BSN}?token={TOKEN}"}),
        Answer(200, WORDS.encode(), {f"X bad header {BSN}": WORDS}),
    ],
    ids=["ok", "400", "401", "503", "slow", "reset", "redirect", "abroad", "bad header"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_personal_is_logged_or_raised_whatever_happens(
    server: Server, method: Method, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer = lambda _: answer
    path = f"partijen/{BSN}/%2B31612345678/anna%40example.nl"
    raised = ""
    with api(f"{server.url}/api", timeout=(1, 0.1), retries=2) as session:
        try:
            response = session.request(
                method,
                f"{path}?{urlencode({'bsn': BSN, 'q': WORDS})}&n='t+geleegd {TOKEN}".replace(" ", "+"),
                json={"inhoud": WORDS},
            )
            read(response, Contact)
        except GemeenteConnectError as error:
            raised = everything(error)
    printed = caplog.text + raised + "".join(f"{r.getMessage()} {r.args}" for r in caplog.records)
    assert [canary for canary in CANARIES if canary in printed] == []
    assert raised
    assert "Starting new HTTP connection" in caplog.text  # the log was on


def test_a_log_line_still_tells_which_request_it_was(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record = "095be615-8159-4512-8e9c-c7612fbf6c9f"
    with api(server.url) as session:
        session.get(f"klantcontacten/{record}", params={"page": 2})
    assert f'"GET /klantcontacten/{record}?<query> HTTP/1.1" 200' in caplog.text


def test_an_error_keeps_the_uuid_of_a_record_and_hides_the_number_of_a_person(server: Server) -> None:
    record = "095be615-8159-4512-8e9c-c7612fbf6c9f"
    server.answer = lambda _: Answer(404)
    with api(server.url) as session, pytest.raises(StatusError, match=f"^GET /a/{record}/<personal>: status 404$"):
        session.get(f"a/{record}/{BSN}")


def test_the_filter_is_on_the_log_once_however_many_sessions_there_are() -> None:
    for _ in range(3):
        ApiSession(BASE).close()
    ours = [
        f
        for f in logging.getLogger("urllib3.connectionpool").filters
        if getattr(f, "__module__", "") == "gemeente_connect.http.session"
    ]
    assert len(ours) == 1
