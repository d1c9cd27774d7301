"""The harness itself: it sees what outlives a run, kills for good, and finds what is lost or doubled."""

from __future__ import annotations

import itertools
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gemeente_connect import ConfigError, Ledger, Report, sync
from gemeente_connect.contracts import Files, Receipt, Refs, Steps
from gemeente_connect.http import ApiSession
from gemeente_connect.models import Conversation
from gemeente_connect.testing.builders import message
from gemeente_connect.testing.deaths import Survey, survey
from gemeente_connect.testing.effects import Crash, Effect, told
from gemeente_connect.testing.fakes import FakeCaseSystem, FakeChannel
from gemeente_connect.testing.rest import RestServer


def effects_of(act: Callable[[], object]) -> list[str]:
    seen: list[Effect] = []
    with told(seen.append) as opened:
        act()
    opened.let_go()
    return [f"{effect.kind}: {effect.what}" for effect in seen]


# ---- what it sees ----------------------------------------------------------------------------------------------------


def test_commits_and_writes_outside_a_transaction_are_told_and_reading_is_not(tmp_path: Path) -> None:
    def act() -> None:
        connection = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        connection.execute("COMMIT")
        connection.execute("SELECT * FROM t").fetchall()
        connection.executescript("DELETE FROM t; DELETE FROM t")
        connection.execute("BEGIN")
        connection.execute("ROLLBACK")
        with closing(connection.cursor()) as cursor:
            cursor.execute("INSERT INTO t VALUES (3)")

    assert effects_of(act) == [
        "commit: PRAGMA journal_mode = WAL after nothing",
        "commit: CREATE TABLE t (a) after PRAGMA journal_mode = WAL",
        "commit: COMMIT after INSERT INTO t VALUES",
        "commit: a script",
        "commit: INSERT INTO t VALUES after ROLLBACK",
    ]


def test_the_commits_of_a_connection_that_begins_transactions_by_itself_are_told(tmp_path: Path) -> None:
    def act() -> None:
        connection = sqlite3.connect(tmp_path / "a.sqlite")
        connection.execute("CREATE TABLE t (a)")
        with connection:
            connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (2)")
        connection.commit()
        connection.commit()  # nothing is left to commit

    assert [each for each in effects_of(act) if "COMMIT" in each] == ["commit: COMMIT after INSERT INTO t VALUES"] * 2


def test_a_database_in_memory_ends_with_its_process_and_is_not_told() -> None:
    assert effects_of(lambda: sqlite3.connect(":memory:").execute("CREATE TABLE t (a)")) == []


def test_every_way_to_change_a_file_is_told_and_a_write_is_two_halves(tmp_path: Path) -> None:
    old, new, third = tmp_path / "old", tmp_path / "new", tmp_path / "third"

    def act() -> None:
        old.write_text("geschreven")
        old.rename(new)
        new.read_text()
        with new.open("r+b") as file:
            file.truncate(4)
        descriptor = os.open(third, os.O_CREAT | os.O_WRONLY)
        with os.fdopen(descriptor, "wb", buffering=0) as raw:
            raw.write(b"x")
            os.write(descriptor, b"y")
        new.unlink()
        new.unlink(missing_ok=True)  # it is not there: nothing changes
        (tmp_path / "folder" / "in it").mkdir(parents=True)
        (tmp_path / "folder").mkdir(exist_ok=True)

    assert effects_of(act) == [
        f"file: make {old}",
        f"file: write to {old}",
        f"file: write the other half to {old}",
        f"file: rename {old}",
        f"file: truncate {new}",
        f"file: make {third}",
        "file: write to a file",
        "file: write",
        f"file: unlink {new}",
        f"file: mkdir {tmp_path}/folder",
        f"file: mkdir {tmp_path}/folder/in it",
    ]
    assert third.read_bytes() == b"xy"


@pytest.mark.parametrize("mode", ["w", "wb", "x", "a", "w+", "r+b"])
def test_a_file_that_is_opened_for_writing_is_as_any_other(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "file"
    if "r" in mode:
        path.touch()
    text = b"een\ntwee\n" if "b" in mode else "een\ntwee\n"
    with told(lambda _: None), path.open(mode) as file:
        file.write(text)
        assert file.writable()
    assert path.read_bytes() == b"een\ntwee\n"


def test_a_pipe_is_no_file() -> None:
    reading, writing = os.pipe()

    def act() -> None:
        os.write(writing, b"a")
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(b"b")

    assert effects_of(act) == []
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"ab"


def test_requests_are_told_and_what_the_server_in_this_process_does_is_not(tmp_path: Path) -> None:
    def keep(_: str, row: dict[str, object]) -> None:
        (tmp_path / "kept by the server").write_text(str(row))

    with RestServer(refuses=keep) as server, ApiSession(server.url) as api:
        assert effects_of(lambda: (api.get("records", params={"a": 1}), api.post("records", {"a": 1}))) == [
            "request: GET /records",
            "request: POST /records",
        ]
    assert (tmp_path / "kept by the server").exists()


def test_what_is_sent_without_http_is_told_each_time() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert effects_of(lambda: (one.send(b"A1 LOGIN"), one.send(b"A2 LOGOUT"))) == [
            "request: something that is not HTTP",
            "request: something that is not HTTP",
        ]


def test_what_a_thread_of_the_run_does_is_told_too(tmp_path: Path) -> None:
    def act() -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda name: (tmp_path / name).mkdir(), ["a", "b"]))

    assert sorted(effects_of(act)) == [f"file: mkdir {tmp_path}/a", f"file: mkdir {tmp_path}/b"]


def test_afterwards_everything_is_as_it_was() -> None:
    before = sqlite3.connect, open, os.replace, os.open, threading.Thread.start, socket.socket.sendall
    with told(lambda _: None):
        assert sqlite3.connect is not before[0]
    assert before == (sqlite3.connect, open, os.replace, os.open, threading.Thread.start, socket.socket.sendall)
    assert "sendall" not in vars(socket.socket)  # it is inherited again


# ---- how it kills, and what it finds ---------------------------------------------------------------------------------


@dataclass
class Folder:
    """A world that is a folder."""

    path: Path
    log: list[str] = field(default_factory=list)


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Folder]:
    numbers = itertools.count()

    def make() -> Folder:
        folder = Folder(tmp_path / str(next(numbers)))
        folder.path.mkdir()
        return folder

    return make


def _names_and_contents(folder: Folder) -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in folder.path.iterdir() if path.is_file())


def _surveyed(folders: Callable[[], Folder], act: Callable[[Path], object]) -> Survey:
    def run(folder: Folder) -> Report:
        act(folder.path)
        return Report()

    return survey("test", folders, run, _names_and_contents)


def test_a_file_that_is_written_in_place_is_found_torn_and_one_that_is_moved_there_is_not(
    folders: Callable[[], Folder],
) -> None:
    def torn(folder: Path) -> None:
        if not (folder / "state").exists():
            (folder / "state").write_text("the whole of it")

    def whole(folder: Path) -> None:
        (folder / "new").write_text("the whole of it")
        (folder / "new").rename(folder / "state")

    found = _surveyed(folders, torn)
    assert (found.tried, found.survived, found.lost, found.doubled) == (4, 2, 2, 2)
    assert "write the other half" in found.wounds[-1]
    assert "4 points tried, 2 deaths survived, lost 2, doubled 2" in str(found)
    assert _surveyed(folders, whole).wounds == []


def test_what_a_dead_run_still_tries_to_do_has_no_effect(folders: Callable[[], Folder]) -> None:
    left: list[list[str]] = []

    def act(folder: Path) -> None:
        left.append([path.name for path in folder.iterdir()])
        connection = sqlite3.connect(folder / "a.sqlite", isolation_level=None)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (1)")
            (folder / "half way").touch()
            with suppress(Exception):
                (folder / "caught").mkdir()
            connection.execute("COMMIT")
        except BaseException:
            with suppress(BaseException):
                connection.execute("COMMIT")  # a bad plugin, which keeps half of its work
            with suppress(BaseException):
                (folder / "afterwards").mkdir()
            raise
        finally:
            connection.close()

    def state(folder: Folder) -> list[int]:
        with closing(sqlite3.connect(folder.path / "a.sqlite")) as connection:
            return [row for (row,) in connection.execute("SELECT a FROM t")]

    def run(folder: Folder) -> Report:
        if not (folder.path / "half way").exists() or not state(folder):
            act(folder.path)
        return Report()

    assert survey("test", folders, run, state).wounds == []
    assert not any("afterwards" in names for names in left)


def test_a_run_that_catches_everything_dies_all_the_same(folders: Callable[[], Folder]) -> None:
    def act(folder: Path) -> None:
        for name in "abc":
            with suppress(BaseException):
                (folder / name).touch()

    found = _surveyed(folders, act)
    assert (found.tried, found.wounds) == (4, [])


def test_the_threads_of_a_run_die_with_it(folders: Callable[[], Folder]) -> None:
    def act(folder: Path) -> None:
        threads = [threading.Thread(target=(folder / name).touch) for name in "abc"]
        for thread in threads:
            thread.start()
            thread.join()

    assert _surveyed(folders, act).tried == 4


def test_an_error_of_the_run_itself_is_no_death(folders: Callable[[], Folder]) -> None:
    def act(_: Path) -> None:
        message = "correct the configuration"
        raise ConfigError(message)

    with pytest.raises(ConfigError):
        _surveyed(folders, act)


def test_a_run_that_is_never_done_is_told(folders: Callable[[], Folder]) -> None:
    with pytest.raises(AssertionError, match="after 20 runs there is still something to do"):
        survey("test", folders, lambda _: Report(deferred={"a": "in doubt"}), lambda _: [])


def test_an_error_that_trying_again_cannot_mend_is_told(folders: Callable[[], Folder]) -> None:
    with pytest.raises(AssertionError, match="no such plugin"):
        survey("test", folders, lambda _: Report(errors=[ConfigError("no such plugin")]), lambda _: [])


class Careless(FakeCaseSystem):
    """Does not look whether the record is there."""

    def _find(self, conversation: Conversation) -> Refs | None:
        return None


class Stepless(FakeCaseSystem):
    """Makes its records past the steps."""

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        self._make(conversation)
        return super().deliver(conversation, steps, files)


class Forgetful(FakeChannel):
    """Says it was read before it was."""

    def pages(self, since: object) -> Iterator[object]:  # type: ignore[override] # as a bad plugin
        if since is None:
            yield self._pages[0].model_copy(update={"messages": (), "cursor": "1"})
        yield from super().pages(since)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channel", "case_system", "lost", "doubled"),
    [
        (FakeChannel, FakeCaseSystem, False, False),
        (FakeChannel, Careless, False, True),
        (FakeChannel, Stepless, False, True),
        (Forgetful, FakeCaseSystem, True, False),
    ],
)
def test_a_plugin_that_loses_or_doubles_is_found_out(
    folders: Callable[[], Folder],
    channel: type[FakeChannel],
    case_system: type[FakeCaseSystem],
    *,
    lost: bool,
    doubled: bool,
) -> None:
    @dataclass
    class Place:
        folder: Folder
        channel: FakeChannel
        case_system: FakeCaseSystem

    def world() -> Place:
        return Place(folders(), channel([message(1), message(2, thread="b")], page_size=1), case_system())

    def run(place: Place) -> Report:
        with Ledger(place.folder.path / "ledger.sqlite") as ledger:
            return sync(place.channel, place.case_system, ledger=ledger, start="all")

    def state(place: Place) -> list[str]:
        return [text for record in place.case_system.made for text in record.turns.values() or ["no text"]]

    found = survey("test", world, run, state)
    assert (found.lost > 0, found.doubled > 0) == (lost, doubled), found


def test_a_crash_is_no_error_that_anything_handles() -> None:
    assert not issubclass(Crash, Exception)
