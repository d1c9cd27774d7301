"""What stands in the file: read back as it was written, to see whether somebody else changed it, and to list it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from gemeente_connect.abilities import Record
from gemeente_connect.models import Identity
from gemeente_connect.residents import Claim
from gemeente_connect_loket.content import FORM, Content
from gemeente_connect_loket.finding import never, verdict
from gemeente_connect_loket.store import Store, maybe_time

_AT_ONCE: Final = 100  # records that are read from one view of the file


def standing(connection: sqlite3.Connection, record: int) -> Content:
    """Read the content of a record."""
    (channel, subject, answered, residents, *times) = connection.execute(
        "SELECT channel, subject, answered, residents, first_in, last_in, started_at, last_at FROM record WHERE id = ?",
        (record,),
    ).fetchone()
    return Content(
        channel=channel,
        subject=subject,
        answered=bool(answered),
        started_at=times[2],
        last_at=times[3],
        claim=Claim(
            residents, tuple(_rows(connection, "kind, value", "record_address", record)), *map(maybe_time, times)
        ),
        turns=_rows(connection, "position, id, direction", "turn", record),
        messages=_rows(connection, "turn, position, id, sent_at, kind, text, edited, deleted", "message", record),
        attachments=_rows(
            connection, "turn, message, position, name, media_type, size, sha256, missing", "attachment", record
        ),
    )


def changed(digest: str, stands: Content) -> bool:
    """Tell whether somebody else changed a record. `digest`: what was kept when we wrote it; empty: we did not yet."""
    return digest.startswith(FORM) and digest != stands.digest


def loses(stands: Content, now: Content) -> bool:
    """Tell whether writing this would take away what the record has: a message, a file, or that one was deleted.

    Nothing leads there but a ledger that was lost, or read from less than before.
    """
    before, after = _kept(stands), _kept(now)
    return any(
        message not in after  # the message itself
        or (deleted and not after[message][0])
        or (not after[message][0] and not files <= after[message][1])
        for message, (deleted, files) in before.items()
    )


def _kept(content: Content) -> dict[str, tuple[bool, set[int]]]:
    """Give whether each message is deleted, and which of its attachments have their file."""
    files: dict[tuple[int, int], set[int]] = defaultdict(set)
    for turn, message, position, _, _, _, sha256, _ in content.attachments:
        if sha256:
            files[turn, message].add(position)
    return {row[2]: (bool(row[7]), files[row[0], row[1]]) for row in content.messages}


def records(store: Store) -> Iterator[Record]:
    """Yield all records, some from one view of the file at a time."""
    last = 0
    while store.exists:
        with store.reading() as connection:
            numbers = connection.execute(
                "SELECT id FROM record WHERE id > ? ORDER BY id LIMIT ?", (last, _AT_ONCE)
            ).fetchall()
            found = [_record(connection, number) for (number,) in numbers]
        if not found:
            return
        yield from found
        (last,) = numbers[-1]


def _record(connection: sqlite3.Connection, number: int) -> Record:
    external_id, reference, digest, account = connection.execute(
        "SELECT external_id, reference, digest, account FROM record WHERE id = ?", (number,)
    ).fetchone()
    stands = standing(connection, number)
    ids: dict[int, list[str]] = defaultdict(list)
    for turn, _, message, *_ in stands.messages:
        ids[turn].append(message)
    not_of = never(connection, external_id)
    return Record(
        conversation=external_id,
        reference=reference,
        findable=verdict(connection, stands.claim, not_of).findable,
        changed=changed(digest, stands),
        account=account,
        turns={turn: tuple(ids[position]) for position, turn, _ in stands.turns},
        done={"record": {"reference": reference}},
        kept={"content": digest} if digest else {},
        detached=tuple(Identity(kind="bsn", value=bsn) for bsn in sorted(not_of)),
    )


def _rows(connection: sqlite3.Connection, columns: str, table: str, record: int) -> list[Any]:
    query = f"SELECT {columns} FROM {table} WHERE record = ? ORDER BY {columns}"  # noqa: S608 - our own names
    return connection.execute(query, (record,)).fetchall()
