"""The HTTP side of the loopback Open Klant: what a request asks, who may ask it, and how it is answered."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from gemeente_connect_open_klant.testing.problems import Refused

ROOT = "/klantinteracties/api/v1/"
Answer = tuple[int, Any]
"""A status and a body: an object that goes as JSON, a text that goes as HTML, or None."""


@dataclass(frozen=True)
class Asked:
    """A request under the root of the API."""

    method: str
    path: str
    query: str
    authorization: str
    accept: str
    content_type: str
    body: bytes
    root: str
    """The URL of the server, by the name that the client knows it by."""

    def check(self, token: str) -> None:
        """Raise `Refused` when the client cannot read the answer, or may not have it."""
        wanted = [each.split(";")[0].strip() for each in self.accept.split(",")]
        if not {"*/*", "application/*", "application/json"} & set(wanted):
            raise Refused(406, "NotAcceptable", "not_acceptable", "Alleen application/json wordt gegeven.")
        scheme, *words = self.authorization.split()[:3] or [""]
        if scheme.lower() != "token":
            detail = "Authenticatiegegevens zijn niet opgegeven."
            raise Refused(401, "NotAuthenticated", "not_authenticated", detail)
        if words != [token]:
            raise Refused(401, "AuthenticationFailed", "authentication_failed", "Deze token is ongeldig.")

    def not_allowed(self) -> Refused:
        """Give the answer to a method that is not for this path."""
        detail = f'Methode "{self.method}" niet toegestaan.'
        return Refused(405, "MethodNotAllowed", "method_not_allowed", detail)

    def read(self) -> Any:
        """Give what the body says. Raises `Refused` when it is no JSON."""
        if not self.body:
            return {}
        if self.content_type.split(";")[0].strip().lower() != "application/json":
            detail = f'Mediatype "{self.content_type}" wordt niet gelezen.'
            raise Refused(415, "UnsupportedMediaType", "unsupported_media_type", detail)
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, "ParseError", "parse_error", f"JSON parse error - {error}") from error

    def values(self) -> dict[str, str]:
        """Give the parameters; of one that comes twice the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


def serve(answer: Callable[[Asked], Answer], version: str) -> ThreadingHTTPServer:
    """Give a server on the loopback interface that answers requests; it still has to be started."""
    return _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"answer": staticmethod(answer), "version": version}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is sent as one
    answer: Callable[[Asked], Answer]
    version: str

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        headers = {name: self.headers.get(name, "") for name in ("Authorization", "Accept", "Content-Type")}
        accept = headers["Accept"] or "*/*"
        root = f"http://{self.headers['Host']}"
        asked = Asked(
            self.command,
            path.removeprefix(ROOT),
            query,
            headers["Authorization"],
            accept,
            headers["Content-Type"],
            content,
            root,
        )
        self._send(*self.answer(asked))

    def _send(self, status: int, answer: Any) -> None:
        page = isinstance(answer, str)
        content = b"" if answer is None else answer.encode() if page else json.dumps(answer).encode()
        self.send_response(status)
        if answer is not None:
            self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/json")
        if not page:
            self.send_header("API-version", self.version)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

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
