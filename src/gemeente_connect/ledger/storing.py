"""Storing a page of a channel: messages, changes, what was unreadable, and the cursor, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gemeente_connect.contracts import Batch, Cursor, Page
from gemeente_connect.errors import TemporaryError
from gemeente_connect.ledger.changing import Changing, read_change, several
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.linking import Linking
from gemeente_connect.ledger.names import Names, micros
from gemeente_connect.ledger.originals import UNCLEAR, Originals
from gemeente_connect.ledger.placing import Placing
from gemeente_connect.ledger.refusals import Refusals
from gemeente_connect.models import Attachment, Change, Deleted, Edited, IdentityChanged, Message, StatusChanged

_KNOWN = "SELECT id, seq, text FROM messages WHERE account = ? AND id IN ({})"
_KNOWN_BY_ALIAS = (
    "SELECT a.alias, m.seq, m.text FROM aliases a JOIN messages m ON m.seq = a.message "
    "WHERE a.account = ? AND a.alias IN ({})"
)
_INSERT = (
    "INSERT INTO messages (account, id, thread, conversation, sent_at, position, direction, sender, kind, text, "
    "reply_to, edited_at, deleted_at, status, internal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_ALIAS = (
    "INSERT INTO aliases (account, alias, message) SELECT ?, ?, seq FROM messages WHERE account = ? AND id = ? "
    "ON CONFLICT (account, alias) DO NOTHING"
)
_INSERT_ATTACHMENT = (
    "INSERT INTO attachments (message, number, account, name, source, media_type, size, sha256, missing)"
    " SELECT seq, ?, ?, ?, ?, ?, ?, ?, ? FROM messages WHERE account = ? AND id = ?"
)
_AT_ONCE = 500  # values in one IN list: SQLite and PostgreSQL both take more, and gain nothing by it


ANYWHERE = Cursor("\x01")
"""Stands for a cursor that nobody compares."""


@dataclass(slots=True)
class Stored:
    """What a page brought."""

    new: int = 0
    """Messages that were not known."""
    known: int = 0
    """Messages that were known and had not changed."""
    changed: int = 0
    """Messages that were edited, deleted, or got an attachment or a status."""
    refused: dict[str, str] = field(default_factory=dict)
    """Reasons, by key, of what was refused for the first time."""


class Storing:
    """Stores pages. Seeing a message again changes nothing, or updates it when it changed."""

    def __init__(self, database: Database, names: Names, refusals: Refusals) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals
        self._linking = Linking(database, names)
        self._placing = Placing(database, self._linking)
        self._changing = Changing(database, names, refusals)
        self._originals = Originals(database, names, refusals)

    def store(self, account: str, kind: str, page: Batch, gap: timedelta, after: Cursor | None) -> Stored:
        """Store a page and its cursor, or what was read beside the pages; or nothing of it."""
        stored = Stored()
        with self._db.transaction():
            self._take_turns(account, kind, page)
            number = self._names.account(account, kind)
            for thread, called in page.thread_names.items():
                self._names.call(number, thread, called)
            self._messages(kind, page, gap, stored)
            self._changes(kind, page, gap, stored)
            for item in page.unreadable:
                if self._refusals.add("unreadable", account, item.id, item.reason, name=item.name, raw=item.raw):
                    stored.refused[item.id] = item.reason
            for key in page.readable:
                self._refusals.settle("unreadable", account, key)
            if isinstance(page, Page):
                self._move_on(number, page.cursor, after)
        return stored

    def _take_turns(self, account: str, kind: str, page: Batch) -> None:
        if self._db.for_update:
            names = {account, *(m.account for m in page.messages), *map(_account_of, page.changes)}
            self._names.hold([self._names.account(name, kind) for name in sorted(names)])

    def _move_on(self, account: int, cursor: Cursor, after: Cursor | None) -> None:
        """Keep where the account was read to, unless another run has read on since."""
        moved = self._db.write(
            "UPDATE accounts SET read_to = ? WHERE seq = ? AND (? = ? OR coalesce(read_to, '') = ?)",
            (cursor, account, after or "", ANYWHERE, after or ""),
        )
        if not moved:
            message = "another run is reading this channel: it goes on, and this one stops; run again when it is done"
            raise TemporaryError(message)

    def _messages(self, kind: str, page: Batch, gap: timedelta, stored: Stored) -> None:
        by_account: dict[str, list[Message]] = {}
        for message in page.messages:
            by_account.setdefault(message.account, []).append(message)
        for name, its in by_account.items():
            account = self._names.account(name, kind)
            for thread in page.other_names.keys() & {message.thread for message in its}:
                if self._linking.learn(account, thread, page.other_names[thread]):
                    self._placing.place_again(account, self._names.thread(account, thread), gap)
            self._of_account(account, its, page.changes, gap, stored)

    def _of_account(
        self, account: int, messages: Sequence[Message], changes: Sequence[Change], gap: timedelta, stored: Stored
    ) -> None:
        asked = [(message, _keys(message)) for message in messages]
        known = self._known(account, (key for _, keys in asked for key in keys))
        fresh: list[Message] = []
        keys_of_fresh: set[str] = set()
        again: list[tuple[int, Message]] = []
        later: list[Message] = []  # a second sight of a message that is fresh in this very page
        for message, keys in asked:
            row = next((known[key] for key in keys if key in known), None) if known else None
            if row is None and keys_of_fresh.isdisjoint(keys):
                fresh.append(message)
                keys_of_fresh.update(keys)
            elif row is None:
                later.append(message)
            elif row[2] == message.text and _brings_nothing(message, known):
                stored.known += 1
            else:
                again.append((row[1], message))
        new, refused = self._originals.take_out(account, fresh, changes)
        if len(new) < len(messages):  # whoever wrote what is new is kept along with it
            self._senders(account, messages)
        self._insert(account, new, gap)
        stored.new += len(new)
        stored.refused |= dict.fromkeys(refused, UNCLEAR)
        for seq, message in again:
            changed = self._changing.see_again(account, seq, message)
            stored.changed += changed
            stored.known += not changed
        self._unpark(account, (*keys_of_fresh, *(key for _, message in again for key in _keys(message))), stored)
        if later:
            self._of_account(account, later, changes, gap, stored)

    def _known(self, account: int, ids: Iterable[str]) -> dict[str, Row]:
        """Give `(id, seq, text)` of the messages the ledger holds, by the id or alias they were asked for with."""
        asked = list(dict.fromkeys(ids))
        rows: list[Row] = []
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            found = self._db.read(_KNOWN.format(marks), (account, *part))
            if len(found) < len(part) and self._db.one("SELECT 1 FROM aliases WHERE account = ?", (account,)):
                found += self._db.read(_KNOWN_BY_ALIAS.format(marks), (account, *part))
            rows += found
        return {row[0]: row for row in rows}

    def enter(self, account: int, message: Message, conversation: int) -> bool:
        """Store a message of a conversation that is known, within a transaction that was begun. False: it is there."""
        if self._known(account, _keys(message)):
            return False
        sent_at = micros(message.sent_at)
        self._placing.stretch(conversation, sent_at, sent_at)
        self._insert_into(account, [message], {message.id: sent_at}, {message.id: conversation})
        self._unpark(account, _keys(message), Stored())
        return True

    def _insert(self, account: int, messages: Sequence[Message], gap: timedelta) -> None:
        if not self._linking.any():
            self._insert_placed(account, messages, gap, linked=False)
            return
        by_thread: dict[str, list[Message]] = {}
        for message in messages:
            by_thread.setdefault(message.thread, []).append(message)
        for its in by_thread.values():  # whoever may share a conversation has to see who is in it
            self._insert_placed(account, its, gap, linked=True)
        self._placing.place_shared_again(account, [self._names.thread(account, name) for name in by_thread], gap)

    def _insert_placed(self, account: int, messages: Sequence[Message], gap: timedelta, *, linked: bool) -> None:
        times = {m.id: micros(m.sent_at) for m in messages}
        placed = self._conversations(account, messages, times, gap, linked=linked)
        self._insert_into(account, messages, times, placed)

    def _senders(self, account: int, messages: Iterable[Message]) -> dict[str, int]:
        """Give the number of everybody who wrote, and keep what is newly known, such as the number behind a name."""
        senders = {sender.id: sender for m in messages if (sender := m.sender)}
        return {key: self._names.participant(account, sender) for key, sender in senders.items()}

    def _insert_into(
        self, account: int, messages: Sequence[Message], times: Mapping[str, int], conversations: Mapping[str, int]
    ) -> None:
        senders = self._senders(account, messages)
        self._db.write_all(_INSERT, [self._row(account, m, times, conversations, senders) for m in messages])
        aliases = [(account, alias, account, m.id) for m in messages for alias in m.aliases]
        if aliases:
            self._db.write_all(_INSERT_ALIAS, aliases)
        attachments = [
            (number, account, *_attachment(a), account, m.id)
            for m in messages
            for number, a in enumerate(m.attachments)
        ]
        if attachments:
            self._db.write_all(_INSERT_ATTACHMENT, attachments)

    def _row(
        self,
        account: int,
        message: Message,
        times: Mapping[str, int],
        conversations: Mapping[str, int],
        senders: Mapping[str, int],
    ) -> Row:
        m = vars(message)  # a field of a model takes ten times as long as one of a dictionary, and here are thirteen
        key, sender, edited_at, deleted_at = m["id"], m["sender"], m["edited_at"], m["deleted_at"]
        return (
            account, key, self._names.thread(account, m["thread"]), conversations.get(key), times[key], m["position"],
            m["direction"], senders[sender.id] if sender else None, m["kind"], m["text"], m["reply_to"],
            micros(edited_at) if edited_at else None, micros(deleted_at) if deleted_at else None, m["status"],
            int(m["internal"]),
        )  # fmt: skip

    def _conversations(
        self, account: int, messages: Sequence[Message], times: Mapping[str, int], gap: timedelta, *, linked: bool
    ) -> dict[str, int]:
        """Give the conversation of each message. `linked`: some threads have other names."""
        groups: dict[tuple[str, str | None], list[str]] = {}
        for message in messages:
            if message.direction is not None:  # a line by the channel itself belongs to no conversation
                groups.setdefault((message.thread, message.conversation), []).append(message.id)
        placed: dict[str, int] = {}
        for (name, own), its in groups.items():
            thread = self._names.thread(account, name)
            when = [times[key] for key in its]
            if own is not None:
                placed |= dict.fromkeys(its, self._placing.by_own(account, thread, own, when))
            else:
                pairs = self._linking.of(thread) if linked else ()
                by_time = self._placing.by_gap(account, thread, when, gap, pairs)
                placed |= {key: by_time[time] for key, time in zip(its, when, strict=True)}
        return placed

    def _changes(self, kind: str, page: Batch, gap: timedelta, stored: Stored) -> None:
        for change in page.changes:
            account = self._names.account(_account_of(change), kind)
            if isinstance(change, StatusChanged) and change.reply:
                stored.new += self.was_sent(account, change.reply, change.target)
            if isinstance(change, IdentityChanged):
                left = _left(change)
                if self._linking.end(account, change.thread, left, change.at):
                    self._placing.place_again(account, self._names.thread(account, change.thread), gap)
            outcome = self._changing.apply(account, change)
            if isinstance(outcome, Message):
                self._insert(account, [outcome], gap)
                self._originals.mark(account, outcome)
                stored.new += 1
                self._unpark(account, _keys(outcome), stored)
            else:
                stored.changed += outcome == "changed"
                stored.known += outcome == "known"
                if outcome == "refused" and isinstance(change, Edited | Deleted):
                    stored.refused[change.message.id] = several(change)

    def was_sent(self, account: int, key: str, message_id: str) -> bool:
        """Store the reply of that key, if it was in doubt, within a transaction. True: its message was not known."""
        row = self._db.one(
            "DELETE FROM replies WHERE key = ? AND conversation IN (SELECT seq FROM conversations WHERE account = ?) "
            "RETURNING conversation, body",
            (key, account),
        )
        if row is None:
            return False
        message = Message.model_validate_json(row[1]).model_copy(update={"id": message_id})
        return self.enter(account, message, row[0])

    def retry_change(self, account: str, key: str, body: bytes) -> None:
        """Try a refused change again; where it can be applied now, the refusal goes away."""
        number = self._names.account(account)
        self._names.hold([number])
        if self._changing.apply(number, read_change(body)) == "changed":
            self._refusals.settle("change", account, key)

    def never_came(self, account: str) -> dict[str, str]:
        """List the changes of an account that wait for a message in vain."""
        number = self._names.account_if_known(account)
        return {} if number is None else self._changing.never_came(number)

    def _unpark(self, account: int, ids: Iterable[str], stored: Stored) -> None:
        for change in self._changing.parked(account, ids):
            stored.changed += self._changing.apply(account, change) == "changed"


def _account_of(change: Change) -> str:
    return change.message.account if isinstance(change, Edited | Deleted) else change.account


def _left(change: IdentityChanged) -> list[str]:
    """Give the names that somebody left: all others of the thread, and its own where that is what was changed."""
    new = change.identity.kind
    return [each.value for each in change.participant.identities if each.value != change.thread or each.kind == new]


def _keys(message: Message) -> tuple[str, ...]:
    """Give every exact id of a message."""
    return (message.id, *message.aliases)


def _brings_nothing(m: Message, known: Mapping[str, Row]) -> bool:
    if m.attachments or m.status or m.deleted_at:
        return False
    return not m.aliases or all(key in known for key in _keys(m))


def _attachment(a: Attachment) -> Row:
    return a.name, a.source, a.media_type, a.size, a.sha256, a.missing
