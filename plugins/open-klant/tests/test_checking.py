"""What `gemeente-connect check` says of an Open Klant, a list of kanalen and a portal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from gemeente_connect.abilities import Finding
from gemeente_connect.errors import AuthError, ConfigError, GemeenteConnectError, TemporaryError
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

LIST = {"url": "https://lijsten.example.nl/api/v1", "tabel": "KANALEN"}
ITEMS = f"{LIST['url']}/items"
OLD = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}


@pytest.fixture
def lists() -> Iterator[responses.RequestsMock]:
    """Referentielijsten that are no server; what is on this machine is asked as it is."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.add_passthru("http://127.0.0.1")
        yield mocked


@pytest.fixture
def check(connect: Any, server: OpenKlantServer) -> Any:
    def run(on: OpenKlantServer = server, **settings: Any) -> list[Finding]:
        case_system = connect(on, **settings)
        try:
            return list(case_system.check())
        finally:
            case_system.close()

    return run


def bad(found: list[Finding]) -> list[str]:
    return [each.text for each in found if not each.ok]


def one(found: list[Finding], words: str) -> Finding:
    (finding,) = (each for each in found if words in each.text)
    return finding


def item(code: str, **fields: Any) -> dict[str, Any]:
    """An item as Referentielijsten gives it."""
    return {"code": code, "naam": code, "begindatumGeldigheid": None, "einddatumGeldigheid": None} | fields


def days(number: int) -> str:
    return (datetime.now(UTC) + timedelta(days=number)).isoformat()


# -- the server


@pytest.mark.parametrize("version", VERSIONS)
def test_it_tells_the_version_of_what_answered_and_that_the_token_works(version: str, check: Any) -> None:
    with OpenKlantServer(version) as server:
        found = check(server)
    first = found[0]
    assert first.ok
    assert first.text == f"{server.url} answers with API-version {version}, and takes the token"


def test_an_open_klant_of_today_has_nothing_wrong_and_is_asked_once(check: Any, server: OpenKlantServer) -> None:
    found = check()
    assert bad(found) == []
    assert len(found) == 4
    assert [(each.method, each.path) for each in server.requests] == [("GET", "klantcontacten")]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_tells_whether_a_crash_can_double_and_what_cannot_be_used(version: str, check: Any) -> None:
    with OpenKlantServer(version) as server:
        found = check(server)
    numbered = version in {"0.7.0", "0.9.0"}
    assert one(found, "none can be doubled" if numbered else "`adopt` and `detach` cannot be used").ok
    assert any("Open Klant before 2.16" in each.text for each in found) is not numbered


def test_an_open_klant_that_keeps_no_verification_is_told_of(check: Any) -> None:
    with OpenKlantServer("0.0.3") as server:
        (text,) = bad(check(server))
    assert text.startswith("Open Klant before 2.11 does not keep that an address is verified")
    with OpenKlantServer("0.3.0") as server:
        assert bad(check(server)) == []


def test_a_token_that_is_refused_raises(check: Any) -> None:
    with pytest.raises(AuthError, match="renew the credentials"):
        check(token="another")


def test_a_server_that_is_no_open_klant_raises_and_says_what_to_correct(
    check: Any, lists: responses.RequestsMock
) -> None:
    address = "https://www.example.nl/klantinteracties/api/v1/klantcontacten"
    lists.get(address, json={"count": 0, "results": []})
    with pytest.raises(ConfigError, match="is `url` the address of an Open Klant"):
        check(url="https://www.example.nl")


@pytest.mark.parametrize("version", ["", "nieuw", "2", "1.2", "1.2.3.4", "0.9.0\n"])
def test_a_version_that_is_none_is_no_open_klant(version: str, check: Any, lists: responses.RequestsMock) -> None:
    address = "https://www.example.nl/klantinteracties/api/v1/klantcontacten"
    lists.get(address, json={"count": 0, "results": []}, headers={"API-version": version})
    with pytest.raises(ConfigError, match="API-version"):
        check(url="https://www.example.nl")


def test_a_page_that_is_not_found_raises_what_an_administrator_can_act_on(
    check: Any, lists: responses.RequestsMock
) -> None:
    address = "https://www.example.nl/klantinteracties/api/v1/klantcontacten"
    lists.get(address, body="<h1>Niet gevonden</h1>", status=404, content_type="text/html")
    with pytest.raises(ConfigError, match="is `url` the address of an Open Klant"):
        check(url="https://www.example.nl")


def test_a_server_that_is_down_raises(check: Any, lists: responses.RequestsMock) -> None:
    lists.get("https://www.example.nl/klantinteracties/api/v1/klantcontacten", status=500)
    with pytest.raises(TemporaryError):
        check(url="https://www.example.nl")


# -- the portal


def test_it_tells_what_the_portal_shows(check: Any) -> None:
    assert one(check(), "Open Inwoner shows every kanaal, and the question with all its answers").ok
    assert one(check(portaal="none"), "there is no portal (portaal = 'none'), so no resident finds anything").ok


@pytest.mark.parametrize("version", VERSIONS)
def test_the_old_portal_finds_nobody_in_an_open_klant_that_refuses_its_code(version: str, check: Any) -> None:
    with OpenKlantServer(version) as server:
        refused = [text for text in bad(check(server, **OLD)) if "'inp'" in text]
    assert len(refused) == (version != "0.0.3")


def test_the_kanalen_that_the_old_portal_hides_are_named(check: Any) -> None:
    with OpenKlantServer("0.0.3") as server:
        fits = check(server, **OLD)
        found = check(server, **OLD, kanalen={"whatsapp": "WhatsApp", "email": "E-mail", "x": "Twitter"})
    assert one(fits, "Open Inwoner 1.24 shows the kanaal 'WhatsApp' only").ok
    hidden = one(found, "and hides")
    assert not hidden.ok
    assert hidden.text == "Open Inwoner 1.24 shows the kanaal 'WhatsApp' only, and hides 'E-mail', 'Twitter'"


# -- the list of kanalen


def test_without_a_list_it_says_that_it_does_not_know(check: Any) -> None:
    assert one(check(), "`referentielijsten` is not set").ok


def test_a_list_that_has_all_kanalen_fits_and_is_asked_for_its_table(check: Any, lists: responses.RequestsMock) -> None:
    lists.get(ITEMS, json={"count": 2, "next": None, "previous": None, "results": [item("E-mail"), item("WhatsApp")]})
    assert one(check(referentielijsten=LIST), "the list of kanalen has all of `kanalen`").ok
    (call,) = (call for call in lists.calls if call.request.url and call.request.url.startswith(ITEMS))
    assert "tabel__code=KANALEN" in str(call.request.url)
    assert "Authorization" not in call.request.headers


def test_a_kanaal_that_the_list_lacks_is_told_with_those_it_has(check: Any, lists: responses.RequestsMock) -> None:
    lists.get(ITEMS, json={"results": [item("Whatsapp"), item("E-mail")]})
    found = one(check(referentielijsten=LIST, kanalen={"whatsapp": "WhatsApp", "email": "E-mail"}), "the list of")
    assert not found.ok
    assert found.text == "the list of kanalen has no 'WhatsApp'; choose from: E-mail, Whatsapp"


def test_an_empty_list_has_none(check: Any, lists: responses.RequestsMock) -> None:
    lists.get(ITEMS, json={"results": []})
    assert bad(check(referentielijsten=LIST)) == ["the list of kanalen has no 'WhatsApp'; choose from: none"]


@pytest.mark.parametrize(
    ("begins", "ends", "fits"),
    [(None, -1, False), (1, None, False), (-2, -1, False), (-1, 1, True), (-1, None, True), (None, 1, True)],
)
def test_an_item_counts_while_it_is_valid(
    begins: int | None, ends: int | None, check: Any, lists: responses.RequestsMock, *, fits: bool
) -> None:
    dates = {
        "begindatumGeldigheid": days(begins) if begins else None,
        "einddatumGeldigheid": days(ends) if ends else None,
    }
    lists.get(ITEMS, json={"results": [item("WhatsApp", **dates)]})
    assert (bad(check(referentielijsten=LIST)) == []) is fits


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_list_that_cannot_be_read_is_a_finding_and_the_rest_is_told(
    status: int, check: Any, lists: responses.RequestsMock
) -> None:
    lists.get(ITEMS, status=status)
    found = check(referentielijsten=LIST, internal_notes=True)
    (text,) = bad(found)
    assert text.startswith("the list of kanalen could not be read: GET /api/v1/items: status")
    assert one(found, "SHOWS THEM TO THE RESIDENT").ok


def test_a_list_that_is_something_else_is_a_finding(check: Any, lists: responses.RequestsMock) -> None:
    lists.get(ITEMS, json={"items": ["WhatsApp"]})
    (text,) = bad(check(referentielijsten=LIST))
    assert text.startswith("the list of kanalen could not be read: ")
    assert "results" in text


def test_a_list_whose_address_is_none_is_an_error_of_ours(check: Any) -> None:
    with pytest.raises(GemeenteConnectError):
        check(referentielijsten=LIST | {"url": "lijsten.example.nl"})


# -- who gets taken


def test_the_actor_who_gets_taken_is_there_or_not(check: Any, server: OpenKlantServer) -> None:
    assert one(check(taak_actor=server.add_actor("KCC")), "the actor of `taak_actor` is there").ok
    wrong = one(check(taak_actor="16d6f3d9-8159-45d4-8fb8-57098386b3ab"), "`taak_actor`")
    assert not wrong.ok
    assert wrong.text == "the actor of `taak_actor` is not there: correct it"
    assert "taak_actor" not in "".join(each.text for each in check())


# -- what is risky


def test_that_notes_are_shown_to_residents_is_told_whenever_it_is_so(check: Any) -> None:
    assert one(check(internal_notes=True), "the portal SHOWS THEM TO THE RESIDENT").ok
    assert "SHOWS THEM" not in "".join(each.text for each in check())


def test_checking_changes_nothing(check: Any, server: OpenKlantServer) -> None:
    actor = server.add_actor("KCC")
    check(taak_actor=actor, internal_notes=True)
    assert {each.method for each in server.requests} == {"GET"}
