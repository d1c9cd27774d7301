"""reply: a person answers a resident, and nothing personal is printed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Configure = Callable[..., Path]
Add = Callable[[Mapping[str, object]], Path]
TEXT = "Uw paspoort ligt klaar."


@pytest.fixture
def delivered(configure: Configure, run: Run) -> list[str]:
    """The ids of three conversations."""
    configure()
    return [each["conversation"] for each in json.loads(run("sync", "--json").stdout)["syncs"][0]["delivered"]]


def sent() -> list[str]:
    return Path("sent.txt").read_text().splitlines() if Path("sent.txt").exists() else []


def test_a_text_is_sent_and_told_without_a_name_or_number(delivered: list[str], run: Run) -> None:
    done = run("reply", delivered[1], "--text", TEXT)
    assert (done.returncode, sent()) == (0, [TEXT])
    assert done.stdout == f"A text of 23 characters was sent through 'chat', in conversation {delivered[1]}.\n"
    assert json.loads(run("sync", "--json").stdout)["syncs"][0]["delivered"][0]["conversation"] == delivered[1]


def test_a_template_is_sent_with_its_language_and_parameters(delivered: list[str], run: Run) -> None:
    options = ["--template", "klaar", "--language", "fy", "--parameter", "tiisdei", "--parameter", "10:00"]
    done = run("reply", delivered[0], *options)
    assert (done.returncode, sent()) == (0, ["klaar fy tiisdei 10:00"])
    assert "The template 'klaar' (fy) was sent" in done.stdout


def test_json_says_what_was_sent_in_counts(delivered: list[str], run: Run) -> None:
    document = json.loads(run("reply", delivered[0], "--text", TEXT, "--json").stdout)
    assert document.pop("sent_at").endswith("+00:00")
    assert document == {
        "conversation": delivered[0],
        "channel": "chat",
        "template": None,
        "characters": 23,
        "exit_code": 0,
    }
    assert json.loads(run("reply", delivered[0], "--template", "t", "--json").stdout)["template"] == "t"


def test_a_text_may_come_from_standard_input(delivered: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{TEXT}\n".encode())))
    assert run("reply", delivered[0], "--text", "-").returncode == 0
    assert sent() == [TEXT]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    done = run("reply", delivered[0], "--text", "-")
    assert (done.returncode, "no text in UTF-8" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give the --text"),
        (["--text", TEXT, "--template", "klaar"], "give the --text"),
        (["--text", TEXT, "--parameter", "dinsdag"], "is for a --template"),
        (["--template", ""], "a name and a language"),
        (["--text", "  "], "the text is empty"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_sent(delivered: list[str], run: Run, options: list[str], told: str) -> None:
    done = run("reply", delivered[0], *options)
    assert (done.returncode, told in done.stderr, sent()) == (2, True, [])


@pytest.mark.usefixtures("delivered")
def test_an_id_that_is_not_known_is_not_repeated(run: Run) -> None:
    done = run("reply", "+31612345678", "--text", TEXT)
    assert (done.returncode, "no such conversation" in done.stderr, "612345678" in done.stderr) == (2, True, False)


@pytest.mark.parametrize(("how", "code"), [("auth", 77), ("rejected", 1), ("temporary", 1), ("bug", 2), ("config", 2)])
def test_what_goes_wrong_has_its_exit_code_and_shows_nothing_personal(
    delivered: list[str], configure: Configure, run: Run, how: str, code: int
) -> None:
    configure({"fail_reply": how})
    done = run("reply", delivered[0], "--text", TEXT)
    assert (done.returncode, sent()) == (code, [])
    assert not [word for word in ("kanarie", "612345678", TEXT) if word in done.stdout + done.stderr]


def test_what_is_in_doubt_is_sent_again_only_when_a_person_says_so_and_not_at_once(
    delivered: list[str], configure: Configure, run: Run
) -> None:
    configure({"fail_reply": "temporary"})
    assert "it is not known whether a reply" in run("reply", delivered[0], "--text", TEXT).stderr
    configure()
    done = run("reply", delivered[0], "--text", TEXT)
    assert (done.returncode, "--again" in done.stderr, sent()) == (1, True, [])
    done = run("reply", delivered[0], "--text", TEXT, "--again")
    assert (done.returncode, "may still arrive" in done.stderr, sent()) == (75, True, [])
    assert run("sync").returncode == 0
    assert sent() == []


def test_the_channel_is_found_by_its_account_also_beside_one_that_does_not_open(
    delivered: list[str], run: Run, add: Add
) -> None:
    add({"channels.ander": {"plugin": "acme-chat", "account": "acme:ander"}})
    add({"channels.aap": {"plugin": "acme-chat", "fail_open": "temporary"}})
    assert run("reply", delivered[0], "--text", TEXT).returncode == 0
    assert sent() == [TEXT]


def test_a_channel_that_is_no_longer_in_the_configuration_is_told(
    delivered: list[str], configure: Configure, run: Run
) -> None:
    configure({"account": "acme:ander"})
    done = run("reply", delivered[0], "--text", TEXT)
    assert (done.returncode, "no channel of the configuration" in done.stderr) == (2, True)
    configure({"fail_open": "auth"})
    assert run("reply", delivered[0], "--text", TEXT).returncode == 77
