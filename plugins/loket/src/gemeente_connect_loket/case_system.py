"""The embedded case system: writes conversations into the file, and says who finds them."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from gemeente_connect.contracts import Files, Finding, Plan, Receipt, Refs, Steps
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Conversation
from gemeente_connect_loket.content import Content, content
from gemeente_connect_loket.finding import judge, verdict
from gemeente_connect_loket.store import Store

PART: Final = 1 << 20
"""The content of attachments is read and kept in parts of so many bytes."""

_NO_REGISTER: Final = (
    "the register of residents is empty, so nobody finds anything: run 'mijn-loket residents import FILE.csv'"
)
_GONE: Final = "its record is gone from the database of Mijn Loket: restore the database, or drop the conversation"


class Loket:
    """The case system `loket`: one SQLite file. May be used from several threads at once."""

    lands_within = timedelta(0)  # the file enforces the key: making a record twice makes one

    def __init__(self, store: Store) -> None:
        self._store = store
        self.account = store.account

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        """Record the conversation, or bring its record up to date, and say whether the resident finds it."""
        made = steps.once("record", lambda: self._make(conversation.id), lambda: self._find(conversation.id))
        reference = made["reference"]
        now = content(conversation)
        if lost := self._lost(now.files, files):
            now = content(conversation, lost=lost)
        steps.keep("content", now.digest, lambda: self._put(reference, now, files))
        with self._store.reading() as connection:
            _number(connection, reference)
            found = verdict(connection, now.claim)
        return Receipt(reference=reference, findable=found.findable, missing=now.missing, checked_at=datetime.now(UTC))

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        """Say what `deliver` would do. Reads the file if there is one; writes nothing."""
        now = content(conversation)
        if not self._store.exists:
            found = judge(now.claim, [], before=timedelta())
            return Plan(action=_action(None, now, done), findable=found.findable, missing=now.missing)
        with self._store.reading() as connection:
            found = verdict(connection, now.claim)
            row = connection.execute("SELECT digest FROM record WHERE external_id = ?", (conversation.id,)).fetchone()
        return Plan(action=_action(row and row[0], now, done), findable=found.findable, missing=now.missing)

    def check(self) -> Iterable[Finding]:
        """Yield whether the file can be read, and whether the register lets anybody find anything."""
        if not self._store.exists:
            yield Finding(ok=True, text=f"{self._store.path} is not there yet: the first delivery makes it")
            yield Finding(ok=False, text=_NO_REGISTER)
            return
        with self._store.reading() as connection:
            records = connection.execute("SELECT count(*) FROM record").fetchone()[0]
            verified = connection.execute("SELECT count(*) FROM address WHERE verified_at IS NOT NULL").fetchone()[0]
        yield Finding(ok=True, text=f"{self._store.path} can be read: {records} records")
        text = f"the register holds {verified} verified addresses" if verified else _NO_REGISTER
        yield Finding(ok=bool(verified), text=text)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _make(self, external_id: str) -> Refs:
        with self._store.writing() as connection:
            connection.execute(
                "INSERT INTO record (external_id, reference) VALUES (?, ?) ON CONFLICT (external_id) DO NOTHING",
                (external_id, secrets.token_urlsafe(18)),
            )
            return _refs(connection, external_id) or {}

    def _find(self, external_id: str) -> Refs | None:
        if not self._store.exists:
            return None
        with self._store.reading() as connection:
            return _refs(connection, external_id)

    def _lost(self, digests: Iterable[str], files: Files) -> frozenset[str]:
        """Tell which attachments are neither in our file nor to be had from the store."""
        with self._store.reading() as connection:
            wanted = [digest for digest in digests if not _kept(connection, digest)]
        return frozenset(digest for digest in wanted if digest not in files)

    def _put(self, reference: str, now: Content, files: Files) -> None:
        """Write the content in one transaction, in the place of what stood there."""
        with self._store.writing() as connection:
            record = _number(connection, reference)
            dropped = {
                row[0] for row in connection.execute("SELECT sha256 FROM attachment WHERE record = ?", (record,))
            }
            for table in ("turn", "message", "attachment", "record_address"):
                connection.execute(f"DELETE FROM {table} WHERE record = ?", (record,))  # noqa: S608 - our own names
            _write(connection, record, now)
            for digest in now.files:
                if not _kept(connection, digest):
                    _copy(connection, digest, files)
            for digest in dropped - now.files - {None}:
                connection.execute(
                    "DELETE FROM file_part WHERE sha256 = :digest"
                    " AND NOT EXISTS (SELECT 1 FROM attachment WHERE sha256 = :digest)",
                    {"digest": digest},
                )


def _action(
    digest: str | None, now: Content, done: Mapping[str, Refs]
) -> Literal["create", "update", "nothing", "refuse"]:
    if digest is None:
        return "refuse" if "record" in done else "create"
    return "nothing" if digest == now.digest else "update"


def _refs(connection: sqlite3.Connection, external_id: str) -> Refs | None:
    row = connection.execute("SELECT reference FROM record WHERE external_id = ?", (external_id,)).fetchone()
    return {"reference": row[0]} if row else None


def _number(connection: sqlite3.Connection, reference: str) -> int:
    row = connection.execute("SELECT id FROM record WHERE reference = ?", (reference,)).fetchone()
    if row is None:
        raise RejectedError(_GONE)
    return int(row[0])


def _kept(connection: sqlite3.Connection, digest: str) -> bool:
    return connection.execute("SELECT 1 FROM file_part WHERE sha256 = ?", (digest,)).fetchone() is not None


def _write(connection: sqlite3.Connection, record: int, now: Content) -> None:
    claim = now.claim
    connection.execute(
        "UPDATE record SET digest = ?, channel = ?, subject = ?, answered = ? WHERE id = ?",
        (now.digest, now.channel, now.subject, now.answered, record),
    )
    connection.execute(
        "UPDATE record SET started_at = ?, last_at = ?, residents = ?, first_in = ?, last_in = ? WHERE id = ?",
        (now.started_at, now.last_at, claim.residents, claim.first_in, claim.last_in, record),
    )
    rows = {
        "INSERT INTO record_address VALUES (?, ?, ?)": claim.addresses,
        "INSERT INTO turn VALUES (?, ?, ?, ?)": now.turns,
        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)": now.messages,
        "INSERT INTO attachment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)": now.attachments,
    }
    for statement, values in rows.items():
        connection.executemany(statement, ((record, *value) for value in values))


def _copy(connection: sqlite3.Connection, digest: str, files: Files) -> None:
    """Copy the content of an attachment, and check on the way that it is what its digest says."""
    seen = hashlib.sha256()
    with files.open(digest) as stored:
        for number in itertools.count():
            part = stored.read(PART)
            if not part and number:
                break
            seen.update(part)
            connection.execute("INSERT INTO file_part VALUES (?, ?, ?)", (digest, number, part))
    if seen.hexdigest() != digest:
        message = "an attachment is damaged in the attachment store: its content is not what its digest says"
        raise RejectedError(message)
