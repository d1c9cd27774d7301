"""Comparing what the ledger delivered with what a case system holds of it now. Writes nothing, on either side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from gemeente_connect.abilities import Lists, Record
from gemeente_connect.contracts import CaseSystem, Findable
from gemeente_connect.errors import PluginError
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.mending import Known
from gemeente_connect.syncing.report import guarded

AT_ONCE = 200
"""Records that are in memory at the same time."""

_CLOCKS = timedelta(hours=1)  # by which the clock of a case system may be off


class Kind(StrEnum):
    """What differs between the ledger and a case system."""

    MISSING_THERE = "missing-there"
    """It was delivered, and is not there."""
    CHANGED_THERE = "changed-there"
    """Somebody else changed it there, or removed a part of it."""
    THERE_TWICE = "there-twice"
    """There is a second record of the same conversation."""
    NO_LONGER_FINDABLE = "no-longer-findable"
    """Its resident found it when it was delivered, and does not now."""
    NEWLY_FINDABLE = "newly-findable"
    """Nobody found it when it was delivered, and its resident does now. Nothing has to be done."""
    UNKNOWN_HERE = "unknown-here"
    """It is there, and the ledger does not know it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that differs. Holds no personal data."""

    kind: Kind
    conversation: str | None
    """None: the record bears no id of ours."""
    reference: str | None
    """Of the record there; None: it has none, is missing, or is one of two of which the other is to be looked for."""
    findable: Findable | None
    """What the portal shows now; None: there is no record."""


def reconcile(case_system: CaseSystem, ledger: Ledger, *, since: datetime | None = None) -> Iterator[Difference]:
    """Yield what differs between the ledger and a case system.

    `since`: look only at what was changed or made since (None: at everything); a case system may list more. What a
    person knows of, since they dropped its refusal, is left out. Raises PluginError for a case system that cannot list
    its records, and what listing raises.
    """
    account = case_system.account
    started = datetime.now(UTC)
    seen = _Numbers()
    for part in listed(case_system, since - _CLOCKS if since else None):
        known = ledger.mending.known(account, [each.conversation for each in part if each.conversation])
        for record in part:
            ours = known.get(record.conversation or "")
            if ours is None or not ours.begun:
                yield _of_unknown(ledger, account, record)
            elif not seen.add(ours.number):
                other = None if record.reference == ours.reference else record.reference  # which one the ledger means
                yield Difference(Kind.THERE_TWICE, record.conversation, other, record.findable)
            elif not ours.left:
                yield from _compared(ours, record)
    for ours in ledger.mending.delivered(account):
        made_at = ours.made_at
        asked = since is None or (made_at is not None and made_at >= since)
        younger = made_at is not None and made_at >= started  # than the list
        if asked and not younger and not ours.left and ours.number not in seen:
            yield Difference(Kind.MISSING_THERE, ours.conversation, None, None)


def listed(case_system: CaseSystem, since: datetime | None = None) -> Iterator[Sequence[Record]]:
    """Yield the records of a case system, some at a time. Raises PluginError where it cannot list them."""
    if not isinstance(case_system, Lists):
        message = f"{case_system.account} cannot list its records: a newer version of its plugin may be able to"
        raise PluginError(message)
    with guarded(case_system.account):
        records = iter(case_system.records(since))
        while part := list(islice(records, AT_ONCE)):
            yield part


def _of_unknown(ledger: Ledger, account: str, record: Record) -> Difference:
    holder = ledger.mending.holder(account, record)
    if holder is None:
        return _difference(Kind.UNKNOWN_HERE, record)
    return Difference(Kind.THERE_TWICE, holder.conversation, record.reference, record.findable)


def _compared(ours: Known, record: Record) -> Iterator[Difference]:
    put = {name: ours.kept.get(name, value) for name, value in record.kept.items()}  # what is not kept yet is to come
    if record.changed or put != record.kept or not ours.done <= record.done.keys():
        yield _difference(Kind.CHANGED_THERE, record)
    if ours.findable is not None and (ours.findable is Findable.YES) != (record.findable is Findable.YES):
        lost = ours.findable is Findable.YES
        yield _difference(Kind.NO_LONGER_FINDABLE if lost else Kind.NEWLY_FINDABLE, record)


def _difference(kind: Kind, record: Record) -> Difference:
    return Difference(kind, record.conversation, record.reference, record.findable)


class _Numbers:
    """A set of small numbers that takes a byte for each: memory stays flat, however many records there are."""

    def __init__(self) -> None:
        self._has = bytearray()

    def add(self, number: int) -> bool:
        """Add a number. False: it was there."""
        if number >= len(self._has):
            self._has.extend(bytes(number + 1 - len(self._has)))
        new = not self._has[number]
        self._has[number] = 1
        return new

    def __contains__(self, number: int) -> bool:
        return number < len(self._has) and bool(self._has[number])
