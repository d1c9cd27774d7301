"""Delivering over HTTP: how near to what workers and latency allow, against floors, and a peer where it is installed.

Runnable alone: `python -m bench.push`. A conversation is a POST for its record, then one for each of its turns; the API
takes 20 milliseconds for each. Every figure is of a process of its own; clocks run while it posts, not while it starts.
The floors know what to send beforehand and keep nothing: `requests` as it comes, `lean requests` with the environment
looked up once and the body serialised beforehand, and `http.client`. Only `requests, durably`
writes down what it is about to make, before each request and so that a power cut does not take it back, as we do. Ours
reads the ledger, and keeps every intent, result and receipt in it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlsplit

from bench import collector, server
from bench.measure import median, table
from bench.peers import DLT_PUSH
from bench.server import EACH, TURNS
from bench.whole import compiled, judged, whole

LATENCY = 20  # milliseconds
POSTS = 1 + len(TURNS)  # a conversation
SIZES = {1: 40, 8: 200, 32: 600}  # conversations, by workers
ROUNDS = 5
SIDE_BY_SIDE = 4
DURABLY = "floor:requests, durably"
ALONE = {DURABLY: True, "deliver, side by side": False}
"""What is run with one worker only, or with several only."""
Body = tuple[str, dict[str, Any]]
"""Where a request goes, and what it says."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a process measured of itself: seconds, while it posted."""

    wall: float
    cpu: float


@contextmanager
def told() -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(json.dumps(asdict(Pushed(time.perf_counter() - wall, time.process_time() - cpu))))


# ---- work, each in a process of its own ------------------------------------------------------------------------------


def bodies(number: int) -> Iterator[Body]:
    """What is sent of a conversation, as `bench.vendor` sends it."""
    told = [server.message(number, place) for place in range(EACH)]
    yield "records", {"number": f"{number:024}", "channel": "chat", "subject": told[0]["text"][:80]}
    for length in TURNS:
        turn, told = told[:length], told[length:]
        text = "\n".join(message["text"] for message in turn)
        yield "turns", {"record": "", "direction": turn[0]["direction"], "at": turn[0]["sent_at"], "text": text}


def posting(post: Callable[[str, Any], str], size: int, workers: int, *, ready: bool) -> None:
    """Post every conversation, its requests one after another. `ready`: bodies are bytes beforehand."""
    chats = [[(path, json.dumps(body).encode() if ready else body) for path, body in bodies(n)] for n in range(size)]

    def one(chat: Iterable[tuple[str, Any]]) -> None:
        for path, body in chat:
            post(path, body)

    with ThreadPoolExecutor(workers) as pool, told():
        for _ in pool.map(one, chats):
            pass


def requests_(url: str, size: int, workers: int) -> None:
    from bench.floors import session

    with session(workers) as http:
        posting(
            lambda path, body: http.post(url + path, json=body, timeout=30).json()["id"], size, workers, ready=False
        )


def durable_requests(url: str, size: int, workers: int, path: str) -> None:
    from bench.floors import session

    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE intent (path TEXT NOT NULL)")

    def post(path: str, body: Any) -> str:
        db.execute("INSERT INTO intent VALUES (?)", (path,))
        made: str = http.post(url + path, json=body, timeout=30).json()["id"]
        return made

    with session(workers) as http:
        posting(post, size, workers, ready=False)


def lean_requests(url: str, size: int, workers: int) -> None:
    from bench.floors import session

    with session(workers) as http:
        http.trust_env = False
        http.headers["Content-Type"] = "application/json"
        posting(
            lambda path, body: json.loads(http.post(url + path, data=body, timeout=30).content)["id"],
            size, workers, ready=True,
        )  # fmt: skip


def http_client(url: str, size: int, workers: int) -> None:
    from http.client import HTTPConnection

    parts, mine = urlsplit(url), local()

    def post(path: str, body: bytes) -> str:
        if not hasattr(mine, "connection"):
            mine.connection = HTTPConnection(parts.netloc, timeout=30)
        mine.connection.request("POST", parts.path + path, body, {"Content-Type": "application/json"})
        made: str = json.loads(mine.connection.getresponse().read())["id"]
        return made

    posting(post, size, workers, ready=True)


def ours(url: str, size: int, workers: int, ledger: str, side_by_side: int = 1) -> None:
    from bench.vendor import ACCOUNT, Desk, DeskSettings
    from gemeente_connect import Ledger
    from gemeente_connect.syncing import deliver

    desk = Desk(DeskSettings(url=url, connections=workers, side_by_side=side_by_side))
    with Ledger(Path(ledger)) as opened, told():
        report = deliver(desk, opened, account=ACCOUNT, start="all", workers=workers)
    assert (len(report.delivered), report.errors) == (size, []), report.errors
    desk.close()


WORK: dict[str, Callable[..., None]] = {
    "floor:http.client": http_client,
    "floor:lean requests": lean_requests,
    "floor:requests": requests_,
    DURABLY: durable_requests,
    "deliver": ours,
    "deliver, side by side": partial(ours, side_by_side=SIDE_BY_SIDE),
}


# ---- tables ----------------------------------------------------------------------------------------------------------


class Pushing:
    """Runs the processes, in turn."""

    def __init__(self, api: server.Served, folder: Path) -> None:
        self._api = api
        self._folder = folder

    def rounds(self, workers: int) -> dict[str, list[Pushed]]:
        size = SIZES[workers]
        names = [name for name in WORK if ALONE.get(name, workers == 1) is (workers == 1)]
        runs: dict[str, list[Pushed]] = {name: [] for name in names}
        if DLT_PUSH.installed:
            runs["dlt"] = []
        for _ in range(ROUNDS):
            for name, its in runs.items():
                its.append(self._run(name, size, workers))
        return runs

    def _run(self, name: str, size: int, workers: int) -> Pushed:
        url = self._api.url(size, LATENCY)
        command = [sys.executable, "-m", "bench.push", name, url, str(size), str(workers)]
        if name.startswith("deliver"):
            command.append(str(self._ledger(size)))
        elif name == DURABLY:
            command.append(str(Path(tempfile.mkdtemp(dir=self._folder)) / "intents.sqlite"))
        elif name == "dlt":
            command = [*DLT_PUSH.command(url, Path(tempfile.mkdtemp(dir=self._folder))), str(size), str(workers)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1])
        if done.returncode:
            sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return Pushed(**json.loads(done.stdout.splitlines()[-1]))

    def _ledger(self, size: int) -> Path:
        """Give a new ledger in which everything is due."""
        full = self._folder / f"collected-{size}"
        if not full.exists():
            full.mkdir()
            whole([sys.executable, "-m", "bench.work", "collect", self._api.url(size), str(full)])
        return Path(shutil.copy(full / "ledger.sqlite", self._folder / "ledger.sqlite"))


def lines(workers: int, runs: dict[str, list[Pushed]]) -> list[list[str]]:
    posts = SIZES[workers] * POSTS
    return [
        [f"{workers} workers: {name}" if workers > 1 else f"one by one: {name}",
         f"{posts / median([run.wall for run in its]):.0f}",
         f"{_share(workers, its):.2f}", f"{1000 * median([run.cpu for run in its]) / posts:.2f}"]
        for name, its in runs.items()
    ]  # fmt: skip


def _share(workers: int, its: list[Pushed]) -> float:
    """Give the speed as a part of workers ÷ latency."""
    return SIZES[workers] * POSTS / median([run.wall for run in its]) / (workers / (LATENCY / 1000))


def goals(at: dict[int, dict[str, list[Pushed]]]) -> list[list[str]]:
    def faster(workers: int, name: str, other: str) -> float:
        pairs = zip(at[workers][name], at[workers][other], strict=True)
        return median([b.wall / a.wall for a, b in pairs])

    cpu = 1000 * median([run.cpu for run in at[32]["deliver"]]) / (SIZES[32] * POSTS)
    found = [
        ["C1 8 workers: share of workers ÷ latency", *judged(_share(8, at[8]["deliver"]), 0.85, least=True)],
        ["C2 32 workers: share of workers ÷ latency", *judged(_share(32, at[32]["deliver"]), 0.78, least=True)],
        ["C3 one by one / requests, speed", *judged(faster(1, "deliver", "floor:requests"), 0.98, least=True)],
        [f"C3 one by one / {DURABLY}, speed", f"{faster(1, 'deliver', DURABLY):.2f}", "", ""],
        ["C4 32 workers: CPU ms a POST", *judged(cpu, 0.7)],
        [f"C5 8 workers, {SIDE_BY_SIDE} requests of a conversation side by side / requests, speed",
         *judged(faster(8, "deliver, side by side", "floor:requests"), 1.5, least=True)],
    ]  # fmt: skip
    if "dlt" in at[8]:
        found.append(["C1 8 workers / dlt, speed", *judged(faster(8, "deliver", "dlt"), 1.05, least=True)])
        found.append(["C2 32 workers / dlt, speed", *judged(faster(32, "deliver", "dlt"), 1.4, least=True)])
    return found


def main() -> None:
    compiled()
    with tempfile.TemporaryDirectory() as name, server.serving(max(SIZES.values())) as api:
        pushing = Pushing(api, Path(name))
        at = {workers: pushing.rounds(workers) for workers in SIZES}
    header = ["what", "POST/s", "of ideal", "CPU ms a POST"]
    seen = [line for workers, runs in at.items() for line in lines(workers, runs)]
    if not DLT_PUSH.installed:
        seen.append(["dlt", "not installed", "", ""])
    table(f"Pushing, {LATENCY} ms a request, medians of {ROUNDS}", header, seen)
    table("Pushing: goals", ["what", "figure", "goal", "reached"], goals(at))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        what, url, size, workers, *more = sys.argv[1:]
        collector.spare()
        WORK[what](url, int(size), int(workers), *more)
    else:
        main()
