"""Celery for real: a Redis, a ledger on PostgreSQL, two workers, and one of them killed in the middle."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from gemeente_connect.ledger import Ledger
from gemeente_connect.testing.rest import Answer, RestServer

ROOT = Path(__file__).parents[1]
SITE = ROOT / "tests" / "faults" / "site"
CANARY = "kanarie"
CHATS = 30
QUIET = os.environ | {"PYTHONUNBUFFERED": "1"}


class SlowServer(RestServer):
    """Takes its time for what is written, so that a worker can be killed in the middle of it."""

    def answer(self, method: str, target: str, body: bytes, host: str) -> Answer:
        if method != "GET":
            time.sleep(0.01)
        return super().answer(method, target, body, host)


@pytest.fixture
def server() -> Iterator[RestServer]:
    """An API with chats, and a desk that would take every record twice."""
    with SlowServer() as opened:
        first = datetime(2026, 11, 20, 9, tzinfo=UTC)
        for number in range(2 * CHATS):
            chat, answers = divmod(number, 2)
            opened.add(
                "posts",
                key=f"m{number}",
                chat=f"{CANARY}-{chat}",
                sent_at=(first + timedelta(minutes=number)).isoformat(),
                sender="desk" if answers else f"{CANARY}.{chat}@example.nl",
                by_desk=bool(answers),
                text=f"{CANARY} {number}",
            )
        yield opened


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """A Redis of our own, on a socket in a folder."""
    program = shutil.which("redis-server")
    if program is None:
        message = "this program is not installed: redis-server"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with _folder() as folder:
        socket = folder / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _until(socket.exists)
            yield f"redis+socket://{socket}"
            process.terminate()


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder with a short name: that of a socket may have a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="gc") as name:
        yield Path(name)


class Workers:
    """Worker processes with one configuration, and what sends them tasks."""

    def __init__(self, folder: Path, broker: str, url: str, ledger: str) -> None:
        self.config = folder / "gemeente-connect.toml"
        self.config.write_text(
            'ledger = { env = "LEDGER_URL" }\n'
            f'[channels.chat]\nplugin = "desk-chat"\nbase_url = "{url}"\n'
            f'[case_systems.desk]\nplugin = "desk"\nbase_url = "{url}"\nenforces_key = true\n'
            '[syncs.daily]\nchannel = "chat"\ncase_system = "desk"\nstart = 2026-01-01\n'
        )
        self.env = QUIET | {
            "CELERY_BROKER_URL": broker,
            "GEMEENTE_CONNECT_CONFIG": str(self.config),
            "LEDGER_URL": ledger,
            "PYTHONPATH": str(SITE),
        }
        self.log = folder / "log.txt"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        celery = [sys.executable, "-m", "celery", "-A", "gemeente_connect.celery"]
        command = [*celery, "worker", "-n", name, "--loglevel", "INFO", *options]
        with self.log.open("ab") as log:
            self.running.append(subprocess.Popen(command, env=self.env, stdout=log, stderr=log, cwd=ROOT))
        return self.running[-1]

    def send(self, task: str, *args: object) -> None:
        """Send a task, as a process of its own does."""
        script = f"from gemeente_connect.celery import {task}; {task}.delay(*{args!r})"
        subprocess.run([sys.executable, "-c", script], env=self.env, check=True, timeout=60)

    def stop(self) -> None:
        """End them all."""
        for each in self.running:
            each.terminate()
        for each in self.running:
            each.wait(60)


@pytest.fixture
def workers(tmp_path: Path, broker: str, server: RestServer, where: Path | str) -> Iterator[Workers]:
    with closing(redis.Redis(unix_socket_path=broker.removeprefix("redis+socket://"))) as client:
        client.flushall()
    made = Workers(tmp_path, broker, server.url, str(where))
    yield made
    made.stop()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_workers_of_which_one_is_killed_lose_nothing_and_double_nothing(
    workers: Workers, server: RestServer, where: str
) -> None:
    workers.start("one@here", "--pool", "solo")
    killed = workers.start("two@here", "--pool", "solo")
    workers.send("collect", "chat")
    _until(lambda: _stored(where) == CHATS)
    for shard in range(2):
        workers.send("deliver", "desk", shard, 2)
    _until(lambda: len(server.rows.get("records", [])) >= CHATS // 3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    _until(lambda: len(server.rows["records"]) >= CHATS // 2)
    for shard in range(2):  # what the clock does
        workers.send("deliver", "desk", shard, 2)
    _until(lambda: _due(where) == 0)
    made = {name: [row["external_id"] for row in server.rows[name]] for name in ("employees", "records", "turns")}
    assert {name: len(its) for name, its in made.items()} == {"employees": 1, "records": CHATS, "turns": 2 * CHATS}
    assert all(len(set(its)) == len(its) for its in made.values())
    assert CANARY not in workers.log.read_text()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_broker_holds_names_and_numbers_and_nothing_personal(workers: Workers, broker: str) -> None:
    workers.send("collect", "chat")
    workers.send("deliver", "desk", 1, 2)
    with closing(redis.Redis(unix_socket_path=broker.removeprefix("redis+socket://"))) as client:
        held = _everything(client)
        assert b"channel.chat" in held
        assert b"case_system.desk" in held
        worker = workers.start("one@here", "--pool", "solo")
        _until(lambda: b"delivered" in workers.log.read_bytes())
        held += _everything(client)
        worker.terminate()
        worker.wait(60)
        held += _everything(client)
    assert CANARY.encode() not in held
    assert b"application/json" in held
    assert b"pickle" not in held


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_name_that_is_not_configured_is_told_to_whoever_sends_it(workers: Workers) -> None:
    script = "from gemeente_connect.celery import collect; collect.delay('chad')"
    done = subprocess.run([sys.executable, "-c", script], env=workers.env, check=False, capture_output=True, text=True)
    assert "there is no channel 'chad'; did you mean 'chat'?" in done.stderr


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("task", ["collect.apply(args=['chat'])", "deliver.apply(args=['desk'])"])
def test_what_a_broken_plugin_says_is_not_repeated(workers: Workers, task: str) -> None:
    workers.config.write_text(
        '[channels.chat]\nplugin = "acme-chat"\nfail_open = "bug"\n'
        '[case_systems.desk]\nplugin = "acme-zaken"\nrecords = "records.txt"\nfail_open = "bug"\n'
        '[syncs.daily]\nchannel = "chat"\ncase_system = "desk"\nstart = 2026-01-01\n'
    )
    env = workers.env | {"PYTHONPATH": str(ROOT / "tests" / "cli" / "site")}
    script = f"from gemeente_connect.celery import collect, deliver; print({task}.traceback)"
    done = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True)
    assert "failed with ValueError" in done.stdout
    assert "+31612345678" not in done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_worker_without_a_configuration_says_so_in_one_line(workers: Workers) -> None:
    workers.config.unlink()
    assert workers.start("one@here", "--pool", "solo").wait(60) == 1
    log = workers.log.read_text()
    assert "there is no configuration file" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_ledger_in_a_file_is_refused_where_a_worker_on_another_machine_runs(workers: Workers) -> None:
    workers.config.write_text(workers.config.read_text().replace('{ env = "LEDGER_URL" }', '"ledger.sqlite"'))
    workers.start("one@here", "--pool", "solo")
    _until(lambda: b"ready" in workers.log.read_bytes())
    neighbour = workers.start("two@here", "--pool", "solo")
    _until(lambda: workers.log.read_bytes().count(b"ready") == 2)
    stranger = workers.start("three@there", "--pool", "solo")
    assert stranger.wait(60) == 1
    assert "use a ledger on PostgreSQL" in workers.log.read_text()
    assert neighbour.poll() is None


def _everything(client: Any) -> bytes:
    """Give all that Redis holds."""
    read: dict[bytes, Callable[[bytes], object]] = {
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"string": client.get,
        b"none": lambda _: None,  # a worker took it since it was listed
    }
    held = [(key, read[client.type(key)](key)) for key in client.scan_iter()]
    text = repr(held).encode()
    return text + b"".join(base64.b64decode(each) for each in re.findall(rb'"body": "([^"]+)"', text))


def _stored(where: str) -> int:
    with Ledger(where) as ledger:
        return sum(tally.conversations for tally in ledger.tallies(UTC))


def _due(where: str) -> int:
    with Ledger(where) as ledger:
        return ledger.count_due("desk-chat:gemeente", "desk:gemeente", None)[0]


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
