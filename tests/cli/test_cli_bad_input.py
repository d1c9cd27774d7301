"""What is wrong is told in one clear line, with an exit code, without a traceback and without personal data."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from gemeente_connect.cli import checking

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Configure = Callable[..., Path]
Add = Callable[[Mapping[str, object]], Path]

PERSONAL = ("kanarie", "Kanarie", "31612345")


def told(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Check that there is one line, that it says these things, and that it is all there is."""
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def test_a_configuration_that_is_not_there_says_how_to_name_another(run: Run) -> None:
    told(run("sync"), 2, "there is no configuration file gemeente-connect.toml", "--config")


def test_a_typo_in_the_configuration_is_told_with_what_was_meant(configure: Configure, add: Add, run: Run) -> None:
    configure({"chat": 3})
    told_by_the_plugin = run("sync")
    assert told_by_the_plugin.returncode == 2
    assert "there is no setting 'chat'; did you mean 'chats'?" in told_by_the_plugin.stderr
    configure()
    add({"sync.other": {"channel": "chat"}})
    told(run("sync"), 2, "there is no setting 'sync'; did you mean 'syncs'?")
    configure(daily={"strat": "2026-01-01"})
    told(run("sync"), 2, "there is no setting 'syncs.daily.strat'; did you mean 'start'?")


def test_a_configuration_that_is_no_toml_says_in_which_line(run: Run, folder: Path) -> None:
    (folder / "gemeente-connect.toml").write_text("[channels.chat]\nplugin = acme\n")
    told(run("sync"), 2, "gemeente-connect.toml", "line 2")


def test_a_configuration_without_syncs_says_what_to_add(run: Run, folder: Path) -> None:
    (folder / "gemeente-connect.toml").write_text("")
    told(run("sync"), 2, "[syncs.NAME]")


def test_a_sync_that_is_not_there_names_those_that_are(configure: Configure, run: Run) -> None:
    configure()
    told(run("sync", "dialy"), 2, "there is no sync 'dialy'", "did you mean 'daily'?")


def test_a_plugin_that_is_missing_names_the_installed_ones(configure: Configure, run: Run) -> None:
    configure({"plugin": "telegram"})
    done = run("sync")
    assert done.returncode == 2
    assert "error: daily: no channel 'telegram'; installed: acme-chat" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_that_is_not_there_says_which_was_meant(run: Run) -> None:
    done = run("synk")
    assert done.returncode == 2
    assert "there is no command 'synk'; did you mean 'sync'?" in done.stderr


def test_a_ledger_of_a_newer_version_is_left_alone(configure: Configure, run: Run, folder: Path) -> None:
    configure()
    run("sync")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA user_version = 999")
    before = (folder / "ledger.sqlite").read_bytes()
    for command in (("sync",), ("plan", "daily"), ("stats",), ("refused", "list")):
        told(run(*command), 2, "written by a newer version", "upgrade gemeente-connect")
    assert (folder / "ledger.sqlite").read_bytes() == before
    assert run("check").returncode == 2


def test_a_file_that_is_no_ledger_is_left_alone(configure: Configure, run: Run, folder: Path) -> None:
    configure()
    (folder / "ledger.sqlite").write_bytes(b"%PDF-1.7 kanarie" * 99)
    told(run("sync"), 2, "this file is no ledger")
    assert (folder / "ledger.sqlite").read_bytes() == b"%PDF-1.7 kanarie" * 99


@pytest.mark.parametrize("command", [("deliver",), ("stats",), ("refused", "list"), ("refused", "retry", "1")])
def test_where_there_is_no_ledger_none_is_made(
    configure: Configure, run: Run, folder: Path, command: tuple[str, ...]
) -> None:
    configure()
    told(run(*command), 2, "there is no ledger", "gemeente-connect sync")
    assert not (folder / "ledger.sqlite").exists()


def test_a_ledger_that_another_run_holds_is_for_later(
    configure: Configure, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    run("sync")
    configure({"chats": 4})
    monkeypatch.setattr("gemeente_connect.ledger.sqlite._BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = run("sync")
    assert done.returncode == 75
    assert "another run holds it" in done.stderr


def test_a_disk_that_is_full_is_for_later_and_nothing_is_lost_or_doubled(
    configure: Configure, run: Run, start: Start, folder: Path
) -> None:
    configure({"chats": 1})
    run("sync")
    size = (folder / "ledger.sqlite").stat().st_size
    configure({"chats": 90})
    limit = (size + 9000, size + 9000)  # bytes in one file
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # it writes
    process = start("sync", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err.startswith("error: daily: ledger ")
    assert "Traceback" not in err + out
    assert run("sync").returncode == 0
    records = (folder / "records.txt").read_text().split()
    assert (len(records), len(set(records))) == (90, 90)


def test_a_picture_that_cannot_be_written_says_why(configure: Configure, run: Run) -> None:
    configure()
    run("sync")
    told(run("stats", "--plot", "no/such/picture.svg"), 2, "no/such/picture.svg cannot be written")


def test_an_error_that_nobody_foresaw_is_told_as_a_bug_without_its_message(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        message = "kanarie +31612345678"
        raise RuntimeError(message)

    monkeypatch.setattr(checking, "discover", broken)
    told(run("plugins"), 1, "a bug in gemeente-connect: RuntimeError at test_cli_bad_input.py:", "--debug")
    assert not any(word in run("plugins").stderr for word in PERSONAL)
    assert "Traceback" in run("plugins", "--debug").stderr
    document = json.loads(run("plugins", "--json").stdout)
    assert (document["error"]["type"], document["exit_code"]) == ("RuntimeError", 1)


def test_an_error_is_a_json_object_too_when_asked_for(configure: Configure, run: Run) -> None:
    done = run("--json", "sync")
    document = json.loads(done.stdout)
    assert (document["error"]["type"], document["exit_code"], done.returncode) == ("ConfigError", 2, 2)
    configure({"fail_pages": "temporary"})
    (sync,) = json.loads(run("sync", "--json").stdout)["syncs"]
    assert sync["errors"] == [{"type": "TemporaryError", "message": "the other side is down", "retry_after": 90}]


def test_nothing_personal_is_in_any_output(configure: Configure, run: Run, folder: Path) -> None:
    configure({"chats": 8, "unreadable": 3, "fail_pages": "bug"}, {"findable": ["yes", "no-resident-known"]})
    commands = [("plan", "daily"), ("check",), ("sync",), ("collect",), ("deliver",)]
    commands += [("refused", "list"), ("stats",), ("stats", "--csv"), ("stats", "--plot", "plot.svg"), ("plugins",)]
    written = []
    for command in commands:
        for form in ((), ("--json",)):
            done = run(*command, *form)
            written += [done.stdout, done.stderr]
    configure(zaken={"fail_deliver": "bug"}, chat={"account": "acme:other"})
    written += [(done := run("sync", "--format", "markdown", "--summary", "summary.md")).stdout, done.stderr]
    written += [(folder / "summary.md").read_text(), (folder / "plot.svg").read_text()]
    assert sum(map(len, written)) > 5000
    assert not any(word in text for text in written for word in PERSONAL)
