"""The least that the task needs, by hand: a script of one's own. `python -m bench.floors NAME …`.

`script` keeps what an API tells (requests, json, sqlite3): a page and where to go on in one commit, in WAL mode; what
it has already changes nothing. `script_pydantic` does the same with validated models. `store_and_deliver` then puts the
messages into conversations and writes them, as records with turns that a resident finds, into a second file: a commit
a conversation there, and a mark here. `…_durably` lets a commit there survive a power cut, so that no mark outlives
what it stands for. `numbered` and `chats` read with several threads.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import collector

if TYPE_CHECKING:
    import requests  # not imported by the walk that needs none

Row = tuple[Any, ...]

_STORE = """
    CREATE TABLE IF NOT EXISTS messages (
        id TEXT PRIMARY KEY, chat TEXT NOT NULL, sent_at TEXT NOT NULL, direction TEXT NOT NULL, sender TEXT NOT NULL,
        name TEXT NOT NULL, email TEXT, type TEXT NOT NULL, text TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS messages_by_chat ON messages (chat, sent_at);
    CREATE TABLE IF NOT EXISTS position (read_to TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS fresh (chat TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_KEEP = (
    "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text "
    "WHERE text <> excluded.text"
)


class Store:
    """The messages, and where to go on."""

    def __init__(self, path: str) -> None:
        self.db = opened(path)
        if not self.db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.db.executescript(_STORE)
        row = self.db.execute("SELECT read_to FROM position").fetchone()
        self.read_to: str = row[0] if row else "0"

    def keep(self, rows: list[Row], read_to: str) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany(_KEEP, rows)
        self.db.executemany("INSERT INTO fresh VALUES (?) ON CONFLICT DO NOTHING", {(row[1],) for row in rows})
        self.db.execute("DELETE FROM position")
        self.db.execute("INSERT INTO position VALUES (?)", (read_to,))
        self.db.execute("COMMIT")


def opened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


# ---- reading an answer -----------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    rows: list[Row]
    next: str
    more: bool


Reader = Callable[[bytes], Answer]


def plain(body: bytes) -> Answer:
    answer = json.loads(body)
    return Answer([_row(m, m["sender"]) for m in answer["messages"]], answer.get("next", ""), answer.get("more", False))


def _row(m: dict[str, Any], sender: dict[str, Any]) -> Row:
    return (
        m["id"], m["chat"], m["sent_at"], m["direction"], sender["id"], sender["name"], sender["email"], m["type"],
        m["text"],
    )  # fmt: skip


def validated() -> Reader:
    from pydantic import AwareDatetime, BaseModel, TypeAdapter

    class Sender(BaseModel):
        id: str
        name: str
        email: str | None

    class Message(BaseModel):
        id: str
        chat: str
        sent_at: AwareDatetime
        direction: str
        sender: Sender
        type: str
        text: str

    class Messages(BaseModel):
        messages: list[Message]
        next: str = ""
        more: bool = False

    read = TypeAdapter(Messages).validate_json

    def reader(body: bytes) -> Answer:
        answer = read(body)
        rows = [
            (
                m.id,
                m.chat,
                m.sent_at.isoformat(),
                m.direction,
                m.sender.id,
                m.sender.name,
                m.sender.email,
                m.type,
                m.text,
            )
            for m in answer.messages
        ]
        return Answer(rows, answer.next, answer.more)

    return reader


# ---- pulling ---------------------------------------------------------------------------------------------------------


def pull(url: str, store: Store, read: Reader) -> None:
    more = True
    with session() as http:
        while more:
            rows, store.read_to, more = read(get(http, f"{url}messages?after={store.read_to}"))
            if rows:
                store.keep(rows, store.read_to)


def pull_numbered(url: str, store: Store, read: Reader, workers: int) -> None:
    with session(workers) as http:
        last = json.loads(get(http, f"{url}numbered"))["pages"]
        urls = [f"{url}numbered?page={number}" for number in range(int(store.read_to), last)]
        _pull_all(http, urls, store, read, workers)


def pull_chats(url: str, store: Store, read: Reader, workers: int) -> None:
    with session(workers) as http:
        urls, after, more = [], store.read_to, True
        while more:
            answer = json.loads(get(http, f"{url}chats?after={after}"))
            urls += [f"{url}chats/{chat}" for chat in answer["chats"]]
            after, more = answer["next"], answer["more"]
        _pull_all(http, urls, store, read, workers)


def _pull_all(http: requests.Session, urls: list[str], store: Store, read: Reader, workers: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        for number, body in enumerate(pool.map(lambda url: get(http, url), urls), start=1):
            store.keep(read(body).rows, str(number))


def session(workers: int = 1) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    http = requests.Session()
    http.mount("http://", HTTPAdapter(pool_maxsize=workers))
    return http


def get(http: requests.Session, url: str) -> bytes:
    answer = http.get(url, timeout=30)
    answer.raise_for_status()
    return answer.content


# ---- delivering ------------------------------------------------------------------------------------------------------

TARGET = """
    CREATE TABLE address (
        kind TEXT NOT NULL, value TEXT NOT NULL, bsn TEXT NOT NULL, verified_at TEXT, valid_from TEXT, valid_until TEXT
    ) STRICT;
    CREATE INDEX address_by_value ON address (kind, value);
    CREATE TABLE record (
        id INTEGER PRIMARY KEY, external_id TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, subject TEXT NOT NULL,
        answered INTEGER NOT NULL, started_at TEXT NOT NULL, last_at TEXT NOT NULL, bsn TEXT) STRICT;
    CREATE INDEX record_by_resident ON record (bsn);
    CREATE TABLE turn (
        record INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, direction TEXT NOT NULL,
        PRIMARY KEY (record, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        record INTEGER NOT NULL, turn INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL,
        sent_at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (record, turn, position)) STRICT, WITHOUT ROWID;
"""
_RECORD = (
    "INSERT INTO record (external_id, channel, subject, answered, started_at, last_at, bsn) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (external_id) DO UPDATE "
    "SET subject = excluded.subject, answered = excluded.answered, "
    "last_at = excluded.last_at, bsn = excluded.bsn RETURNING id"
)
_QUIET_GAP = 24 * 60 * 60.0


def deliver(store: Store, target: sqlite3.Connection) -> None:
    for (chat,) in store.db.execute("SELECT chat FROM fresh ORDER BY chat").fetchall():
        rows = store.db.execute(
            "SELECT id, sent_at, direction, email, type, text FROM messages WHERE chat = ? ORDER BY sent_at, id",
            (chat,),
        ).fetchall()
        target.execute("BEGIN IMMEDIATE")
        for conversation in conversations(rows):
            _record(target, f"{chat}/{conversation[0][0]}", conversation)
        target.execute("COMMIT")
        store.db.execute("DELETE FROM fresh WHERE chat = ?", (chat,))


def conversations(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Start a new one after a quiet gap."""
    from datetime import datetime

    its: list[Row] = []
    before = 0.0
    for row in rows:
        time = datetime.fromisoformat(row[1]).timestamp()
        if its and time - before >= _QUIET_GAP:
            yield its
            its = []
        its.append(row)
        before = time
    yield its


def _record(target: sqlite3.Connection, key: str, rows: list[Row]) -> None:
    email = next((row[3] for row in rows if row[3]), None)
    known = target.execute(
        "SELECT bsn FROM address WHERE kind = 'email' AND value = ? AND verified_at <= ?", (email, rows[0][1])
    ).fetchone()
    values = key, "chat", rows[0][5][:80], rows[-1][2] == "out", rows[0][1], rows[-1][1], known and known[0]
    (record,) = target.execute(_RECORD, values).fetchone()
    turns, messages = [], []
    for number, (direction, its) in enumerate(groupby(rows, key=lambda row: row[2])):
        said = [(record, number, place, row[0], row[1], row[4], row[5]) for place, row in enumerate(its)]
        turns.append((record, number, said[0][3], direction))
        messages += said
    target.executemany("INSERT OR REPLACE INTO turn VALUES (?, ?, ?, ?)", turns)
    target.executemany("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", messages)


def main(name: str, url: str, path: str, *more: str) -> None:
    collector.spare()
    store = Store(path)
    if name == "script":
        pull(url, store, plain)
    elif name == "script_pydantic":
        pull(url, store, validated())
    elif name.startswith("store_and_deliver"):
        pull(url, store, validated())
        target = opened(more[0])
        if name.endswith("durably"):
            target.execute("PRAGMA synchronous = FULL")
        deliver(store, target)
    else:
        {"numbered": pull_numbered, "chats": pull_chats}[name](url, store, plain, int(more[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
