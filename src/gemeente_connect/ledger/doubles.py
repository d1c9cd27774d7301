"""Conversations that two sources may both have brought: listed for a person, never merged.

An export shares no ids with the platform that comes after it, so likeness is all there is, and likeness is no identity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from gemeente_connect.ledger.database import Database, Row
from gemeente_connect.ledger.refusals import Refusals

_OTHERS = """
    SELECT b.seq FROM accounts a JOIN accounts b ON b.kind = a.kind AND b.seq <> a.seq
    WHERE a.name = ? AND a.kind <> ''
"""
_CLOSE = 2 * 60 * 1_000_000  # an export has no seconds, and a platform may tell the time at which it passed it on
_NEAR = """
    WITH names (conversation, name) AS (
        SELECT m.conversation, t.name FROM messages m JOIN threads t ON t.seq = m.thread
            WHERE m.conversation IN ({mine})
        UNION SELECT m.conversation, t.name FROM messages m JOIN other_names n ON n.thread = m.thread
            JOIN threads t ON t.seq = n.other WHERE m.conversation IN ({mine})
    ), theirs (conversation, thread) AS (
        SELECT n.conversation, t.seq FROM names n CROSS JOIN threads t
            WHERE t.account IN ({others}) AND t.name = n.name
        UNION SELECT n.conversation, o.thread FROM names n CROSS JOIN threads t JOIN other_names o ON o.other = t.seq
            WHERE t.account IN ({others}) AND t.name = n.name
    )
    SELECT DISTINCT c.seq, c.id, o.seq, o.id, a.name
    FROM theirs JOIN conversations c ON c.seq = theirs.conversation
    JOIN conversations o ON o.thread = theirs.thread AND o.id IS NOT NULL
        AND o.first_at <= c.last_at + {close} AND o.last_at >= c.first_at - {close}
    JOIN accounts a ON a.seq = o.account
"""  # CROSS JOIN: few names are looked up among many threads, and not the other way round
_SAID = "SELECT direction, kind, text, sent_at FROM messages WHERE conversation = ? ORDER BY sent_at"


class Doubles:
    """Finds them when the second of the two is delivered."""

    def __init__(self, database: Database, refusals: Refusals) -> None:
        self._db = database
        self._refusals = refusals

    def note(self, case_system: str, account: str, conversations: Sequence[int]) -> dict[str, str]:
        """List for a person what looks like a conversation of another account of the same kind of channel.

        Gives the reasons of what is new. A pair is listed once, and again when more of it turns out to be alike.
        """
        others = [seq for (seq,) in self._db.read(_OTHERS, (account,))]
        if not others or not conversations:
            return {}
        query = _NEAR.format(mine=_numbers(conversations), others=_numbers(others), close=_CLOSE)
        pairs = {"+".join(sorted((row[1], row[3]))): row for row in self._db.read(query)}
        found: dict[str, str] = {}
        for key in sorted(pairs):  # in one order: two runs that wait for each other would wait for ever
            number, mine, other, theirs, of = pairs[key]
            alike = self._alike(number, other)
            if alike > self._listed(case_system, key):
                reason = _reason(mine, theirs, of, alike)
                if self._refusals.add("double", case_system, key, reason, revision=alike):
                    found[key] = reason
        return found

    def _alike(self, one: int, other: int) -> int:
        """Count the messages of one conversation that the other may have as well, each of them once."""
        left: dict[Row, deque[int]] = {}
        for *said, sent_at in self._db.read(_SAID, (other,)):
            left.setdefault(tuple(said), deque()).append(sent_at)
        alike = 0
        for *said, sent_at in self._db.read(_SAID, (one,)):
            times = left.get(tuple(said), deque())
            while times and times[0] < sent_at - _CLOSE:
                times.popleft()
            if times and times[0] <= sent_at + _CLOSE:
                times.popleft()
                alike += 1
        return alike

    def _listed(self, case_system: str, key: str) -> int:
        """Tell how many were alike when a pair was listed last."""
        row = self._db.one(
            "SELECT r.revision FROM refusals r JOIN accounts a ON a.seq = r.account "
            "WHERE r.kind = 'double' AND a.name = ? AND r.key = ?",
            (case_system, key),
        )
        return row[0] if row else 0


def _numbers(of: Sequence[int]) -> str:
    return ", ".join(map(str, of))


def _reason(mine: str, theirs: str, of: str, alike: int) -> str:
    return (
        f"{alike} of the messages of conversation {mine} may be the same as in {theirs} of {of}: look at both records; "
        "where it is one conversation, `detach` one of them from the resident, and let the older source end earlier "
        "(`until`); then drop this"
    )
