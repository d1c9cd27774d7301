"""A REST API on this machine, in memory: the other side for tests of a plugin that speaks HTTP.

    with RestServer(unique={"records": "external_id"}) as server:
        case_system = MyCaseSystem(base_url=server.url, …)
        …
        assert len(server.rows["records"]) == 1

It behaves as the APIs of Dutch case systems do: `POST /records` answers 201 with an id, `GET /records?external_id=…`
gives a page with `count`, `next` and `results`, `GET`, `PATCH` and `DELETE /records/<id>` are there, what is wrong
comes as problem details (RFC 9457). Put `gemeente_connect.testing.faults` before it to see what happens when it fails.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gemeente_connect.testing.loopback import Answered, Asked, Loopback

Row = dict[str, Any]
Answer = tuple[int, Any]
"""A status, and a body: bytes as they are, else as JSON; None: none."""


class RestServer(Loopback):
    """Collections of rows by name, served over HTTP on the loopback interface from a thread.

    `unique` names the field of a collection that the server lets stand in one row only, as some systems do with a key;
    without, whoever asks twice gets two. `refuses` gives a code of what is wrong with a new row of a collection; None:
    nothing is. `since` in a query gives the rows after that number, in the order in which they came.
    """

    def __init__(
        self,
        *,
        unique: Mapping[str, str] | None = None,
        refuses: Callable[[str, Row], str | None] = lambda _collection, _row: None,
        page_size: int = 100,
    ) -> None:
        self.unique = dict(unique or {})
        self.refuses = refuses
        self.page_size = page_size
        self.rows: dict[str, list[Row]] = {}
        """What is kept, by collection. A test may put rows there, and look at them."""
        self.files: dict[str, bytes] = {}
        """Contents that are served under `/files/<name>`."""
        self.requests = 0
        self._lock = threading.Lock()
        super().__init__(self._as_json)

    def clear(self) -> None:
        """Forget everything, as if it were a new system."""
        with self._lock:
            self.rows, self.files, self.requests = {}, {}, 0

    def add(self, collection: str, **fields: Any) -> Row:
        """Put a row in a collection, the way a POST does."""
        rows = self.rows.setdefault(collection, [])
        row = fields | {"id": str(uuid.uuid4()), "number": len(rows) + 1}
        rows.append(row)
        return row

    def answer(self, method: str, target: str, body: bytes, host: str) -> Answer:
        """Answer a request. Links in the answer lead to `host`, by which the client knows this server."""
        url = urlsplit(target)
        _, collection, *key = url.path.split("/")
        with self._lock:
            self.requests += 1
            if collection == "files" and key:
                return (200, self.files[key[0]]) if key[0] in self.files else _problem(404, "not-found")
            if key:
                return self._one(method, collection, key[0], body)
            if method == "POST":
                return self._make(collection, json.loads(body))
            return self._page(f"http://{host}/{collection}", collection, dict(parse_qsl(url.query)))

    def _as_json(self, asked: Asked) -> Answered:
        status, answer = self.answer(asked.method, asked.target, asked.body, asked.headers["Host"])
        content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        kind = f"application/{'problem+' * (status >= HTTPStatus.BAD_REQUEST)}json"
        return Answered(status, content, {"Content-Type": kind})

    def _one(self, method: str, collection: str, key: str, body: bytes) -> Answer:
        rows = self.rows.get(collection, [])
        row = next((row for row in rows if row["id"] == key), None)
        if row is None:
            return _problem(404, "not-found")
        if method == "PATCH":
            code = self.refuses(collection, row | json.loads(body))
            if code:
                return _problem(400, code)
            row.update(json.loads(body))
        if method == "DELETE":
            rows.remove(row)
            return 204, None
        return 200, row

    def _make(self, collection: str, row: Row) -> Answer:
        field = self.unique.get(collection)
        if field and any(known[field] == row[field] for known in self.rows.get(collection, [])):
            return _problem(400, "invalid", invalidParams=[{"name": field, "code": "unique"}])
        code = self.refuses(collection, row)
        return _problem(400, code) if code else (201, self.add(collection, **row))

    def _page(self, url: str, collection: str, query: dict[str, str]) -> Answer:
        number, since = int(query.pop("page", 1)), int(query.pop("since", 0))
        found = [
            row
            for row in self.rows.get(collection, [])
            if row["number"] > since and all(str(row.get(name)) == value for name, value in query.items())
        ]
        end = number * self.page_size
        after = urlencode(query | {"since": since, "page": number + 1})
        link = f"{url}?{after}" if end < len(found) else None
        return 200, {"count": len(found), "next": link, "results": found[end - self.page_size : end]}


def _problem(status: int, code: str, **more: Any) -> Answer:
    return status, {"type": "about:blank", "status": status, "code": code, **more}
