"""The HTTP side of the loopback Open Klant: what a request asks, who may ask it, and how it is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gemeente_connect.testing import loopback
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


def asked_of(request: loopback.Asked) -> Asked:
    """Take a request apart."""
    path, _, query = request.target.partition("?")
    return Asked(
        method=request.method,
        path=path.removeprefix(ROOT),
        query=query,
        authorization=request.headers.get("Authorization", ""),
        accept=request.headers.get("Accept", "") or "*/*",
        content_type=request.headers.get("Content-Type", ""),
        body=request.body,
        root=f"http://{request.headers['Host']}",
    )


def answered(answer: Answer, version: str) -> loopback.Answered:
    """Put an answer together. A page comes from before the API, and bears no version."""
    status, body = answer
    if isinstance(body, str):
        return loopback.Answered(status, body.encode(), {"Content-Type": "text/html; charset=utf-8"})
    headers = {"API-version": version}
    if body is None:
        return loopback.Answered(status, b"", headers)
    return loopback.Answered(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
