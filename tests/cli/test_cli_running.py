"""sync, collect, deliver, plan, check and plugins, run on a plugin as its maker ships it."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gemeente_connect.cli import progress
from gemeente_connect.cli.outcome import Outcome, of_error, worst
from gemeente_connect.errors import GemeenteConnectError, RejectedError

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Configure = Callable[..., Path]
Add = Callable[[Mapping[str, object]], Path]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("chat", "zaken", "code"),
    [
        ({}, {}, 0),
        ({}, {"findable": ["no-resident-known"]}, 0),
        ({"unreadable": 1}, {}, 1),
        ({}, {"fail_deliver": "rejected"}, 1),
        ({}, {"fail_deliver": "bug"}, 1),
        ({"fail_pages": "rejected"}, {}, 1),
        ({"fail_pages": "config"}, {}, 2),
        ({"fail_pages": "bug"}, {}, 2),
        ({"fail_open": "bug"}, {}, 2),
        ({}, {"fail_open": "config"}, 2),
        ({}, {"fail_deliver": "config"}, 2),
        ({"fail_pages": "temporary"}, {}, 75),
        ({}, {"fail_deliver": "temporary"}, 75),
        ({}, {"fail_open": "temporary"}, 75),
        ({"fail_open": "auth"}, {}, 77),
        ({}, {"fail_deliver": "auth"}, 77),
        ({"fail_pages": "temporary", "unreadable": 1}, {}, 75),
        ({"fail_pages": "temporary"}, {"fail_deliver": "auth"}, 77),
        ({"fail_pages": "config"}, {"fail_deliver": "auth"}, 2),
    ],
)
def test_the_exit_code_says_what_to_do(configure: Configure, run: Run, chat: object, zaken: object, code: int) -> None:
    configure(chat, zaken)
    done = run("sync", "--json")
    assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (code, code)


def test_of_several_outcomes_the_one_to_act_on_first_is_the_exit_code() -> None:
    order = [Outcome.WRONG, Outcome.CREDENTIALS, Outcome.LATER, Outcome.LOOK, Outcome.DONE]
    for first, second in itertools.combinations(order, 2):
        assert worst([first, second]) == worst([second, first]) == first
    assert worst([]) == Outcome.DONE


def test_an_error_of_a_kind_of_its_own_is_for_a_person() -> None:
    assert of_error(RejectedError("no")) == of_error(GemeenteConnectError("?")) == Outcome.LOOK


def test_a_refusal_counts_in_the_run_it_is_new_in_and_later_only_when_strict(configure: Configure, run: Run) -> None:
    configure({"unreadable": 2})
    assert run("sync").returncode == 1
    assert run("sync").returncode == 0
    assert run("sync", "--strict").returncode == 1
    run("refused", "drop", "--all")
    assert run("sync", "--strict").returncode == 0


def test_a_sync_that_fails_stops_no_other_and_the_worst_is_the_exit_code(
    configure: Configure, add: Add, run: Run, folder: Path
) -> None:
    configure({"fail_open": "temporary"})
    add(
        {
            "channels.mail": {"plugin": "acme-chat", "account": "acme:mail"},
            "channels.post": {"plugin": "acme-chat", "account": "acme:post", "fail_pages": "auth"},
            "syncs.mail": {"channel": "mail", "case_system": "zaken", "start": date(2026, 1, 1)},
            "syncs.post": {"channel": "post", "case_system": "zaken", "start": date(2026, 1, 1)},
        }
    )
    done = run("sync", "--json")
    codes = {sync["name"]: sync["exit_code"] for sync in json.loads(done.stdout)["syncs"]}
    assert codes == {"daily": 75, "mail": 0, "post": 77}
    assert done.returncode == 77
    assert len((folder / "records.txt").read_text().splitlines()) == 6
    assert done.stderr.splitlines() == ["error: daily: the other side is down", "error: post: the token was refused"]


def test_the_syncs_that_are_named_are_run_and_no_other(configure: Configure, add: Add, run: Run) -> None:
    configure({"fail_open": "auth"})
    add({"channels.mail": {"plugin": "acme-chat"}, "syncs.mail": {"channel": "mail", "case_system": "zaken"}})
    done = run("sync", "mail", "mail", "--all", "--json")
    assert [(sync["name"], sync["start"]) for sync in json.loads(done.stdout)["syncs"]] == [("mail", "all")]
    assert done.returncode == 0


def test_a_sync_without_start_asks_for_one_and_takes_all_when_it_is_said_aloud(
    configure: Configure, run: Run, folder: Path
) -> None:
    configure({"chats": 5}, daily={"start": None})
    done = run("sync")
    assert done.returncode == 2
    assert "set `start = DATE`" in done.stderr
    assert "--all" in done.stderr
    assert not (folder / "ledger.sqlite").exists()
    assert run("deliver").returncode == run("plan", "daily").returncode == 2
    assert run("sync", "--all").returncode == 0
    assert len((folder / "records.txt").read_text().splitlines()) == 5


def test_a_start_that_is_set_stays_in_force_when_all_is_said(configure: Configure, run: Run) -> None:
    configure({"chats": 3}, daily={"start": date(2026, 2, 1)})
    (sync,) = json.loads(run("sync", "--all", "--json").stdout)["syncs"]
    assert (sync["conversations"]["delivered"], sync["conversations"]["before_start"]) == (1, 2)


def test_collect_and_deliver_are_the_two_halves_of_sync(configure: Configure, run: Run, folder: Path) -> None:
    configure(daily={"start": None})
    collected = run("collect")
    assert "collected from chat" in collected.stdout
    assert "delivered" not in collected.stdout
    assert not (folder / "records.txt").exists()
    configure({"fail_pages": "bug"})
    delivered = json.loads(run("deliver", "--json").stdout)["syncs"][0]
    assert (delivered["messages"]["new"], delivered["conversations"]["delivered"]) == (0, 3)


def test_deliver_leaves_out_a_chat_that_was_collected_before_it_was_put_on_the_skip_list(
    configure: Configure, run: Run
) -> None:
    configure()
    run("collect")
    configure(daily={"skip": ["chat 1"]})
    assert json.loads(run("deliver", "--json").stdout)["syncs"][0]["conversations"]["delivered"] == 2


def test_a_chat_on_the_skip_list_is_not_kept(configure: Configure, run: Run) -> None:
    configure(daily={"skip": ["chat 1"]})
    for command in ("plan", "sync"):
        name = ["daily"] if command == "plan" else []
        document = json.loads(run(command, *name, "--json").stdout)
        (messages,) = [document["messages"]] if command == "plan" else [s["messages"] for s in document["syncs"]]
        assert messages == {"new": 2, "known": 0, "changed": 0, "skipped": 1}


def test_the_report_counts_what_was_delivered_found_and_refused_and_says_what_to_do_next(
    configure: Configure, run: Run
) -> None:
    findable = ["yes", "yes", "no-resident-known", "not-valid-then"]
    configure({"chats": 9, "unreadable": 12}, {"findable": findable}, {"start": date(2026, 2, 1)})
    text = run("sync").stdout
    rows = {line[:45].strip(): line.split()[-2:] for line in text.splitlines() if line.startswith((" ", "C", "N", "R"))}
    assert rows["New messages"][-1] == "9"
    assert rows["Conversations delivered"] == ["7", "###########" + "=" * 9]
    assert rows["findable in Mijn Loket"] == ["4", "###########"]
    assert rows["no verified address ties a resident to it"][0] == "2"
    assert rows["the address was not this resident's then"][0] == "1"
    assert rows["Conversations from before `start`, left alone"][-1] == "2"
    assert rows["Refused, for a person to look at"][-1] == "12"
    assert "- refused 10: file 9 is empty\n- … and 2 more\n" in text
    assert "2 conversations wait for a resident: import the verified address" in text
    assert "2 conversations began before 2026-02-01" in text
    assert "12 things need a person: gemeente-connect refused list" in text


def test_a_summary_is_added_to_the_file_as_markdown(configure: Configure, run: Run, folder: Path) -> None:
    configure({"fail_pages": "temporary"})
    summary = folder / "summary.md"
    summary.write_text("# Job\n")
    first = run("sync", "--summary", str(summary), "--format", "markdown")
    run("sync", "--summary", str(summary), "--quiet")
    text = summary.read_text()
    assert text.startswith(f"# Job\n{first.stdout}")
    assert text.count("### daily: chat to zaken") == 2
    assert "| Conversations delivered | 3 |" in text
    assert "- **error:** the other side is down" in text


def test_a_summary_that_cannot_be_written_is_told_and_the_work_is_done(
    configure: Configure, run: Run, folder: Path
) -> None:
    configure()
    done = run("sync", "--summary", "no/such/folder.md")
    assert (done.returncode, "no/such/folder.md cannot be written" in done.stderr) == (2, True)
    assert "Conversations delivered" in done.stdout
    assert (folder / "records.txt").exists()


def test_plan_and_check_write_nothing_anywhere(configure: Configure, run: Run, folder: Path) -> None:
    configure()
    before = contents(folder)
    assert run("plan", "daily").returncode == run("check").returncode == 0
    assert contents(folder) == before
    run("sync")
    configure({"chats": 7})
    before = contents(folder)
    planned = json.loads(run("plan", "daily", "--json").stdout)
    assert [each["action"] for each in planned["conversations"]] == ["create"] * 4
    assert run("check").returncode == 0
    assert contents(folder) == before


def test_plan_says_what_would_be_found(configure: Configure, run: Run) -> None:
    configure({"chats": 3, "unreadable": 1}, {"findable": ["yes", "no-resident-known"]})
    done = run("plan", "daily")
    assert done.returncode == 0
    assert "create              2  yes" in done.stdout
    assert "create              1  no: no verified address ties a resident to it" in done.stdout
    assert "- refused: file 0 is empty" in done.stdout
    assert "Nothing was written." in done.stdout
    run("sync")
    assert "conversations since 2026-01-01: nothing to deliver.\n" in run("plan", "daily").stdout


def test_a_case_system_that_cannot_say_beforehand_is_planned_as_unknown(configure: Configure, run: Run) -> None:
    configure(zaken={"plugin": "acme-post", "records": None})
    assert "unknown              3  this case system cannot say beforehand" in run("plan", "daily").stdout
    planned = json.loads(run("plan", "daily", "--json").stdout)["conversations"]
    assert [(each["action"], each["findable"]) for each in planned] == [("unknown", None)] * 3
    assert "the portal does not show such a record  3  ===" in run("sync").stdout


def test_what_a_case_system_holds_back_is_not_told_as_if_it_stood_there(configure: Configure, run: Run) -> None:
    configure(zaken={"plugin": "acme-post", "records": None})
    (document,) = json.loads(run("sync", "--json").stdout)["syncs"]
    assert (document["conversations"]["delivered"], document["conversations"]["held_back"]) == (3, 3)
    configure({"chats": 5}, zaken={"plugin": "acme-post", "records": None})
    assert re.search("held back: there is no record of it yet +2\n", run("sync").stdout)


def test_what_is_put_off_is_told_with_its_reason_once(configure: Configure, run: Run) -> None:
    configure(zaken={"fail_deliver": "temporary"})
    text = run("sync").stdout
    assert "Conversations put off to a later run  3" in text
    assert text.count("- put off: the other side is down\n") == 1
    assert "3 conversations were put off: run it again later." in text


def test_check_says_when_nothing_would_be_delivered(configure: Configure, run: Run, folder: Path) -> None:
    configure()
    configuration = folder / "gemeente-connect.toml"
    configuration.write_text(configuration.read_text().partition("[syncs")[0])
    done = run("check")
    assert (done.returncode, "it has no [syncs.NAME]" in done.stdout) == (2, True)
    configure(daily={"start": None})
    assert "it has no `start`, so it has to be run with --all" in run("check").stdout


@pytest.mark.parametrize(
    ("settings", "code", "found"),
    [
        (({}, {}), 0, "the token is accepted"),
        (({}, {"wrong": "the register is empty"}), 2, "the register is empty"),
        (({}, {"fail_open": "auth"}), 77, "the token was refused"),
        (({"fail_open": "temporary"}, {}), 75, "the other side is down"),
        (({"fail_open": "bug"}, {}), 2, "failed with ValueError at acme_connect.py:"),
        (({"fail_open": "temporary"}, {"fail_open": "auth"}), 77, "the other side is down"),
        (({"plugin": "acme-chats"}, {"fail_open": "auth"}), 2, "did you mean 'acme-chat'?"),
    ],
)
def test_check_looks_at_everything_and_goes_on_past_what_is_wrong(
    configure: Configure, run: Run, settings: tuple[object, object], code: int, found: str
) -> None:
    configure(*settings)
    done = run("check", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == code
    assert any(found in each["text"] and each["ok"] is (code == 0) for each in checks)
    assert {each["about"] for each in checks} >= {"configuration", "ledger", "files", "channel chat"}


def test_plugins_are_listed_with_their_distribution_and_a_broken_one_is_a_warning(run: Run, folder: Path) -> None:
    broken = folder / "kapot-0.3.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: kapot\nVersion: 0.3\n")
    (broken / "entry_points.txt").write_text("[gemeente_connect]\nkapot = no_such_module\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        done = run("plugins")
        document = json.loads(run("plugins", "--json").stdout)
    assert done.returncode == 0
    assert "acme-chat" in done.stdout
    assert "acme-connect" in done.stdout
    assert "warning: the plugin 'kapot' of kapot is broken: ModuleNotFoundError" in done.stderr
    acme = {"name": "acme-zaken", "kind": "case system", "distribution": "acme-connect", "version": "1.2"}
    assert acme in document["connectors"]
    assert [each["plugin"] for each in document["broken"]] == ["kapot"]


def test_without_plugins_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect.plugins.entry_points", lambda **_: ())
    assert run("plugins").stdout.startswith("No plugins are installed.")
    alone = EntryPoint("acme", "acme_connect", "gemeente_connect")  # of no distribution
    monkeypatch.setattr("gemeente_connect.plugins.entry_points", lambda **_: [alone])
    assert {each["version"] for each in json.loads(run("plugins", "--json").stdout)["connectors"]} == {None}


def test_a_broken_plugin_that_no_sync_uses_is_a_warning_and_one_that_is_used_an_error(
    configure: Configure, run: Run, folder: Path
) -> None:
    broken = folder / "kapot-0.3.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: kapot\nVersion: 0.3\n")
    (broken / "entry_points.txt").write_text("[gemeente_connect]\nkapot = no_such_module\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        configure()
        unused = run("sync")
        configure({"plugin": "kapot"})
        used = run("sync")
    assert (unused.returncode, unused.stderr.startswith("warning: the plugin 'kapot'")) == (0, True)
    assert (used.returncode, used.stderr.startswith("error: daily: no channel 'kapot'")) == (2, True)
    assert len(used.stderr.splitlines()) == 1


def test_progress_is_told_in_lines_where_there_is_no_terminal_and_not_at_all_when_quiet(
    configure: Configure, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    assert run("sync").stderr == ""  # it took less than a second
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    for options, lines in (((), 3), (("--quiet",), 0), (("--json",), 0)):
        configure({"account": f"acme:{options}", "chats": 1})
        assert len(run("sync", *options).stderr.splitlines()) == lines


def test_on_a_terminal_it_is_drawn(configure: Configure, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    configure({"chats": 20}, {"findable": ["yes", "no-question"]})
    for command in ("sync", "stats", "check"):
        ours, theirs = pty.openpty()
        process = start(command, stdout=theirs, stderr=theirs, stdin=theirs)
        os.close(theirs)
        drawn = "".join(_read(ours))
        os.close(ours)
        assert process.wait(timeout=30) == 0
        assert "\x1b[" in drawn
        assert ("✓" if command == "check" else "█") in drawn


def _read(terminal: int) -> Iterator[str]:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other end was closed
            return
        if not data:
            return
        yield data.decode(errors="replace")


def test_an_interrupted_run_leaves_with_130_and_the_next_one_goes_on(
    configure: Configure, start: Start, run: Run, folder: Path
) -> None:
    configure(zaken={"hang": True})
    process = start("sync")
    until = time.monotonic() + 30
    while not (folder / "records.txt").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "interrupted: what was done stays done, and the next run goes on from there"
    (folder / "records.txt").unlink()
    configure()
    assert run("sync").returncode == 0
    assert len(set((folder / "records.txt").read_text().splitlines())) == 3


def test_whoever_reads_the_report_may_go_and_the_exit_code_stays(configure: Configure, start: Start) -> None:
    configure()
    reading, writing = os.pipe()
    os.close(reading)
    process = start("sync", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
