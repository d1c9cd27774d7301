"""A loopback API in a process of its own: chats to read, records to make. Everything in it is made up.

The start of a path chooses what is served: `/20/1000/messages` is 1,000 conversations, answered after 20 milliseconds.
`messages` is paged by cursor, `numbered` by number, `chats` lists the threads to ask for one by one; `POST` makes
something and answers with its id; `/count` tells how many requests came since it was last asked. Ten conversations
run side by side, so that each stands on two pages. Bodies are rendered beforehand: the server is not what is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

EACH = 20  # messages a conversation
A_PAGE = 100
TURNS = (3, 4, 2, 5, 3, 3)  # lengths of the turns of a conversation: a resident begins
_SIDE_BY_SIDE = 10
_SIDES = [("in", "out")[turn % 2] for turn, length in enumerate(TURNS) for _ in range(length)]
_BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
_TEXT = """goedemorgen de lantaarn in onze straat is kapot kunt u zeggen wanneer er iemand langs komt dank u wel
alvast met het paspoort afspraak vergunning container afval ophalen morgen 12:30 graag bericht"""
_WORDS = _TEXT.split()


# ---- what it tells ---------------------------------------------------------------------------------------------------


def chat(number: int) -> str:
    return f"chat-{number:06}"


def address(number: int) -> str:
    return f"bewoner{number}@example.nl"


def message(number: int, place: int) -> dict[str, Any]:
    """The message that stands at a place of a conversation."""
    sent_at = _BEGIN + timedelta(minutes=7 * number + 3 * place, seconds=number * 13 % 60)
    length = 4 + (number * 7 + place * 5) % 17
    text = " ".join(_WORDS[(number + place * 3 + word * 7) % len(_WORDS)] for word in range(length))
    sender: dict[str, str | None]
    if _SIDES[place] == "in":
        sender = {"id": f"bewoner-{number}", "name": f"Bewoner {number}", "email": address(number)}
    else:
        sender = {"id": f"balie-{number % 8}", "name": f"Balie {number % 8}", "email": None}
    return {
        "id": f"m-{number:06}-{place:02}",
        "chat": chat(number),
        "sent_at": sent_at.isoformat(),
        "direction": _SIDES[place],
        "sender": sender,
        "type": "text",
        "text": text,
    }


def pages(conversations: int) -> Iterator[bytes]:
    """Render the pages, oldest message first."""
    for first in range(0, conversations, _SIDE_BY_SIDE):
        group = range(first, min(first + _SIDE_BY_SIDE, conversations))
        told = [message(number, place) for place in range(EACH) for number in group]
        for start in range(0, len(told), A_PAGE):
            yield json.dumps({"messages": told[start : start + A_PAGE], "next": "", "more": True}).encode()


# ---- how it answers --------------------------------------------------------------------------------------------------


class Api:
    """The bodies, and which of them a request is about."""

    def __init__(self, conversations: int) -> None:
        self._pages = list(pages(conversations))
        self._made = itertools.count(1)
        self._asked = 0

    def answer(self, method: str, target: str) -> tuple[float, bytes]:
        """Give how long to wait (seconds), and the body."""
        url = urlsplit(target)
        if url.path == "/count":
            asked, self._asked = self._asked, 0
            return 0, str(asked).encode()
        self._asked += 1
        _, wait, size, what, *more = url.path.split("/")
        seconds = int(wait) / 1000
        if method == "POST":
            return seconds, b'{"id": "r-%d"}' % next(self._made)
        if what == "chats" and more:
            return seconds, _chat(more[0])
        last, query = int(size) * EACH // A_PAGE, parse_qs(url.query)
        if what == "chats":
            return seconds, _chats(int(query["after"][0]), int(size))
        if what == "numbered" and "page" not in query:
            return seconds, b'{"pages": %d}' % last
        return seconds, self._page(int(query["page" if what == "numbered" else "after"][0]), last)

    def _page(self, number: int, last: int) -> bytes:
        if number >= last:
            return b'{"messages": [], "next": "%d", "more": false}' % number
        more = b"true" if number + 1 < last else b"false"
        return self._pages[number].replace(
            b'"next": "", "more": true', b'"next": "%d", "more": %s' % (number + 1, more)
        )


def _chats(after: int, size: int) -> bytes:
    numbers = range(after, min(after + A_PAGE, size))
    return json.dumps(
        {"chats": [chat(n) for n in numbers], "next": str(numbers.stop), "more": numbers.stop < size}
    ).encode()


def _chat(name: str) -> bytes:
    number = int(name.removeprefix("chat-"))
    return json.dumps({"messages": [message(number, place) for place in range(EACH)]}).encode()


class Connection(asyncio.Protocol):
    """As much of HTTP as the clients here speak: requests one after another on a connection that stays open."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        if (at := head.lower().find(b"content-length:")) >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._read = rest[length:]
        method, target, _ = head.split(b" ", 2)
        wait, body = self._api.answer(method.decode(), target.decode())
        status = b"201 Created" if method == b"POST" else b"200 OK"
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        if wait:
            asyncio.get_running_loop().call_later(wait, self._transport.write, head + body)
        else:
            self._transport.write(head + body)


async def _serve(conversations: int) -> None:
    api = Api(conversations)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(api), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# ---- for the benchmarks ----------------------------------------------------------------------------------------------


class Served:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, conversations: int, latency: int = 0) -> str:
        """Give the base URL for so many conversations, after so many milliseconds."""
        return f"http://127.0.0.1:{self._port}/{latency}/{conversations}/"

    def count(self) -> int:
        """Give the number of requests since it was last asked."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request("GET", "/count")
        asked = int(connection.getresponse().read())
        connection.close()
        return asked


@contextmanager
def serving(conversations: int) -> Iterator[Served]:
    """Start a server, and end it."""
    command = [sys.executable, "-m", "bench.server", str(conversations)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Served(int(process.stdout.readline()))
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
