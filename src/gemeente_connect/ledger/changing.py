"""What happens to a message after it was stored: edits, deletions, statuses, reactions, a file that came later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.fetching import NEVER
from gemeente_connect.ledger.names import Names, micros, now
from gemeente_connect.ledger.placing import hold_conversation, shown_anew
from gemeente_connect.ledger.refusals import Refusals
from gemeente_connect.models import (
    Attachment,
    Change,
    Deleted,
    Edited,
    IdentityChanged,
    Message,
    Reacted,
    Spot,
    StatusChanged,
)

Outcome = Literal["changed", "known", "parked", "refused"]

_RANK = {None: 0, "sent": 1, "delivered": 2, "read": 3, "played": 4, "failed": 5}
_SEVERAL = (
    "several messages of this sender in this minute could be the one that was {}: look in the chat which one it is, "
    "correct the record by hand, then drop this"
)
_NEVER_CAME = (
    "it changes a message that did not come in a week: look in the channel what it says, correct the record by hand, "
    "then drop this"
)
_A_WEEK = 7 * 24 * 60 * 60 * 1_000_000
_BY_ID = (
    "SELECT seq FROM messages WHERE account = ? AND id = ? "
    "UNION SELECT message FROM aliases WHERE account = ? AND alias = ?"
)
_CANDIDATES = (
    "SELECT m.seq, m.id FROM conversations c JOIN messages m ON m.conversation = c.seq "
    "JOIN participants p ON p.seq = m.sender WHERE c.thread = :thread AND c.first_at < :end AND c.last_at >= :begin "
    "AND m.sent_at >= :begin AND m.sent_at < :end AND p.id = :sender AND m.deleted_at IS NULL"
)


@cache
def _any_change() -> TypeAdapter[Change]:
    return TypeAdapter(Change)  # made when the first one is read: it takes as long as opening the ledger


def read_change(body: str | bytes) -> Change:
    """Read a change that was kept."""
    return _any_change().validate_json(body)


def _says_nothing(message: Message) -> bool:
    """Tell whether a sight shows less than the message says, such as one that its provider has emptied since.

    What is not visible any more was not taken back by its sender. An edit says when it was made.
    """
    return message.edited_at is None and (not message.text or message.kind == "unsupported")


def several(change: Edited | Deleted) -> str:
    """Say why a change is refused."""
    return _SEVERAL.format(change.change)


class Changing:
    """Applies changes to stored messages. What was written before an edit or a deletion is kept."""

    def __init__(self, database: Database, names: Names, refusals: Refusals) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals

    def apply(self, account: int, change: Change) -> Outcome | Message:
        """Apply a change. Gives the message to be stored where the change is the first that is heard of it."""
        if isinstance(change, Edited | Deleted):
            return self._rewrite(account, change)
        if isinstance(change, IdentityChanged):
            linked = change.participant.model_copy(
                update={"identities": (*change.participant.identities, change.identity)}
            )
            return "changed" if self._names.learn(account, linked) else "known"
        seq = self._find(account, change.target)
        if seq is None:
            return self._park(account, change.target, change)
        if isinstance(change, StatusChanged):
            return "changed" if self._status(seq, change.status) else "known"
        return self._react(account, seq, change)

    def parked(self, account: int, ids: Iterable[str]) -> list[Change]:
        """Take out the changes that were waiting for these messages."""
        if not self._db.one("SELECT 1 FROM parked_changes WHERE account = ?", (account,)):
            return []
        found: list[Row] = []
        for target in ids:
            rows = self._db.read(
                "DELETE FROM parked_changes WHERE account = ? AND target = ? RETURNING seq, body", (account, target)
            )
            found += rows
        return [read_change(body) for _, body in sorted(found)]  # in the order in which they came

    def never_came(self, account: int) -> dict[str, str]:
        """List for a person the edits and deletions whose message did not come for a week. Statuses of such are let go.

        They go on waiting: what comes after all is changed. Gives the reasons by message, of those that are new.
        """
        where = "FROM parked_changes WHERE account = ? AND parked_at < ?"
        week_ago = now() - _A_WEEK
        if not self._db.one(f"SELECT 1 {where} LIMIT 1", (account, week_ago)):
            return {}
        refused: dict[str, str] = {}
        with self._db.transaction():
            for seq, body in self._db.read(f"SELECT seq, body {where} ORDER BY seq", (account, week_ago)):
                change = read_change(body)
                if isinstance(change, StatusChanged):
                    self._db.write("DELETE FROM parked_changes WHERE seq = ?", (seq,))
                    continue
                self._db.write("UPDATE parked_changes SET parked_at = ? WHERE seq = ?", (NEVER, seq))
                if isinstance(change, Edited | Deleted) and self._refuse(change, _NEVER_CAME) == "refused":
                    refused[change.message.id] = _NEVER_CAME
        return refused

    def see_again(self, account: int, seq: int, message: Message) -> bool:
        """Compare a message with what is stored, and update it. True: something changed."""
        hold_conversation(self._db, seq)
        for key in (message.id, *message.aliases):
            self._alias(account, key, seq)
        row = self._db.one("SELECT text, edited_at, deleted_at FROM messages WHERE seq = ?", (seq,))
        if row is None:
            return False
        text, edited_at, deleted_at = row
        changed = False
        if message.deleted_at and not deleted_at:
            changed = self._write(seq, message.text, deleted_at=micros(message.deleted_at))
        elif text != message.text and not deleted_at and not _says_nothing(message):
            changed = self._complete(seq, message.text) or (
                self._is_newer(seq, message, edited_at)
                and self._write(seq, message.text, edited_at=micros(message.edited_at) if message.edited_at else now())
            )
        brought = [each for number, each in enumerate(message.attachments) if self._attach(seq, number, each)]
        if any(each.source for each in brought):  # what comes with it tells what it is
            self._db.write("UPDATE messages SET kind = ? WHERE seq = ?", (message.kind, seq))
        changed |= bool(brought)
        if changed:
            shown_anew(self._db, seq)
        if message.status:
            changed |= self._status(seq, message.status)
        return changed

    def _complete(self, seq: int, text: str) -> bool:
        """Give its text to a message of which was only known that something was left out. That is no edit."""
        return bool(
            self._db.write(
                "UPDATE messages SET text = ? WHERE seq = ? AND text = '' AND edited_at IS NULL AND EXISTS (SELECT 1 "
                "FROM attachments a WHERE a.message = messages.seq AND a.source IS NULL AND a.missing = 'omitted')",
                (text, seq),
            )
        )

    def _is_newer(self, seq: int, message: Message, edited_at: int | None) -> bool:
        """Tell whether a text that differs is an edit, and not an older copy."""
        if edited_at is None:
            return True
        if message.edited_at:
            return micros(message.edited_at) > edited_at
        return not self._db.one("SELECT 1 FROM earlier_texts WHERE message = ? AND text = ?", (seq, message.text))

    def _rewrite(self, account: int, change: Edited | Deleted) -> Outcome | Message:
        seq = self._find(account, change.message.id)
        if seq is not None and change.target != change.message.id:
            return "known"
        at = change.at or datetime.now(UTC)
        mark = "edited_at" if isinstance(change, Edited) else "deleted_at"
        if seq is None:
            found = self._targets(account, change)
            if not found:
                if isinstance(change.target, str):
                    return self._park(account, change.target, change)
                return change.message.model_copy(update={mark: at})
            if len(found) > 1:
                return self._refuse(change, several(change))
            seq = found[0]
        self._alias(account, change.message.id, seq)
        self._refusals.settle("change", change.message.account, change.message.id)
        if self._is_past(seq, change):
            return "known"
        hold_conversation(self._db, seq)
        self._write(seq, change.message.text, **{mark: micros(at)})
        shown_anew(self._db, seq)
        return "changed"

    def _is_past(self, seq: int, change: Edited | Deleted) -> bool:
        """Tell whether a change was applied before, or came after a later one: a deletion is for good."""
        row = self._db.one("SELECT text, edited_at, deleted_at FROM messages WHERE seq = ?", (seq,))
        text, edited_at, deleted_at = row or ("", None, None)
        if deleted_at is not None or isinstance(change, Deleted):
            return deleted_at is not None
        if edited_at is None:
            return False
        return text == change.message.text or (change.at is not None and micros(change.at) < edited_at)

    def _targets(self, account: int, change: Edited | Deleted) -> list[int]:
        if isinstance(change.target, str):
            seq = self._find(account, change.target)
            return [] if seq is None else [seq]
        return self._candidates(account, change.message.thread, change.target)

    def _candidates(self, account: int, thread: str, spot: Spot) -> list[int]:
        place = {
            "thread": self._names.thread(account, thread),
            "begin": micros(spot.minute),
            "end": micros(spot.minute + timedelta(minutes=1)),
            "sender": spot.sender,
        }
        rows = self._db.read(_CANDIDATES, place)
        return [seq for seq, key in rows if key not in spot.besides and not self._aliases(seq) & spot.besides]

    def _aliases(self, seq: int) -> set[str]:
        return {alias for (alias,) in self._db.read("SELECT alias FROM aliases WHERE message = ?", (seq,))}

    def _refuse(self, change: Edited | Deleted, reason: str) -> Outcome:
        new = self._refusals.add(
            "change",
            change.message.account,
            change.message.id,
            reason,
            raw=change.model_dump_json().encode(),
        )
        return "refused" if new else "known"

    def _find(self, account: int, key: str) -> int | None:
        row = self._db.one(_BY_ID, (account, key, account, key))
        return row[0] if row else None

    def _park(self, account: int, target: str, change: Change) -> Outcome:
        self._db.write(
            "INSERT INTO parked_changes (account, target, body, parked_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (account, target, body) DO NOTHING",
            (account, target, change.model_dump_json(), now()),
        )
        return "parked"

    def _write(self, seq: int, text: str, **marks: int) -> bool:
        self._db.write(
            "INSERT INTO earlier_texts (message, text, until) SELECT seq, text, ? FROM messages WHERE seq = ?",
            (max(marks.values()), seq),
        )
        columns = "".join(f", {name} = ?" for name in marks)
        self._db.write(f"UPDATE messages SET text = ?{columns} WHERE seq = ?", (text, *marks.values(), seq))  # noqa: S608 - our own columns
        return True

    def _attach(self, seq: int, number: int, seen: Attachment) -> bool:
        row = self._db.one("SELECT source, sha256 FROM attachments WHERE message = ? AND number = ?", (seq, number))
        source, sha256 = row or (None, None)
        if row and (sha256 or not seen.source or seen.source == source):
            return False
        self._db.write(
            "INSERT INTO attachments (message, number, account, name, source, media_type, size, missing) "
            "SELECT seq, ?, account, ?, ?, ?, ?, ? FROM messages WHERE seq = ? "
            "ON CONFLICT (message, number) DO UPDATE SET name = excluded.name, source = excluded.source, "
            "media_type = excluded.media_type, size = excluded.size, missing = excluded.missing, "
            "not_before = CASE WHEN attachments.not_before < ? THEN 0 ELSE attachments.not_before END",
            (number, seen.name, seen.source, seen.media_type, seen.size, seen.missing, seq, NEVER),
        )
        return source is None  # a new place to fetch it from shows nothing new

    def _status(self, seq: int, status: str) -> bool:
        row = self._db.one("SELECT status FROM messages WHERE seq = ?", (seq,))
        if row is None or _RANK[row[0]] >= _RANK[status]:
            return False
        hold_conversation(self._db, seq)
        self._db.write("UPDATE messages SET status = ? WHERE seq = ?", (status, seq))
        return True

    def _react(self, account: int, seq: int, change: Reacted) -> Outcome:
        sender = self._names.participant(account, change.sender)
        changed = self._db.write(
            "INSERT INTO reactions (message, sender, emoji, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (message, sender) DO UPDATE SET emoji = excluded.emoji, at = excluded.at "
            "WHERE excluded.at > reactions.at",
            (seq, sender, change.emoji, micros(change.at)),
        )
        return "changed" if changed else "known"

    def _alias(self, account: int, alias: str, seq: int) -> None:
        self._db.write(
            "INSERT INTO aliases (account, alias, message) SELECT ?, ?, ? "
            "WHERE NOT EXISTS (SELECT 1 FROM messages WHERE account = ? AND id = ?) "
            "ON CONFLICT (account, alias) DO NOTHING",
            (account, alias, seq, account, alias),
        )
