"""Delivering: what has something new, from the ledger to a case system."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import BinaryIO, Literal

from gemeente_connect.contracts import CaseSystem, Files, Prompt
from gemeente_connect.errors import (
    AuthError,
    ConfigError,
    GemeenteConnectError,
    RejectedError,
    StorageError,
    TemporaryError,
)
from gemeente_connect.ledger import LANDS_WITHIN, InDoubtError, Ledger, Offer
from gemeente_connect.syncing.report import Delivery, Report, Watch, bug, unwatched

Start = date | Literal["all"]
"""The day from which conversations are delivered, judged by their first message, in Dutch time; or `"all"`, said aloud,
so that a first run never publishes years of old chats by accident."""

_ENOUGH = 3  # conversations in a row that the other side cannot take now: it is down, and the run ends
_ZONE = "Europe/Amsterdam"


class _NoFiles:
    """Stands in where there is no attachment store: no attachment has content, so nothing is opened."""

    def __contains__(self, sha256: object) -> bool:
        return False

    def open(self, sha256: str) -> BinaryIO:
        message = "this run has no attachment store: give `files` to open what is kept"
        raise ConfigError(message)


def deliver(
    case_system: CaseSystem,
    ledger: Ledger,
    *,
    account: str,
    start: Start,
    skip: Collection[str] = (),
    files: Files | None = None,
    watch: Watch = unwatched,
    report: Report | None = None,
) -> Report:
    """Deliver what has something new of a channel's `account`, and keep the receipts.

    `skip` lists threads, by id or by the name people know them by, of which nothing is delivered, also when they were
    collected before. A conversation that is refused is kept with its reason and stops no other. Ends early, with the
    reason in `report.errors`, when the case system refuses the credentials or is down.
    """
    report = report if report is not None else Report()
    since = moment_of(start)
    due, report.before_start = ledger.count_due(account, case_system.account, since, skip)
    in_a_row = 0
    for done, offer in enumerate(ledger.due(account, case_system.account, since, skip), start=1):
        error = _deliver_one(case_system, ledger, offer, files or _NoFiles(), report)
        watch("deliver", done, due)
        in_a_row = in_a_row + 1 if isinstance(error, TemporaryError) else 0
        if error and (in_a_row >= _ENOUGH or not isinstance(error, TemporaryError)):
            report.errors.append(error)
            break
    return report


def _deliver_one(
    case_system: CaseSystem, ledger: Ledger, offer: Offer, files: Files, report: Report
) -> GemeenteConnectError | None:
    """Deliver one conversation. Gives the error that concerns more than this conversation."""
    key = offer.conversation.id
    lands_within = case_system.lands_within if isinstance(case_system, Prompt) else LANDS_WITHIN
    steps = ledger.steps(offer, case_system.account, lands_within)
    try:
        receipt = case_system.deliver(offer.conversation, steps, files)
    except TemporaryError as error:
        report.deferred[key] = str(error)
        return None if isinstance(error, InDoubtError) else error
    except (AuthError, ConfigError, StorageError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
        reason = str(error) if isinstance(error, RejectedError) else bug(case_system.account, error)
        if ledger.refuse(offer, case_system.account, reason):
            report.refused[key] = reason
    else:
        ledger.settle(offer, case_system.account, receipt)
        report.delivered.append(Delivery(key, offer.before is not None, receipt))
    return None


def moment_of(start: Start) -> datetime | None:
    """Give the first moment that is delivered; None: all of them. Raises ConfigError for what is no start."""
    if start == "all":
        return None
    if isinstance(start, datetime):
        if start.tzinfo is None:
            message = "`start` needs a time zone, or give a date"
            raise ConfigError(message)
        return start.astimezone(UTC)
    if isinstance(start, date):
        from zoneinfo import ZoneInfo

        return datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(_ZONE))
    message = '`start` is a date, or "all" to deliver everything there is'
    raise ConfigError(message)
