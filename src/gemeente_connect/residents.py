"""The right resident, or nobody: who of those who held an address may find what was written from it.

An address ties a resident to messages only when it is verified, from `valid_from` (else from its verification) until
`valid_until`. A telephone number proves nobody's identity, and is given to somebody else later: where two people could
be meant, it is nobody. Pure rules; case systems know who holds which address.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Final

from gemeente_connect.addresses import is_bsn
from gemeente_connect.contracts import Findable
from gemeente_connect.models import Message, Participant

Address = tuple[str, str]
"""Kind and value."""

NOBODY: Final[frozenset[str]] = frozenset()

ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """What a conversation says of the residents who wrote in it."""

    residents: int
    """How many wrote."""
    addresses: tuple[Address, ...]
    """Of the one who wrote; none when several did. A BSN stands here only when the channel verified it."""
    first_in: datetime | None
    """When the first message of a resident was sent; None: none was."""
    last_in: datetime | None
    first: datetime | None
    """When the first message of anybody was sent; None: there is none."""
    last: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """Somebody held an address."""

    bsn: str
    kind: str
    value: str
    verified_at: datetime | None
    """None: it proves nothing."""
    valid_from: datetime | None
    """None: from its verification."""
    valid_until: datetime | None
    """Not included; None: still."""

    @property
    def start(self) -> datetime:
        """From when it is this person's."""
        return self.valid_from or self.verified_at or ALWAYS

    @property
    def end(self) -> datetime:
        """Until when (not included)."""
        return self.valid_until or NEVER

    def overlaps(self, other: Holder) -> bool:
        """Tell whether both hold their address at some moment."""
        return max(self.start, other.start) < min(self.end, other.end)


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """Whether the resident finds it, and who that is."""

    findable: Findable
    bsn: str | None = None


def claim(messages: Iterable[Message]) -> Claim:
    """Take from a conversation who the residents in it may be."""
    addresses: dict[str | None, set[Address]] = defaultdict(set)
    times, times_in = [], []
    before: Participant | None = None
    for message in messages:
        times.append(message.sent_at)
        if message.direction != "in":
            continue
        times_in.append(times[-1])
        sender = message.sender
        if sender is None:
            addresses[None]  # somebody wrote
        elif sender is not before:
            addresses[sender.id].update(_proven(sender))
            before = sender
    alone = next(iter(addresses.values())) if len(addresses) == 1 else set()
    spans = (pick(moments) if moments else None for moments in (times_in, times) for pick in (min, max))
    return Claim(len(addresses), tuple(sorted(alone)), *spans)


def _proven(sender: Participant) -> Iterator[Address]:
    """Yield the addresses somebody wrote from; a BSN only where the channel verified it."""
    for each in sender.identities:
        if each.kind != "bsn" or (each.verified_at and is_bsn(each.value)):
            yield each.kind, each.value


def judge(claim: Claim, holders: Iterable[Holder], before: timedelta, never: frozenset[str] = NOBODY) -> Verdict:
    """Apply the rule. `holders`: all that is known of who holds or held the claim's addresses, whoever's they are.

    `before`: how long before its verification an address already ties its holder. `never`: whom the record was taken
    away from, by BSN: no address of theirs ties anything here.
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


def _cover(periods: Iterable[Holder], bsn: str, first: datetime, last: datetime) -> bool:
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


def _earlier(moment: datetime, before: timedelta) -> datetime:
    try:
        return moment - before
    except OverflowError:
        return ALWAYS
