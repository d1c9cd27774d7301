"""What the pages show, read from the file. Whose it is was decided before, by `finding`."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gemeente_connect_loket.content import channel_label
from gemeente_connect_loket.store import Store, from_text


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """A line of the list."""

    reference: str
    subject: str
    channel: str
    answered: bool
    started_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class AttachmentView:
    """An attachment, or the mention of one."""

    name: str | None
    media_type: str | None
    size: int | None
    sha256: str | None
    missing: str | None


@dataclass(frozen=True, slots=True, repr=False)
class MessageView:
    """A message with its attachments."""

    sent_at: datetime
    kind: str
    text: str
    edited: bool
    deleted: bool
    attachments: tuple[AttachmentView, ...]


@dataclass(frozen=True, slots=True, repr=False)
class TurnView:
    """What one side said."""

    by_resident: bool
    messages: tuple[MessageView, ...]


def summaries(connection: sqlite3.Connection, records: Sequence[int]) -> list[Summary]:
    """Read the lines of the list, in the order of the numbers."""
    query = "SELECT reference, subject, channel, answered, started_at, last_at FROM record WHERE id = ?"
    rows = (connection.execute(query, (record,)).fetchone() for record in records)
    return [Summary(row[0], row[1], channel_label(row[2]), bool(row[3]), *map(from_text, row[4:])) for row in rows]


def turns(connection: sqlite3.Connection, record: int) -> list[TurnView]:
    """Read a whole conversation, oldest first."""
    attachments: dict[tuple[int, int], list[AttachmentView]] = defaultdict(list)
    query = """
        SELECT turn, message, name, media_type, size, sha256, missing FROM attachment
        WHERE record = ? ORDER BY turn, message, position
    """
    for turn, message, *rest in connection.execute(query, (record,)):
        attachments[turn, message].append(AttachmentView(*rest))
    messages: dict[int, list[MessageView]] = defaultdict(list)
    query = """
        SELECT turn, position, sent_at, kind, text, edited, deleted FROM message
        WHERE record = ? ORDER BY turn, position
    """
    for turn, position, sent_at, kind, text, edited, deleted in connection.execute(query, (record,)):
        view = MessageView(
            from_text(sent_at), kind, text, bool(edited), bool(deleted),
            tuple(attachments[turn, position]),
        )  # fmt: skip
        messages[turn].append(view)
    query = "SELECT position, direction FROM turn WHERE record = ? ORDER BY position"
    return [TurnView(row[1] == "in", tuple(messages[row[0]])) for row in connection.execute(query, (record,))]


def attachment(connection: sqlite3.Connection, record: int, sha256: str) -> AttachmentView | None:
    """Look up an attachment of a record by its content; its size is what is kept. None: it has none such."""
    query = """
        SELECT name, media_type, (SELECT sum(length(content)) FROM file_part WHERE sha256 = :sha256), sha256, NULL
        FROM attachment WHERE record = :record AND sha256 = :sha256 ORDER BY turn, message, position LIMIT 1
    """
    row = connection.execute(query, {"record": record, "sha256": sha256}).fetchone()
    return AttachmentView(*row) if row else None


def parts(store: Store, sha256: str) -> Iterator[bytes]:
    """Read the content of an attachment, part by part."""
    with store.reading() as connection:
        query = "SELECT content FROM file_part WHERE sha256 = ? ORDER BY part"
        for (part,) in connection.execute(query, (sha256,)):
            yield part


def name_of(connection: sqlite3.Connection, bsn: str) -> str | None:
    """Look up what a resident is called. None: the register does not know them."""
    row = connection.execute("SELECT name FROM resident WHERE bsn = ?", (bsn,)).fetchone()
    return row[0] if row else None
