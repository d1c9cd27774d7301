"""A stand-in of Meta's Graph API on this machine: files, the number, the history of deliveries, sending, and errors.

As the real one it answers 400 to nearly everything that goes wrong, with a code; gives an address of a file that ends
after a while; gives that file only to who sends the token; and answers by the newest version when one has ended. It
sends the same message twice when it is asked twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from gemeente_connect.testing.loopback import Answered, Asked, Loopback
from gemeente_connect_whatsapp.testing.payloads import ACCESS_TOKEN, NUMBER, PHONE_NUMBER_ID, SETTINGS
from gemeente_connect_whatsapp.testing.phone import NotSent, Phone

_VERSIONS: Final = ("v24.0", "v25.0", "v26.0")
_PAGE: Final = 100


class GraphServer(Loopback):
    """One telephone number and its files, served over HTTP on the loopback interface from a thread."""

    def __init__(self, number: str = NUMBER) -> None:
        self.number = number
        """The telephone number that is shown, in digits."""
        self.files: dict[str, bytes] = {}
        """Contents, by media id. Change one to give another file than the one that was announced."""
        self.deliveries: list[dict[str, Any]] = []
        """What became of webhooks, newest first."""
        self.asked: list[str] = []
        """Method and path of each request, with the token left out: `GET /v25.0/1234`."""
        self.tokens: list[str] = []
        """What stood in `Authorization`, of each request."""
        self.elsewhere: str | None = None
        """Where files are said to be, instead of here."""
        self.phone = Phone()
        """What takes messages to residents."""
        self._failures: list[Answered] = []
        self._addresses = 0
        """How often an address was given; only the latest of a file holds."""
        self._ended_after = 0
        self._lock = threading.Lock()
        super().__init__(self._answer)

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a channel that asks this server."""
        return {**SETTINGS, "base_url": self.url}

    def fail(self, code: int, *, status: int = 400, times: int = 1, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next requests for anything but a file's content with an error of that code."""
        self._failures += [Answered(status, _error(code), headers or {})] * times

    def fail_with(self, status: int, body: bytes) -> None:
        """Answer the next request with something else, such as the page of a proxy."""
        self._failures.append(Answered(status, body))

    def end_addresses(self) -> None:
        """End the addresses of files that are given next, once: as if five minutes went by."""
        self._ended_after = self._addresses + 1

    def _answer(self, asked: Asked) -> Answered:
        token = asked.headers.get("Authorization", "")
        if asked.method == "POST":
            answer = self.answer_post(asked.target, token, asked.body)
        else:
            answer = self.answer(asked.target, token) if asked.method == "GET" else Answered(405)
        return answer._replace(headers={"Content-Type": "application/json", **answer.headers})

    def answer(self, target: str, token: str) -> Answered:
        """Answer a GET."""
        url = urlsplit(target)
        with self._lock:
            self.asked.append(f"GET {url.path}")
            self.tokens.append(token)
            _, first, *rest = url.path.split("/")
            if first == "content":
                return self._content(rest, token)
            if self._failures:
                return self._failures.pop(0)
            if token != f"Bearer {ACCESS_TOKEN}":
                return Answered(401, _error(190, error_subcode=463))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            answered = first if first in _VERSIONS else _VERSIONS[-1]
            return self._thing(rest, query)._replace(headers={"facebook-api-version": answered})

    def answer_post(self, target: str, token: str, body: bytes) -> Answered:
        """Answer a POST: a message, which is sent."""
        url = urlsplit(target)
        with self._lock:
            self.asked.append(f"POST {url.path}")
            self.tokens.append(token)
            if self._failures:
                return self._failures.pop(0)
            if token != f"Bearer {ACCESS_TOKEN}":
                return Answered(401, _error(190, error_subcode=463))
            _, _, *path = url.path.split("/")
            if path != [PHONE_NUMBER_ID, "messages"]:
                return Answered(400, _error(100, error_subcode=33))
            try:
                return _json(self.phone.send(json.loads(body)))
            except NotSent as error:
                return Answered(400, _error(error.code, error_data={"messaging_product": "whatsapp"}))

    def _thing(self, path: list[str], query: Mapping[str, str]) -> Answered:
        if path == [PHONE_NUMBER_ID]:
            shown = f"+{self.number[:2]} {self.number[2:4]} {self.number[4:]}"
            return _json({"id": PHONE_NUMBER_ID, "display_phone_number": shown, "verified_name": "Gemeente Voorbeeld"})
        if path == [PHONE_NUMBER_ID, "message_history"]:
            return self._deliveries(int(query.get("after", 0)), query.get("fields", ""))
        if len(path) == 1 and path[0] in self.files and query.get("phone_number_id") == PHONE_NUMBER_ID:
            return self._file(path[0])
        return Answered(400, _error(100, error_subcode=33))

    def _file(self, key: str) -> Answered:
        content = self.files[key]
        self._addresses += 1
        where = self.elsewhere or f"{self.url}/content/{key}/{self._addresses}"
        digest = hashlib.sha256(content).digest()
        return _json({
            "id": key, "messaging_product": "whatsapp", "url": where, "mime_type": "image/jpeg",
            "sha256": base64.b64encode(digest).decode() if self._addresses % 2 else digest.hex(),
            "file_size": str(len(content)) if self._addresses % 2 else len(content),
        })  # fmt: skip

    def _content(self, path: list[str], token: str) -> Answered:
        key, address = path
        if int(address) <= self._ended_after or key not in self.files:
            return Answered(404, b"")
        if token != f"Bearer {ACCESS_TOKEN}":
            return Answered(401, b"")
        return Answered(200, self.files[key], {"Content-Type": "image/jpeg"})

    def _deliveries(self, start: int, fields: str) -> Answered:
        end, asked = start + _PAGE, {"id", *re.findall(r"\w+", fields.partition("events{")[2])}
        paging: dict[str, Any] = {"cursors": {"after": str(end)}}
        if end < len(self.deliveries):
            paging["next"] = f"{self.url}/next?after={end}"
        return _json({"data": [_only(asked, each) for each in self.deliveries[start:end]], "paging": paging})


def _only(asked: Collection[str], delivery: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of each event what was not asked for."""
    if not delivery.get("events"):
        return dict(delivery)
    events = delivery["events"]["data"]
    told = [{k: v for k, v in each.items() if k in asked} if isinstance(each, dict) else each for each in events]
    return {**delivery, "events": {"data": told}}


def _json(body: object) -> Answered:
    return Answered(200, json.dumps(body).encode())


def _error(code: int, **more: Any) -> bytes:
    told = {"message": f"(#{code}) It went wrong", "type": "OAuthException", "code": code, "fbtrace_id": "Az8or2yhqkZ"}
    return json.dumps({"error": told | more}).encode()
