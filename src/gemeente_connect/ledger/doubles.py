"""Conversations that two sources may both have brought: listed for a person, never merged.

An export shares no ids with the platform that comes after it, so likeness is all there is, and likeness is no identity.
"""

from __future__ import annotations

from collections.abc import Sequence

from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.refusals import Refusals

_OTHERS = """
    SELECT b.seq FROM accounts a JOIN accounts b ON b.kind = a.kind AND b.seq <> a.seq
    WHERE a.name = ? AND a.kind <> ''
"""
_CLOSE = 2 * 60 * 1_000_000  # an export has no seconds, and a platform may tell the time at which it passed it on
_ALIKE = """
    WITH names (conversation, name) AS (
        SELECT m.conversation, t.name FROM messages m JOIN threads t ON t.seq = m.thread
            WHERE m.conversation IN ({mine})
        UNION SELECT m.conversation, t.name FROM messages m JOIN other_names n ON n.thread = m.thread
            JOIN threads t ON t.seq = n.other WHERE m.conversation IN ({mine})
    ), theirs (conversation, thread) AS (
        SELECT n.conversation, t.seq FROM names n JOIN threads t ON t.name = n.name WHERE t.account IN ({others})
        UNION SELECT n.conversation, o.thread FROM names n JOIN threads t ON t.name = n.name
            JOIN other_names o ON o.other = t.seq WHERE t.account IN ({others})
    )
    SELECT c.id, o.id, a.name, count(DISTINCT m.seq)
    FROM theirs JOIN conversations c ON c.seq = theirs.conversation
    JOIN conversations o ON o.thread = theirs.thread AND o.id IS NOT NULL
        AND o.first_at <= c.last_at + {close} AND o.last_at >= c.first_at - {close}
    JOIN accounts a ON a.seq = o.account
    JOIN messages m ON m.conversation = c.seq
    JOIN messages p ON p.conversation = o.seq AND p.direction = m.direction AND p.kind = m.kind AND p.text = m.text
        AND p.sent_at BETWEEN m.sent_at - {close} AND m.sent_at + {close}
    GROUP BY c.id, o.id, a.name ORDER BY c.id, o.id
"""


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
        query = _ALIKE.format(mine=_numbers(conversations), others=_numbers(others), close=_CLOSE)
        found: dict[str, str] = {}
        for mine, theirs, of, alike in self._db.read(query):
            key = "+".join(sorted((mine, theirs)))
            reason = _reason(mine, theirs, of, alike)
            if self._refusals.add("double", case_system, key, reason, revision=alike):
                found[key] = reason
        return found


def _numbers(of: Sequence[int]) -> str:
    return ", ".join(map(str, of))


def _reason(mine: str, theirs: str, of: str, alike: int) -> str:
    return (
        f"{alike} of the messages of conversation {mine} may be the same as in {theirs} of {of}: look at both records; "
        "where it is one conversation, `detach` one of them from the resident, and let the older source end earlier "
        "(`until`); then drop this"
    )
