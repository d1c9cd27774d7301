"""A whole sync from an HTTP API: speed and memory against floors, and peers where they are installed.

Runnable alone: `python -m bench.sync [LARGEST]`, with the largest number of conversations (50,000 unless told). Every
figure is of whole processes, with their start, run in turn; ratios are the median of those of the same round. What a
floor does stands in `bench.floors`, what the API tells in `bench.server`. Goals with a number are those of the project.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import server
from bench.again import cursor_lost, killed, nothing_new
from bench.measure import table
from bench.peers import PEERS, Peer, dlt
from bench.scene import Lines, Scene, figures
from bench.server import EACH
from bench.whole import Rounds, Whole, compiled, in_turn, judged, middle, ratio

SMALL, MIDDLE, LARGE = 1_000, 10_000, 50_000
ROUNDS = {SMALL: 5, MIDDLE: 3, LARGE: 1}
FLOORS = ("script", "script_pydantic", "store_and_deliver", "store_and_deliver_durably")
OURS = ("collect", "sync")
SCRIPT, FLOOR, SINGER = "floor:script", "floor:store_and_deliver", "Singer → SQLite"


def whole_sync(scene: Scene, size: int) -> tuple[Lines, Lines, Rounds]:
    """Sync everything there is, without latency. Gives figures, goals, and what was run."""

    def anew(run: Callable[..., Whole], what: str, size: int = size) -> Callable[[], Whole]:
        return lambda: run(what, scene.new(what, size), size)

    work = {
        **{f"floor:{name}": anew(scene.floor, name) for name in FLOORS},
        **{name: anew(scene.ours, name) for name in OURS},
    }
    if size == LARGE:  # peers take too long; the machine may have changed its speed since the smaller size was run
        work |= {_beside(name): anew(scene.ours, name, MIDDLE) for name in OURS}
    else:
        work |= scene.peers(size)
    runs = in_turn(work, ROUNDS[size])
    goals = [
        [f"{size:,}: sync / {FLOOR}, CPU", *judged(ratio(runs, "sync", FLOOR, "cpu"), 2.5)],
        [f"{size:,}: sync / {FLOOR}_durably, CPU", f"{ratio(runs, 'sync', FLOOR + '_durably', 'cpu'):.2f}", "", ""],
        [f"{size:,}: sync, MB", *judged(middle(runs, "sync", "rss"), 60)],
        *_against_peers(runs, f"{size:,}: sync", "sync", 0.5),
        *_against_peers(runs, f"{size:,}: {FLOOR}", FLOOR, None),
    ]
    if size == MIDDLE:
        goals.append(["B1 collect / floor:script, wall", *judged(ratio(runs, "collect", SCRIPT, "wall"), 1.8)])
        goals += _against_peers(runs, "B1 collect", "collect", 0.5)
        if SINGER in runs:
            goals.append(["B1 collect / Singer, CPU", *judged(ratio(runs, "collect", SINGER, "cpu"), 0.2)])
    return figures(f"{size:,}", runs), goals, runs


def _against_peers(runs: Rounds, what: str, name: str, goal: float | None) -> Lines:
    """Compare with the quickest peer. No goal: only to be seen."""
    ran = [peer for peer in PEERS if peer in runs]
    if not ran:
        return []
    best = min(ran, key=lambda peer: middle(runs, peer, "wall"))
    times = ratio(runs, name, best, "wall")
    return [[f"{what} / {best}, wall", *(judged(times, goal) if goal else [f"{times:.2f}", "", ""])]]


def with_latency(scene: Scene, size: int, rounds: int) -> tuple[Lines, Lines]:
    """Collect from an API that takes 20 milliseconds: page by page, by number, one request a conversation."""

    def ours(*walk: object) -> Callable[[], Whole]:
        return lambda: scene.ours("collect", scene.new("collect", size), size, 20, *walk)

    def floor(what: str, *workers: object) -> Callable[[], Whole]:
        return lambda: scene.floor(what, scene.new("floor", size), size, 20, *workers)

    work: dict[str, Callable[[], Whole]] = {SCRIPT: floor("script"), "cursor": ours("cursor"), **scene.peers(size, 20)}
    work["numbered, 8"] = ours("numbered", 8)
    for n in (8, 32):
        work[f"floor:chats, {n}"], work[f"chats, {n}"] = floor("chats", n), ours("chats", n)
        peer = dlt("sqlite", "chats", str(n))
        if peer.installed:
            work[f"dlt chats, {n}"] = partial(_peer, scene, peer, size)
    runs = in_turn(work, rounds)
    by_number = ratio(runs, "numbered, 8", SCRIPT, "wall")
    goals = [
        ["B2 page by page / floor:script, wall", *judged(ratio(runs, "cursor", SCRIPT, "wall"), 1.1)],
        ["B3 pages by number, 8 workers / floor:script, wall", *judged(by_number, 0.23)],
        *_against_peers(runs, "B3 pages by number, 8 workers", "numbered, 8", 1 / 5.5),
    ]
    for n, above_floor, above_peer in ((8, 1.1, 0.7), (32, 1.25, 0.5)):
        what = f"B4 a request a conversation, {n} workers"
        goals.append([f"{what} / floor, wall", *judged(_ratio(runs, f"chats, {n}", "floor"), above_floor)])
        if f"dlt chats, {n}" in runs:
            goals.append([f"{what} / dlt, wall", *judged(_ratio(runs, f"chats, {n}", "dlt"), above_peer)])
    return figures(f"{size:,} at 20 ms", runs), goals


def _ratio(runs: Rounds, name: str, other: str) -> float:
    return ratio(runs, name, f"{other}:{name}" if other == "floor" else f"{other} {name}", "wall")


def _peer(scene: Scene, peer: Peer, size: int) -> Whole:
    return scene.peer(peer, scene.new("peer", size), size, 20)


def growth(at: dict[int, Rounds], start: float) -> Lines:
    """Compare the largest size with smaller ones. `start`: seconds of CPU that do not count to a message."""

    def a_message(what: str, size: int) -> float:
        return (middle(at[LARGE], what, "cpu") - start) / (size * EACH)

    memory = middle(at[LARGE], "sync", "rss") / middle(at[SMALL], "sync", "rss")
    lines = [[f"B7 sync, MB, {LARGE:,} / {SMALL:,}", *judged(memory, 1.1)]]
    for what in ("collect", "sync"):
        grown = a_message(what, LARGE) / a_message(_beside(what), MIDDLE)
        lines.append([f"B8 {what}, CPU a message, {LARGE:,} / {MIDDLE:,}", *judged(grown, 1.05)])
    if SINGER in at[SMALL]:
        times = ratio(at[SMALL], "sync", SINGER, "rss")
        lines.append(["B7 sync / the larger process of Singer, MB", *judged(times, 0.45)])
    return lines


def _beside(what: str) -> str:
    return f"{what}, {MIDDLE:,}"


def _ledger_size(scene: Scene, size: int) -> list[str]:
    each = (scene.folder("sync", size) / "ledger.sqlite").stat().st_size / (size * EACH)
    return [f"{size:,}: ledger, bytes a message", f"{each:.0f}", "", ""]


def main(largest: int = LARGE) -> None:
    sizes = [size for size in ROUNDS if size <= largest]
    seen: Lines = []
    goals: Lines = []
    at: dict[int, Rounds] = {}
    compiled()
    with tempfile.TemporaryDirectory() as name, server.serving(sizes[-1]) as api:
        scene = Scene(api, Path(name))
        for size in sizes:
            lines, reached, at[size] = whole_sync(scene, size)
            seen, goals = seen + lines, [*goals, *reached, _ledger_size(scene, size)]
        lines, reached = with_latency(scene, SMALL, 3)
        seen, goals = seen + lines, goals + reached
        lines, reached = nothing_new(scene, SMALL, 9)
        seen, goals = seen + lines, goals + reached
        if largest == LARGE:
            lines, reached = nothing_new(scene, LARGE, 9, smaller=SMALL)
            start = scene.ours("sync", scene.folder("idle", SMALL), SMALL).cpu
            seen, goals = seen + lines, goals + reached + growth(at, start)
        goals += cursor_lost(scene, SMALL, 3) + killed(scene, SMALL)
    seen += [[name, "not installed", "", ""] for name, peer in PEERS.items() if not peer.installed]
    table("Syncing: whole processes, medians", ["what", "CPU s", "wall s", "MB"], seen)
    table("Syncing: goals, medians of ratios of the same round", ["what", "figure", "goal", "reached"], goals)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
