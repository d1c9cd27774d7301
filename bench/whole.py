"""Whole processes, measured one by one: wall clock, processor, and the most memory each took."""

from __future__ import annotations

import compileall
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import median


@dataclass(frozen=True, slots=True)
class Whole:
    """Seconds of wall clock and of processor, and megabytes. The memory of a pipe is that of its largest process."""

    wall: float
    cpu: float
    rss: float


Rounds = Mapping[str, Sequence[Whole]]


def whole(command: Sequence[str], *, ends: int = 0, env: Mapping[str, str] | None = None) -> Whole:
    """Run a command that ends with this exit code (negative: that signal)."""
    with tempfile.TemporaryFile("w+") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **(env or {})})
        _, status, used = os.wait4(process.pid, 0)  # what subprocess gives is of all children together
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != ends:
            said.seek(0)
            sys.exit(f"{shlex.join(command)} ended with {process.returncode}:\n{said.read()[-3000:]}")
    return Whole(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def compiled() -> None:
    """Compile our modules, as those of an installed package are, also where Python is told to write no bytecode."""
    for folder in ("src", "plugins", "bench"):
        compileall.compile_dir(Path(__file__).parents[1] / folder, quiet=1)


def in_turn(work: Mapping[str, Callable[[], Whole]], rounds: int) -> Rounds:
    """Run A B C, A B C, …, so that a machine that changes its speed changes it for all."""
    measured: dict[str, list[Whole]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            measured[name].append(run())
    return measured


def ratio(runs: Rounds, one: str, other: str, of: str) -> float:
    """Give how many times `of` (`wall`, `cpu`, `rss`) one takes of the other: the median of those of the same round."""
    pairs = zip(runs[one], runs[other], strict=True)
    return median([getattr(a, of) / getattr(b, of) for a, b in pairs])


def middle(runs: Rounds, name: str, of: str) -> float:
    return median([getattr(run, of) for run in runs[name]])


def judged(value: float, goal: float, *, least: bool = False) -> list[str]:
    """Give a figure, its goal, and whether it is reached. `least`: it has to be that much, and may be more."""
    reached = value >= goal if least else value <= goal
    return [f"{value:.3g}", f"{'≥' if least else '≤'} {goal:.3g}", "yes" if reached else "NO"]
