"""reconcile, adopt and detach, on the embedded loket."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect_loket.register import import_register, read_register
from gemeente_connect_loket.store import Store

Run = Callable[..., subprocess.CompletedProcess[str]]
Configure = Callable[..., Path]
Add = Callable[[Mapping[str, object]], Path]

LOKET = {"plugin": "loket", "records": None, "database": "loket.sqlite"}
BSN = "999990676"
REGISTER = f"""bsn,name,kind,address,verified_at,valid_from,valid_until
{BSN},Fatima Voorbeeld,phone,+31612345600,2025-01-10,,
"""


@pytest.fixture
def delivered(configure: Configure, run: Run) -> list[str]:
    """Three conversations in the loket; the ids in the order of their delivery. Fatima finds the first."""
    configure(zaken=LOKET)
    register(REGISTER)
    done = json.loads(run("sync", "--json").stdout)
    return [each["conversation"] for each in done["syncs"][0]["delivered"]]


def register(csv: str) -> None:
    Path("residents.csv").write_text(csv)
    store = Store(Path("loket.sqlite"))
    import_register(store, read_register(Path("residents.csv")))
    store.close()


def loket(statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect("loket.sqlite", isolation_level=None)) as file:
        return file.execute(statement).fetchall()


def contents() -> list[tuple[Any, ...]]:
    return loket("SELECT r.*, m.* FROM record r JOIN message m ON m.record = r.id ORDER BY r.id, m.turn, m.position")


def lose_the_ledger() -> None:
    for path in Path().glob("ledger.sqlite*"):
        path.unlink()


# ---- reconcile -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("delivered")
@pytest.mark.parametrize("name", ["daily", "zaken"])
def test_a_ledger_and_a_case_system_that_agree_are_told_so_by_either_name(run: Run, name: str) -> None:
    done = run("reconcile", name)
    assert (done.returncode, done.stdout) == (0, f"{name}: the ledger and the case system agree.\n")
    assert json.loads(run("reconcile", name, "--json").stdout) == {
        "name": name,
        "since": None,
        "differences": [],
        "exit_code": 0,
    }


@pytest.mark.usefixtures("delivered")
def test_a_database_that_is_gone_or_another_one_is_not_said_to_agree(run: Run) -> None:
    Path("loket.sqlite").rename("elsewhere.sqlite")
    done = run("reconcile", "zaken")
    assert (done.returncode, "correct 'database', or restore it" in done.stderr) == (2, True)
    register(REGISTER)  # makes a new one
    done = run("reconcile", "zaken")
    assert (done.returncode, "none of them to this case system" in done.stderr) == (2, True)


def test_each_difference_is_told_with_what_to_do_and_asks_for_a_person(delivered: list[str], run: Run) -> None:
    loket(f"DELETE FROM record WHERE external_id = '{delivered[1]}'")
    loket(f"UPDATE record SET subject = 'kanarie' WHERE external_id = '{delivered[2]}'")
    loket("INSERT INTO record (external_id, reference) VALUES ('stray', 'R9')")
    done = run("reconcile", "zaken")
    assert done.returncode == 1
    for text in ("missing there", "changed there", "unknown to the ledger", "Nothing was written", delivered[1], "R9"):
        assert text in done.stdout
    assert "kanarie" not in done.stdout
    document = json.loads(run("reconcile", "zaken", "--json").stdout)
    assert document["exit_code"] == 1
    assert [(each["kind"], each["conversation"]) for each in document["differences"]] == [
        ("changed-there", delivered[2]),
        ("unknown-here", "stray"),
        ("missing-there", delivered[1]),
    ]


def test_one_who_no_longer_finds_it_is_a_difference_and_one_who_does_now_is_good_news(
    delivered: list[str], run: Run
) -> None:
    register(REGISTER.replace("600,", "601,"))
    document = json.loads(run("reconcile", "daily", "--json").stdout)
    assert [(each["kind"], each["conversation"], each["findable"]) for each in document["differences"]] == [
        ("no-longer-findable", delivered[0], "no-resident-known"),
        ("newly-findable", delivered[1], "yes"),
    ]
    both = REGISTER + REGISTER.splitlines()[1].replace("600,", "601,") + "\n"
    register(both)
    done = run("reconcile", "daily")
    assert (done.returncode, "newly findable" in done.stdout) == (0, True)


@pytest.mark.usefixtures("delivered")
def test_many_differences_are_counted_and_only_some_are_shown_one_by_one(run: Run) -> None:
    for number in range(15):
        loket(f"INSERT INTO record (external_id, reference) VALUES ('stray{number}', 'R{number}')")
    text = run("reconcile", "zaken").stdout
    assert (text.count("record R"), "and 5 more: `--json` lists them all" in text) == (10, True)
    assert len(json.loads(run("reconcile", "zaken", "--json").stdout)["differences"]) == 15


@pytest.mark.usefixtures("delivered")
def test_a_day_limits_what_can_be_missing(run: Run) -> None:
    loket("DELETE FROM record")
    assert len(json.loads(run("reconcile", "zaken", "--since", "2026-01-01", "--json").stdout)["differences"]) == 3
    later = json.loads(run("reconcile", "zaken", "--since", "2999-01-01", "--json").stdout)
    assert (later["differences"], later["since"]) == ([], "2999-01-01")
    assert run("reconcile", "zaken", "--since", "yesterday").returncode == 2


@pytest.mark.usefixtures("delivered")
@pytest.mark.parametrize("command", ["reconcile", "adopt"])
def test_a_name_that_is_nothing_is_told_with_the_choices(run: Run, command: str) -> None:
    done = run(command, "zaak")
    assert (done.returncode, "did you mean 'zaken'" in done.stderr, "daily" in done.stderr) == (2, True, True)


@pytest.mark.parametrize("command", ["reconcile", "adopt"])
def test_a_case_system_that_cannot_list_and_a_ledger_that_is_not_there_are_told(
    configure: Configure, run: Run, command: str
) -> None:
    configure(zaken={"plugin": "acme-post", "records": None})
    assert "there is no ledger" in run(command, "zaken").stderr
    run("collect")
    done = run(command, "zaken")
    assert (done.returncode, "acme-post:test cannot list its records" in done.stderr) == (2, True)


# ---- adopt -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("delivered")
def test_after_a_lost_ledger_collect_adopt_and_sync_leave_the_case_system_as_it_was(run: Run) -> None:
    before = contents()
    lose_the_ledger()
    assert run("collect").returncode == 0
    done = run("adopt", "zaken")
    assert (done.returncode, "adopted" in done.stdout, "gemeente-connect sync" in done.stdout) == (0, True, True)
    assert run("reconcile", "zaken").returncode == 0
    assert run("sync").returncode == 0
    assert contents() == before
    assert json.loads(run("adopt", "daily", "--json").stdout) == {
        "name": "daily",
        "records": {"known": 3, "adopted": 0, "incomplete": 0, "twice": 0, "unmatched": 0},
        "doubtful": [],
        "exit_code": 0,
    }


def test_records_that_the_channel_no_longer_gives_are_told(
    delivered: list[str], configure: Configure, run: Run
) -> None:
    lose_the_ledger()
    configure({"chats": 1}, zaken=LOKET)
    run("collect")
    done = run("adopt", "zaken")
    assert (done.returncode, delivered[1] in done.stdout, "without a message" in done.stdout) == (1, True, True)
    document = json.loads(run("adopt", "zaken", "--json").stdout)
    assert [(each["outcome"], each["conversation"]) for each in document["doubtful"]] == [
        ("unmatched", key) for key in delivered[1:]
    ]
    assert document["exit_code"] == 1


def test_a_case_system_without_records_has_nothing_to_adopt(configure: Configure, run: Run) -> None:
    configure(zaken=LOKET)
    register(REGISTER)
    run("collect")
    done = run("adopt", "zaken")
    assert (done.returncode, done.stdout) == (0, "zaken: the case system holds no records.\n")


# ---- detach ----------------------------------------------------------------------------------------------------------


def test_a_conversation_is_taken_away_from_its_resident_for_ever(delivered: list[str], run: Run) -> None:
    done = run("detach", delivered[0])
    assert (done.returncode, "who never finds it again" in done.stdout) == (0, True)
    assert loket("SELECT * FROM detached") == [(delivered[0], BSN)]
    assert BSN not in done.stdout + done.stderr
    report = json.loads(run("sync", "--json").stdout)["syncs"][0]
    assert [(each["conversation"], each["findable"]) for each in report["delivered"]] == [
        (delivered[0], "not-valid-then")
    ]
    assert run("reconcile", "zaken").returncode == 0


def test_a_conversation_may_be_named_by_the_address_of_its_page(delivered: list[str], run: Run) -> None:
    (reference,) = loket(f"SELECT reference FROM record WHERE external_id = '{delivered[0]}'")[0]
    for name in (reference, f"https://loket.example.nl/vragen/{reference}/"):
        assert json.loads(run("detach", "--json", "--", name).stdout)["conversation"] == delivered[0]


def test_a_reference_of_several_conversations_names_none_of_them(delivered: list[str], run: Run, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute(
            "UPDATE deliveries SET receipt = json_set(receipt, '$.reference', 'https://zaken.example.nl/R1')"
        )
    done = run("detach", "R1")
    assert done.returncode == 2
    assert "several conversations" in done.stderr
    assert len(delivered) > 1


def test_each_case_system_that_has_it_says_what_came_of_it(
    delivered: list[str], run: Run, add: Add, folder: Path
) -> None:
    add({"case_systems.post": {"plugin": "acme-post"}})
    add({"case_systems.leeg": {"plugin": "loket", "database": "leeg.sqlite"}})
    add({"case_systems.ander": {"plugin": "loket", "database": "ander.sqlite"}})
    add({"syncs.second": {"channel": "chat", "case_system": "post"}})
    add({"syncs.third": {"channel": "chat", "case_system": "ander"}})
    run("sync", "second", "third", "--all")
    document = json.loads(run("detach", delivered[0], "--json").stdout)
    assert document["conversation"] == delivered[0]
    zaken, post, other = document["case_systems"]
    assert zaken == {"name": "zaken", "detached": True, "exit_code": 0}
    assert (post["name"], post["detached"], post["error"]["type"]) == ("post", False, "PluginError")
    assert other == {"name": "ander", "detached": False, "exit_code": 0}
    assert document["exit_code"] == 2
    done = run("detach", delivered[0])
    assert (done.returncode, "post: acme-post:test cannot take" in done.stderr) == (2, True)
    assert done.stdout.splitlines()[1:] == ["ander: nobody finds it."]
    assert not (folder / "leeg.sqlite").exists(), "it never had the conversation"


def test_what_nobody_finds_cannot_be_taken_away(delivered: list[str], run: Run) -> None:
    done = run("detach", delivered[1])
    assert (done.returncode, "nobody finds this conversation" in done.stderr) == (2, True)


@pytest.mark.usefixtures("delivered")
def test_an_id_that_is_not_known_is_not_repeated(run: Run) -> None:
    done = run("detach", BSN)
    assert (done.returncode, "no such conversation" in done.stderr, BSN in done.stderr) == (2, True, False)
