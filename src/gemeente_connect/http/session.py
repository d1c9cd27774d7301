"""Requests to one API."""

from __future__ import annotations

import json as stdlib_json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from requests.utils import get_netrc_auth
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from gemeente_connect.errors import ConfigError, GemeenteConnectError, RejectedError
from gemeente_connect.http.answers import FAILURES, FIRST_ERROR, failure, refusal, request_line, seconds
from gemeente_connect.http.urls import parse, parse_base, shown, stays_below
from gemeente_connect.privacy import mask

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Parameters = Mapping[str, str | int | Iterable[str | int] | None]
Auth = tuple[str, str | SecretStr] | Callable[[requests.PreparedRequest], requests.PreparedRequest]
"""A name and a password, or a function that puts a token on each request, for tokens that expire."""
Judge = Callable[[requests.Response], GemeenteConnectError | None]
"""Reads an answer with a status of 400 or more."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5


class ApiSession:
    """Requests to one API, under its base URL. May be used from several threads.

    `headers` and `auth` go with every request to that API, and nowhere else. `timeout` is (to connect, to wait for
    the next part of the answer) in seconds. GET, HEAD, PUT and DELETE are repeated up to `retries` times when the
    connection fails or the status is 429, 502, 503 or 504: at once, then after `backoff` times 2, 4, 8 … seconds and
    some jitter, or after what the other side asks for if that is within `retry_after_max` seconds. POST and PATCH are
    sent once, ever. `pool_maxsize` should be the number of threads. Proxies, netrc and the bundle of certificates are
    looked up once, for the base URL. `judge` is for an API whose answer to a request that it refuses says more than its
    status: it reads that answer and gives the error to raise, or None where the status is enough.

    A request raises AuthError; TemporaryError (limits, 5xx, no or half an answer: it may or may not have been done);
    RejectedError (StatusError where there is a status); ConfigError when it cannot be made.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str | SecretStr] | None = None,
        auth: Auth | None = None,
        timeout: tuple[float, float] = (5, 30),
        retries: int = 3,
        backoff: float = 0.5,
        retry_after_max: int = 30,
        pool_maxsize: int = 10,
        judge: Judge = lambda _response: None,
    ) -> None:
        self._base = parse_base(base_url)
        self._judge = judge
        self._timeout = timeout
        policy = _Retry(
            total=retries,
            allowed_methods={"GET", "HEAD", "PUT", "DELETE"},
            status_forcelist={429, 502, 503, 504},
            backoff_factor=backoff,
            backoff_jitter=backoff,
            retry_after_max=retry_after_max,
            raise_on_status=False,
        )
        adapter = HTTPAdapter(max_retries=policy, pool_maxsize=pool_maxsize)
        self._session = _session(adapter, {"Accept": "application/json", **_plain(headers or {})})
        self._settle(auth)
        self._bare = _session(adapter, {})  # for downloads from hosts that must not see the credentials
        self._bare.verify = self._session.verify
        for name in ("connection", "connectionpool", "poolmanager", "util.retry"):
            logging.getLogger(f"urllib3.{name}").addFilter(_without_addresses)  # adding it again changes nothing

    def _settle(self, auth: Auth | None) -> None:
        session, base = self._session, self._base.geturl()
        found = session.merge_environment_settings(base, {}, None, None, None)
        session.proxies, session.verify = found["proxies"], found["verify"]
        session.trust_env = False  # looking in the environment takes as long as the rest of a request
        if isinstance(auth, tuple):
            session.auth = (auth[0], _reveal(auth[1]))
        elif auth is not None:
            session.auth = auth
        elif "Authorization" not in session.headers:
            session.auth = get_netrc_auth(base)

    def __repr__(self) -> str:
        return f"ApiSession({self._base.geturl()!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()
        self._bare.close()

    def get(self, path: str, *, params: Parameters | None = None, **more: Any) -> requests.Response:
        """GET what is at a path under the base URL, or behind a link from an answer. See `request`."""
        return self.request("GET", path, params=params, **more)

    def post(self, path: str, json: object = None, **more: Any) -> requests.Response:
        """POST a JSON body; never repeated. See `request`."""
        return self.request("POST", path, json=json, **more)

    def put(self, path: str, json: object = None, **more: Any) -> requests.Response:
        """PUT a JSON body. See `request`."""
        return self.request("PUT", path, json=json, **more)

    def patch(self, path: str, json: object = None, **more: Any) -> requests.Response:
        """PATCH with a JSON body; never repeated. See `request`."""
        return self.request("PATCH", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> requests.Response:
        """DELETE what is at a path. See `request`."""
        return self.request("DELETE", path, **more)

    def request(
        self,
        method: Method,
        path: str,
        *,
        params: Parameters | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request, and return the answer when its status is below 400.

        `path` starts from the base URL (`klantcontacten`, without a slash in front) or is a whole URL under it, such as
        a `next` link. `params` become the query. `json` is sent as JSON (None: no body), `content` as it stands.
        """
        headers = _plain(headers or {})
        if json is not None:
            # By ourselves, for requests takes another library if one is installed; as ASCII, where half an emoji can be
            content = stdlib_json.dumps(json, allow_nan=False, separators=(",", ":")).encode()
            headers.setdefault("Content-Type", "application/json")
        response = self._follow(method, path, self._under_base, params=params, data=content, headers=headers)
        if response.status_code >= FIRST_ERROR:
            raise self._judge(response) or refusal(response, response.content)
        return response

    def download(
        self, url: str, *, limit: int, hosts: Collection[str] = (), trusted: Collection[str] = ()
    ) -> Iterator[bytes]:
        """Yield the content behind a URL in parts, up to `limit` bytes.

        It may be, or be redirected to, on the origin of the base URL, on `trusted` hosts, which get the credentials
        too, and on other `hosts`, which do not. A host is written `media.example.nl`, with `:8443` for a port of its
        own, or `.example.nl` for every host that ends so. Raises RejectedError when it is elsewhere, cannot be had, or
        is larger, with what was yielded before being only a part.
        """
        route = partial(self._to_a_host, hosts=hosts, trusted=trusted)
        response = self._follow("GET", url, route, headers={"Accept": "*/*"}, stream=True)
        with closing(response):
            if response.status_code >= FIRST_ERROR:
                raise refusal(response, b"", credentials="Authorization" in response.request.headers)
            declared = response.headers.get("Content-Length", "")
            size = int(declared) if re.fullmatch(r"[0-9]{1,18}", declared) else 0  # may be the size when compressed
            received = 0
            for chunk in _chunks(response):
                received += len(chunk)
                if max(size, received) > limit:
                    message = f"{request_line(response)}: the file is larger than {limit / 1_000_000:g} MB"
                    raise RejectedError(message)
                yield chunk

    def _follow(
        self, method: str, url: str, route: Callable[[str, str], tuple[requests.Session, str]], **options: Any
    ) -> requests.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            session, url = route(method, url)
            response = _send(session, method, url, timeout=self._timeout, **options)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return response
            response.close()
            if method not in {"GET", "HEAD"}:
                message = f"{request_line(response)}: it is redirected, which only a GET may be; correct the base URL"
                raise ConfigError(message)
            location = response.headers["Location"]
            target = parse(location, urlsplit(url))
            url = target.geturl() if target else location
            options["params"] = None
        message = f"{request_line(response)}: redirected more than {_MOST_REDIRECTS} times"
        raise RejectedError(message)

    def _under_base(self, method: str, link: str) -> tuple[requests.Session, str]:
        base = self._base
        url = parse(link, base)
        if url and url[:2] == base[:2] and f"{url.path}/".startswith(base.path) and stays_below(link):
            return self._session, url.geturl()
        where = f"{url.scheme}://{mask(url.netloc)}{shown(url.path)}" if url else "an address that is none"
        message = f"{method} {where}: it is not under the base URL {base.geturl()}; nothing was sent"
        raise RejectedError(message)

    def _to_a_host(
        self, method: str, link: str, *, hosts: Collection[str], trusted: Collection[str]
    ) -> tuple[requests.Session, str]:
        url = parse(link, self._base)
        if url and url[:2] == self._base[:2]:
            return self._session, url.geturl()
        if url and url.scheme in {"https", self._base.scheme}:  # never down from https to http
            for listed, session in ((trusted, self._session), (hosts, self._bare)):
                if any(url.netloc == host or (host[:1] == "." and url.netloc.endswith(host)) for host in listed):
                    return session, url.geturl()
        where = f"{url.scheme}://{mask(url.netloc)}" if url else "an address that is none"
        message = f"{method}: the file is at {where}, and only {_listed(self._base, hosts, trusted)} may be asked"
        raise RejectedError(message)


class _Retry(Retry):
    """urllib3's, but strict: it never repeats a POST, not even after a broken handshake, and sits out no long wait."""

    def increment(
        self, method: str | None = None, url: str | None = None, response: Any = None, error: Any = None, *args: Any,
        **more: Any,
    ) -> Self:  # fmt: skip
        long = response is not None and (self.get_retry_after(response) or 0) > self.retry_after_max
        if long or method not in (self.allowed_methods or ()):
            raise MaxRetryError(more.get("_pool"), url or "", error)  # type: ignore[arg-type] # as urllib3 itself does
        return super().increment(method, url, response, error, *args, **more)

    def parse_retry_after(self, retry_after: str) -> float:
        return seconds(retry_after) or 0


def _send(
    session: requests.Session, method: str, url: str, *, headers: Mapping[str, str], params: Any = None,
    data: bytes | None = None, **options: Any,
) -> requests.Response:  # fmt: skip
    request = requests.PreparedRequest()  # not session.request(), which merges settings that are merged already
    if not session.trust_env:
        options["proxies"] = session.proxies
    try:
        request.prepare(method, url, {**session.headers, **headers}, params=params, data=data, auth=session.auth)
        return session.send(request, allow_redirects=False, **options)
    except FAILURES as error:
        failed = failure(f"{method} {shown(urlsplit(url).path)}", error)
    raise failed


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(64 * 1024)
    except FAILURES as error:
        failed = failure(request_line(response), error)
    else:
        return
    raise failed


def _listed(base: SplitResult, *hosts: Collection[str]) -> str:
    return ", ".join([base.netloc, *(host for each in hosts for host in each)])


def _without_addresses(record: logging.LogRecord) -> bool:
    """Take queries and personal parts of paths out of a log line of urllib3. Lets every line through."""
    text = record.getMessage().partition(", unparsed data:")[0]  # what that quotes is the other side's
    record.msg, record.args, record.exc_info = shown(re.sub(r"\?\S*", "?<query>", text)), None, None
    return True


def _session(adapter: HTTPAdapter, headers: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"User-Agent": "gemeente-connect", **headers})
    return session


def _plain(headers: Mapping[str, str | SecretStr]) -> dict[str, str]:
    plain = {name: _reveal(value) for name, value in headers.items()}
    for name, value in plain.items():
        if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):  # requests would print the value in its own error
            message = f"the header {name!r} has a character that no header may have: a line break or blank at its end?"
            raise ConfigError(message)
    return plain


def _reveal(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
