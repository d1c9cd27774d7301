from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from plugins.loket.tests.conftest import Desk, chat, said

from gemeente_connect.errors import ConfigError, StorageError
from gemeente_connect_loket.case_system import Loket
from gemeente_connect_loket.store import MIGRATIONS, Store


def test_only_its_owner_may_read_the_file_and_what_stands_beside_it(desk: Desk) -> None:
    desk.deliver(chat(said("Een vraag")))
    beside = sorted(desk.folder.glob("loket.sqlite*"))
    assert len(beside) == 3, "the file, its log and its index"
    assert {path.stat().st_mode & 0o777 for path in beside} == {0o600}


def test_the_account_stays_with_the_file_wherever_it_goes(desk: Desk, tmp_path: Path) -> None:
    account = desk.loket.account
    assert account.startswith("loket:")
    desk.loket.close()
    moved = tmp_path / "elsewhere.sqlite"
    desk.store.path.rename(moved)
    assert Loket(Store(moved)).account == account


def test_the_account_is_known_before_the_file_is_there_and_is_the_same_afterwards(empty_desk: Desk) -> None:
    promised = empty_desk.loket.account
    assert not empty_desk.store.path.exists()
    empty_desk.deliver(chat(said("Een vraag")))
    assert Loket(Store(empty_desk.store.path)).account == promised


def test_a_file_written_by_a_newer_version_is_refused_and_left_as_it_is(desk: Desk) -> None:
    desk.loket.close()
    connection = sqlite3.connect(desk.store.path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(ConfigError, match=r"newer version .* upgrade gemeente-connect-loket"):
        Loket(Store(desk.store.path))
    with pytest.raises(ConfigError, match="newer version"), Store(desk.store.path).writing():
        pass


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE message (id TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="something else"), Store(path).writing():
        pass
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "residents.csv"
    path.write_text("bsn,name\n" * 200)
    with pytest.raises(ConfigError, match="no SQLite database"):
        Loket(Store(path))


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        Store(tmp_path)


def test_a_path_that_no_disk_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="too long"):
        Store(tmp_path / ("x" * 300))


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "loket.sqlite"
    path.touch()
    store = Store(path)
    with store.writing() as connection:
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (0,)
    store.close()


def test_a_damaged_file_is_told_as_such(desk: Desk) -> None:
    for n in range(50):
        desk.deliver(chat(said("Een vraag " * 50), key=str(n)))
    desk.loket.close()
    content = bytearray(desk.store.path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    desk.store.path.write_bytes(content)
    with pytest.raises((StorageError, ConfigError), match=r"damaged|no SQLite database"):
        Loket(Store(desk.store.path))


def test_reading_makes_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "loket.sqlite")
    with pytest.raises(ConfigError, match="import residents or run a sync first"), store.reading():
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_in_a_block_that_fails_is_undone(desk: Desk) -> None:
    def half() -> None:
        with desk.store.writing() as connection:
            connection.execute("DELETE FROM resident")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    with desk.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM resident").fetchone() == (3,)


def test_what_has_to_survive_a_power_cut_waits_for_the_disk_also_after_what_has_not(desk: Desk) -> None:
    waits = []
    for durable in (False, True, True, False, True):
        with desk.store.writing(durable=durable) as connection:
            waits.append(connection.execute("PRAGMA synchronous").fetchone()[0])
    normal, full = 1, 2
    assert waits == [normal, full, full, normal, full]


def test_a_file_of_the_first_version_is_brought_up_to_date_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "loket.sqlite"
    with monkeypatch.context() as patched:
        patched.setattr("gemeente_connect_loket.store.MIGRATIONS", MIGRATIONS[:1])
        old = Store(path)
        with old.writing() as connection:
            connection.execute("INSERT INTO record (external_id, reference) VALUES ('c1', 'R1')")
        old.close()
    loket = Loket(Store(path))
    (record,) = loket.records(None)
    assert (record.conversation, record.reference, record.account) == ("c1", "R1", None)
    assert loket.detach("c1", {}, None) == ()
    loket.close()
