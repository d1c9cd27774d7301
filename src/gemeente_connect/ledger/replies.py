"""What a person answers a resident: begun durably before it is sent, and a message of its conversation once it was.

What is known leaves no row behind. What is in doubt keeps its text, for where the channel tells later that it was
sent, it tells that and no text.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from gemeente_connect.conversations import one_person
from gemeente_connect.errors import ConfigError, RejectedError, TemporaryError
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.names import Names, moment
from gemeente_connect.ledger.storing import Storing
from gemeente_connect.models import Message, Participant

IN_DOUBT = (
    "it is not known whether a reply in this conversation was sent. Nothing is sent again by itself: `collect` what "
    "the channel tells of it, or look in the channel whether it stands there. Does it not, then send it with --again "
    "(again=True)"
)
_SAID = "this was answered already, in the same words, after the resident last wrote: to say it twice, add --again"
_UNDER_WAY = "a reply that was begun a moment ago may still arrive: wait, and look in the channel, before sending again"
_UNKNOWN = (
    "there is no such conversation in the ledger: take the id from the report of a sync (with --json); a conversation "
    "has one from its first delivery on"
)
_NOBODY = "no resident wrote anything in this conversation, so there is nobody to answer"
_WHO = """
    SELECT c.seq, a.name, t.name, p.body, (
        SELECT max(o.sent_at) FROM conversations n JOIN messages o ON o.conversation = n.seq
        WHERE n.thread IN (SELECT thread FROM messages WHERE conversation = c.seq)
            AND o.direction = 'in' AND o.internal = 0
    )
    FROM conversations c JOIN accounts a ON a.seq = c.account JOIN threads t ON t.seq = c.thread
    LEFT JOIN messages m ON m.conversation = c.seq AND m.direction = 'in' AND m.internal = 0
    LEFT JOIN participants p ON p.seq = m.sender
    WHERE c.id = ? ORDER BY m.sent_at DESC, m.position DESC, m.seq DESC LIMIT 1
"""
_THEY = """
    SELECT body FROM participants
    WHERE seq IN (SELECT sender FROM messages WHERE conversation = ? AND direction = 'in' AND internal = 0)
    UNION SELECT p.body FROM conversations c JOIN threads t ON t.seq = c.thread
        JOIN participants p ON p.account = c.account AND p.id = t.name WHERE c.seq = ?
"""
_SAME = """
    SELECT 1 FROM messages WHERE conversation = ? AND direction = 'out' AND text = ? AND deleted_at IS NULL
    AND coalesce(status, '') <> 'failed' AND sent_at > (
        SELECT max(o.sent_at) FROM messages o
        WHERE o.conversation = messages.conversation AND o.direction = 'in' AND o.internal = 0
    )
"""


class Addressee(NamedTuple):
    """Who is answered in a conversation."""

    number: int
    """The ledger's own number of the conversation."""
    account: str
    thread: str
    resident: Participant
    """Who wrote last in it, by all they are known by there: a bare number may be somebody else's by now."""
    heard_at: datetime
    """When a resident last wrote in the thread."""

    def __repr__(self) -> str:
        return f"Addressee({self.number}, {self.resident!r})"


class Replies:
    """Keeps what was begun, and makes a message of what was sent."""

    def __init__(self, database: Database, names: Names, storing: Storing) -> None:
        self._db = database
        self._names = names
        self._storing = storing

    def addressee(self, conversation: str) -> Addressee:
        """Say who is answered in a conversation. Raises ConfigError for an unknown one, RejectedError for nobody."""
        row = self._db.one(_WHO, (conversation,))
        if row is None:  # and not its id: whoever mistook it may have typed a telephone number
            raise ConfigError(_UNKNOWN)
        number, account, thread, resident, heard_at = row
        if resident is None:
            raise RejectedError(_NOBODY)
        who = Participant.model_validate_json(resident)
        same = one_person(Participant.model_validate_json(body) for (body,) in self._db.read(_THEY, (number, number)))
        return Addressee(number, account, thread, same.get(who.id, who), moment(heard_at))

    def begin(self, to: Addressee, message: Message, lands_within: timedelta, *, again: bool) -> None:
        """Keep that a message is about to be sent, under its id. When this returns it survives a power cut.

        Raises RejectedError where an earlier one is in doubt, or said the same, unless a person says `again`; and
        TemporaryError where that earlier one may still arrive.
        """
        with self._db.transaction(durable=True):
            self._db.one(f"SELECT 1 FROM conversations WHERE seq = ?{self._db.for_update}", (to.number,))  # noqa: S608 - our own words
            if again:
                self._set_aside(to.number, lands_within)
            else:
                self._refuse_twice(to.number, message.text)
            self._db.write(
                "INSERT INTO replies (key, conversation, begun_at, body) VALUES (?, ?, ?, ?)",
                (message.id, to.number, self._db.now(), message.model_dump_json(exclude_defaults=True)),
            )

    def sent(self, account: str, key: str, message_id: str) -> None:
        """Make a message of what was sent, unless the channel told of it before."""
        with self._db.transaction():
            number = self._names.account(account)
            self._names.hold([number])
            self._storing.was_sent(number, key, message_id)

    def not_sent(self, key: str) -> None:
        """Forget what was certainly not sent."""
        with self._db.transaction():
            self._db.write("DELETE FROM replies WHERE key = ?", (key,))

    def _refuse_twice(self, conversation: int, text: str) -> None:
        if self._db.one("SELECT 1 FROM replies WHERE conversation = ? AND set_aside = 0", (conversation,)):
            raise RejectedError(IN_DOUBT)
        if self._db.one(_SAME, (conversation, text)):
            raise RejectedError(_SAID)

    def _set_aside(self, conversation: int, lands_within: timedelta) -> None:
        """Go past what is in doubt. It stays, for it becomes a message should the channel tell that it was sent."""
        row = self._db.one(
            "SELECT max(begun_at) FROM replies WHERE conversation = ? AND set_aside = 0", (conversation,)
        )
        begun_at = row[0] if row else None
        if begun_at is not None:
            left = begun_at + round(lands_within.total_seconds() * 1_000_000) - self._db.now()
            if left > 0:
                raise TemporaryError(_UNDER_WAY, retry_after=left / 1_000_000)
        self._db.write("UPDATE replies SET set_aside = 1 WHERE conversation = ?", (conversation,))
