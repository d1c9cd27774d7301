"""Bad input by the command line: one clear line, an exit code, no traceback, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("gemeente-connect"))
GOOD = "02-11-2026 16:08 - +31 6 12345678: Er ligt een losse tegel\n02-11-2026 16:20 - Gemeente: Dank u wel\n"
AMBIGUOUS = "5/2/22, 16:08 - +31 6 12345679: Goedemiddag\n5/2/22, 16:09 - Gemeente: Dag\n"
CONFIG = """
ledger = "state/ledger.sqlite"
files = "state/attachments"
[channels.whatsapp]
plugin = "whatsapp-export"
path = "chats"
account = "+31687654321"
own_name = "Gemeente"
[case_systems.loket]
plugin = "loket"
database = "state/loket.sqlite"
[syncs.daily]
channel = "whatsapp"
case_system = "loket"
start = 2026-01-01
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "chats").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "chats" / "a good chat.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "gemeente-connect.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def command(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, *words], cwd=place, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def delivered(place: Path) -> int:
    with sqlite3.connect(place / "state" / "loket.sqlite") as connection:
        count = connection.execute("SELECT count(*) FROM record").fetchone()[0]
    connection.close()
    return int(count)


def truncated_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_chat.txt", GOOD * 2000)
    path.write_bytes(path.read_bytes()[:-400])


def climbing_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", GOOD)
        archive.writestr("../outside.jpg", b"x")


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_chat.txt", b"\0" * 200_000_000)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("empty.txt", lambda path: path.write_bytes(b""), "empty"),
        ("report.txt", lambda path: path.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"), "PDF"),
        ("other.txt", lambda path: path.write_text("naam;bericht\nJan;Hallo\n"), "line 1"),
        ("cut.zip", truncated_zip, "zip"),
        ("climbing.zip", climbing_zip, "zip"),
        ("bomb.zip", bomb, "zip"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_listed_and_does_not_stop_the_good_one(
    place: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    make(place / "chats" / name)
    done = command(place, "sync")
    assert done.returncode == 1, done.stderr
    reasons = [line for line in done.stdout.splitlines() if line.startswith("- refused 1: ")]
    assert len(reasons) == 1
    assert said.lower() in reasons[0].lower()
    assert "of 2 in `path`" in reasons[0]
    assert delivered(place) == 1
    listed = json.loads(command(place, "refused", "list", "--json").stdout)["refused"]
    shown = json.loads(command(place, "refused", "show", str(listed[0]["number"]), "--json").stdout)
    assert (len(listed), shown["name"]) == (1, name)
    assert command(place, "sync").returncode == 0, "the same refusal is not new again"


def test_a_repaired_file_leaves_the_list_by_itself(place: Path) -> None:
    path = place / "chats" / "later.txt"
    path.write_bytes(b"")
    assert command(place, "sync").returncode == 1
    path.write_text(GOOD.replace("12345678", "12345679"), encoding="utf-8")
    assert command(place, "sync").returncode == 0
    assert json.loads(command(place, "refused", "list", "--json").stdout)["refused"] == []
    assert delivered(place) == 2


def test_dates_that_can_be_read_in_two_ways_are_asked_about_and_the_rest_is_delivered(place: Path) -> None:
    (place / "chats" / "b.txt").write_text(AMBIGUOUS, encoding="utf-8")
    done = command(place, "sync")
    assert done.returncode == 2
    assert "date_order" in done.stderr
    assert "'dmy'" in done.stderr
    assert "'mdy'" in done.stderr
    assert delivered(place) == 1
    told = (place / "gemeente-connect.toml").read_text().replace('path = "chats"', 'path = "chats"\ndate_order = "dmy"')
    (place / "gemeente-connect.toml").write_text(told.replace("start = 2026", "start = 2022"))
    assert command(place, "sync").returncode == 0
    assert delivered(place) == 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('own_name = "Gemeente"', 'own_nam = "Gemeente"', "did you mean 'own_name'"),
        ('own_name = "Gemeente"', 'own_name = "G"\nquiet_gap_hour = 3', "[channels.whatsapp]: there is no setting"),
        ('own_name = "Gemeente"', 'own_name = "G"\nquiet_gap_hour = 3', "did you mean 'quiet_gap_hours'"),
        ("[syncs.daily]", "[sync.daily]", "did you mean 'syncs'"),
        ('channel = "whatsapp"', 'channel = "watsapp"', "did you mean 'whatsapp'"),
        (
            'plugin = "whatsapp-export"',
            'plugin = "whatsap-export"',
            "did you mean 'whatsapp-export'? installed: ",
        ),
        ('plugin = "loket"', 'plugin = "e-suite"', "installed: loket"),
        ("start = 2026-01-01", "", "start = DATE"),
        ('path = "chats"', 'path = "chat"', "path"),
        ("ledger = ", "ledger ", "line 2"),
    ],
)
def test_a_wrong_configuration_says_what_to_correct(place: Path, before: str, after: str, said: str) -> None:
    config = place / "gemeente-connect.toml"
    assert before in config.read_text()
    config.write_text(config.read_text().replace(before, after, 1))
    done = command(place, "sync")
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr


def test_a_ledger_of_a_newer_version_is_left_alone(place: Path) -> None:
    assert command(place, "sync").returncode == 0
    with sqlite3.connect(place / "state" / "ledger.sqlite") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = (place / "state" / "ledger.sqlite").read_bytes()
    done = command(place, "sync")
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*newer version.*upgrade gemeente-connect\n", done.stderr)
    assert (place / "state" / "ledger.sqlite").read_bytes() == before


FULL_DISK = """
import resource, sys
from gemeente_connect.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


def test_a_full_disk_means_try_later_and_loses_nothing(place: Path) -> None:
    lines = [GOOD.replace("02-11", f"{day:02}-{month:02}") for month in range(1, 11) for day in range(1, 28, 3)]
    (place / "chats" / "a good chat.txt").write_text("".join(lines), encoding="utf-8")
    limited = [sys.executable, "-c", FULL_DISK, "120000", "sync"]
    unmeasured = {
        key: value for key, value in os.environ.items() if not key.startswith("COV")
    }  # its file would not fit
    done = subprocess.run(limited, cwd=place, capture_output=True, text=True, check=False, env=unmeasured)
    assert done.returncode == 75, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert command(place, "sync").returncode == 0
    assert delivered(place) == len(lines)
