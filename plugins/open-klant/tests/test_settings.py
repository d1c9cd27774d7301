"""What an administrator sets, what is told when it is wrong, and what the plugin is known by."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from gemeente_connect.abilities import Checkable, Detachable, Lists, Plans
from gemeente_connect.contracts import CaseSystem
from gemeente_connect.errors import ConfigError, GemeenteConnectError
from gemeente_connect.plugins import discover
from gemeente_connect.testing.builders import message
from gemeente_connect_open_klant.settings import OpenKlantSettings, Portaal

TOKEN = "a1b2c3d4e5f6-zeer-geheim"
RIGHT = {
    "url": "https://openklant.example.nl",
    "token": TOKEN,
    "portaal": "open-inwoner-2026",
    "kanalen": {"whatsapp": "WhatsApp"},
}


def opened(**settings: Any) -> Any:
    return discover().case_system("open-klant").connect(RIGHT | settings)


def told(**settings: Any) -> str:
    """What is said of settings that are wrong."""
    with pytest.raises(ConfigError) as caught:
        opened(**settings)
    return str(caught.value)


def test_discovery_finds_the_case_system_under_its_name_and_opening_it_asks_nothing() -> None:
    case_system = opened()
    for ability in (CaseSystem, Checkable, Plans, Lists, Detachable):
        assert isinstance(case_system, ability), ability
    case_system.close()


def test_discovery_loads_no_more_than_names() -> None:
    script = "import sys, gemeente_connect_open_klant.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if name.startswith("gemeente_connect_open_klant")} == {
        "gemeente_connect_open_klant",
        "gemeente_connect_open_klant.plugin",
        "gemeente_connect_open_klant.settings",
    }
    assert "requests" not in loaded


# -- what is wrong is told with what is right


@pytest.mark.parametrize(
    ("wrong", "right"), [("portal", "portaal"), ("kanaalen", "kanalen"), ("mijn_vragen_kanal", "mijn_vragen_kanaal")]
)
def test_a_misspelt_setting_is_told_with_the_right_one(wrong: str, right: str) -> None:
    assert f"did you mean '{right}'" in told(**{wrong: "x"})


@pytest.mark.parametrize("name", ["url", "token", "portaal", "kanalen"])
def test_a_setting_that_is_needed_is_asked_for(name: str) -> None:
    values = {key: value for key, value in RIGHT.items() if key != name}
    with pytest.raises(ConfigError, match=f"the setting '{name}' is needed"):
        discover().case_system("open-klant").connect(values)


def test_a_portal_that_is_not_known_is_told_with_those_that_are() -> None:
    message = told(portaal="open-inwoner")
    assert all(repr(str(portaal)) in message for portaal in Portaal)


@pytest.mark.parametrize(
    "wrong",
    [
        {"portaal": "open-inwoner-1.24"},
        {"mijn_vragen_kanaal": "WhatsApp"},
        {"portaal": "none", "mijn_vragen_kanaal": "WhatsApp"},
    ],
)
def test_the_one_kanaal_of_the_old_portal_is_needed_there_and_taken_nowhere_else(wrong: dict[str, str]) -> None:
    assert "`mijn_vragen_kanaal` goes with portaal = 'open-inwoner-1.24', and is needed there" in told(**wrong)
    opened(portaal="open-inwoner-1.24", mijn_vragen_kanaal="WhatsApp").close()


@pytest.mark.parametrize("kanaal", ["", "  ", "x" * 51])
def test_a_kanaal_that_open_klant_refuses_is_refused_here(kanaal: str) -> None:
    assert "kanalen.whatsapp" in told(kanalen={"whatsapp": kanaal})
    assert "mijn_vragen_kanaal" in told(portaal="open-inwoner-1.24", mijn_vragen_kanaal=kanaal)


def test_a_kanaal_of_the_longest_length_is_taken_without_the_blanks_around_it() -> None:
    settings = OpenKlantSettings.model_validate(RIGHT | {"kanalen": {"whatsapp": f" {'x' * 50} "}})
    assert settings.kanalen == {"whatsapp": "x" * 50}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kanalen": {}},
        {"before_verification_days": -1},
        {"before_verification_days": 3_651},
        {"account": ""},
        {"url": ""},
        {"url": "openklant.example.nl"},
        {"url": "https://openklant.example.nl?x=1"},
        {"url": "https://iemand:geheim@openklant.example.nl"},
    ],
)
def test_a_value_that_makes_no_sense_is_refused_when_it_is_opened(wrong: dict[str, Any]) -> None:
    told(**wrong)


def test_a_channel_without_a_kanaal_is_told_with_those_that_have_one(desk: Any) -> None:
    desk.settings = {"kanalen": {"email": "E-mail", "telefoon": "Telefoon"}}
    desk.say(message(1))
    report = desk.sync()
    assert [type(each) for each in report.errors] == [ConfigError]
    assert str(report.errors[0]) == "`kanalen` says how to spell email, telefoon, and not 'whatsapp': add it"
    assert desk.contacten() == []


# -- the token stays a secret


def test_the_token_is_shown_in_no_repr() -> None:
    case_system = opened()
    settings = OpenKlantSettings.model_validate(RIGHT)
    for each in (case_system, case_system._api, case_system._api._session, settings, vars(case_system)):
        assert TOKEN not in repr(each)
        assert TOKEN not in str(each)


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN}\r\nX: y", f"{TOKEN} ", f"\u20ac{TOKEN}"])
def test_a_token_that_cannot_be_sent_is_told_without_it(token: str) -> None:
    assert TOKEN not in told(token=token)


def test_no_error_shows_the_token_when_another_setting_is_wrong() -> None:
    assert TOKEN not in told(portaal="x", kanalen={"whatsapp": ""}, tokken=TOKEN)


def test_a_token_that_is_refused_is_told_without_it(desk: Any) -> None:
    desk.settings = {"token": TOKEN}
    desk.say(message(1))
    (error,) = desk.sync().errors
    assert type(error).__name__ == "AuthError"
    assert TOKEN not in str(error)
    assert isinstance(error, GemeenteConnectError)


# -- what it is known by


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://openklant.example.nl", "open-klant:openklant.example.nl"),
        ("https://openklant.example.nl/", "open-klant:openklant.example.nl"),
        ("https://openklant.example.nl/klantinteracties/api/v1", "open-klant:openklant.example.nl"),
        ("https://openklant.example.nl/klantinteracties/api/v1/", "open-klant:openklant.example.nl"),
        ("https://example.nl:8443/openklant", "open-klant:example.nl:8443/openklant"),
        ("https://example.nl/openklant/klantinteracties/api/v1", "open-klant:example.nl/openklant"),
    ],
)
def test_it_is_known_by_its_address_however_that_is_written(url: str, account: str) -> None:
    assert opened(url=url).account == account


def test_it_goes_on_under_an_account_that_was_set() -> None:
    assert opened(url="https://new.example.nl", account="open-klant:old.example.nl").account == (
        "open-klant:old.example.nl"
    )


@pytest.mark.parametrize("ending", ["", "/", "/klantinteracties/api/v1", "/klantinteracties/api/v1/"])
def test_an_address_works_with_and_without_the_path_of_the_api(ending: str, desk: Any) -> None:
    desk.settings = {"url": f"{desk.server.url}{ending}"}
    desk.say(message(1))
    assert desk.deliver().reference
    assert len(desk.contacten()) == 1


def test_nothing_is_delivered_anew_when_the_address_changes_and_the_account_does_not(desk: Any) -> None:
    desk.say(message(1), message(2, direction="out"))
    desk.deliver()
    before = desk.open().account
    desk.settings = {"url": desk.server.url.replace("127.0.0.1", "localhost"), "account": before}
    report = desk.sync()
    assert (report.delivered, report.errors) == ([], [])
    desk.say(message(3))
    desk.deliver()
    assert len(desk.contacten()) == 3
