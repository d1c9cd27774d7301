"""A network that fails on purpose: stands between a plugin and the server that it is tested with.

    with FaultyProxy(server.url) as proxy:
        proxy.fail(reset_in_body, "POST /records")
        …sync with base_url=proxy.url…

What goes wrong is done on real sockets, so a plugin meets it the way it meets the real thing.
"""

from __future__ import annotations

import errno
import http.client
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import urlsplit

from gemeente_connect.testing.effects import Effect


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that came in, and the connection on which it wants its answer."""

    line: str
    """Method and path, such as `POST /records`."""
    client: socket.socket
    forward: Callable[[], bytes]
    """Have the request done by the server, and give its answer: head and body, as they go over the wire."""


Fault = Callable[[Exchange], None]
"""Answers a request in some wrong way. The connection is closed after it."""


class FaultyProxy:
    """Passes requests on to the server at `target`, and its answers back, until it is told to fail."""

    def __init__(self, target: str) -> None:
        self.requests: list[str] = []
        """Method and path of each request that came in."""
        self._target = urlsplit(target).netloc
        self._fault: Fault | None = None
        self._at = ""
        self._times = 0.0
        self._skip = 0
        self._lock = threading.Lock()
        self._listen(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base URL to give to a plugin."""
        return f"http://127.0.0.1:{self._port}"

    def fail(self, fault: Fault, at: str = "", *, skip: int = 0, times: float = 1) -> None:
        """Fail the next requests that begin with `at`, such as `POST /records`; all requests do with `""`.

        `skip` of them go well first; `times` is how many fail then (math.inf: all, until the next call of this).
        """
        with self._lock:
            self._fault, self._at, self._skip, self._times = fault, at, skip, times

    def mend(self) -> None:
        """Fail no more."""
        with self._lock:
            self._times = 0

    def close(self) -> None:
        """Stop listening: from now on a connection is refused, until `reopen`."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def reopen(self) -> None:
        """Listen again, at the same URL."""
        self._listen(self._port)

    def _listen(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, http.client.HTTPException), client.makefile("rb") as stream:
            method, target, _ = stream.readline().decode().split(" ", 2)
            headers = http.client.parse_headers(stream)
            body = stream.read(int(headers.get("Content-Length", 0)))
            forward = partial(self._forward, method, target, dict(headers), body)
            exchange = Exchange(f"{method} {urlsplit(target).path}", client, forward)
            self._choose(exchange.line)(exchange)

    def _choose(self, line: str) -> Fault:
        with self._lock:
            self.requests.append(line)
            if self._fault is None or not line.startswith(self._at) or self._times <= 0:
                return passed_on
            if self._skip:
                self._skip -= 1
                return passed_on
            self._times -= 1
            return self._fault

    def _forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        connection = http.client.HTTPConnection(self._target, timeout=30)
        connection.request(method, target, body or None, {**headers, "Connection": "close"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        kept = {name: value for name, value in response.getheaders() if name not in {"Content-Length", "Connection"}}
        return _message(response.status, kept, content)


def _message(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    all_headers = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {http.client.responses[status]}", *(f"{k}: {v}" for k, v in all_headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


# ---- what can go wrong on the way ------------------------------------------------------------------------------------


def passed_on(exchange: Exchange) -> None:
    """Nothing: the answer is passed on."""
    exchange.client.sendall(exchange.forward())


def reset(exchange: Exchange) -> None:
    """The connection is reset before the server has seen the request."""
    _reset(exchange.client)


def answer_lost(exchange: Exchange) -> None:
    """The request is done, and the connection is reset before there is an answer."""
    exchange.forward()
    _reset(exchange.client)


def reset_in_body(exchange: Exchange) -> None:
    """The request is done, and the connection is reset in the middle of the answer."""
    answer = exchange.forward()
    exchange.client.sendall(answer[: (_body_at(answer) + len(answer)) // 2])
    time.sleep(0.01)  # a reset may overtake what was sent before it
    _reset(exchange.client)


def truncated(exchange: Exchange) -> None:
    """The request is done, and only half of the body comes, as if that were all."""
    answer = exchange.forward()
    body = answer[_body_at(answer) :]
    status = int(answer.split(b" ", 2)[1])
    exchange.client.sendall(_message(status, {"Content-Type": "application/json"}, body[: len(body) // 2]))


def drip(exchange: Exchange) -> None:
    """The request is done, and the answer comes in many small parts with pauses: slow, and whole."""
    answer = exchange.forward()
    step = max(len(answer) // 20, 1)
    for start in range(0, len(answer), step):
        exchange.client.sendall(answer[start : start + step])
        time.sleep(0.01)


def stall(exchange: Exchange) -> None:
    """The request is done, and the answer stops in the middle, with the connection open, until the client gives up."""
    answer = exchange.forward()
    exchange.client.sendall(answer[: (_body_at(answer) + len(answer)) // 2])
    exchange.client.settimeout(60)
    with suppress(OSError):
        exchange.client.recv(1)


def answers(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", *, done: bool = False) -> Fault:
    """Make a fault that answers with a status. `done`: the server has done the request all the same."""

    def answer(exchange: Exchange) -> None:
        if done:
            exchange.forward()
        exchange.client.sendall(_message(status, headers or {}, body))

    answer.__name__ = f"answers {status}{' though it was done' * done}"
    return answer


bad_gateway = answers(502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>", done=True)
"""A proxy lost patience while the server did the request, and says so in HTML."""


def _body_at(answer: bytes) -> int:
    return answer.index(b"\r\n\r\n") + 4


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# ---- what can go wrong on the machine --------------------------------------------------------------------------------


def disk_full(effect: Effect) -> Exception | None:
    """For `survey(…, fault=disk_full)`: nothing can be written any more, to a file or a database."""
    if effect.kind == "file" and not effect.what.startswith("unlink"):
        return OSError(errno.ENOSPC, "No space left on device")
    if effect.kind == "commit":
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
        return error
    return None
