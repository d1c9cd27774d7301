"""What needs a person: listed, shown, retried, dropped."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Configure = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("refused")


@pytest.fixture
def refused(configure: Configure, run: Run) -> list[int]:
    """Two things that cannot be read (1, 2), and three conversations that were rejected (3, 4, 5)."""
    configure({"unreadable": 2}, {"fail_deliver": "rejected"})
    run("sync")
    return [each["number"] for each in json.loads(run("refused", "list", "--json").stdout)["refused"]]


def test_the_list_says_what_was_refused_and_why_and_never_by_which_name(refused: list[int], run: Run) -> None:
    text = run("refused", "list").stdout
    assert refused == [1, 2, 3, 4, 5]
    assert "file 0 is empty" in text
    assert "it will not take this" in text
    assert "kanarie" not in text
    kinds = [each["kind"] for each in json.loads(run("refused", "list", "--json").stdout)["refused"]]
    assert kinds == ["unreadable", "unreadable", "conversation", "conversation", "conversation"]


def test_only_what_is_tried_again_by_itself_has_a_next_time(run: Run) -> None:
    listed = json.loads(run("refused", "list", "--json").stdout)["refused"]
    assert [each["next_try"] is not None for each in listed] == [False, False, True, True, True]


def test_one_is_shown_with_its_name_and_its_content_only_when_asked(run: Run) -> None:
    shown = run("refused", "show", "1").stdout
    assert "kanarie0.txt" in shown
    assert "--content shows it" in shown
    assert run("refused", "show", "1", "--content").stdout == "kanarie\x1b[2J"
    plain = json.loads(run("refused", "show", "1", "--json").stdout)
    assert (plain["name"], "content_base64" in plain) == ("kanarie0.txt", False)
    whole = json.loads(run("refused", "show", "1", "--json", "--content").stdout)
    assert base64.b64decode(whole["content_base64"]) == b"kanarie\x1b[2J"


def test_on_a_terminal_content_cannot_steer_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect.cli.refused.on_terminal", lambda: True)
    assert run("refused", "show", "1", "--content").stdout == "kanarie\\x1b[2J\n"


def test_content_that_stands_elsewhere_is_told_so(run: Run) -> None:
    done = run("refused", "show", "3", "--content")
    assert (done.returncode, "not kept here" in done.stderr) == (2, True)
    assert json.loads(run("refused", "show", "3", "--content", "--json").stdout)["content_base64"] is None


def test_a_retried_conversation_is_delivered_at_the_next_run(configure: Configure, run: Run, folder: Path) -> None:
    configure({"unreadable": 2})
    run("sync")
    assert not (folder / "records.txt").exists()  # they wait
    assert json.loads(run("refused", "retry", "3", "5", "3", "--json").stdout) == {"retried": [3, 5]}
    assert run("sync").returncode == 0
    assert len((folder / "records.txt").read_text().splitlines()) == 2
    assert [each["number"] for each in json.loads(run("refused", "list", "--json").stdout)["refused"]] == [1, 2, 4]


def test_what_is_dropped_is_kept_but_no_longer_listed(run: Run) -> None:
    assert run("refused", "drop", "2").stdout.startswith("1 dropped.")
    assert json.loads(run("refused", "drop", "--all", "--json").stdout) == {"dropped": [1, 3, 4, 5]}
    assert run("refused", "list").stdout == "Nothing is refused.\n"
    listed = run("refused", "list", "--dropped").stdout
    assert listed.count("dropped") == 5
    documents = json.loads(run("refused", "list", "--dropped", "--json").stdout)["refused"]
    assert {(each["dropped"], each["next_try"]) for each in documents} == {(True, None)}
    assert "1 will be tried again" in run("refused", "retry", "2").stdout
    assert len(json.loads(run("refused", "list", "--json").stdout)["refused"]) == 1


def test_a_number_that_is_not_there_changes_nothing(run: Run) -> None:
    done = run("refused", "drop", "1", "99")
    assert (done.returncode, "there is no refusal 99" in done.stderr) == (2, True)
    assert len(json.loads(run("refused", "list", "--json").stdout)["refused"]) == 5


@pytest.mark.parametrize("arguments", [(), ("1", "--all")])
def test_which_ones_is_said_by_number_or_by_all_and_not_by_both(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("refused", "drop", *arguments)
    assert (done.returncode, "--all" in done.stderr) == (2, True)
    assert len(json.loads(run("refused", "list", "--json").stdout)["refused"]) == 5
