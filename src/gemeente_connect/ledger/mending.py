"""What mending asks of the ledger: what it knows of a case system's records, and whom one was taken away from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gemeente_connect.abilities import Record
from gemeente_connect.contracts import Findable, Refs
from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.names import Names, moment
from gemeente_connect.ledger.refusals import Refusals
from gemeente_connect.models import Identity

_AT_ONCE = 200
_UNCHANGING = 2**31 - 1  # a revision that no conversation reaches

_KNOWN = f"""
    SELECT c.seq, c.id, d.findable, CASE WHEN r.dropped = 1 AND r.revision <> {_UNCHANGING} THEN 1 ELSE 0 END, d.receipt
    FROM conversations c
    LEFT JOIN deliveries d ON d.conversation = c.seq AND d.case_system = ?
    LEFT JOIN refusals r ON r.kind = 'conversation' AND r.account = ? AND r.key = c.id
"""  # noqa: S608 - a number of ours
_DELIVERED = f"{_KNOWN} WHERE d.case_system = ? AND c.seq > ? ORDER BY c.seq LIMIT {_AT_ONCE}"
_DEALINGS = """
    SELECT case_system FROM deliveries WHERE conversation = :number
    UNION SELECT case_system FROM steps
    WHERE case_system IN (SELECT seq FROM accounts) AND conversation = :number
"""  # by every account: the key of `steps` begins with it
_UNTOLD = """
    SELECT DISTINCT c.id, t.kind, t.value FROM tombstones t JOIN conversations c ON c.seq = t.conversation
    WHERE NOT EXISTS (
        SELECT 1 FROM tombstones o WHERE o.conversation = t.conversation AND o.kind = t.kind AND o.value = t.value
        AND o.case_system = ?
    ) ORDER BY c.id, t.kind, t.value
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a conversation at a case system."""

    number: int
    """The ledger's own number of the conversation."""
    conversation: str
    findable: Findable | None
    """What was last kept of it; None: it was never delivered there, or that is not over."""
    reference: str | None
    """Of its record, as the receipt says; None: there is no receipt, or it names none."""
    begun: bool
    """It was delivered there, or began to be."""
    left: bool
    """It was refused there, and a person dropped that: they know of it."""
    made_at: datetime | None
    """When the newest thing was made for it; None: nothing was."""
    done: frozenset[str]
    """The names of the steps that are done."""
    kept: Mapping[str, str] = field(repr=False)
    """The values that were kept last, which may be what somebody wrote."""


class Found(NamedTuple):
    """A message of a record, as it stands in the ledger."""

    seq: int
    key: str
    """The id under which it was asked for."""
    account: int
    thread: int
    conversation: int
    turn: str | None
    fixed: str | None
    """The id of its conversation, where that has one."""
    own: str | None


class Mending:
    """Looks up what a case system's records are compared with, and keeps whom a conversation was taken away from."""

    def __init__(self, database: Database, names: Names, refusals: Refusals) -> None:
        self._db = database
        self._names = names
        self._refusals = refusals

    # -- comparing

    def known(self, case_system: str, conversations: Sequence[str]) -> dict[str, Known]:
        """Give what is known of these conversations, by id. What the ledger does not have is left out."""
        here = self._names.account_if_known(case_system)
        if here is None or not conversations:
            return {}
        marks = ", ".join("?" * len(conversations))
        rows = self._db.read(f"{_KNOWN} WHERE c.id IN ({marks})", (here, here, *conversations))
        return {each.conversation: each for each in self._knowns(here, rows)}

    def delivered(self, case_system: str) -> Iterator[Known]:
        """Yield all conversations that were delivered to a case system."""
        here = self._names.account_if_known(case_system) or 0
        last = 0
        while rows := self._db.read(_DELIVERED, (here, here, here, last)):
            yield from self._knowns(here, rows)
            last = rows[-1][0]

    def holder(self, case_system: str, record: Record) -> Known | None:
        """Give the conversation that has the messages of a record, where that was delivered there under its own id."""
        here = self._names.account_if_known(case_system) or 0
        for number in sorted({found.conversation for found in self.messages(record) if found.turn}):
            rows = self._db.read(f"{_KNOWN} WHERE c.seq = ?", (here, here, number))
            if rows and rows[0][2]:
                return next(self._knowns(here, rows))
        return None

    def messages(self, record: Record) -> list[Found]:
        """Give the messages of a record that the ledger has, by their id or an alias."""
        keys = [key for keys in record.turns.values() for key in keys]
        accounts = self._db.read("SELECT seq FROM accounts WHERE kind <> '' ORDER BY seq")
        if record.account is not None:
            accounts = [(self._names.account_if_known(record.account),)]
        found: list[Found] = []
        for (account,) in accounts:
            for start in range(0, len(keys), _AT_ONCE):
                found += (Found(*row) for row in self._by_key(account, keys[start : start + _AT_ONCE]))
            if found:  # of one account: an id means nothing in another
                break
        return found

    def dealings(self, number: int) -> set[int]:
        """Give the numbers of the case systems a conversation was delivered to, or began to be."""
        return {row[0] for row in self._db.read(_DEALINGS, {"number": number})}

    def hold(self, case_system: str, conversation: str, reason: str) -> None:
        """Let a conversation not be delivered, whatever changes, before a person says `refused retry`."""
        with self._db.transaction():
            self.hold_within(case_system, conversation, reason)

    def hold_within(self, case_system: str, conversation: str, reason: str) -> None:
        """Do the same within a transaction that was begun."""
        self._refusals.add("conversation", case_system, conversation, reason, revision=_UNCHANGING)
        self._db.write(
            "UPDATE refusals SET dropped = 1 WHERE kind = 'conversation' AND account = ? AND key = ?",
            (self._names.account(case_system), conversation),
        )

    def _by_key(self, account: int | None, keys: Sequence[str]) -> list[Row]:
        marks = ", ".join("?" * len(keys))
        columns = "m.account, c.thread, m.conversation, t.id, c.id, c.own"
        rows = self._db.read(
            f"SELECT m.seq, m.id, {columns} FROM messages m JOIN conversations c ON c.seq = m.conversation "  # noqa: S608 - our own columns
            f"LEFT JOIN turns t ON t.message = m.seq WHERE m.account = ? AND m.id IN ({marks})",
            (account, *keys),
        )
        if len(rows) < len(keys):
            rows += self._db.read(
                f"SELECT m.seq, a.alias, {columns} FROM aliases a JOIN messages m ON m.seq = a.message "  # noqa: S608 - our own columns
                f"JOIN conversations c ON c.seq = m.conversation LEFT JOIN turns t ON t.message = m.seq "
                f"WHERE a.account = ? AND a.alias IN ({marks})",
                (account, *keys),
            )
        return rows

    def _knowns(self, here: int, rows: Sequence[Row]) -> Iterator[Known]:
        if not rows:
            return
        marks = ", ".join("?" * len(rows))
        steps: dict[int, list[Row]] = {}
        for number, *step in self._db.read(
            "SELECT conversation, name, begun_at, result FROM steps "  # noqa: S608 - marks
            f"WHERE case_system = ? AND conversation IN ({marks})",
            (here, *(row[0] for row in rows)),
        ):
            steps.setdefault(number, []).append(tuple(step))
        for number, key, findable, dropped, receipt in rows:
            its = steps.get(number, [])
            made = {name: at for name, at, result in its if result is not None and not name.startswith("keep:")}
            yield Known(
                number=number,
                conversation=key,
                findable=Findable(findable) if findable else None,
                reference=json.loads(receipt)["reference"] if receipt else None,
                begun=bool(findable or its),
                left=bool(dropped),
                made_at=moment(max(made.values())) if made else None,
                done=frozenset(made),
                kept={name.removeprefix("keep:"): value for name, _, value in its if name.startswith("keep:")},
            )

    # -- taking away from a resident

    def done(self, case_system: str, conversation: str) -> dict[str, Refs]:
        """Give the steps that were done for a conversation at a case system, with their results."""
        rows = self._db.read(
            "SELECT s.name, s.result FROM steps s JOIN conversations c ON c.seq = s.conversation "
            "WHERE s.case_system = ? AND c.id = ? AND s.result IS NOT NULL AND s.name NOT LIKE 'keep:%'",
            (self._names.account_if_known(case_system), conversation),
        )
        return {name: json.loads(result) for name, result in rows}

    def named(self, name: str) -> str:
        """Give the id of the conversation that a person names by it, or by the reference of its record.

        A reference may be given with the address of the page before it. What is neither is given back as it is. Raises
        ConfigError where it is the reference of several.
        """
        if self._db.one("SELECT 1 FROM conversations WHERE id = ?", (name,)):
            return name
        reference = name.rstrip("/").rpartition("/")[2]
        found: set[str] = set()
        like = f"%{re.sub('[^A-Za-z0-9]', '_', reference)}%"
        for key, receipt in self._db.read(
            "SELECT c.id, d.receipt FROM deliveries d JOIN conversations c ON c.seq = d.conversation "
            "WHERE d.receipt LIKE ?",
            (like,),
        ):
            if reference and str(json.loads(receipt)["reference"]).rpartition("/")[2] == reference:
                found.add(str(key))
        if len(found) > 1:
            message = "several conversations have a record with this reference: give the id of the one you mean"
            raise ConfigError(message)
        return found.pop() if found else name

    def has_delivered_only_elsewhere(self, case_system: str) -> bool:
        """Tell whether there were deliveries, and none to this case system."""
        here = self._names.account_if_known(case_system) or 0
        row = self._db.one("SELECT count(CASE WHEN case_system = ? THEN 1 END), count(*) FROM deliveries", (here,))
        ours, of = row or (0, 0)
        return bool(of and not ours)

    def delivered_to(self, conversation: str) -> set[str]:
        """Name the accounts of the case systems that have a conversation. Raises ConfigError for an unknown one."""
        row = self._db.one("SELECT seq FROM conversations WHERE id = ?", (conversation,))
        if row is None:  # and not its id: whoever mistook it may have typed a telephone number
            message = (
                "there is no such conversation in the ledger: take the id from the report of a sync or a reconcile "
                "(with --json), or from `gemeente-connect refused show`"
            )
            raise ConfigError(message)
        numbers = self.dealings(row[0])
        return {name for seq, name in self._db.read("SELECT seq, name FROM accounts") if seq in numbers}

    def bury(self, case_system: str, conversation: str, taken_from: Iterable[Identity]) -> None:
        """Keep whom a conversation was taken away from, and that this case system knows."""
        with self._db.transaction():
            self.bury_within(case_system, conversation, taken_from)

    def bury_within(self, case_system: str, conversation: str, taken_from: Iterable[Identity]) -> None:
        """Do the same within a transaction that was begun."""
        here = self._names.account(case_system)
        number = self._db.number("SELECT seq FROM conversations WHERE id = ?", (conversation,))
        self._db.write_all(
            "INSERT INTO tombstones (conversation, kind, value, case_system) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (conversation, kind, value, case_system) DO NOTHING",
            [(number, who.kind, who.value, here) for who in taken_from],
        )
        self._db.write(  # judged anew by the next run
            "UPDATE deliveries SET findable = ?, next_offer = 0 WHERE conversation = ? AND case_system = ?",
            (Findable.NOT_VALID_THEN, number, here),
        )
        self._db.write(  # also when a run is just delivering it, and keeps a receipt after this
            "UPDATE conversations SET revision = revision + 1 WHERE seq = ?", (number,)
        )

    def untold(self, case_system: str) -> list[tuple[str, Identity]]:
        """List the conversations that were taken away from residents, and of which this case system does not know."""
        here = self._names.account_if_known(case_system) or 0
        return [(key, Identity(kind=kind, value=value)) for key, kind, value in self._db.read(_UNTOLD, (here,))]
