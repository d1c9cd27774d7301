"""Messages that come after their own edit or deletion.

In a source without ids an older export may be read after a newer one. It brings what a message said before it was
edited or deleted, as if it were a message of its own. That must not be shown again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names, micros
from gemeente_connect.ledger.placing import hold_conversation
from gemeente_connect.ledger.refusals import Refusals
from gemeente_connect.models import Change, Deleted, Edited, Message, Spot

UNCLEAR = (
    "this may be what a message said before it was edited or deleted, and it is not shown: look in the chat which one "
    "it is, correct the record by hand if it is another, then drop this"
)
_ONLY_CHANGED = (
    "SELECT m.seq, m.sent_at, p.id FROM messages m JOIN participants p ON p.seq = m.sender "
    "WHERE m.only_changed = 1 AND m.account = ? AND m.thread = ? AND m.sent_at BETWEEN ? AND ?"
)
_MINUTE = 60 * 1_000_000

Place = tuple[str, int, str]
"""Thread, minute (since 1970) and sender."""


class Originals:
    """Finds messages of which only the edit or the deletion was seen, when they come themselves."""

    def __init__(self, database: Database, names: Names, refusals: Refusals) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals

    def mark(self, account: int, message: Message) -> None:
        """Keep that a message is known by its edit or deletion alone."""
        self._db.write("UPDATE messages SET only_changed = 1 WHERE account = ? AND id = ?", (account, message.id))

    def take_out(
        self, account: int, fresh: Sequence[Message], changes: Iterable[Change]
    ) -> tuple[list[Message], list[str]]:
        """Give what is really new, and the ids of what was refused since nobody can tell.

        `changes` are those read together with the messages: what stands unchanged beside one is no original of it.
        """
        changed = self._only_changed(account, fresh)
        if not changed:
            return list(fresh), []
        beside = {key for change in changes for key in _besides(change)}
        places = Counter(_place(message) for message in fresh if message.id not in beside)
        new: list[Message] = []
        refused: list[str] = []
        for message in fresh:
            place = _place(message)
            if place not in changed or message.id in beside:
                new.append(message)
            elif len(changed[place]) == places[place] == 1:
                self._recognise(account, changed[place][0], message)
            elif self._refusals.add(
                "unreadable", message.account, message.id, UNCLEAR, raw=message.model_dump_json().encode()
            ):
                refused.append(message.id)
        return new, refused

    def _only_changed(self, account: int, fresh: Sequence[Message]) -> dict[Place, list[int]]:
        """Find, around these messages, those that are known by their edit or deletion alone."""
        if not self._db.one("SELECT 1 FROM messages WHERE only_changed = 1 AND account = ?", (account,)):
            return {}
        times: dict[str, list[int]] = {}
        for message in fresh:
            times.setdefault(message.thread, []).append(micros(message.sent_at))
        found: dict[Place, list[int]] = {}
        for thread, its in times.items():
            around = min(its) - _MINUTE, max(its) + _MINUTE
            for seq, sent_at, sender in self._db.read(
                _ONLY_CHANGED, (account, self._names.thread(account, thread), *around)
            ):
                found.setdefault((thread, sent_at // _MINUTE, sender), []).append(seq)
        return found

    def _recognise(self, account: int, seq: int, message: Message) -> None:
        """Keep it as what the message said before."""
        hold_conversation(self._db, seq)
        self._db.write(
            "INSERT INTO earlier_texts (message, text, until) "
            "SELECT seq, ?, coalesce(deleted_at, edited_at, 0) FROM messages WHERE seq = ?",
            (message.text, seq),
        )
        self._db.write(
            "INSERT INTO aliases (account, alias, message) VALUES (?, ?, ?) ON CONFLICT (account, alias) DO NOTHING",
            (account, message.id, seq),
        )
        self._db.write("UPDATE messages SET only_changed = 0 WHERE seq = ?", (seq,))


def _place(message: Message) -> Place:
    return message.thread, micros(message.sent_at) // _MINUTE, message.sender.id if message.sender else ""


def _besides(change: Change) -> frozenset[str]:
    if isinstance(change, Edited | Deleted) and isinstance(change.target, Spot):
        return change.target.besides
    return frozenset()
