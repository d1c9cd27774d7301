"""Who gets in: behind a proxy, and in the demonstration."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from plugins.loket.tests.conftest import FATIMA, JAN, Desk, chat, said
from werkzeug.test import TestResponse

from gemeente_connect_loket.web import create_app
from gemeente_connect_loket.web.server import open_server
from gemeente_connect_loket.web.sign_in import COOKIE, IDLE_SECONDS, DemoSignIn, ProxySignIn, Sessions

# ---- behind a proxy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "address", "status"),
    [
        ("10.0.0.7", "10.0.0.7", 200),
        ("10.0.0.7", "10.0.0.8", 403),
        ("10.0.0.0/29", "10.0.0.6", 200),
        ("10.0.0.0/29", "10.0.0.9", 403),
        ("10.0.0.7", "::ffff:10.0.0.7", 200),
        ("fd00::7", "fd00::7", 200),
        ("10.0.0.7", "127.0.0.1", 403),
        ("10.0.0.7", "", 403),
    ],
)
def test_the_header_is_believed_from_a_trusted_proxy_alone(desk: Desk, trusted: str, address: str, status: int) -> None:
    client = create_app(desk.store, ProxySignIn("X-BSN", [trusted])).test_client()
    headers = {"X-BSN": FATIMA, "X-Forwarded-For": "10.0.0.7", "Forwarded": "for=10.0.0.7"}
    response = client.get("/vragen", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status
    assert ("Geen toegang" in response.text) == (status == 403)


@pytest.mark.parametrize("value", [None, "", "123456789", "99999067", f"{FATIMA}, {JAN}", f"{FATIMA} ", "९९९९९०६७६"])
def test_anything_but_one_bsn_in_the_header_lets_nobody_in(desk: Desk, value: str | None) -> None:
    client = create_app(desk.store, ProxySignIn("X-BSN", ["10.0.0.7"])).test_client()
    headers = {} if value is None else {"X-BSN": value.encode().decode("latin-1")}
    for path in ("/", "/vragen", "/inloggen", "/vragen/x", "/nergens"):
        assert client.get(path, headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.7"}).status_code == 403


def test_behind_a_proxy_there_is_no_way_to_choose_who_one_is(desk: Desk) -> None:
    client = create_app(desk.store, ProxySignIn("X-BSN", ["10.0.0.7"])).test_client()
    ask: dict[str, Any] = {"headers": {"X-BSN": FATIMA}, "environ_base": {"REMOTE_ADDR": "10.0.0.7"}}
    assert client.get("/inloggen", **ask).location == "/vragen"
    assert client.post("/inloggen", data={"bewoner": JAN}, **ask).status_code == 404
    assert "DEMONSTRATIE" not in client.get("/vragen", **ask).text
    assert "Set-Cookie" not in client.get("/vragen", **ask).headers


class Served:
    """The application on the real server, asked over a real connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, *headers: tuple[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.putrequest("GET", "/vragen", skip_host=any(name == "Host" for name, _ in headers))
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        found = response.status, response.read().decode()
        self.headers = response.headers
        connection.close()
        return found


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    desk.deliver(chat(said("Een vraag van Fatima")))
    server = open_server(create_app(desk.store, ProxySignIn("X-BSN", ["127.0.0.1"])), "127.0.0.1", 0)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.asyncore.loop(timeout=0.05, map=server._map, count=1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield Served(server.effective_port)
    stop.set()
    thread.join()
    server.task_dispatcher.shutdown()
    server.close()
    for channel in list(server._map.values()):
        channel.close()


def test_the_server_passes_the_header_on_and_says_nothing_of_itself(served: Served) -> None:
    status, page = served.get(("X-BSN", FATIMA))
    assert (status, "Een vraag van Fatima" in page) == (200, True)
    assert "Server" not in served.headers


@pytest.mark.parametrize(
    "headers",
    [
        [("X_BSN", FATIMA)],
        [("X-BSN", JAN), ("X-BSN", FATIMA)],
        [("X-BSN", FATIMA), ("x-bsn", JAN)],
        [("HTTP_X_BSN", FATIMA)],
    ],
    ids=["underscore", "twice", "twice in other letters", "the name inside"],
)
def test_no_other_spelling_or_second_header_slips_past_a_proxy_that_sets_its_own(
    served: Served, headers: list[tuple[str, str]]
) -> None:
    assert served.get(*headers)[0] == 403


def test_an_underscore_beside_the_real_header_changes_nothing(served: Served) -> None:
    status, page = served.get(("X-BSN", JAN), ("X_BSN", FATIMA))
    assert status == 200
    assert "Een vraag van Fatima" not in page
    assert "Jan de Vries" in page


# ---- the demonstration -----------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Demo:
    """A browser on this computer."""

    def __init__(self, desk: Desk) -> None:
        self.clock = Clock()
        self.sign_in = DemoSignIn()
        self.sign_in.sessions = Sessions(self.clock)
        self.client: FlaskClient = create_app(desk.store, self.sign_in).test_client()

    def choose(self, name: str = "Fatima", **change: str) -> TestResponse:
        page = self.client.get("/inloggen").text
        form = {"sleutel": token(page), "bewoner": handle(page, name)}
        return self.client.post("/inloggen", data=form | change)

    @property
    def cookie(self) -> str:
        cookie = self.client.get_cookie(COOKIE)
        return cookie.value if cookie else ""


def token(page: str) -> str:
    found = re.search(r'name="sleutel" value="([^"]+)"', page)
    assert found
    return found[1]


def handle(page: str, name: str) -> str:
    found = re.search(rf'value="([^"]+)"><span>Inloggen als <bdi>{name}', page)
    assert found
    return found[1]


@pytest.fixture
def demo(desk: Desk) -> Demo:
    desk.deliver(chat(said("Een vraag van Fatima")))
    return Demo(desk)


def test_without_signing_in_every_page_leads_to_the_sign_in(demo: Demo) -> None:
    assert demo.client.get("/").location == "/vragen"
    for path in ("/vragen", "/vragen/x", "/vragen/x/bijlagen/y"):
        response = demo.client.get(path)
        assert (response.status_code, response.location) == (302, "/inloggen")


def test_a_test_resident_is_chosen_and_every_page_shouts_that_it_is_a_demonstration(demo: Demo) -> None:
    for page in (demo.client.get("/inloggen").text, demo.client.get("/nergens").text):
        assert "DEMONSTRATIE" in page
    assert demo.choose().location == "/vragen"
    page = demo.client.get("/vragen").text
    assert "Een vraag van Fatima" in page
    assert "DEMONSTRATIE" in page
    assert demo.client.get("/inloggen").location == "/vragen"


def test_neither_the_cookie_nor_the_form_holds_a_bsn(demo: Demo) -> None:
    page = demo.client.get("/inloggen").text
    assert not re.search(r"\b[0-9]{9}\b", page)
    response = demo.choose()
    assert FATIMA not in response.headers["Set-Cookie"]
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert "SameSite=Lax" in response.headers["Set-Cookie"]


def test_signing_in_begins_a_new_session_so_that_one_set_beforehand_is_worth_nothing(demo: Demo) -> None:
    demo.client.get("/inloggen")
    planted = demo.cookie
    demo.choose()
    assert demo.cookie != planted
    demo.client.set_cookie(COOKIE, planted)
    assert demo.client.get("/vragen").location == "/inloggen"


def test_a_form_that_is_not_from_our_page_changes_nothing(demo: Demo) -> None:
    assert demo.choose(sleutel="").status_code == 400
    assert demo.choose(sleutel="x" * 43).status_code == 400
    assert demo.choose(bewoner=FATIMA).status_code == 400
    demo.choose()
    assert demo.client.post("/uitloggen").status_code == 400
    assert demo.client.get("/vragen").status_code == 200
    fresh = demo.client.application.test_client()
    assert fresh.post("/inloggen", data={"sleutel": "", "bewoner": ""}).status_code == 400


def test_signing_out_ends_the_session_on_the_server_too(demo: Demo) -> None:
    demo.choose()
    old = demo.cookie
    response = demo.client.post("/uitloggen", data={"sleutel": token(demo.client.get("/vragen").text)})
    assert response.location == "/inloggen"
    demo.client.set_cookie(COOKIE, old)
    assert demo.client.get("/vragen").location == "/inloggen"


def test_a_session_ends_after_fifteen_idle_minutes_and_not_before(demo: Demo) -> None:
    demo.choose()
    for _ in range(3):
        demo.clock.now += IDLE_SECONDS - 1
        assert demo.client.get("/vragen").status_code == 200
    demo.clock.now += IDLE_SECONDS
    assert demo.client.get("/vragen").location == "/inloggen"


def test_the_number_of_sessions_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect_loket.web.sign_in._SESSIONS", 10)
    sessions = Sessions()
    keys = [sessions.start().key for _ in range(50)]
    assert [sessions.get(key) is not None for key in (keys[0], keys[-1])] == [False, True]
    assert len(sessions._sessions) <= 11


@pytest.mark.parametrize(
    "host", ["loket.example.nl", "127.0.0.1.example.nl", "localhost.example.nl", "10.0.0.1", "a@localhost", ""]
)
def test_a_foreign_name_that_points_at_this_computer_gets_nothing(demo: Demo, host: str) -> None:
    response = demo.client.get("/inloggen", headers={"Host": host})
    assert response.status_code == 400
    assert "Fatima" not in response.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8321", "127.0.0.1:8321", "[::1]:8321"])
def test_this_computer_by_any_of_its_names_gets_the_page(demo: Demo, host: str) -> None:
    assert demo.client.get("/inloggen", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("10.0.0.7", {}),
        ("", {}),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.7"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
    ],
)
def test_nobody_from_elsewhere_gets_into_a_demonstration(demo: Demo, address: str, headers: dict[str, str]) -> None:
    response = demo.client.get("/inloggen", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == 403
    assert "Fatima" not in response.text


def test_a_demonstration_without_residents_says_how_to_get_them(desk: Desk) -> None:
    with desk.store.writing() as connection:
        connection.execute("DELETE FROM resident")
    assert "mijn-loket residents import" in Demo(desk).client.get("/inloggen").text
