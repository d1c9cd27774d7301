"""The main job on the shipped demo: from the exported chats to the page on which the resident finds them."""

from __future__ import annotations

import csv
import html
import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import Conversation, Ledger, collect, discover, load
from gemeente_connect_loket.store import Store
from gemeente_connect_loket.web import create_app
from gemeente_connect_loket.web.sign_in import ProxySignIn

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "examples" / "demo"
SCRIPTS = Path(sys.executable).parent
CONFIG = "gemeente-connect.toml"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as it is shipped, with its residents imported, and nothing synced."""
    folder = tmp_path_factory.mktemp("fresh") / "demo"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("state"))
    (folder / "state").mkdir()
    database = ["--database", str(folder / "state" / "loket.sqlite")]
    run([str(SCRIPTS / "mijn-loket"), "residents", "import", str(folder / "residents.csv"), *database])
    return folder


@pytest.fixture(scope="module")
def synced(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo after its first sync, and the report of that."""
    folder = copy_of(fresh, tmp_path_factory.mktemp("synced"))
    return folder, json.loads(run(sync_command(folder)))


def copy_of(folder: Path, into: Path) -> Path:
    return Path(shutil.copytree(folder, into / "demo"))


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sync_command(folder: Path) -> list[str]:
    return [str(SCRIPTS / "gemeente-connect"), "--config", str(folder / CONFIG), "sync", "--json"]


def test_the_demo_delivers_what_its_readme_says(synced: tuple[Path, dict[str, Any]]) -> None:
    folder, report = synced
    counts = report["syncs"][0]["conversations"]
    assert json.loads((folder / "expected.json").read_text()) == {
        "conversations": counts["delivered"],
        "findable": counts["findable"],
        "not_findable": counts["not_findable"],
        "skipped_before_start": counts["before_start"],
        "refused": counts["refused"],
    }


def test_a_second_sync_finds_nothing_new(synced: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = copy_of(synced[0], tmp_path)
    before = contents(folder)
    again = json.loads(run(sync_command(folder)))["syncs"][0]
    assert (again["messages"]["new"], again["messages"]["changed"], again["conversations"]["delivered"]) == (0, 0, 0)
    assert contents(folder) == before


def test_residents_find_their_conversations_once_and_whole_and_nobody_else_does(
    synced: tuple[Path, dict[str, Any]],
) -> None:
    folder, report = synced
    conversations = collected(folder)
    receipts = {d["reference"]: d for d in report["syncs"][0]["delivered"]}
    found: Counter[str] = Counter()
    for pages in pages_of_residents(folder):
        for reference, page in pages.items():
            found[reference] += 1
            assert_whole(page, conversations[receipts[reference]["conversation"]])
    findable = [reference for reference, receipt in receipts.items() if receipt["findable"] == "yes"]
    assert found == Counter(findable)


def collected(folder: Path) -> Mapping[str, Conversation]:
    """The conversations by id, read from the chats again, apart from what was delivered."""
    config = load(folder / CONFIG)
    channel = config.open_channel("whatsapp", discover())
    with Ledger(folder / "state" / "other.sqlite") as ledger:
        collect(channel, ledger, skip=config.syncs["whatsapp"].skip)
        channel.close()
        return {offer.conversation.id: offer.conversation for offer in ledger.due(channel.account, "other", None)}


def pages_of_residents(folder: Path) -> Iterator[dict[str, str]]:
    """For each resident of the register, the pages of their questions by reference."""
    with (folder / "residents.csv").open(encoding="utf-8-sig", newline="") as lines:
        residents = sorted({row["bsn"] for row in csv.DictReader(lines)})
    store = Store(folder / "state" / "loket.sqlite")
    browser = create_app(store, ProxySignIn("X-Bsn", ["127.0.0.1"])).test_client()
    for bsn in residents:
        headers = {"X-Bsn": bsn}
        listed = browser.get("/vragen", headers=headers).text
        references = re.findall(r'href="/vragen/([\w-]+)"', listed)
        yield {reference: browser.get(f"/vragen/{reference}", headers=headers).text for reference in references}
    store.close()


def assert_whole(page: str, conversation: Conversation) -> None:
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    for message in conversation.messages:
        text = "" if message.deleted_at else message.text
        assert " ".join(text.split()) in shown


def test_a_sync_that_is_killed_at_any_moment_ends_the_same_after_a_plain_rerun(
    fresh: Path, synced: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = copy_of(fresh, tmp_path)
    assert killed(sync_command(folder), times=12), "every run was done before it could be killed: kill earlier"
    run(sync_command(folder))
    assert contents(folder) == contents(synced[0])


def killed(command: list[str], times: int) -> int:
    """Run a command and kill it, at moments that are chance. Gives how often it was killed before it was done."""
    moments, kills = random.Random(20261123), 0
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.1, 0.4))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    return kills


def test_with_its_ledger_on_postgresql_and_killed_at_any_moment_it_ends_the_same(
    cluster: Any, fresh: Path, synced: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, schema = copy_of(fresh, tmp_path), cluster.fresh()
    configuration = (folder / CONFIG).read_text().replace('"state/ledger.sqlite"', '{ env = "LEDGER_URL" }')
    (folder / CONFIG).write_text(configuration)
    monkeypatch.setenv("LEDGER_URL", cluster.url(schema))

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = [str(SCRIPTS / "gemeente-connect"), "--config", str(folder / CONFIG), *words]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        assert "host=" not in done.stdout + done.stderr
        return done

    assert "on PostgreSQL is not there yet" in " ".join(command("check").stdout.split())
    assert "there is no ledger on PostgreSQL yet" in " ".join(command("deliver").stderr.split())
    would = [each["action"] for each in json.loads(command("plan", "whatsapp", "--json").stdout)["conversations"]]
    assert cluster.sql(f"SELECT 1 FROM pg_tables WHERE schemaname = '{schema}'") == [], "so far nothing was written"
    assert would == ["create"] * len(contents(synced[0])["records"])
    assert killed(sync_command(folder), times=8)
    assert command("sync").returncode == 0
    assert contents(folder) == contents(synced[0])
    assert command("plan", "whatsapp").returncode == command("check").returncode == command("stats").returncode == 0


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the residents' file holds, without the references, which are random."""
    with sqlite3.connect(folder / "state" / "loket.sqlite") as connection:
        rows = {
            "records": "SELECT external_id, subject, channel, answered, residents, first_in, last_in FROM record",
            "messages": "SELECT r.external_id, m.turn, m.position, m.id, m.sent_at, m.kind, m.text, m.deleted "
            "FROM message m JOIN record r ON r.id = m.record",
            "attachments": "SELECT r.external_id, a.turn, a.message, a.position, a.name, a.sha256, a.missing "
            "FROM attachment a JOIN record r ON r.id = a.record",
        }
        found = {name: sorted(connection.execute(query).fetchall(), key=repr) for name, query in rows.items()}
    connection.close()
    return found


def test_the_script_in_the_docs_does_the_same(fresh: Path, synced: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = copy_of(fresh, tmp_path)
    script = ROOT / "docs" / "examples" / "sync_script.py"
    printed = run([sys.executable, str(script), str(folder)]).splitlines()
    expected = json.loads((folder / "expected.json").read_text())
    assert len(printed) == expected["conversations"] + 1
    assert printed[-1] == f"{expected['conversations']} delivered, {expected['findable']} findable, 0 refused"
    assert contents(folder) == contents(synced[0])


def test_a_resident_who_is_registered_later_finds_the_conversation_at_the_next_offer(
    synced: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = copy_of(synced[0], tmp_path)
    register = (folder / "residents.csv").read_text(encoding="utf-8-sig").splitlines()
    verified = [line.replace(",,,", ",2025-01-01,,") if line.endswith(",,,") else line for line in register]
    assert verified != register
    (folder / "residents.csv").write_text("\n".join(verified) + "\n", encoding="utf-8")
    database = ["--database", str(folder / "state" / "loket.sqlite")]
    run([str(SCRIPTS / "mijn-loket"), "residents", "import", str(folder / "residents.csv"), *database])
    with sqlite3.connect(folder / "state" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE deliveries SET next_offer = 0 WHERE next_offer IS NOT NULL")  # a day later
    ledger.close()
    report = json.loads(run(sync_command(folder)))["syncs"][0]["conversations"]
    assert (report["updated"], report["findable"]) == (4, 2)
    assert len(contents(folder)["records"]) == json.loads((folder / "expected.json").read_text())["conversations"]


def test_no_personal_data_of_the_demo_reaches_the_report_or_its_summary(fresh: Path, tmp_path: Path) -> None:
    folder = copy_of(fresh, tmp_path)
    summary = tmp_path / "summary.md"
    command = [*sync_command(folder)[:-1], "--summary", str(summary)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = done.stdout + done.stderr + summary.read_text()
    with (folder / "residents.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    personal = {value for row in rows for value in (row["bsn"], row["name"], row["address"]) if value}
    personal |= {path.stem for path in (folder / "chats").iterdir()}
    assert not [value for value in personal if value in told]
    assert "findable" in told


def test_the_shipped_configuration_says_from_when_it_delivers() -> None:
    assert load(SHIPPED / CONFIG).syncs["whatsapp"].start == date(2026, 1, 1)
