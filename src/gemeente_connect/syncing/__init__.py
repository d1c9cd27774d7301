"""The three verbs: collect from a channel, deliver to a case system, and sync, which is one after the other.

All of them work on the same ledger and may be stopped at any moment: the next run goes on where this one was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from gemeente_connect.abilities import Plan, Plans
from gemeente_connect.contracts import CaseSystem, Channel, Refs
from gemeente_connect.conversations import QUIET_GAP
from gemeente_connect.errors import GemeenteConnectError, StorageError
from gemeente_connect.ledger import OFFER_AGAIN, Ledger, Offer
from gemeente_connect.syncing.collecting import ATTACHMENT_LIMIT, Keeps, collect
from gemeente_connect.syncing.deliveries import Deliveries, Delivery
from gemeente_connect.syncing.delivering import Start, deliver, moment_of
from gemeente_connect.syncing.report import Report, Watch, guarded, unwatched

__all__ = [
    "ATTACHMENT_LIMIT", "Deliveries", "Delivery", "Keeps", "Planned", "Report", "Start", "Watch",
    "collect", "deliver", "plan", "sync",
]  # fmt: skip


def sync(
    channel: Channel,
    case_system: CaseSystem,
    *,
    ledger: Ledger,
    start: Start,
    files: Keeps | None = None,
    quiet_gap: timedelta = QUIET_GAP,
    skip: Collection[str] = (),
    workers: int = 1,
    offer_again: timedelta = OFFER_AGAIN,
    watch: Watch = unwatched,
    report: Report | None = None,
) -> Report:
    """Collect, then deliver with so many `workers`. `offer_again`: see `deliver`.

    Where collecting ends early, what was collected is still delivered. Look at `report.errors`: this function raises
    only what makes going on useless (StorageError); a `report` that was given then says what was done before.
    """
    report = report if report is not None else Report()
    moment_of(start)  # a wrong one is told before anything is done
    try:
        collect(channel, ledger, files=files, quiet_gap=quiet_gap, skip=skip, watch=watch, report=report)
    except StorageError:
        raise
    except GemeenteConnectError as error:
        report.errors.append(error)
    return deliver(
        case_system,
        ledger,
        account=channel.account,
        start=start,
        skip=skip,
        files=files,
        workers=workers,
        offer_again=offer_again,
        watch=watch,
        report=report,
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do with one conversation; `plan` is None where the case system cannot tell."""

    conversation: str
    update: bool
    plan: Plan | None


def plan(
    channel: Channel,
    case_system: CaseSystem,
    *,
    ledger: Ledger,
    start: Start,
    quiet_gap: timedelta = QUIET_GAP,
    skip: Collection[str] = (),
) -> tuple[Report, list[Planned]]:
    """Say what `sync` would deliver now, and whether it would be found. Writes nothing: it works on a copy."""
    since = moment_of(start)
    with ledger.copy() as copy:
        report = Report()
        try:
            collect(channel, copy, quiet_gap=quiet_gap, skip=skip, report=report)
        except GemeenteConnectError as error:
            report.errors.append(error)
        _, report.before_start = copy.count_due(channel.account, case_system.account, since, skip)
        planned = []
        for offer in copy.due(channel.account, case_system.account, since, skip):
            done = copy.steps(offer, case_system.account).done()
            planned.append(
                Planned(offer.conversation.id, offer.before is not None, _plan_one(case_system, offer, done))
            )
    return report, planned


def _plan_one(case_system: CaseSystem, offer: Offer, done: Mapping[str, Refs]) -> Plan | None:
    if not isinstance(case_system, Plans):
        return None
    with guarded(case_system.account):
        return case_system.plan(offer.conversation, done)
