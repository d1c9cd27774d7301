"""Collecting: from a channel into the ledger, page by page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from gemeente_connect.abilities import Receiver
from gemeente_connect.contracts import Batch, Channel, Cursor, Files, Page, Unreadable
from gemeente_connect.conversations import QUIET_GAP
from gemeente_connect.errors import AuthError, ConfigError, RejectedError, RemoteError, StorageError, TemporaryError
from gemeente_connect.ledger import UNREAD, Ledger, Stored, Wanted
from gemeente_connect.models import Change, Deleted, Edited, IdentityChanged
from gemeente_connect.skipping import Skipped
from gemeente_connect.syncing.report import Report, Watch, bug, guarded, unwatched

if TYPE_CHECKING:
    from gemeente_connect.files import Kept  # not loaded by a run that keeps no attachments
    from gemeente_connect.ledger.inbox import Payload

BatchT = TypeVar("BatchT", bound=Batch)
_ENOUGH = 3  # attachments in a row that the other side cannot give: it is down, and is asked for no more
ATTACHMENT_LIMIT = 100 * 1024 * 1024
"""Bytes. Larger attachments are refused."""


class Keeps(Files, Protocol):
    """An attachment store: keeps what is fetched and opens what is kept."""

    def keep(self, chunks: Iterator[bytes], *, limit: int) -> Kept:
        """Keep a content under its hash. Raises RejectedError over the limit (bytes), StorageError when it cannot."""


def collect(
    channel: Channel,
    ledger: Ledger,
    *,
    files: Keeps | None = None,
    quiet_gap: timedelta = QUIET_GAP,
    skip: Collection[str] = (),
    watch: Watch = unwatched,
    report: Report | None = None,
) -> Report:
    """Read what is new in a channel into the ledger, page by page, and fetch its attachments.

    `files` keeps the attachments; None: they are not fetched. `skip` lists threads, by id or by the name people know
    them by, of which nothing is kept. Where several attachments in a row cannot be had, the text is still read, and the
    reason stands in `report.errors`. Raises what the channel raises; what was stored before stays stored.
    """
    report = report if report is not None else Report()
    skipped = Skipped(skip)
    fetching = _Fetching(channel, ledger, files, report) if files is not None else None

    def keep(batch: Batch) -> Batch:
        kept = _without(batch, skipped, report)
        _add(report, ledger.store(channel.account, channel.kind, kept, quiet_gap))
        return kept

    _read_inbox(channel, ledger, keep)
    if fetching:
        fetching.run()  # also what is left from earlier runs
    since = ledger.cursor(channel.account)
    for page in _pages(channel, since):
        kept = _without(page, skipped, report)
        stored = ledger.store(channel.account, channel.kind, kept, quiet_gap, after=since)
        since = page.cursor
        _add(report, stored)
        if fetching and (kept.messages or kept.changes):
            fetching.run()
        watch("collect", report.new + report.known + report.changed, None)
    report.refused |= ledger.never_came(channel.account)
    return report


def _read_inbox(channel: Channel, ledger: Ledger, keep: Callable[[Batch], Batch]) -> None:
    """Read what was pushed since the last time."""
    if not isinstance(channel, Receiver):
        return
    for payloads in ledger.inbox.unread(channel.account):
        held = [each.number for each in payloads if keep(_read(channel, channel.account, each)).unreadable]
        ledger.inbox.done([each.number for each in payloads], held=held)  # not before: read twice it stays the same


def _read(channel: Receiver, account: str, payload: Payload) -> Batch:
    """Read one payload. One that cannot be read is kept for a person, and stops no other."""
    key = f"{UNREAD}{payload.number}"
    try:
        batch = channel.read(payload.received)
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
        reason = str(error) if isinstance(error, RejectedError) else bug(account, error)
        return Batch(unreadable=(Unreadable(id=key, reason=reason, raw=payload.received.body),))
    items = tuple(each.model_copy(update={"id": f"{key}/{each.id}"}) for each in batch.unreadable)
    return batch.model_copy(update={"unreadable": items, "readable": (*batch.readable, key)})


def _add(report: Report, stored: Stored) -> None:
    report.new += stored.new
    report.known += stored.known
    report.changed += stored.changed
    report.refused |= stored.refused


def _pages(channel: Channel, since: Cursor | None) -> Iterator[Page]:
    with guarded(channel.account):
        yield from channel.pages(since)


def _without(page: BatchT, skipped: Skipped, report: Report) -> BatchT:
    """Take out the threads that are skipped."""
    if not skipped:
        return page
    skipped.learn(page.thread_names)  # also for the next pages
    messages = tuple(m for m in page.messages if m.thread not in skipped)
    report.skipped += len(page.messages) - len(messages)
    gone = {m.id for m in page.messages if m.thread in skipped}
    changes = tuple(c for c in page.changes if not _concerns(c, skipped, gone))
    unreadable = tuple(u for u in page.unreadable if u.thread not in skipped)
    names = {thread: name for thread, name in page.thread_names.items() if thread not in skipped}
    kept = {"messages": messages, "changes": changes, "unreadable": unreadable, "thread_names": names}
    return page.model_copy(update=kept)


def _concerns(change: Change, threads: Skipped, messages: set[str]) -> bool:
    if isinstance(change, Edited | Deleted):
        return change.message.thread in threads
    if isinstance(change, IdentityChanged):
        return change.thread in threads
    return change.target in messages  # of other messages nobody knows the thread


@dataclass
class _Fetching:
    """Fetches attachments one by one. One that fails stops neither its text nor the others."""

    channel: Channel
    ledger: Ledger
    files: Keeps
    report: Report
    _in_a_row: int = 0

    def run(self) -> None:
        """Fetch what is wanted now, until the other side cannot give several in a row: it is down, or refuses us."""
        for wanted in self.ledger.wanted(self.channel.account):
            if self._in_a_row >= _ENOUGH:
                return
            error = self._one(wanted)
            self._in_a_row = self._in_a_row + 1 if isinstance(error, AuthError | TemporaryError) else 0
            if self._in_a_row == _ENOUGH and isinstance(error, RemoteError):
                self.report.errors.append(error)

    def _one(self, wanted: Wanted) -> Exception | None:
        """Fetch one, and give what went wrong."""
        account = self.channel.account
        try:
            kept = self.files.keep(self.channel.download(wanted.attachment), limit=ATTACHMENT_LIMIT)
        except (ConfigError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way, and stops nothing else
            reason = str(error) if isinstance(error, RemoteError) else bug(account, error)
            if self.ledger.fetch_failed(account, wanted, reason):
                self.report.refused[wanted.key] = reason
            return error
        self.ledger.fetched(account, wanted, sha256=kept.sha256, size=kept.size, media_type=kept.media_type)
        return None
