"""What was pushed to a channel: kept durably before it is answered, and read when it is collected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from gemeente_connect.abilities import Received
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names, moment
from gemeente_connect.ledger.together import Together

_KEEP = (
    "INSERT INTO inbox (account, received_at, method, url, headers, body, digest) "
    "VALUES ((SELECT seq FROM accounts WHERE name = ?), ?, ?, ?, ?, ?, ?) ON CONFLICT (account, digest) DO NOTHING"
)
_UNREAD = (
    "SELECT seq, received_at, method, url, headers, body FROM inbox WHERE account = ? AND is_read = 0 AND seq > ? "
    "ORDER BY seq LIMIT ?"
)
_AT_ONCE = 20  # payloads in memory at the same time: each may be of some megabytes


class Payload(NamedTuple):
    """Something that was received."""

    number: int
    """The ledger's own."""
    received: Received


class Inbox:
    """Keeps what is received. May be used from several threads: what they bring is committed together."""

    def __init__(self, database: Database, names: Names, together: Together) -> None:
        self._db = database
        self._names = names
        self._together = together

    def open(self, account: str, kind: str) -> None:
        """Make room for what an account receives."""
        with self._db.transaction():
            self._names.account(account, kind)

    def keep(self, account: str, received: Received) -> None:
        """Keep a payload of an account that was opened. When this returns it survives a power cut.

        One that came before, to the same URL, is not kept twice: a sender that saw no answer sends it again.
        """
        headers = json.dumps(dict(received.headers))
        digest = hashlib.sha256(received.url.encode() + b"\n" + received.body).hexdigest()
        values = account, self._db.now(), received.method, received.url, headers, received.body, digest
        self._together.write(_KEEP, values, durable=True, alone=True)  # whoever receives needs no lease

    def ready(self) -> None:
        """Raise StorageError when nothing can be kept now."""
        self._together.write("UPDATE inbox SET is_read = 1 WHERE seq = 0", (), durable=False)  # there is none

    def unread(self, account: str) -> Iterator[list[Payload]]:
        """Yield what was not read yet, in the order in which it came, some at a time."""
        number, last = self._names.account_if_known(account), 0
        while number is not None and (rows := self._db.read(_UNREAD, (number, last, _AT_ONCE))):
            yield [
                Payload(
                    seq,
                    Received(
                        method=method,
                        url=url,
                        headers=json.loads(headers),
                        body=bytes(body),
                        received_at=moment(received_at),
                    ),
                )
                for seq, received_at, method, url, headers, body in rows
            ]
            last = rows[-1][0]

    def done(self, numbers: Sequence[int], *, held: Collection[int] = ()) -> None:
        """Keep that payloads were read. What they said is kept of those that were `held` for a person alone."""
        with self._db.transaction():
            self._db.write_all("UPDATE inbox SET is_read = 1 WHERE seq = ?", [(number,) for number in numbers])
            emptied = [(b"", number) for number in numbers if number not in held]
            self._db.write_all("UPDATE inbox SET url = '', headers = '{}', body = ? WHERE seq = ?", emptied)

    def again(self, number: int) -> None:
        """Let a payload be read again, within a transaction that was begun."""
        self._db.write("UPDATE inbox SET is_read = 0 WHERE seq = ?", (number,))
