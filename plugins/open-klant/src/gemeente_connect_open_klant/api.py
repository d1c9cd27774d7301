"""The requests to an Open Klant: the Klantinteracties API, in whichever dialect it speaks.

Nothing here knows about conversations. What a filter answers is the caller's to check: an Open Klant before 2.14
ignores filters that it does not know.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, TypeVar

from pydantic import SecretStr
from requests import Response

from gemeente_connect.errors import ConfigError
from gemeente_connect.http import ApiSession, StatusError, read
from gemeente_connect_open_klant.dialect import Dialect, dialect
from gemeente_connect_open_klant.wire import Klantcontact, Made, Page, Ref

T = TypeVar("T")
Collection = Literal[
    "actoren", "actorklantcontacten", "betrokkenen", "bijlagen", "digitaleadressen", "internetaken", "klantcontacten",
    "onderwerpobjecten", "partij-identificatoren", "partijen",
]  # fmt: skip
Body = Mapping[str, Any]

PATH: Final = "klantinteracties/api/v1"
LARGEST_PAGE: Final = 500  # more is answered with 500, without a word
_NOT_FOUND: Final = 404
_CONNECTIONS: Final = 32  # threads that may deliver at the same time without waiting for each other
_TOO_OLD: Final = "this Open Klant has no maak-klantcontact: 2.4 or newer is needed"


class Klantinteracties:
    """Requests to one Open Klant. May be used from several threads. Raises what `ApiSession` raises."""

    def __init__(self, url: str, token: SecretStr) -> None:
        root = url.rstrip("/").removesuffix(f"/{PATH}")
        self.root = root
        header = SecretStr(f"Token {token.get_secret_value()}")
        self._session = ApiSession(f"{root}/{PATH}", headers={"Authorization": header}, pool_maxsize=_CONNECTIONS)
        self._dialect: Dialect | None = None
        self._one_at_a_time = threading.Lock()

    @property
    def dialect(self) -> Dialect:
        """How to speak to it. The first answer tells; where there was none yet, it is asked for one."""
        return self._dialect or self._told(self._ask())

    def _ask(self) -> Response | None:
        try:
            return self._session.get("klantcontacten", params={"pageSize": 1})
        except StatusError as error:
            if error.status == _NOT_FOUND:
                return None  # the page of something else
            raise

    def _told(self, response: Response | None) -> Dialect:
        self._dialect = self._dialect or dialect(response.headers.get("API-version") if response else None)
        return self._dialect

    def find(self, collection: Collection, shape: type[T], **filters: str | int) -> Iterator[T]:
        """Yield what passes the filters, a page at a time. What stands on two pages is yielded twice."""
        page: type[Page[T]] = Page[shape]  # type: ignore[valid-type] # a type that is known when it runs
        number, more = 1, True
        while more:
            # by number: behind a proxy, the link to the next page may name a host that only the server knows
            try:
                response = self._session.get(collection, params={**filters, "page": number})
            except StatusError as error:
                if error.status == _NOT_FOUND and number > 1:
                    return  # rows were removed since the page before, which was the last one
                raise
            self._told(response)
            answer = read(response, page)
            yield from answer.results
            number, more = number + 1, answer.next is not None

    def one(self, collection: Collection, uuid: str, shape: type[T], *, expand: str | None = None) -> T | None:
        """Read one thing; None: it is not there (any more). `expand`: what to give beside it, with commas."""
        try:
            response = self._session.get(f"{collection}/{uuid}", params={"expand": expand} if expand else None)
        except StatusError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        self._told(response)
        return read(response, shape)

    def make(self, collection: Collection, body: Body) -> str:
        """Make something, and give its uuid."""
        with self._counting(collection):
            return read(self._session.post(collection, body), Ref).uuid

    def make_klantcontact(self, klantcontact: Body, betrokkene: Body, onderwerpobject: Body | None) -> Made:
        """Make a klantcontact with who took part in it, and what it is about, in one transaction."""
        body: dict[str, Body] = {"klantcontact": klantcontact, "betrokkene": betrokkene}
        if onderwerpobject:  # null is refused before 2.16
            body["onderwerpobject"] = onderwerpobject
        try:
            with self._counting("klantcontacten"):
                return read(self._session.post("maak-klantcontact", body), Made)
        except StatusError as error:
            if error.status == _NOT_FOUND:
                raise ConfigError(_TOO_OLD) from None
            raise

    def _counting(self, collection: Collection) -> AbstractContextManager[object]:
        """Let one at a time make what an old server numbers by itself: of two that race it answers one with a 500."""
        counts = collection in {"klantcontacten", "internetaken"} and not self.dialect.numbered
        return self._one_at_a_time if counts else nullcontext()

    def klantcontact(self, uuid: str, *, expand: str | None = None) -> Klantcontact | None:
        """Read a klantcontact; None: it is not there (any more)."""
        return self.one("klantcontacten", uuid, Klantcontact, expand=expand)

    def change(self, collection: Collection, uuid: str, body: Body) -> None:
        """Change the fields of a body, and no other."""
        self._session.patch(f"{collection}/{uuid}", body)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()
