"""The embedded case system: writes conversations into the file, and says who finds them."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from gemeente_connect.abilities import Finding, Plan, Record
from gemeente_connect.contracts import Files, Receipt, Refs, Steps
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect.models import Conversation, Identity
from gemeente_connect.residents import Verdict, judge
from gemeente_connect_loket.content import Content, Row, content
from gemeente_connect_loket.finding import never, verdict
from gemeente_connect_loket.standing import changed, loses, records, standing
from gemeente_connect_loket.store import Store

_COLUMNS: Final = "digest, channel, subject, answered, residents, first_in, last_in, started_at, last_at"
_MARKS: Final = "?, ?, ?, ?, ?, ?, ?, ?, ?"
_MAKE: Final = (
    f"INSERT INTO record ({_COLUMNS}, external_id, reference, account) VALUES ({_MARKS}, ?, ?, ?)"  # noqa: S608 - ours
    " ON CONFLICT (external_id) DO NOTHING RETURNING id, reference"
)
_UPDATE: Final = f"UPDATE record SET ({_COLUMNS}) = ({_MARKS}) WHERE id = ?"  # noqa: S608 - the same
PART: Final = 1 << 20
"""The content of attachments is read and kept in parts of so many bytes."""

_NO_REGISTER: Final = (
    "the register of residents is empty, so nobody finds anything: run 'mijn-loket residents import FILE.csv'"
)
_NO_FILE: Final = "there is no database at {}: correct 'database', or restore it"
_GONE: Final = (
    "removed-there: its record is gone from the database of Mijn Loket and is not made again: restore the database, or "
    "drop this"
)
_CHANGED: Final = (
    "changed-there: somebody else changed its record in the database of Mijn Loket, and that is not overwritten: undo "
    "the change, or drop this"
)
_LOSES: Final = (
    "its record has messages, files or deletions that the ledger does not know, and keeps them: read older messages "
    "of the channel in again, or drop this"
)


class Loket:
    """The case system `loket`: one SQLite file. May be used from several threads at once."""

    lands_within = timedelta(0)  # the file enforces the key: making a record twice makes one

    def __init__(self, store: Store) -> None:
        self._store = store
        self.account = store.account

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        """Record the conversation, or bring its record up to date, and say whether the resident finds it."""
        now = content(conversation)
        if lost := self._lost(now.files, files):
            now = content(conversation, lost=lost)
        fresh: list[Verdict] = []  # of a record that was made just now, and so has its content

        def make() -> Refs:
            refs, found = self._make(conversation, now, files)
            fresh.extend([found] if found else [])
            return refs

        made = steps.once("record", make, lambda: self._find(conversation.id))
        reference = made["reference"]
        steps.keep("content", now.digest, lambda: None if fresh else self._put(reference, now, files))
        found = fresh[0] if fresh else self._verdict(conversation.id, reference, now)
        return Receipt(reference=reference, findable=found.findable, missing=now.missing, checked_at=datetime.now(UTC))

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        """Say what `deliver` would do. Reads the file if there is one; writes nothing."""
        now = content(conversation)
        if not self._store.exists:
            found = judge(now.claim, [], before=timedelta())
            action = "refuse" if "record" in done else "create"
            return Plan(action=action, findable=found.findable, missing=now.missing)
        with self._store.reading() as connection:
            found = verdict(connection, now.claim, never(connection, conversation.id))
            action = _action(connection, conversation.id, now, done)
        return Plan(action=action, findable=found.findable, missing=now.missing)

    def records(self, since: datetime | None) -> Iterator[Record]:
        """Yield all records: the file does not know since when somebody else changed one.

        Raises ConfigError where there is no file: it was lost, or the path is wrong.
        """
        if not self._store.exists:
            raise ConfigError(_NO_FILE.format(self._store.path))
        return records(self._store)

    def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
        """Take a conversation away from a resident: they never find it again, whatever the register says."""
        if who is None and not self._store.exists:
            raise ConfigError(_NO_FILE.format(self._store.path))
        with self._store.writing(durable=True) as connection:
            bsn = _finder(connection, conversation) if who is None else who.value if who.kind == "bsn" else None
            if bsn:
                connection.execute("INSERT OR IGNORE INTO detached VALUES (?, ?)", (conversation, bsn))
            return tuple(Identity(kind="bsn", value=each) for each in sorted(never(connection, conversation)))

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

    def flush(self) -> None:
        """Let all that was delivered survive a power cut."""
        self._store.flush()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _make(self, conversation: Conversation, now: Content, files: Files) -> tuple[Refs, Verdict | None]:
        """Make the record with its content, and look who finds it, in one transaction. None: it was there already."""
        with self._store.writing() as connection:
            key = conversation.id, secrets.token_urlsafe(18), conversation.account
            row = connection.execute(_MAKE, (*_columns(now), *key)).fetchone()
            if row is None:
                return _refs(connection, conversation.id) or {}, None
            _write(connection, row[0], now, files)
            return {"reference": row[1]}, verdict(connection, now.claim, never(connection, conversation.id))

    def _verdict(self, external_id: str, reference: str, now: Content) -> Verdict:
        """Look who finds a record. Raises RejectedError when it is gone."""
        with self._store.reading() as connection:
            _number(connection, reference)
            return verdict(connection, now.claim, never(connection, external_id))

    def _find(self, external_id: str) -> Refs | None:
        if not self._store.exists:
            return None
        with self._store.reading() as connection:
            return _refs(connection, external_id)

    def _lost(self, digests: Iterable[str], files: Files) -> frozenset[str]:
        """Tell which attachments are neither in our file nor to be had from the store."""
        absent = [digest for digest in digests if digest not in files]
        if not absent or not self._store.exists:
            return frozenset(absent)
        with self._store.reading() as connection:
            return frozenset(digest for digest in absent if not _kept(connection, digest))

    def _put(self, reference: str, now: Content, files: Files) -> None:
        """Write the content in one transaction, in the place of what stood there, if that is still what we wrote."""
        with self._store.writing() as connection:
            record = _number(connection, reference)
            if objection := _objection(connection, record, now):
                raise RejectedError(objection)
            dropped = {
                row[0] for row in connection.execute("SELECT sha256 FROM attachment WHERE record = ?", (record,))
            }
            for table in ("turn", "message", "attachment", "record_address"):
                connection.execute(f"DELETE FROM {table} WHERE record = ?", (record,))  # noqa: S608 - our own names
            connection.execute(_UPDATE, (*_columns(now), record))
            _write(connection, record, now, files)
            for digest in dropped - now.files - {None}:
                connection.execute(
                    "DELETE FROM file_part WHERE sha256 = :digest"
                    " AND NOT EXISTS (SELECT 1 FROM attachment WHERE sha256 = :digest)",
                    {"digest": digest},
                )


def _action(
    connection: sqlite3.Connection, external_id: str, now: Content, done: Mapping[str, Refs]
) -> Literal["create", "update", "nothing", "refuse"]:
    row = connection.execute("SELECT id, digest FROM record WHERE external_id = ?", (external_id,)).fetchone()
    if row is None:
        return "refuse" if "record" in done else "create"
    record, digest = row
    if digest == now.digest:
        return "nothing"
    return "refuse" if _objection(connection, record, now) else "update"


def _objection(connection: sqlite3.Connection, record: int, now: Content) -> str | None:
    """Say why a record may not be written; None: it may."""
    (digest,) = connection.execute("SELECT digest FROM record WHERE id = ?", (record,)).fetchone()
    if not digest:  # nothing stands there yet
        return None
    stands = standing(connection, record)
    if changed(digest, stands):
        return _CHANGED
    return _LOSES if loses(stands, now) else None


def _finder(connection: sqlite3.Connection, external_id: str) -> str | None:
    """Give the BSN of whoever finds a record now."""
    row = connection.execute("SELECT id FROM record WHERE external_id = ?", (external_id,)).fetchone()
    return verdict(connection, standing(connection, row[0]).claim, never(connection, external_id)).bsn if row else None


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


def _columns(now: Content) -> Row:
    """Give what stands in the row of the record itself."""
    residents, _, *times = now.claimed
    return now.digest, now.channel, now.subject, now.answered, residents, *times


def _write(connection: sqlite3.Connection, record: int, now: Content, files: Files) -> None:
    """Write what was said in a record that has nothing, and copy the attachments that are not in the file yet."""
    rows = {
        "INSERT INTO record_address VALUES (?, ?, ?)": now.claim.addresses,
        "INSERT INTO turn VALUES (?, ?, ?, ?)": now.turns,
        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)": now.messages,
        "INSERT INTO attachment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)": now.attachments,
    }
    for statement, values in rows.items():
        if values:
            connection.executemany(statement, [(record, *value) for value in values])
    for digest in now.files:
        if not _kept(connection, digest):
            _copy(connection, digest, files)


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
