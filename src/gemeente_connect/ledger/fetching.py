"""Attachments that still have to be fetched, apart from the text they came with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names
from gemeente_connect.ledger.placing import shown_anew
from gemeente_connect.ledger.refusals import Refusals, wait
from gemeente_connect.models import Attachment

_AT_ONCE = 100
NEVER = 2**62
"""A time that does not come, in microseconds: an attachment that a person dropped is not fetched before it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attachment that its channel can still give."""

    message: int
    number: int
    attachment: Attachment

    @property
    def key(self) -> str:
        """What it is refused under."""
        return f"{self.message}/{self.number}"


class Fetching:
    """Says which attachments to fetch, and keeps what became of them."""

    def __init__(self, database: Database, names: Names, refusals: Refusals) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals

    def wanted(self, account: str) -> Iterator[Wanted]:
        """Yield what is to be fetched now, oldest first."""
        last = (0, 0)
        number = self._names.account_if_known(account)
        time = self._db.now()
        while rows := self._db.read(
            "SELECT a.message, a.number, a.name, a.source, a.media_type, a.size "
            "FROM attachments a JOIN messages m ON m.seq = a.message "
            "WHERE a.account = ? AND a.source IS NOT NULL AND a.sha256 IS NULL "
            "AND (a.not_before <= ? OR (a.tried_at > ? AND a.not_before < ?)) "  # the clock was put back
            "AND m.deleted_at IS NULL AND (a.message, a.number) > (?, ?) ORDER BY a.message, a.number LIMIT ?",
            (number, time, time, NEVER, *last, _AT_ONCE),
        ):
            last = rows[-1][:2]
            for message, place, name, source, media_type, size in rows:
                attachment = Attachment(name=name, source=source, media_type=media_type, size=size)
                yield Wanted(message, place, attachment)

    def fetched(self, account: str, wanted: Wanted, sha256: str, size: int, media_type: str) -> None:
        """Keep that it was fetched; its conversation has something new to show."""
        with self._db.transaction():
            self._names.hold([self._names.account(account)])
            self._db.write(
                "UPDATE attachments SET sha256 = ?, size = ?, media_type = ?, missing = NULL "
                "WHERE message = ? AND number = ?",
                (sha256, size, media_type, wanted.message, wanted.number),
            )
            shown_anew(self._db, wanted.message)
            self._refusals.settle("attachment", account, wanted.key)

    def failed(self, account: str, wanted: Wanted, reason: str) -> bool:
        """Keep that it could not be fetched, and when to try again. True: it failed for the first time."""
        time = self._db.now()
        with self._db.transaction():
            self._names.hold([self._names.account(account)])
            attempts = self._db.number(
                "UPDATE attachments SET missing = 'failed', attempts = attempts + 1, tried_at = ? "
                "WHERE message = ? AND number = ? RETURNING attempts",
                (time, wanted.message, wanted.number),
            )
            self.try_again(wanted.key, not_before=time + wait(attempts))
            if attempts == 1:
                shown_anew(self._db, wanted.message)
            return self._refusals.add("attachment", account, wanted.key, reason, name=wanted.attachment.name)

    def try_again(self, key: str, *, not_before: int) -> None:
        """Set when an attachment, by the key of its refusal, is tried again."""
        message, _, number = key.partition("/")
        self._db.write(
            "UPDATE attachments SET not_before = ? WHERE message = ? AND number = ?",
            (not_before, int(message), int(number)),
        )
