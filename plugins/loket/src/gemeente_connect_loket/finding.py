"""Who finds a record: the one rule, for the receipt, for the plan and for the page.

A record keeps a *claim*: who wrote, under which addresses, and when first and last. The register says who held an
address when. The rule puts the two together each time it is asked, so a change of the register counts at once.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from gemeente_connect.addresses import is_bsn
from gemeente_connect.contracts import Findable
from gemeente_connect.models import Message
from gemeente_connect_loket.store import as_text

Address = tuple[str, str]
"""Kind and value."""

NOBODY: Final[frozenset[str]] = frozenset()

# Before and after every time in the file.
ALWAYS: Final = as_text(datetime.fromisoformat("0001-01-01T00:00+00:00"))
NEVER: Final = as_text(datetime.fromisoformat("9999-12-31T23:59:59+00:00"))


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """What a record says of the residents who wrote in it. Times as in the file."""

    residents: int
    """How many wrote."""
    addresses: tuple[Address, ...]
    """Of the one who wrote; none when several did. A BSN stands here only when the channel verified it."""
    first_in: str | None
    """When the first message of a resident was sent; None: none was."""
    last_in: str | None
    first: str | None
    """When the first message of anybody was sent; None: there is none."""
    last: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """A row of the register: somebody held an address. Times as in the file."""

    bsn: str
    kind: str
    value: str
    verified_at: str | None
    """None: it proves nothing."""
    valid_from: str | None
    """None: from its verification."""
    valid_until: str | None
    """Not included; None: still."""

    @property
    def start(self) -> str:
        """From when it is this person's."""
        return self.valid_from or self.verified_at or ALWAYS

    @property
    def end(self) -> str:
        """Until when (not included)."""
        return self.valid_until or NEVER

    def overlaps(self, other: Holder) -> bool:
        """Tell whether both hold their address at some moment."""
        return max(self.start, other.start) < min(self.end, other.end)


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """Whether the record is found, and by whom."""

    findable: Findable
    bsn: str | None = None


def claim(messages: Iterable[Message]) -> Claim:
    """Take from a conversation who the residents in it may be."""
    addresses: dict[str | None, set[Address]] = defaultdict(set)
    times, times_in = [], []
    for message in messages:
        times.append(message.sent_at)
        if message.direction != "in":
            continue
        times_in.append(times[-1])
        of_sender = addresses[message.sender.id if message.sender else None]
        for identity in message.sender.identities if message.sender else ():
            if identity.kind != "bsn" or (identity.verified_at and is_bsn(identity.value)):
                of_sender.add((identity.kind, identity.value))
    alone = next(iter(addresses.values())) if len(addresses) == 1 else set()
    spans = (as_text(pick(moments)) if moments else None for moments in (times_in, times) for pick in (min, max))
    return Claim(len(addresses), tuple(sorted(alone)), *spans)


def judge(claim: Claim, holders: Iterable[Holder], before: timedelta, never: frozenset[str] = NOBODY) -> Verdict:
    """Apply the rule. `holders`: all rows of the register for the claim's addresses, whoever's they are.

    `before`: how long before its verification an address already ties its holder. `never`: whom the record was taken
    away from, by BSN: what the register says of them ties nothing here.
    """
    if claim.first_in is None or claim.last_in is None or claim.first is None or claim.last is None:
        return Verdict(Findable.NO_QUESTION)
    if claim.residents > 1:
        return Verdict(Findable.MORE_THAN_ONE_RESIDENT)
    verified = {value for kind, value in claim.addresses if kind == "bsn"}
    if verified:
        return _only(verified - never)
    rows = list(holders)
    periods = [_reaching_back(row, rows, before) for row in rows if row.verified_at]
    if not periods:
        return Verdict(Findable.NO_RESIDENT_KNOWN)
    then = [p for p in periods if p.start <= claim.last and claim.first < p.end and p.bsn not in never]
    if any(a.bsn != b.bsn and a.overlaps(b) for a, b in combinations(then, 2)):
        return Verdict(Findable.MORE_THAN_ONE_RESIDENT)
    whole = {each.bsn for each in then if _cover(then, each.bsn, claim.first_in, claim.last_in)}
    # An answer that was sent when somebody else held the address may have been meant for them.
    alone = len({each.bsn for each in then}) == 1
    return _only(whole) if whole and alone else Verdict(Findable.NOT_VALID_THEN)


def _only(bsns: set[str]) -> Verdict:
    if len(bsns) == 1:
        return Verdict(Findable.YES, *bsns)
    return Verdict(Findable.MORE_THAN_ONE_RESIDENT if bsns else Findable.NOT_VALID_THEN)


def _cover(periods: Iterable[Holder], bsn: str, first: str, last: str) -> bool:
    """Tell whether one holder's periods reach from the first message to the last without a gap."""
    reached = first
    for each in sorted((each for each in periods if each.bsn == bsn), key=lambda each: each.start):
        if each.start <= reached < each.end:
            reached = each.end
    return reached > last


def _reaching_back(row: Holder, rows: Iterable[Holder], before: timedelta) -> Holder:
    """Begin a verified row before its verification, where the register does not say when it begins.

    Never into or across the time of somebody else who has the same address in the register, verified or not.
    """
    if row.valid_from or row.verified_at is None or not before:
        return row
    start = _earlier(row.verified_at, before)
    for other in rows:
        same = (other.kind, other.value) == (row.kind, row.value)
        if same and other.bsn != row.bsn and other.start < row.verified_at:
            start = max(start, min(other.end, row.verified_at))
    return replace(row, valid_from=start)


def _earlier(moment: str, before: timedelta) -> str:
    try:
        return as_text(datetime.fromisoformat(moment) - before)
    except OverflowError:
        return ALWAYS


# ---- asking the file -------------------------------------------------------------------------------------------------


def before_verification(connection: sqlite3.Connection) -> timedelta:
    """Read how far back a verification reaches."""
    (days,) = connection.execute("SELECT value FROM setting WHERE name = 'before_verification_days'").fetchone()
    return timedelta(days=int(days))


def holders(connection: sqlite3.Connection, addresses: Iterable[Address]) -> list[Holder]:
    """Read who holds or held these addresses."""
    query = "SELECT bsn, kind, value, verified_at, valid_from, valid_until FROM address WHERE kind = ? AND value = ?"
    return [Holder(*row) for address in addresses for row in connection.execute(query, address)]


def never(connection: sqlite3.Connection, external_id: str) -> frozenset[str]:
    """Read whom a conversation was taken away from, by BSN."""
    query = "SELECT bsn FROM detached WHERE external_id = ?"
    return frozenset(bsn for (bsn,) in connection.execute(query, (external_id,)))


def verdict(connection: sqlite3.Connection, claim: Claim, never: frozenset[str]) -> Verdict:
    """Apply the rule with the register as it is now. `never`: as for `judge`."""
    return judge(claim, holders(connection, claim.addresses), before_verification(connection), never)


def records_of(connection: sqlite3.Connection, bsn: str) -> list[int]:
    """List the records a resident finds, the latest first. Numbers of records."""
    claims = _claims(
        connection,
        """
        SELECT mine.record FROM record_address AS mine JOIN address USING (kind, value) WHERE address.bsn = :bsn
        UNION SELECT record FROM record_address WHERE kind = 'bsn' AND value = :bsn
        """,
        {"bsn": bsn},
    )
    known = set().union(*(each.addresses for each, _ in claims.values()))
    by_address: dict[Address, list[Holder]] = defaultdict(list)
    for row in holders(connection, known):
        by_address[row.kind, row.value].append(row)
    before = before_verification(connection)
    return [
        record
        for record, (each, not_of) in claims.items()
        if judge(each, [row for address in each.addresses for row in by_address[address]], before, not_of).bsn == bsn
    ]


def record_for(connection: sqlite3.Connection, reference: str, bsn: str) -> int | None:
    """Look up a record by its reference, if this resident finds it. None: there is none, or it is not theirs."""
    claims = _claims(connection, "SELECT id FROM record WHERE reference = :reference", {"reference": reference})
    return next((record for record, each in claims.items() if verdict(connection, *each).bsn == bsn), None)


def _claims(
    connection: sqlite3.Connection, records: str, values: Mapping[str, str]
) -> dict[int, tuple[Claim, frozenset[str]]]:
    """Read the claims of records, and whom they were taken away from, the latest first.

    `records`: a query of ours that gives their numbers.
    """
    addresses: dict[int, list[Address]] = defaultdict(list)
    query = f"SELECT record, kind, value FROM record_address WHERE record IN ({records}) ORDER BY kind, value"  # noqa: S608 - a constant of this module
    for record, kind, value in connection.execute(query, values):
        addresses[record].append((kind, value))
    not_of: dict[int, set[str]] = defaultdict(set)
    query = f"SELECT id, bsn FROM record JOIN detached USING (external_id) WHERE id IN ({records})"  # noqa: S608 - the same
    for record, bsn in connection.execute(query, values):
        not_of[record].add(bsn)
    query = f"""
        SELECT id, residents, first_in, last_in, started_at, last_at FROM record
        WHERE id IN ({records}) ORDER BY last_at DESC, id DESC
    """  # noqa: S608 - the same
    return {
        row[0]: (Claim(row[1], tuple(addresses[row[0]]), *row[2:]), frozenset(not_of[row[0]]))
        for row in connection.execute(query, values)
    }
