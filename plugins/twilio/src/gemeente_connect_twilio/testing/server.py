"""Serving the two APIs over HTTP, and the files from a host of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from gemeente_connect.abilities import Received
from gemeente_connect.testing.loopback import Answered, Asked, Loopback
from gemeente_connect_twilio.testing.chats import Chats
from gemeente_connect_twilio.testing.lists import NUMBER, RESIDENT, Answer, Files, error, sid
from gemeente_connect_twilio.testing.messages import Messages

__all__ = ["NUMBER", "RESIDENT", "TwilioServer"]
_HOOK: Final = "https://hooks.example.nl/webhooks/twilio"


class TwilioServer:
    """One account at Twilio, served on the loopback interface from threads."""

    def __init__(self) -> None:
        self.account_sid = sid("AC", "account")
        self.auth_token = hashlib.md5(b"token", usedforsecurity=False).hexdigest()
        self.files = Files()
        self.messages = Messages(self.account_sid, self.files)
        self.chats = Chats(self.account_sid, self.files)
        self.requests: list[str] = []
        """What was asked for, with the query, but for files."""
        self.too_many = 0
        """How many requests from now on are answered with 429."""
        self.retry_after: int | None = None
        """Seconds that it then asks to wait; None: it does not say."""
        self._lock = threading.Lock()
        self._api = _serve(self._answer)
        self._media = _serve(self.files.answer)
        self.url, self.files.url = self._api.url, self._media.url
        self.media_host = self.files.url.removeprefix("http://")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._api.close()
        self._media.close()

    def push(self, form: Mapping[str, str], *, url: str = _HOOK) -> Received:
        """Make the request by which Twilio pushes a form, with its signature."""
        fields = {"AccountSid": self.account_sid, **form}
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new(self.auth_token.encode(), signed.encode(), hashlib.sha1).digest()
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": base64.b64encode(digest).decode(),
        }
        return Received(method="POST", url=url, headers=headers, body=urlencode(fields).encode())

    def _answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        with self._lock:
            self.requests.append(target)
            if self.too_many:
                self.too_many -= 1
                wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
                return error(429, 20429, "Too Many Requests")._replace(headers=wait)
            password = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
            if headers.get("Authorization") != f"Basic {password}":
                return error(401, 20003, "Authenticate")
            url = urlsplit(target)
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            if url.path.startswith(f"/2010-04-01/Accounts/{self.account_sid}/"):
                return self.messages.answer(url.path.split("/")[4:], query)
            if url.path.startswith("/v1/"):
                return self.chats.answer(url.path.split("/")[2:], query, f"http://{headers['Host']}")
            return error(404, 20404, f"The requested resource {url.path} was not found")


def _serve(answer: Callable[[str, Mapping[str, str]], Answer]) -> Loopback:
    return Loopback(lambda asked: _answered(asked, answer))


def _answered(asked: Asked, find: Callable[[str, Mapping[str, str]], Answer]) -> Answered:
    if asked.method != "GET":
        return Answered(405)
    answer = find(asked.target, dict(asked.headers.items()))
    if isinstance(answer.body, bytes):
        return Answered(answer.status, answer.body, {"Content-Type": "application/octet-stream", **answer.headers})
    content = json.dumps(answer.body).encode()
    return Answered(answer.status, content, {"Content-Type": "application/json", **answer.headers})
