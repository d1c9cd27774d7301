"""Receiving signed webhooks: how many a second, how long each waits, and that a kill under load loses none.

Runnable alone: `python -m bench.receive`. Eight connections send as fast as they are answered, from processes of their
own. The floor is the same web server and framework with the same check of the signature, that keeps nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any

from bench.measure import compile_ours, table
from bench.whole import judged

SENDERS, CONNECTIONS = 2, 8  # processes, and connections of each
SECONDS = 8.0
ROUNDS = 3
RATE, P99 = 500, 250.0  # webhooks a second; milliseconds


def serve(folder: str, *, keeps: bool) -> None:
    """Serve until it is killed; print the port."""
    from gemeente_connect import Ledger
    from gemeente_connect.cli.receiving import _server
    from gemeente_connect.inbox import Answer, Inbox
    from gemeente_connect.receiver import create_app
    from gemeente_connect.testing.fakes import FakeReceiver

    class Forgetful(Inbox):
        """Answers without keeping anything."""

        def answer(self, received: Any) -> Answer:
            self._channel.verify(received)
            return Answer(200)

    with Ledger(Path(folder) / "ledger.sqlite") as ledger:
        inbox = (Inbox if keeps else Forgetful)(FakeReceiver(), ledger)
        server = _server(create_app({"chat": inbox}, ledger), "127.0.0.1", 0)
        print(server.effective_port, flush=True)
        server.run()


def send(port: int, first: int, until: float, told: Any) -> None:
    """Send from several connections until the time is over or nobody answers; tell the names and the times."""
    from gemeente_connect.testing.builders import message
    from gemeente_connect.testing.fakes import FakeReceiver

    channel, answered = FakeReceiver(), list[tuple[str, float]]()

    def one(connection_number: int) -> None:
        connection, number = HTTPConnection("127.0.0.1", port, timeout=30), 0
        with suppress(OSError, HTTPException):
            while time.time() < until:
                name = f"{first}-{connection_number}-{number}"
                payload = channel.payload(message(1, id=name))
                begin = time.perf_counter()
                connection.request("POST", "/webhooks/chat", payload.body, dict(payload.headers))
                answer = connection.getresponse()
                answer.read()
                if answer.status == HTTPStatus.OK:
                    answered.append((name, time.perf_counter() - begin))
                number += 1

    threads = [Thread(target=one, args=(number,)) for number in range(CONNECTIONS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    told.put(answered)


def load(folder: str, *, keeps: bool) -> list[tuple[str, float]]:
    """Serve, send, and kill the server while it is still sent to. Gives what was answered with 200."""
    code = f"from bench.receive import serve; serve({folder!r}, keeps={keeps})"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    port = int(server.stdout.readline())
    context = get_context("spawn")
    told = context.Queue()
    until = time.time() + SECONDS + 1
    senders = [context.Process(target=send, args=(port, number, until + 1, told)) for number in range(SENDERS)]
    for each in senders:
        each.start()
    time.sleep(max(0.0, until - time.time()))
    server.send_signal(signal.SIGKILL)
    answered = [row for _ in senders for row in told.get()]
    for each in senders:
        each.join()
    server.wait()
    return answered


def lost(folder: str, answered: list[tuple[str, float]]) -> int:
    """Count what was answered and is not in the ledger."""
    from gemeente_connect import Ledger
    from gemeente_connect.testing.fakes import FakeReceiver

    with Ledger(Path(folder) / "ledger.sqlite") as ledger:
        payloads = (each for some in ledger.inbox.unread(FakeReceiver().account) for each in some)
        kept = {json.loads(each.received.body)["messages"][0]["id"] for each in payloads}
    return sum(1 for name, _ in answered if name not in kept)


def main() -> None:
    compile_ours()
    rows = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as floor, tempfile.TemporaryDirectory() as ours:
            quick, kept = load(floor, keeps=False), load(ours, keeps=True)
            times = sorted(took * 1000 for _, took in kept)
            rows.append((len(quick) / SECONDS, len(kept) / SECONDS, times[int(len(times) * 0.99)], lost(ours, kept)))
    floor_rate, rate, p99, _ = (sorted(column)[ROUNDS // 2] for column in zip(*rows, strict=True))
    table(
        f"Receiving: {SENDERS * CONNECTIONS} connections, {SECONDS:g} seconds, medians of {ROUNDS}",
        ["what", "figure", "goal", "reached"],
        [
            ["webhooks a second", *judged(rate, RATE, least=True)],
            ["the same, nothing kept (floor)", f"{floor_rate:.0f}", "", ""],
            ["share of the floor", f"{rate / floor_rate:.2f}", "", ""],
            ["99 % are answered within, ms", *judged(p99, P99)],
            ["answered and lost by a kill", *judged(sum(row[3] for row in rows), 0)],
        ],
    )


if __name__ == "__main__":
    main()
