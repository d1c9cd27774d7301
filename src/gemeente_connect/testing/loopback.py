"""Serving a stand-in of another system over HTTP, on the loopback interface and nowhere else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Asked(NamedTuple):
    """A request, as it came."""

    method: str
    target: str
    """Path and query."""
    headers: Message
    """By name, in any case."""
    body: bytes


class Answered(NamedTuple):
    """What goes back. The length is added."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Loopback:
    """A server that answers requests with what a function says, from several threads at once.

    A stand-in inherits from it, and calls `super().__init__` last: from then on it is asked. Use it in a `with`.
    """

    def __init__(self, answer: Callable[[Asked], Answered]) -> None:
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"answer": staticmethod(answer)}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        """Its root, without a slash at the end."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is sent as one
    answer: Callable[[Asked], Answered]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.answer(Asked(self.command, self.path, self.headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Tell nobody."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
