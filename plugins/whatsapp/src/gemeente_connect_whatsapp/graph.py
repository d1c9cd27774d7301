"""The requests to Meta's Graph API: files, what is known of the number, and sending a message.

What went wrong stands in the `code` of the answer: its status is 400 for nearly everything, also for a limit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from requests import Response

from gemeente_connect.errors import AuthError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.http import ApiSession, Parameters, StatusError, read
from gemeente_connect_whatsapp.contents import hex_digest
from gemeente_connect_whatsapp.lenient import Many, Maybe, Wire, Word
from gemeente_connect_whatsapp.sending import NOT_TAKEN
from gemeente_connect_whatsapp.settings import WhatsAppSettings

FILES: Final = "lookaside.fbsbx.com"
"""The one host, beside that of the API, that may see the access token."""
LARGEST: Final = 100_000_000
"""Bytes of a file: what WhatsApp allows for a document."""

_NOT_FOUND: Final = 404
_MINUTE: Final = 60.0
_LIMITS: Final = {
    4: "the app asks too much",
    80007: "this WhatsApp account asks too much",
    130429: "too many messages at once",
    131048: "residents reported too many messages as unwanted",
    131056: "too many messages to one resident, so wait six seconds",
    133016: "the number was registered too often",
}
_CREDENTIALS: Final = frozenset({0, 3, 10, 190, 131005, *range(200, 300)})
_LATER: Final = frozenset({1, 2, 131000, 131016, 131057, 133004})
_TOO_MANY_TO_ONE: Final = 131056
_BETWEEN_TWO: Final = 6.0  # seconds, to one resident
_UNKNOWN_THING: Final = 100
_RENEW: Final = "renew `access_token`, or give its system user the right to this number"
_GONE: Final = "it is not there any more, or not for this number"
_LOOK: Final = "look it up in Meta's list of error codes"


class _Source(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: str
    sha256: str | None = None


class _Problem(Wire):
    code: Word = None
    is_transient: Maybe[bool] = None


class _Refusal(Wire):
    error: Maybe[_Problem] = None


class File(Wire):
    """What is known of a file, and for five minutes where it is."""

    url: Word = None
    sha256: Word = None
    file_size: Word = None


class Number(Wire):
    """What is known of a telephone number."""

    display_phone_number: Word = None


class Application(Wire):
    """Which app a webhook was for. Several may be subscribed to one number."""

    id: Word = None


class Event(Wire):
    """What became of one webhook."""

    application: Maybe[Application] = None
    delivery_status: Word = None
    webhook_update_state: Word = None


class Events(Wire):
    """What became of the webhooks about a message."""

    data: Many[Event] = ()


class Sent(Wire):
    """A message, without its text or who wrote it."""

    message_id: Word = None
    events: Maybe[Events] = None


class Taken(Wire):
    """A message that WhatsApp takes."""

    id: Word = None


class Accepted(Wire):
    """The answer to a message that was sent."""

    messages: Many[Taken] = ()


class Cursors(Wire):
    """Where a page ends."""

    after: Word = None


class Paging(Wire):
    """Whether there is more."""

    cursors: Maybe[Cursors] = None
    next: Word = None


class History(Wire):
    """A page of messages."""

    data: Many[Sent] = ()
    paging: Maybe[Paging] = None


class Graph:
    """Requests for one telephone number. Raises AuthError, TemporaryError and RejectedError by the code of an error."""

    def __init__(self, settings: WhatsAppSettings) -> None:
        self._number = settings.phone_number_id
        token = settings.access_token.get_secret_value()
        self._session = ApiSession(
            f"{settings.base_url}/{settings.graph_version}",
            headers={"Authorization": SecretStr(f"Bearer {token}")},
            judge=judge,
        )

    def number(self) -> tuple[Number, str | None]:
        """Ask for the number, and the version of the API that really answered (None: it does not tell)."""
        response = self._session.get(self._number, params={"fields": "display_phone_number"})
        return read(response, Number), response.headers.get("facebook-api-version")

    def history(self, after: str | None) -> History:
        """Ask what became of the latest webhooks, a page of a hundred messages from where the one before ended."""
        fields = "id,message_id,events{delivery_status,webhook_update_state,application}"
        params: Parameters = {"fields": fields, "limit": 100, "after": after}
        return read(self._session.get(f"{self._number}/message_history", params=params), History)

    def send(self, message: Mapping[str, Any]) -> str:
        """Send a message, once, and give the id that WhatsApp knows it by."""
        response = self._session.post(f"{self._number}/messages", message)
        try:
            taken = read(response, Accepted).messages
        except RejectedError:
            taken = ()
        if len(taken) != 1 or not taken[0].id:  # it was taken, and nobody knows under which id
            unclear = "the Graph API takes the message, and does not say under which id"
            raise TemporaryError(unclear)
        return taken[0].id

    def download(self, source: str) -> Iterator[bytes]:
        """Yield a file, by the source of its attachment. Raises RejectedError when it is gone, or another one.

        Where it is, is asked each time, for the address holds for five minutes; when it ends just then, once more.
        """
        try:
            wanted = _Source.model_validate_json(source)
        except ValidationError:
            message = "the attachment is none of this channel"
            raise RejectedError(message) from None
        file, parts = self._open(wanted.id)
        try:
            first = next(parts, b"")
        except StatusError as error:
            if error.status != _NOT_FOUND:
                raise
            file, parts = self._open(wanted.id)
            first = next(parts, b"")
        digest = hashlib.sha256()
        for part in chain((first,), parts):
            digest.update(part)
            yield part
        expected = wanted.sha256 or hex_digest(file.sha256 or "")
        if expected and expected != digest.hexdigest():
            message = "what came is not the file that was sent: its SHA-256 is another"
            raise RejectedError(message)

    def _open(self, media_id: str) -> tuple[File, Iterator[bytes]]:
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,200}", media_id):
            message = "the attachment has an id that no file can have"
            raise RejectedError(message)
        file = read(self._session.get(media_id, params={"phone_number_id": self._number}), File)
        size = int(file.file_size) if file.file_size and re.fullmatch(r"[0-9]{1,18}", file.file_size) else 0
        if size > LARGEST or not file.url:
            message = (
                f"the file is larger than {LARGEST // 1_000_000} MB"
                if file.url
                else "WhatsApp does not say where the file is"
            )
            raise RejectedError(message)
        return file, self._session.download(file.url, limit=LARGEST, trusted=(FILES,))

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


def judge(response: Response) -> GemeenteConnectError | None:
    """Say what to do about an error, by its code. None: it has none, so its status has to tell."""
    try:
        problem = _Refusal.model_validate_json(response.content).error
    except ValidationError:
        return None
    if problem is None or not re.fullmatch(r"[0-9]{1,9}", problem.code or "", re.ASCII):
        return None
    code = int(problem.code or 0)
    what = f"the Graph API answers with error {code}"
    sending = response.request.method == "POST"
    if code in _CREDENTIALS:
        error: GemeenteConnectError = AuthError(f"{what}: {_RENEW}")
    elif code in _LIMITS:
        wait = _wait(response) or (_BETWEEN_TWO if code == _TOO_MANY_TO_ONE else None)
        error = TemporaryError(f"{what}: {_LIMITS[code]}", retry_after=wait, nothing_done=True)
    elif code in _LATER or problem.is_transient or (sending and _unclear(response.status_code)):
        error = TemporaryError(what)
    elif sending:
        error = RejectedError(f"{what}: {NOT_TAKEN.get(code, _LOOK)}")
    else:
        error = RejectedError(f"{what}: {_GONE if code == _UNKNOWN_THING else _LOOK}")
    return error


def _unclear(status: int) -> bool:
    """Tell whether a status leaves open what became of a request."""
    return status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _wait(response: Response) -> float | None:
    """Read when a limit ends: the longest time, in minutes, that any use of the account names."""
    try:
        usage = json.loads(response.headers.get("X-Business-Use-Case-Usage", ""))
        minutes = [use["estimated_time_to_regain_access"] for uses in usage.values() for use in uses]
        longest = float(max(minutes))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return longest * _MINUTE if 0 < longest < 24 * _MINUTE else None
