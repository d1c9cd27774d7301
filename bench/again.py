"""Syncing again: when nothing is new, when the cursor was lost, and after a death. Part of `bench.sync`."""

# ruff: noqa: S608 - the names of tables are our own

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from bench import server
from bench.peers import PEERS
from bench.scene import Lines, Scene, figures
from bench.server import A_PAGE, EACH
from bench.whole import Rounds, in_turn, judged, middle, ratio, whole

KILLS = 5


# ---- nothing new -----------------------------------------------------------------------------------------------------


def nothing_new(scene: Scene, size: int, rounds: int, *, smaller: int | None = None) -> tuple[Lines, Lines]:
    """Sync when nothing happened since all was stored and delivered. Gives figures and goals.

    `smaller`: a size that was measured before, to run again beside this one; None: peers are run beside it.
    """
    ours, script, pydantic = (scene.new(name, size) for name in ("idle", "idle-script", "idle-pydantic"))
    command_line, env = _command_line(ours, scene.api.url(size))
    work = {
        "floor:script": partial(scene.floor, "script", script, size),
        "floor:script_pydantic": partial(scene.floor, "script_pydantic", pydantic, size),
        "sync": partial(scene.ours, "sync", ours, size),
        "gemeente-connect sync": partial(whole, command_line, env=env),
    }
    if smaller:
        work[f"sync, {smaller:,}"] = partial(scene.ours, "sync", scene.folder("idle", smaller), smaller)
    for name, peer in PEERS.items():
        if not smaller and peer.installed:
            work[name] = partial(scene.peer, peer, scene.new(f"idle-{name[:10]}", size), size)
    in_turn(work, 1)  # stores and delivers all there is
    before = _contents(ours)
    scene.api.count()
    work["sync"]()
    asked, written = scene.api.count(), before != _contents(ours)
    runs = in_turn(work, rounds)
    what = f"nothing new, {size:,}"
    goals = [
        [f"B5 {what}: sync, s", *judged(middle(runs, "sync", "wall"), 0.25)],
        [f"B5 {what}: sync / floor:script_pydantic, wall", *judged(_times(runs, "floor:script_pydantic"), 1.3)],
        [f"{what}: sync / floor:script, wall", f"{_times(runs, 'floor:script'):.2f}", "", ""],
        [f"B5 {what}: requests", str(asked), "= 1", "yes" if asked == 1 else "NO"],
        [f"B5 {what}: files", "changed" if written else "as they were", "as they were", "NO" if written else "yes"],
    ]
    for peer_name, goal in (("Singer → SQLite", 0.45), ("dlt → SQLite", 0.25)):
        if peer_name in runs:
            goals.append([f"B5 {what}: sync / {peer_name}, wall", *judged(_times(runs, peer_name), goal)])
    if smaller:
        goals.append(
            [f"B6 nothing new, {size:,} / {smaller:,}, wall", *judged(_times(runs, f"sync, {smaller:,}"), 1.15)]
        )
    return figures(what, runs), goals


def _times(runs: Rounds, other: str) -> float:
    return ratio(runs, "sync", other, "wall")


def _command_line(folder: Path, url: str) -> tuple[list[str], dict[str, str]]:
    """Install the plugin of the benchmarks for one process, and configure it."""
    site = folder / "site"
    (info := site / "bench_plugin-1.dist-info").mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gemeente_connect]\nbench = bench.vendor\n")
    config = folder / "gemeente-connect.toml"
    config.write_text(f"""
        ledger = "ledger.sqlite"
        [channels.chat]
        plugin = "bench-chat"
        url = "{url}"
        [case_systems.loket]
        plugin = "loket"
        database = "loket.sqlite"
        [syncs.all]
        channel = "chat"
        case_system = "loket"
        start = 2020-01-01
        """)
    program = str(Path(sys.executable).with_name("gemeente-connect"))
    found_in = [str(site), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return [program, "--config", str(config), "sync"], {"PYTHONPATH": os.pathsep.join(filter(None, found_in))}


def _contents(folder: Path) -> list[str]:
    digests = []
    for name in ("ledger", "loket"):
        with (folder / f"{name}.sqlite").open("rb") as file:  # in parts: what starts a process counts as its memory
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


# ---- the cursor was lost ---------------------------------------------------------------------------------------------


def cursor_lost(scene: Scene, size: int, rounds: int) -> Lines:
    lines = []
    for what in ("collect", "sync"):
        same = True
        first, again = [], []
        for _ in range(rounds):
            folder = scene.new("again", size)
            first.append(scene.ours(what, folder, size))
            kept = list(_rows(folder))
            _forget_the_cursor(folder)
            again.append(scene.ours(what, folder, size))
            same &= kept == list(_rows(folder))
        times = ratio({"first": first, "again": again}, "again", "first", "wall")
        lines += [
            [f"B9 {what}, the same data again / the first time, wall", *judged(times, 1.0)],
            [f"B9 {what}, the same data again: rows", "same" if same else "CHANGED", "same", "yes" if same else "NO"],
        ]
    return lines


def _forget_the_cursor(folder: Path) -> None:
    db = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    db.execute("UPDATE accounts SET read_to = NULL")
    db.close()


def _rows(folder: Path) -> Iterable[str]:
    """Give a digest of what is stored, and of what is delivered."""
    for table in ("messages", "conversations", "deliveries"):
        yield _digest(folder / "ledger.sqlite", f"SELECT * FROM {table}")
    for table in ("record", "turn", "message"):
        yield _digest(folder / "loket.sqlite", f"SELECT * FROM {table}")


def _digest(path: Path, query: str) -> str:
    return hashlib.sha256(repr(_read(path, query)).encode()).hexdigest()


def _read(path: Path, query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    rows = db.execute(query).fetchall()
    db.close()
    return rows


# ---- after a death ---------------------------------------------------------------------------------------------------


def killed(scene: Scene, size: int) -> Lines:
    """Die when a page was read and not stored yet, then at moments of chance; and run once more."""
    folder = scene.new("killed", size)
    pages = size * EACH // A_PAGE
    scene.api.count()
    for _ in range(KILLS):
        scene.ours("collect", folder, size, 0, "dying", pages // (KILLS + 1), ends=-9)
    took = scene.ours("collect", folder, size).wall
    twice = scene.api.count() - pages
    folder = scene.new("killed", size)
    for _ in range(KILLS):
        with subprocess.Popen(scene.command("sync", folder, size)) as process:
            time.sleep(random.uniform(0.3, 2 * took))
            process.kill()
    scene.ours("sync", folder, size)
    truth = [(each["id"], each["text"]) for each in _truth(size)]
    stored = _read(folder / "ledger.sqlite", "SELECT id, text FROM messages ORDER BY id")
    delivered = _read(folder / "loket.sqlite", "SELECT id, text FROM message ORDER BY id")
    right = stored == delivered == truth
    return [
        [f"B10 killed {KILLS} times: pages read twice", str(twice), f"≤ {KILLS}", "yes" if twice <= KILLS else "NO"],
        [f"B10 killed {KILLS} times: rows", "= truth" if right else "WRONG", "= truth", "yes" if right else "NO"],
    ]


def _truth(size: int) -> Iterable[dict[str, object]]:
    return (server.message(number, place) for number in range(size) for place in range(EACH))
