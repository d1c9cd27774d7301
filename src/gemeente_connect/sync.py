"""The three verbs: collect from a channel, deliver to a case system, and sync, which is one after the other.

All of them work on the same ledger and may be stopped at any moment: the next run goes on where this one was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, Protocol
from zoneinfo import ZoneInfo

from gemeente_connect.contracts import CaseSystem, Channel, Files, Findable, Page, Plan, Plans, Prompt, Receipt, Refs
from gemeente_connect.conversations import QUIET_GAP
from gemeente_connect.errors import (
    AuthError,
    ConfigError,
    GemeenteConnectError,
    PluginError,
    RejectedError,
    RemoteError,
    StorageError,
    TemporaryError,
)
from gemeente_connect.ledger import LANDS_WITHIN, Ledger, Offer
from gemeente_connect.models import Change, Deleted, Edited, IdentityChanged

Start = date | Literal["all"]
"""The day from which conversations are delivered, judged by their first message, in Dutch time; or `"all"`, said aloud,
so that a first run never publishes years of old chats by accident."""

ATTACHMENT_LIMIT = 100 * 1024 * 1024
"""Bytes. Larger attachments are refused."""

_ENOUGH = 3  # conversations in a row that the other side cannot take now: it is down, and the run ends
_ZONE = "Europe/Amsterdam"


class Keeps(Files, Protocol):
    """An attachment store: keeps what is fetched and opens what is kept."""

    def keep(self, chunks: Iterator[bytes], *, limit: int) -> Kept:
        """Keep a content under its hash. Raises RejectedError over the limit (bytes), StorageError when it cannot."""


class Kept(Protocol):
    """What the attachment store tells of a content."""

    @property
    def sha256(self) -> str:
        """The name it is opened by."""
        ...

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    @property
    def media_type(self) -> str:
        """Judged from the content."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A conversation that was delivered in this run."""

    conversation: str
    update: bool
    """True: it had been delivered before, and has changed or was offered again."""
    receipt: Receipt


@dataclass(slots=True)
class Report:
    """What a run did. Holds ids and counts, no personal data."""

    new: int = 0
    """Messages that were not known."""
    known: int = 0
    """Messages that were known and had not changed."""
    changed: int = 0
    """Messages that were edited, deleted or completed."""
    skipped: int = 0
    """Messages of threads on the skip list. They are not kept."""
    delivered: list[Delivery] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Reasons, by what was refused for the first time in this run: conversations, unreadable things, attachments."""
    deferred: dict[str, str] = field(default_factory=dict)
    """Reasons, by conversation, of what the other side could not take now. It is tried again at the next run."""
    before_start: int = 0
    """Conversations that began before the start, and were not delivered."""
    errors: list[GemeenteConnectError] = field(default_factory=list)
    """What ended collecting or delivering early. What was done before stays done."""

    @property
    def findable(self) -> int:
        """Number of delivered conversations that their resident finds."""
        return sum(delivery.receipt.findable is Findable.YES for delivery in self.delivered)

    @property
    def not_findable(self) -> Mapping[Findable, int]:
        """Number of delivered conversations that nobody finds, by reason."""
        reasons = [d.receipt.findable for d in self.delivered if d.receipt.findable is not Findable.YES]
        return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


Watch = Callable[[Literal["collect", "deliver"], int, int | None], None]
"""Called on the way with what is being done, how many are done, and of how many (None: not known)."""


def _unwatched(what: Literal["collect", "deliver"], done: int, of: int | None) -> None:
    pass


def collect(
    channel: Channel,
    ledger: Ledger,
    *,
    files: Keeps | None = None,
    quiet_gap: timedelta = QUIET_GAP,
    skip: Collection[str] = (),
    watch: Watch = _unwatched,
    report: Report | None = None,
) -> Report:
    """Read what is new in a channel into the ledger, page by page, and fetch its attachments.

    `files` keeps the attachments; None: they are not fetched. `skip` lists threads, by id or by the name people know
    them by, of which nothing is kept. Raises what the channel raises; what was stored before stays stored.
    """
    report = report if report is not None else Report()
    skipped = set(skip)
    if files is not None:
        _fetch(channel, ledger, files, report)  # what is left from earlier runs
    for page in _pages(channel, ledger):
        kept = _without(page, skipped, report)
        stored = ledger.store(channel.account, channel.kind, kept, quiet_gap)
        report.new += stored.new
        report.known += stored.known
        report.changed += stored.changed
        reasons = {item.id: item.reason for item in page.unreadable}
        several = "an edited or deleted message could be one of several"
        report.refused |= {key: reasons.get(key, several) for key in stored.refused}
        if files is not None and (kept.messages or kept.changes):
            _fetch(channel, ledger, files, report)
        watch("collect", report.new + report.known + report.changed, None)
    return report


def _pages(channel: Channel, ledger: Ledger) -> Iterator[Page]:
    try:
        yield from channel.pages(ledger.cursor(channel.account))
    except GemeenteConnectError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
        raise PluginError(_bug(channel.account, error)) from None  # its message may hold personal data


def _bug(account: str, error: Exception) -> str:
    """Say where a plugin failed. Not its message, which may hold personal data."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"the plugin of {account} failed with {type(error).__name__}{place}: report it to its maker"


def _without(page: Page, skipped: set[str], report: Report) -> Page:
    """Take out the threads that are skipped."""
    if not skipped:
        return page
    skipped |= {thread for thread, name in page.thread_names.items() if name in skipped}  # also for the next pages
    messages = tuple(m for m in page.messages if m.thread not in skipped)
    report.skipped += len(page.messages) - len(messages)
    gone = {m.id for m in page.messages if m.thread in skipped}
    changes = tuple(c for c in page.changes if not _concerns(c, skipped, gone))
    unreadable = tuple(u for u in page.unreadable if u.thread not in skipped)
    return page.model_copy(update={"messages": messages, "changes": changes, "unreadable": unreadable})


def _concerns(change: Change, threads: set[str], messages: set[str]) -> bool:
    if isinstance(change, Edited | Deleted):
        return change.message.thread in threads
    if isinstance(change, IdentityChanged):
        return change.thread in threads
    return change.target in messages  # of other messages nobody knows the thread


def _fetch(channel: Channel, ledger: Ledger, files: Keeps, report: Report) -> None:
    """Fetch attachments one by one. One that fails stops neither its text nor the others."""
    for wanted in ledger.wanted(channel.account):
        try:
            kept = files.keep(channel.download(wanted.attachment), limit=ATTACHMENT_LIMIT)
        except (AuthError, ConfigError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
            reason = str(error) if isinstance(error, RemoteError) else _bug(channel.account, error)
            if ledger.fetch_failed(channel.account, wanted, reason):
                report.refused[f"{wanted.message}/{wanted.number}"] = reason
        else:
            ledger.fetched(channel.account, wanted, sha256=kept.sha256, size=kept.size, media_type=kept.media_type)


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
    files: Files | None = None,
    watch: Watch = _unwatched,
    report: Report | None = None,
) -> Report:
    """Deliver what has something new of a channel's `account`, and keep the receipts.

    A conversation that is refused is kept with its reason and stops no other. Ends early, with the reason in
    `report.errors`, when the case system refuses the credentials or is down.
    """
    report = report if report is not None else Report()
    since = _moment(start)
    due, report.before_start = ledger.count_due(account, case_system.account, since)
    in_a_row = 0
    for done, offer in enumerate(ledger.due(account, case_system.account, since), start=1):
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
        return error
    except (AuthError, ConfigError, StorageError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
        reason = str(error) if isinstance(error, RejectedError) else _bug(case_system.account, error)
        if ledger.refuse(offer, case_system.account, reason):
            report.refused[key] = reason
    else:
        ledger.settle(offer, case_system.account, receipt)
        report.delivered.append(Delivery(key, offer.before is not None, receipt))
    return None


def sync(
    channel: Channel,
    case_system: CaseSystem,
    *,
    ledger: Ledger,
    start: Start,
    files: Keeps | None = None,
    quiet_gap: timedelta = QUIET_GAP,
    skip: Collection[str] = (),
    watch: Watch = _unwatched,
    report: Report | None = None,
) -> Report:
    """Collect, then deliver.

    Where collecting ends early, what was collected is still delivered. Look at `report.errors`: this function raises
    only what makes going on useless (StorageError); a `report` that was given then says what was done before.
    """
    report = report if report is not None else Report()
    _moment(start)  # a wrong one is told before anything is done
    try:
        collect(channel, ledger, files=files, quiet_gap=quiet_gap, skip=skip, watch=watch, report=report)
    except StorageError:
        raise
    except GemeenteConnectError as error:
        report.errors.append(error)
    return deliver(case_system, ledger, account=channel.account, start=start, files=files, watch=watch, report=report)


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
    since = _moment(start)
    with ledger.copy() as copy:
        report = Report()
        try:
            collect(channel, copy, quiet_gap=quiet_gap, skip=skip, report=report)
        except GemeenteConnectError as error:
            report.errors.append(error)
        _, report.before_start = copy.count_due(channel.account, case_system.account, since)
        planned = []
        for offer in copy.due(channel.account, case_system.account, since):
            done = copy.steps(offer, case_system.account).done()
            planned.append(
                Planned(offer.conversation.id, offer.before is not None, _plan_one(case_system, offer, done))
            )
    return report, planned


def _plan_one(case_system: CaseSystem, offer: Offer, done: Mapping[str, Refs]) -> Plan | None:
    if not isinstance(case_system, Plans):
        return None
    try:
        return case_system.plan(offer.conversation, done)
    except GemeenteConnectError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
        raise PluginError(_bug(case_system.account, error)) from None  # its message may hold personal data


def _moment(start: Start) -> datetime | None:
    if start == "all":
        return None
    if isinstance(start, datetime):
        if start.tzinfo is None:
            message = "`start` needs a time zone, or give a date"
            raise ConfigError(message)
        return start.astimezone(UTC)
    if isinstance(start, date):
        return datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(_ZONE))
    message = '`start` is a date, or "all" to deliver everything there is'
    raise ConfigError(message)
