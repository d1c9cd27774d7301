"""The file itself: private, refused when it is something else, and safe when the disk is not."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from gemeente_connect.errors import ConfigError, StorageError
from gemeente_connect.ledger import Ledger, sqlite
from gemeente_connect.testing.builders import ACCOUNT, message, page, receipt

NOBODY = 65534


def _sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def _bytes_of(folder: Path) -> dict[str, bytes]:
    """All but the shared memory, in which SQLite notes who is reading."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


@contextmanager
def _without_privileges() -> Iterator[Path]:
    """Give a folder that others may look into, and be somebody who may write nothing there: root may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@contextmanager
def _as_nobody() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_only_its_owner_may_read_it_and_what_stands_next_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on the way"
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert "ledger.sqlite" in modes
    assert set(modes.values()) == {0o600}


def test_a_ledger_of_a_newer_version_is_refused_and_says_what_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    _sql(path, "PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match=r"newer version \(schema 99, this one knows \d+\): upgrade gemeente-connect"):
        Ledger(path)
    assert _sql(path, "PRAGMA user_version") == [(99,)]


@pytest.mark.parametrize("content", [b"%PDF-1.7 and so on " * 100, b"x" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"this file is no ledger, or it is damaged. Correct `ledger`, or restore a backup"
    ):
        Ledger(path)
    assert _bytes_of(tmp_path) == {"ledger.sqlite": content}


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "loket.sqlite"
    _sql(path, "CREATE TABLE record (id INTEGER)")
    before = _bytes_of(tmp_path)
    with pytest.raises(ConfigError, match="this file is no ledger"):
        Ledger(path)
    assert _bytes_of(tmp_path) == before


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this file is no ledger"):
        Ledger(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"it cannot be used \((File exists|Not a directory)\)"):
        Ledger(tmp_path / "file" / "ledger.sqlite")


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").touch()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.cursor(ACCOUNT) is None


def test_a_damaged_ledger_says_to_restore_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(*(message(n) for n in range(500))))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"the file is damaged. Restore a backup"), Ledger(path) as ledger:
        list(ledger.due(ACCOUNT, "loket", None))


def test_a_file_that_may_not_be_written_says_so() -> None:
    with _without_privileges() as folder:
        Ledger(folder / "ledger.sqlite").close()
        (folder / "ledger.sqlite").chmod(0o444)
        folder.chmod(0o555)
        with _as_nobody(), pytest.raises(StorageError, match=r"it cannot be written. Give this user write access"):
            Ledger(folder / "ledger.sqlite")


def test_a_folder_that_may_not_be_written_says_so() -> None:
    with _without_privileges() as folder:
        Ledger(folder / "ledger.sqlite").close()
        (folder / "ledger.sqlite").chmod(0o666)
        folder.chmod(0o555)
        with _as_nobody(), pytest.raises(StorageError, match="write access to the file and its folder"):
            Ledger(folder / "ledger.sqlite")


def test_a_ledger_that_another_run_holds_says_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"another run holds it. Try again when that one is done"):
            ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        other.execute("ROLLBACK")
        assert ledger.store(ACCOUNT, "whatsapp", page(message(1))).new == 1


def test_two_runs_may_store_in_one_ledger_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def run(number: int) -> int:
        together.wait()
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            pages = (page(*(message(n) for n in range(start, start + 20))) for start in range(0, 200, 20))
            return sum(ledger.store(ACCOUNT, f"kind-{number}", each).new for each in pages)

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert sum(pool.map(run, range(4))) == 200


_FILL = """
import resource, sys
from gemeente_connect.errors import StorageError
from gemeente_connect.ledger import Ledger
from gemeente_connect.testing.builders import ACCOUNT, message, page
ledger = Ledger(sys.argv[1])
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
try:
    for number in range(1, 10_000):
        batch = (message(number * 10 + n, text="x" * 1000) for n in range(10))
        ledger.store(ACCOUNT, "whatsapp", page(*batch, cursor=str(number)))
        stored = number
except StorageError as error:
    print(stored)
    print(error)
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
"""


def test_on_a_full_disk_what_was_stored_before_is_safe_and_the_rest_follows_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    done = subprocess.run([sys.executable, "-c", _FILL, str(path)], capture_output=True, text=True, check=True)
    stored, told = done.stdout.splitlines()
    assert "the disk is full. Make room and run again: what was stored before is safe" in told
    assert int(stored) > 1
    with Ledger(path) as ledger:
        assert ledger.cursor(ACCOUNT) == stored
        assert _sql(path, "SELECT count(*) FROM messages") == [(int(stored) * 10,)]
        assert ledger.store(ACCOUNT, "whatsapp", page(message(1))).new == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_may_not_grow_says_that_the_disk_is_full(ledger: Ledger) -> None:
    ledger._db.write("PRAGMA max_page_count = 1")  # SQLite itself then answers as on a full disk
    with pytest.raises(StorageError, match="the disk is full"):
        ledger.store(ACCOUNT, "whatsapp", page(*(message(n) for n in range(500))))
    assert ledger.cursor(ACCOUNT) is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_error_that_nobody_foresaw_is_told_too(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(StorageError, match=r"it cannot be used \(Cannot operate on a closed database"):
        ledger.cursor(ACCOUNT)


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.close()
    ledger.close()


def test_a_copy_has_everything_and_leaves_the_original_as_it_was_byte_for_byte(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        before = _bytes_of(tmp_path)
        with ledger.copy() as copy:
            assert copy.cursor(ACCOUNT) == "1"
            copy.store(ACCOUNT, "whatsapp", page(message(2)))
            (offer,) = copy.due(ACCOUNT, "loket", None)
            copy.settle(offer, "loket", receipt())
            assert list(copy.due(ACCOUNT, "loket", None)) == []
        assert _bytes_of(tmp_path) == before
        (untouched,) = ledger.due(ACCOUNT, "loket", None)
        assert [m.id for m in untouched.conversation.messages] == ["m1"]


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc: the open files of a process are listed there"
)
def test_a_temporary_ledger_writes_no_file_however_much_is_in_it() -> None:
    def temporary_files() -> list[str]:
        found = []
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # the listing itself is an open file, and closed by now
                found.append(str(entry.readlink()))
        return [link for link in found if "etilqs" in link]

    with Ledger(None) as ledger:
        for start in range(0, 2000, 100):
            batch = [message(n, text="x" * 5000) for n in range(start, start + 100)]
            ledger.store(ACCOUNT, "whatsapp", page(*batch, cursor=str(start)))
        assert temporary_files() == []
