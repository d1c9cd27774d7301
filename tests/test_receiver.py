"""The web application that receives webhooks, and the command that serves it: killed under load, nothing is lost."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask.testing import FlaskClient

from gemeente_connect import Ledger
from gemeente_connect.cli.app import run as run_app
from gemeente_connect.errors import StorageError
from gemeente_connect.inbox import LARGEST, Inbox
from gemeente_connect.receiver import create_app
from gemeente_connect.syncing import collect
from gemeente_connect.testing.builders import message
from gemeente_connect.testing.fakes import FakeReceiver

Serve = Callable[[], tuple[str, "subprocess.Popen[str]"]]
SITE = Path(__file__).parent / "cli" / "site"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.fixture
def channel() -> FakeReceiver:
    return FakeReceiver()


@pytest.fixture
def web(channel: FakeReceiver, ledger: Ledger) -> FlaskClient:
    return create_app({"chat": Inbox(channel, ledger)}, ledger).test_client()


def test_each_channel_has_a_path_and_what_comes_there_is_kept(
    web: FlaskClient, channel: FakeReceiver, ledger: Ledger
) -> None:
    told = channel.payload(message(1))
    answer = web.post("/webhooks/chat", data=told.body, headers=dict(told.headers))
    assert (answer.status_code, answer.data) == (200, b"")
    assert collect(channel, ledger).new == 1
    assert web.post("/webhooks/other", data=told.body, headers=dict(told.headers)).status_code == 404
    assert web.post("/webhooks/chat", data=told.body).status_code == 403
    assert web.get("/webhooks/chat?token=fluister&challenge=12").data == b"12"
    assert web.put("/webhooks/chat").status_code == 405


def test_a_body_that_is_too_large_is_refused_before_it_is_read(web: FlaskClient, channel: FakeReceiver) -> None:
    told = channel.signed(b" " * (LARGEST + 1))
    assert web.post("/webhooks/chat", data=told.body, headers=dict(told.headers)).status_code == 413


def test_behind_a_proxy_the_url_that_senders_use_is_what_a_channel_verifies(
    channel: FakeReceiver, ledger: Ledger
) -> None:
    app = create_app({"chat": Inbox(channel, ledger)}, ledger, public_url="https://hooks.example.nl/")
    told = channel.payload(message(1))
    app.test_client().post("/webhooks/chat?a=1", data=told.body, headers=dict(told.headers))
    ((kept,),) = ledger.inbox.unread(channel.account)
    assert kept.received.url == "https://hooks.example.nl/webhooks/chat?a=1"


def test_health_says_whether_what_comes_can_be_kept(
    web: FlaskClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert web.get("/health").status_code == 200

    def locked() -> None:
        raise StorageError

    monkeypatch.setattr(ledger.inbox, "ready", locked)
    assert web.get("/health").status_code == 503


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start `gemeente-connect receive`. Gives the URL of its webhook, and the process."""
    (tmp_path / "gemeente-connect.toml").write_text('[channels.chat]\nplugin = "acme-hooks"\n')
    monkeypatch.setenv("PYTHONPATH", str(SITE), prepend=":")
    started: list[subprocess.Popen[str]] = []

    def serve() -> tuple[str, subprocess.Popen[str]]:
        program = "from gemeente_connect.cli import main; main()"
        command = [sys.executable, "-c", program, "receive", "--port", "0", "--json"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        text = ""
        for line in lines:
            text += line
            with suppress(ValueError):
                return json.loads(text)["webhooks"]["chat"], process
        raise AssertionError(process.communicate())

    yield serve
    for process in started:
        process.kill()
        process.communicate()


def test_connections_that_are_left_half_open_stop_nobody(serve: Serve) -> None:
    url, _ = serve()
    host, port = urlsplit(url).hostname, urlsplit(url).port
    told = FakeReceiver().payload(message(1))
    with ExitStack() as stack:
        for _ in range(150):
            half = stack.enter_context(socket.create_connection((host, port), timeout=10))
            half.sendall(b"POST /webhooks/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert requests.post(url, data=told.body, headers=dict(told.headers), timeout=10).status_code == 200


def test_everything_that_was_answered_200_is_in_the_ledger_after_a_kill_under_load(
    serve: Serve, tmp_path: Path
) -> None:
    channel, answered, enough = FakeReceiver(), set[str](), threading.Event()
    url, process = serve()

    def send(worker: int) -> None:
        with requests.Session() as session:
            for number in range(10_000):
                name = f"{worker}-{number}"
                told = channel.payload(message(1, id=name))
                try:
                    answer = session.post(url, data=told.body, headers=dict(told.headers), timeout=10)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    answered.add(name)
                if len(answered) > 300:
                    enough.set()

    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send, worker) for worker in range(8)]
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        for each in sending:
            each.result()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        collect(channel, ledger)
        kept = {key for (key,) in ledger._db.read("SELECT id FROM messages")}
    assert len(answered) > 300
    assert answered <= kept


def test_an_interrupt_ends_it_and_a_new_one_goes_on(serve: Serve, tmp_path: Path) -> None:
    channel = FakeReceiver()
    for number in range(2):
        url, process = serve()
        told = channel.payload(message(number))
        assert requests.post(url, data=told.body, headers=dict(told.headers), timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=30)
        assert "http" not in out + error, "no access log"
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert collect(channel, ledger).new == 2


def test_without_a_channel_that_is_pushed_to_there_is_nothing_to_receive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(SITE)
    config = tmp_path / "gemeente-connect.toml"
    config.write_text('[channels.chat]\nplugin = "acme-chat"\n')
    assert run_app(["--config", str(config), "receive"]) == 2
    assert "none of the channels can be pushed to" in capfd.readouterr().err


def test_a_port_that_is_taken_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    serve: Serve,
) -> None:
    url, _ = serve()
    monkeypatch.syspath_prepend(SITE)
    config = str(tmp_path / "gemeente-connect.toml")
    assert run_app(["--config", config, "receive", "--port", url.split(":")[2].split("/")[0]]) == 2
    assert "cannot listen on 127.0.0.1" in capfd.readouterr().err
