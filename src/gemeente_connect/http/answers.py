"""What an API answers: its models, its refusals, and what went wrong on the way, without what is personal."""

from __future__ import annotations

import json as stdlib_json
import re
import time
from collections.abc import Iterator
from email.utils import mktime_tz, parsedate_tz
from functools import cache
from typing import Final, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from gemeente_connect.errors import AuthError, ConfigError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.http.urls import shown
from gemeente_connect.privacy import mask

T = TypeVar("T")
_adapter = cache(TypeAdapter)

FIRST_ERROR: Final = 400
_FIRST_SERVER_ERROR: Final = 500
_CREDENTIALS: Final = frozenset({401, 403, 407})
_TOO_MANY: Final = 429
_LATER: Final = frozenset({408, 425, _TOO_MANY})
_LONGEST_RETRY_AFTER: Final = 24 * 60 * 60.0
_BROKEN_OFF: Final = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError, HTTPError)
FAILURES: Final = (requests.RequestException, HTTPError, OSError, ValueError)
"""All that sending can raise; the last two when a bundle of certificates is not there, or a redirect leads nowhere."""


class StatusError(RejectedError):
    """The other side answered with a status from 400 to 499: it will not have this request as it is.

    `problems` are the fields it names and what is wrong with each, as codes, such as `("nummer", "unique")`. A field
    is `""` when the code is about the whole.
    """

    def __init__(self, message: str, *, status: int = FIRST_ERROR, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.problems = problems


def read(response: requests.Response, shape: type[T]) -> T:
    """Read the body of an answer as a model, or anything else that pydantic knows, such as `list[Post]`.

    Raises RejectedError that names the fields that are not as expected, and TemporaryError when the body is not JSON:
    half of it, or the page of a proxy that stands in between.
    """
    adapter: TypeAdapter[T] = _adapter(shape)  # type: ignore[arg-type] # a type is hashable
    try:
        value = _validated(adapter, response.content)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_context=False, include_url=False)
    else:
        return value
    if problems[0]["type"] == "json_invalid":
        kind = re.match(r"[\w.+-]+/[\w.+-]+", response.headers.get("Content-Type", "")) or ["of no known kind"]
        message = f"{request_line(response)}: the answer is {kind[0]}, and not whole JSON"
        raise TemporaryError(message)
    known = set(_field_names(adapter.json_schema()))
    named = ", ".join(f"{_field(each['loc'], known)} ({each['type']})" for each in problems[:10])
    message = f"{request_line(response)}: the answer is not as expected: {named}"
    raise RejectedError(message)


def _validated(adapter: TypeAdapter[T], content: bytes) -> T:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        if error.errors(include_input=False, include_context=False, include_url=False)[0]["type"] != "json_invalid":
            raise
        try:  # half an emoji, escaped, is JSON for everybody but pydantic
            value = stdlib_json.loads(content)
        except (ValueError, RecursionError):
            raise error from None
    return adapter.validate_python(value)


def _field(location: tuple[int | str, ...], known: set[str]) -> str:
    # a part that is no field of the model may be a key that somebody wrote
    parts = (mask(str(part)) if isinstance(part, int) or part in known else "*" for part in location)
    return ".".join(parts) or "the whole"


def _field_names(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _field_names(part)


def failure(what: str, error: Exception) -> GemeenteConnectError:
    """Say in our words that there was no whole answer."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.Timeout) or isinstance(reason, ReadTimeoutError):
        return TemporaryError(f"{what}: no answer in time", nothing_done=isinstance(error, requests.ConnectTimeout))
    if isinstance(error, requests.exceptions.SSLError):
        hint = "is its certificate valid? REQUESTS_CA_BUNDLE names the file of an authority of your own"
        return TemporaryError(f"{what}: no secure connection; {hint}")
    if isinstance(error, requests.exceptions.ProxyError):
        return TemporaryError(f"{what}: the proxy does not let it through; look at HTTPS_PROXY and NO_PROXY")
    if isinstance(error, requests.ConnectionError):
        return TemporaryError(f"{what}: the connection failed", nothing_done=isinstance(reason, NewConnectionError))
    if isinstance(error, _BROKEN_OFF):
        return TemporaryError(f"{what}: the answer broke off")
    hint = "check the base URL, the headers, and the settings for proxies and certificates"
    return ConfigError(f"{what}: the request cannot be made ({type(error).__name__}); {hint}")


def refusal(response: requests.Response, body: bytes, *, credentials: bool = True) -> GemeenteConnectError:
    """Say in our words that the answer is a refusal. `credentials`: they were sent along."""
    status = response.status_code
    what = f"{request_line(response)}: status {status}"
    if status in _CREDENTIALS and credentials:
        return AuthError(f"{what}; renew the credentials, or have them allowed to do this")
    if status in _LATER or status >= _FIRST_SERVER_ERROR:
        wait = seconds(response.headers.get("Retry-After", ""))
        return TemporaryError(what, retry_after=wait, nothing_done=status == _TOO_MANY)
    problems = tuple(_problems(body))
    named = ", ".join(f"{name} ({code})" if name else code for name, code in problems)
    return StatusError(f"{what}: {named}" if named else what, status=status, problems=problems)


def _problems(body: bytes) -> Iterator[tuple[str, str]]:
    """Take the names and codes out of problem details (RFC 9457, and the Dutch API rules); never their sentences."""
    try:
        answer = stdlib_json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(answer, dict):
        return
    fields = answer.get("invalidParams") or answer.get("invalid-params")
    if isinstance(fields, list) and fields:
        yield from ((_word(f.get("name")), _word(f.get("code"))) for f in fields[:10] if isinstance(f, dict))
    elif "code" in answer:
        yield "", _word(answer["code"])


def _word(value: object) -> str:
    word = str(value) if isinstance(value, str | int) else ""
    return word if re.fullmatch(r"[\w.\[\]-]{1,80}", word) and mask(word) == word else "?"


def seconds(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date. At most a day, at least nothing; None: it says neither."""
    try:
        if re.fullmatch(r"\s*[0-9]+\s*", retry_after):
            wait = float(retry_after)
        elif date := parsedate_tz(retry_after):
            wait = mktime_tz((*date[:9], date[9] or 0)) - time.time()
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER)


def request_line(response: requests.Response) -> str:
    """Name the request that was answered."""
    return f"{response.request.method} {shown(urlsplit(response.url).path)}"
