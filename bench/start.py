"""How long starting takes, above an empty interpreter (goals D1 to D3)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Run, compile_ours, in_turn, median, table

ROUNDS = 15
READY = """
import sys
from pathlib import Path
from gemeente_connect import Ledger, discover
from gemeente_connect.http import ApiSession
from gemeente_connect.syncing import sync
plugins = discover()
assert plugins.channels, plugins
session = ApiSession("http://127.0.0.1:9/")
with Ledger(Path(sys.argv[1]) / "ledger.sqlite"):
    pass
"""
LIBRARIES = "import requests, pluggy, dateutil.parser\nfrom pydantic import BaseModel"
FLOOR = "the floor: requests, pydantic, pluggy, dateutil"
WITH_A_MODEL = "the floor with one model"
MODEL = f"{LIBRARIES}\nclass Model(BaseModel):\n    text: str\n"
"""What a program that uses pydantic needs at least: half of pydantic is loaded for the first model."""
READY_TO_FLOOR = 1.16  # the goal of 215 ms was set where the floor took 185
MODULES = 430
GOALS = {"import gemeente_connect": 30, "gemeente-connect --help": 80, "ready to sync over HTTP": 215}


def main() -> None:
    compile_ours()
    command_line = str(Path(sys.executable).with_name("gemeente-connect"))
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "empty interpreter": [sys.executable, "-c", "pass"],
            FLOOR: [sys.executable, "-c", LIBRARIES],
            WITH_A_MODEL: [sys.executable, "-c", MODEL],
            "import gemeente_connect": [sys.executable, "-c", "import gemeente_connect"],
            "gemeente-connect --help": [command_line, "--help"],
            "ready to sync over HTTP": [sys.executable, "-c", READY, folder],
        }
        runs = in_turn(commands, ROUNDS)
        rows = [_row(name, its, runs["empty interpreter"]) for name, its in runs.items()]
        for floor, goal in ((FLOOR, READY_TO_FLOOR), (WITH_A_MODEL, None)):
            times = _times(runs["ready to sync over HTTP"], runs[floor], runs["empty interpreter"])
            judged = ["", ""] if goal is None else [f"≤ {goal}", "yes" if times <= goal else "NO"]
            rows.append([f"ready to sync, × {floor}", "", f"{times:.2f}", *judged])
        modules = _modules(folder)
        rows.append(["modules loaded then", str(modules), "", f"≤ {MODULES}", "yes" if modules <= MODULES else "NO"])
    header = ["what", "whole", "above empty", "goal", "reached"]
    table(f"Starting, milliseconds of wall clock, median of {ROUNDS}", header, rows)


def _row(name: str, runs: Sequence[Run], empty: Sequence[Run]) -> list[str]:
    above = 1000 * median([run.wall - e.wall for run, e in zip(runs, empty, strict=True)])
    goal = GOALS.get(name)
    judged = ["", ""] if goal is None else [f"≤ {goal}", "yes" if above <= goal else "NO"]
    return [name, f"{1000 * median([run.wall for run in runs]):.0f}", f"{above:.0f}", *judged]


def _times(runs: Sequence[Run], floor: Sequence[Run], empty: Sequence[Run]) -> float:
    """Give how many times the floor it takes, both above empty: the median of those of the same round."""
    rounds = zip(runs, floor, empty, strict=True)
    return median([(run.wall - e.wall) / (f.wall - e.wall) for run, f, e in rounds])


def _modules(folder: str) -> int:
    counted = READY + "print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", counted, folder], check=True, capture_output=True, text=True)
    return int(done.stdout)


if __name__ == "__main__":
    main()
