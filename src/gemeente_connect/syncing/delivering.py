"""Delivering: what has something new, from the ledger to a case system."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO, Literal

from gemeente_connect.abilities import Flushes, Prompt
from gemeente_connect.contracts import CaseSystem, Files, Receipt
from gemeente_connect.errors import (
    AuthError,
    ConfigError,
    GemeenteConnectError,
    RejectedError,
    StorageError,
    TemporaryError,
)
from gemeente_connect.ledger import LANDS_WITHIN, OFFER_AGAIN, InDoubtError, LeaseLostError, Ledger, Offer
from gemeente_connect.syncing.deliveries import Delivery
from gemeente_connect.syncing.detaching import remind
from gemeente_connect.syncing.report import Report, Watch, bug, guarded, unwatched

Start = date | Literal["all"]
"""The day from which conversations are delivered, judged by their first message, in Dutch time; or `"all"`, said aloud,
so that a first run never publishes years of old chats by accident."""

_TOGETHER = 25  # receipts that are kept together, where the case system is told when to make things durable
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
    workers: int = 1,
    offer_again: timedelta = OFFER_AGAIN,
    shard: tuple[int, int] = (0, 1),
    watch: Watch = unwatched,
    report: Report | None = None,
) -> Report:
    """Deliver what has something new of a channel's `account`, and keep the receipts.

    `skip` lists threads, by id or by the name people know them by, of which nothing is delivered, also when they were
    collected before. A conversation that is refused is kept with its reason and stops no other. Ends early, with the
    reason in `report.errors`, when the case system refuses the credentials or is down. `workers`: how many threads
    deliver at the same time. `offer_again`: how long a conversation that no resident finds yet waits before it is
    offered again. `shard`: which part of the conversations, and in how many parts they are divided, where
    several processes deliver.
    """
    if not 0 <= shard[0] < shard[1]:
        message = f"there is no part {shard[0]} of {shard[1]}: parts are counted from 0"
        raise ConfigError(message)
    report = report if report is not None else Report()
    chosen = account, case_system.account, moment_of(start), skip, shard
    due, report.before_start = ledger.count_due(*chosen)
    if due:
        try:
            report.refused |= remind(case_system, ledger)
        except GemeenteConnectError as error:
            report.errors.append(error)
            return report
        with ledger.working(), closing(ledger.due(*chosen)) as offers:
            _Delivering(case_system, ledger, files or _NoFiles(), offers, due, offer_again, watch, report).run(workers)
    return report


@dataclass
class _Delivering:
    """One delivery run: its workers take offers from one iterator until there is none, or until one says stop."""

    case_system: CaseSystem
    ledger: Ledger
    files: Files
    offers: Iterator[Offer]
    due: int
    offer_again: timedelta
    watch: Watch
    report: Report
    _done: int = 0
    _in_a_row: int = 0
    _failed: bool = False
    _crashed: BaseException | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _taking: threading.Lock = field(default_factory=threading.Lock)
    _telling: threading.Lock = field(default_factory=threading.Lock)
    _keeping: threading.Lock = field(default_factory=threading.Lock)
    _unkept: list[tuple[Offer, Receipt]] = field(default_factory=list)

    def __post_init__(self) -> None:
        system = self.case_system
        self._lands_within = system.lands_within if isinstance(system, Prompt) else LANDS_WITHIN
        self._flush, self._together = (system.flush, _TOGETHER) if isinstance(system, Flushes) else (lambda: None, 1)

    def run(self, workers: int) -> None:
        """Deliver with as many threads, this one being the first. Raises what a worker did not expect."""
        waiting = 0
        try:
            for number in range(1, min(workers, self.due)):
                threading.Thread(target=self._other, name=f"deliver-{number}").start()
                waiting += 1
            self._work()
        finally:
            self._stopped.set()
            while waiting:  # not join(): interrupted, it takes a thread that runs for one that has ended
                try:
                    self._ended.acquire()
                    waiting -= 1
                except KeyboardInterrupt as error:
                    self._crashed = self._crashed or error
        if self._crashed and not isinstance(self._crashed, KeyboardInterrupt):
            if isinstance(self._crashed, GemeenteConnectError):
                with self._keeping, suppress(GemeenteConnectError):
                    self._keep()
            raise self._crashed
        with self._keeping:
            self._keep()
        if self._crashed:
            raise self._crashed

    def _other(self) -> None:
        self._work()
        self._ended.release()

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                with self._taking:
                    offer = next(self.offers, None)
                if offer is None:
                    return
                self._one(offer)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the others stop and the first thread raises it
            self._crashed = self._crashed or error
            self._stopped.set()

    def _one(self, offer: Offer) -> None:
        """Deliver one conversation, and stop the run for an error that concerns more than this one."""
        error = self._try(offer)
        with self._telling:
            self._done += 1
            self._in_a_row = self._in_a_row + 1 if isinstance(error, TemporaryError) else 0
            if error and (self._in_a_row >= _ENOUGH or not isinstance(error, TemporaryError)):
                if not self._failed:
                    self.report.errors.append(error)
                self._failed = True
                self._stopped.set()
            self.watch("deliver", self._done, self.due)

    def _try(self, offer: Offer) -> GemeenteConnectError | None:
        """Deliver one conversation. Gives the error that concerns more than this conversation."""
        key, account = offer.conversation.id, self.case_system.account
        steps = self.ledger.steps(offer, account, self._lands_within)
        try:
            receipt = self.case_system.deliver(offer.conversation, steps, self.files)
        except InDoubtError as error:
            self.report.deferred[key] = str(error)
        except LeaseLostError as error:
            return error
        except (TemporaryError, AuthError, ConfigError, StorageError) as error:
            if isinstance(error, TemporaryError):
                self.report.deferred[key] = str(error)
            with suppress(StorageError):
                self.ledger.defer(offer, account)
            return error
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
            reason = str(error) if isinstance(error, RejectedError) else bug(account, error)
            if self.ledger.refuse(offer, account, reason):
                self.report.refused[key] = reason
        else:
            with self._keeping:
                self._unkept.append((offer, receipt))
                if len(self._unkept) >= self._together:
                    self._keep()
        return None

    def _keep(self) -> None:
        """Keep the receipts of what was delivered since the last time."""
        unkept, self._unkept = self._unkept, []
        with guarded(self.case_system.account):
            doubles = self.ledger.settle_all(unkept, self.case_system.account, self.offer_again, flush=self._flush)
        self.report.refused |= doubles
        self.report.delivered.add(Delivery(o.conversation.id, o.before is not None, r) for o, r in unkept)


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
