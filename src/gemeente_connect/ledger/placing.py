"""Putting messages into conversations, with those the ledger already holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from gemeente_connect.conversations import Span, clusters, nearest
from gemeente_connect.ledger.database import Database
from gemeente_connect.ledger.linking import Linking, Links, Pair

_EVER = -(2**62)  # before all times


def hold_conversation(database: Database, message: int) -> None:
    """Take turns with a run that is just claiming the conversation of a message. Comes before changing the message."""
    if database.for_update:
        which = "WHERE seq = (SELECT conversation FROM messages WHERE seq = ?)"
        database.one(f"SELECT 1 FROM conversations {which}{database.for_update}", (message,))  # noqa: S608 - our own words


def shown_anew(database: Database, message: int) -> None:
    """Note that what is shown of a message has changed: its conversation is offered again."""
    database.write(
        "UPDATE conversations SET revision = revision + 1 "
        "WHERE seq = (SELECT conversation FROM messages WHERE seq = ?)",
        (message,),
    )


class Placing:
    """Finds or makes the conversation of each message, inside the transaction that stores it."""

    def __init__(self, database: Database, linking: Linking) -> None:
        self._db = database
        self._linking = linking

    def by_own(self, account: int, thread: int, own: str, times: Collection[int]) -> int:
        """Give the conversation the channel itself names."""
        first, last = min(times), max(times)
        row = self._db.one("SELECT seq FROM conversations WHERE thread = ? AND own = ?", (thread, own))
        if row is None:
            return self._new(account, thread, own, first, last)
        self.stretch(row[0], first, last)
        return int(row[0])

    def by_gap(
        self, account: int, thread: int, times: Iterable[int], gap: timedelta, pairs: Collection[Pair]
    ) -> Mapping[int, int]:
        """Give the conversation of each time, by the quiet gaps around it. `pairs`: all that concern the thread.

        Conversations that were not delivered yet grow together where a message fills their gap. Fixed ones never do:
        a message between two of them joins the nearest.
        """
        silence = round(gap.total_seconds() * 1_000_000)
        breaks = {pair.until for pair in pairs if pair.until is not None}
        placed: dict[int, int] = {}
        for its in clusters(sorted(set(times)), silence, breaks):
            first = max(its[0] - silence, *[each - 1 for each in breaks if each <= its[0]], _EVER)
            last = min(its[-1] + silence, *[each for each in breaks if each > its[-1]], -_EVER)
            links = Links(thread, pairs, its[-1])
            placed |= self._place(account, links, its, self._around(links, first, last))
        return placed

    def place_again(self, account: int, thread: int, gap: timedelta) -> None:
        """Place what is not delivered yet of a thread of which it turned out what else it is called, or no more.

        And of whoever it shares a name with. All of it is taken out first: what is there tells how it was before.
        """
        pairs = self._linking.of(thread)
        threads = {thread, *(each for pair in pairs for each in pair[:2])}
        rows = self._db.read(
            f"SELECT seq FROM conversations WHERE thread IN ({_marks(threads)}) AND own IS NULL AND id IS NULL "  # noqa: S608 - marks
            f"ORDER BY first_at, seq{self._db.for_update}",  # one that is just being claimed is fixed after that
            (*threads,),
        )
        loose = [seq for (seq,) in rows]
        if not loose:
            return
        where = f"WHERE conversation IN ({_marks(loose)})"
        messages = self._db.read(f"SELECT thread, seq, sent_at FROM messages {where} ORDER BY thread", loose)  # noqa: S608 - marks
        self._db.write(f"UPDATE messages SET conversation = NULL {where}", loose)  # noqa: S608 - marks
        for key in loose:
            self._remove(key)
        by_thread = {of: list(its) for of, its in groupby(messages, key=itemgetter(0))}
        shared = _shared(pairs)  # these come last: when all of whom they may be are there
        for of in sorted(by_thread, key=lambda each: each in shared):
            times = {seq: sent_at for _, seq, sent_at in by_thread[of]}
            placed = self.by_gap(account, of, times.values(), gap, self._linking.of(of))
            self._db.write_all(
                "UPDATE messages SET conversation = ? WHERE seq = ?",
                [(placed[sent_at], seq) for seq, sent_at in times.items()],
            )

    def place_shared_again(self, account: int, threads: Iterable[int], gap: timedelta) -> None:
        """Place again what may be of several residents, of whom these wrote: the order of arrival decides nothing."""
        for thread in threads:
            if _shared(self._linking.of(thread)):
                self.place_again(account, thread, gap)

    def _around(self, links: Links, after: int, before: int) -> list[Span]:
        rows = self._db.read(
            "SELECT seq, first_at, last_at, id IS NOT NULL FROM conversations "  # noqa: S608 - our own words
            f"WHERE thread IN ({_marks(links.threads)}) AND own IS NULL AND last_at > ? AND first_at < ? "
            f"ORDER BY first_at, seq{self._db.for_update}",  # one that is just being claimed is about to be fixed
            (*links.threads, after, before),
        )
        spans = [Span(key, begin, end, bool(fixed)) for key, begin, end, fixed in rows]
        if not rows or len(links.threads) == 1:
            return spans
        fitting = links.fitting(self._linking.parts([span.key for span in spans]))
        return [span for span in spans if span.key in fitting]

    def _place(self, account: int, links: Links, times: list[int], around: list[Span]) -> dict[int, int]:
        fixed = [span for span in around if span.fixed]
        if fixed:
            return self._join(times, fixed, [span for span in around if not span.fixed])
        if not around:
            return dict.fromkeys(times, self._new(account, links.thread, None, times[0], times[-1]))
        kept, *others = around
        for other in others:
            self._db.write("UPDATE messages SET conversation = ? WHERE conversation = ?", (kept.key, other.key))
            self.stretch(kept.key, other.first, other.last)
            self._remove(other.key)
        self.stretch(kept.key, times[0], times[-1])
        if len(links.threads) > 1:
            threads = {links.thread, *self._linking.parts([kept.key])[kept.key]}
            self._db.write("UPDATE conversations SET thread = ? WHERE seq = ?", (links.name(threads), kept.key))
        return dict.fromkeys(times, kept.key)

    def _join(self, times: list[int], fixed: list[Span], loose: list[Span]) -> dict[int, int]:
        placed = {time: nearest(time, fixed).key for time in times}
        for span in loose:
            rows = self._db.read("SELECT seq, sent_at FROM messages WHERE conversation = ?", (span.key,))
            moved = [(nearest(sent_at, fixed).key, seq, sent_at) for seq, sent_at in rows]
            self._db.write_all("UPDATE messages SET conversation = ? WHERE seq = ?", [row[:2] for row in moved])
            for key, _, sent_at in moved:
                self.stretch(key, sent_at, sent_at)
            self._remove(span.key)
        for time, key in placed.items():
            self.stretch(key, time, time)
        return placed

    def _new(self, account: int, thread: int, own: str | None, first: int, last: int) -> int:
        return self._db.number(
            "INSERT INTO conversations (account, thread, own, first_at, last_at) VALUES (?, ?, ?, ?, ?) RETURNING seq",
            (account, thread, own, first, last),
        )

    def stretch(self, key: int, first: int, last: int) -> None:
        """Let a conversation reach over these times, and be offered again."""
        self._db.write(
            "UPDATE conversations SET revision = revision + 1, "
            "first_at = CASE WHEN first_at < ? THEN first_at ELSE ? END, "
            "last_at = CASE WHEN last_at > ? THEN last_at ELSE ? END WHERE seq = ?",
            (first, first, last, last, key),
        )

    def _remove(self, key: int) -> None:
        self._db.write("DELETE FROM conversations WHERE seq = ?", (key,))


def _shared(pairs: Collection[Pair]) -> set[int]:
    """Give the threads that were ever of several residents."""
    return {pair.other for pair in pairs if Links(pair.other, pairs, _EVER).several}


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
