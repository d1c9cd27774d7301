"""Reading exported chats: speed, memory and correctness of the WhatsApp plugin (goals A2 to A6).

Runnable alone: `python -m bench.parse`. Each figure is of a process of its own; processor time is counted from after
the imports (those are in `bench.start`), except where it says whole process. `floor:tuple` is the least that a reader
has to do: one compiled regular expression a line, into tuples of aware time, sender and whole text. `make bench-peers`
installs other parsers beside it.
"""

# ruff: noqa: PLR2004 - goals and sizes stand where they are used

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.chats import FORMS, OWN, RESIDENTS, Truth, write_chat
from bench.measure import compile_ours, median, table
from bench.parsers import CHAT_MINER, ENVIRONMENT, NODE, PARSERS, WHATSTK, WHATSTK_TOLD

ROUNDS = 5
MOST = 1_000_000
SIZES = (10_000, 100_000, MOST)
ZONE = "Europe/Amsterdam"
GOALS = {"rows with ids": 2.0, "Message models": 3.0}
"""At most so many times the processor time of `floor:tuple`."""
FASTER = {WHATSTK: 3.8, WHATSTK_TOLD: 1.4}
"""At least so many times the processor time of rows with ids."""


def settings(path: Path) -> dict[str, Any]:
    return {"path": path, "account": "+31591123456", "own_name": OWN, "chat": "buurt"}


# ---- work, each in a process of its own ------------------------------------------------------------------------------


def floor_tuple(path: Path) -> int:
    form, zone = FORMS[path.stem.split(".")[0]], ZoneInfo(ZONE)
    match, fields = form.line.match, form.fields
    count, time_and_sender, text = 0, None, [""]
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            found = match(line)
            if found is None:
                text.append(line.rstrip("\n"))
                continue
            if time_and_sender is not None:
                _ = (*time_and_sender, "\n".join(text))
                count += 1
            groups = found.groups()
            time_and_sender = datetime(*fields(groups), tzinfo=zone), groups[6]  # type: ignore[arg-type,misc]
            text = [groups[7]]
    return count + 1


def rows_with_ids(path: Path) -> int:
    channel = _channel(path)
    from gemeente_connect_whatsapp_export.sources import find

    (source,) = find(path)
    with source.open() as export:
        _, reader = channel._resolve(source, export)  # noqa: SLF001 - the stage beneath the models
        return sum(len(part.rows) for part in reader().parts(export.text()))


def models(path: Path) -> int:
    return sum(len(page.messages) for page in _channel(path).pages(None))


def models_in_a_list(path: Path) -> int:
    return len([message for page in _channel(path).pages(None) for message in page.messages])


def floor_models_in_a_list(path: Path) -> int:
    """Do the least that gives these models with stable ids: of the Android form alone, cut at fixed places."""
    from pydantic import TypeAdapter

    from gemeente_connect.models import Message, Participant

    several, zone = TypeAdapter(tuple[Message, ...]), timezone(timedelta(hours=1))
    people: dict[str, Participant] = {}
    kept: list[Message] = []
    with path.open(encoding="utf-8-sig") as file:
        written = (line for line in file if line[16:19] == " - " and line[:2].isdigit() and line[6:10].isdigit())
        while lines := list(islice(written, 500)):
            rows = []
            for line in lines:
                name, _, text = line[19:].partition(": ")
                sender = people.get(name) or people.setdefault(name, Participant(id=name))
                at = datetime.fromisoformat(f"{line[6:10]}-{line[3:5]}-{line[:2]}T{line[11:16]}")
                rows.append({
                    "account": "a", "id": blake2b(line.encode(), digest_size=16).hexdigest(), "thread": "t",
                    "sent_at": at.replace(tzinfo=zone), "direction": "in", "sender": sender, "text": text,
                })  # fmt: skip
            kept += several.validate_python(rows)
    return len(kept)


def unchanged(path: Path) -> int:
    since = path.with_suffix(".cursor").read_text()
    return sum(len(page.messages) for page in _channel(path).pages(since))


def _channel(path: Path) -> Any:
    from gemeente_connect_whatsapp_export.plugin import register_channels

    (connector,) = register_channels()
    return connector.connect(settings(path))


WORK: dict[str, Callable[[Path], int]] = {
    "floor:tuple": floor_tuple,
    "rows with ids": rows_with_ids,
    "Message models": models,
    "floor:models in a list": floor_models_in_a_list,
    "models in a list": models_in_a_list,
    "unchanged": unchanged,
}


def _work(name: str, path: Path) -> None:
    if name.startswith(("rows", "Message", "models", "floor:models")):  # importing is not what is measured
        importlib.import_module("gemeente_connect_whatsapp_export.channel")
        importlib.import_module("gemeente_connect_whatsapp_export.people")
    before = time.process_time()
    count = WORK[name](path)
    cpu = time.process_time() - before
    print(json.dumps({"cpu": cpu, "count": count, "rss": _most_memory()}))


def _most_memory() -> float:
    """Give the most that this process had, in megabytes; where `/proc` is not, with what its parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024


Figures = dict[str, float]


def run(name: str, path: Path) -> Figures:
    """Do a piece of work in a process of its own. A parser that cannot read the file has found nothing."""
    command: Sequence[str] = [sys.executable, "-m", "bench.parse", name, str(path)]
    if name in PARSERS:
        command = PARSERS[name].command(path, FORMS[path.stem.split(".")[0]])
    begin = time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1], env=ENVIRONMENT
    )
    wall = time.perf_counter() - begin
    if done.returncode and name in PARSERS:
        return {"cpu": 0, "count": 0, "rss": 0, "wall": wall}
    if done.returncode:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return {**json.loads(done.stdout), "wall": wall}


# ---- tables ----------------------------------------------------------------------------------------------------------


def _speed(folder: Path) -> list[list[str]]:
    lines = []
    names = ["floor:tuple", *GOALS, *(name for name, parser in PARSERS.items() if parser.installed)]
    for key, form in FORMS.items():
        path = folder / f"{key}.100000.txt"
        rounds = [{name: run(name, path) for name in names} for _ in range(ROUNDS + 1)][1:]
        for name in names:
            found = rounds[0][name]["count"] / 100_000
            if not found:
                lines.append([form.name, name, "cannot read it", "", "", "0%", "", ""])
                continue
            each = 10 * median([r[name]["cpu"] for r in rounds])
            times = _times(rounds, name, "floor:tuple")
            goal = _judge(median(times), GOALS.get(name))
            ratios = f"{median(times):.2f}", f"{min(times):.2f}–{max(times):.2f}"
            lines.append([form.name, name, f"{each:.2f}", *ratios, f"{found:.0%}", *goal])
        for name, least in FASTER.items():
            if name in names and rounds[0][name]["count"]:
                times = _times(rounds, name, "rows with ids")
                ratios = f"{median(times):.2f}", f"{min(times):.2f}–{max(times):.2f}"
                goal = [f"≥ {least}", _yes(median(times) >= least)]
                lines.append([form.name, f"{name} / rows with ids", "", *ratios, "", *goal])
    missing = [name for name, parser in PARSERS.items() if not parser.installed]
    return [*lines, *(["", name, "not installed", "", "", "", "", ""] for name in missing)]


def _times(rounds: list[dict[str, Figures]], one: str, other: str) -> list[float]:
    """Give, by round, how many times the processor time of the other one takes."""
    return [each[one]["cpu"] / each[other]["cpu"] for each in rounds]


def _memory(folder: Path) -> list[list[str]]:
    rss = {size: run("Message models", folder / f"android.{size}.txt")["rss"] for size in SIZES}
    growth = rss[SIZES[-1]] / rss[SIZES[0]]
    lines = [[f"RSS, {size:,} messages, MB", f"{rss[size]:.1f}", "≤ 50", _yes(rss[size] <= 50)] for size in SIZES]
    lines.append(["RSS, largest / smallest", f"{growth:.2f}", *_judge(growth, 1.1)])
    path = folder / f"android.{SIZES[-1]}.txt"
    cursor = ""
    for page in _channel(path).pages(None):
        cursor = page.cursor
    path.with_suffix(".cursor").write_text(cursor)
    whole = median([run("unchanged", path)["wall"] for _ in range(ROUNDS)])
    lines.append(["1,000,000 unchanged, whole process, s", f"{whole:.2f}", *_judge(whole, 0.4)])
    return [*lines, _against_node(path, whole), *_in_a_list(path)]


def _against_node(path: Path, whole: float) -> list[str]:
    what = "the same / the parser on node, whole process"
    if not PARSERS[NODE].installed:
        return [what, "not installed", "≤ 0.16", ""]
    share = whole / median([run(NODE, path)["wall"] for _ in range(3)])
    return [what, f"{share:.2f}", *_judge(share, 0.16)]


def _in_a_list(path: Path) -> list[list[str]]:
    """All models kept, which nobody has to: pages are there so that they need not be."""
    names = "floor:tuple", "floor:models in a list", "models in a list"
    rounds = [{name: run(name, path) for name in names} for _ in range(2)]
    memory = max(each["models in a list"]["rss"] for each in rounds)
    what = f"{MOST:,} models in a list"
    ratio, least = (median(_times(rounds, name, "floor:tuple")) for name in ("models in a list", names[1]))
    lines = [[f"{what}, processor time, × floor:tuple", f"{ratio:.2f}", *_judge(ratio, 2.0)]]
    lines.append(["the least that gives them, processor time, × floor:tuple", f"{least:.2f}", "", ""])
    ratio = median(_times(rounds, "models in a list", names[1]))
    lines.append([f"{what}, processor time, × the least", f"{ratio:.2f}", "", ""])
    lines.append([f"{what}, RSS, MB", f"{memory:.0f}", "", ""])
    if not PARSERS[CHAT_MINER].installed:
        return [*lines, [f"{what}, RSS / {CHAT_MINER}", "not installed", "≤ 1.05", ""]]
    share = memory / run(CHAT_MINER, path)["rss"]
    return [*lines, [f"{what}, RSS / {CHAT_MINER}", f"{share:.2f}", *_judge(share, 1.05)]]


def _correctness(folder: Path) -> list[list[str]]:
    lines = []
    for form in FORMS.values():
        path = folder / "truth.txt"
        truth = list(write_chat(path, 10_000, form))
        read = [_as_truth(message) for page in _channel(path).pages(None) for message in page.messages]
        pairs = list(zip(truth, read, strict=False))
        right = sum(a == b for a, b in pairs) / max(len(truth), len(read))
        reports = [a == b for a, b in pairs if a[1] is None]
        media = [a[3] == b[3] for a, b in pairs if a[3]]
        lines += [
            [f"{form.name}: exact", f"{right:.4f}", "≥ 0.999", _yes(right >= 0.999)],
            [f"{form.name}: system lines with a colon", *_share(reports, 0.95)],
            [f"{form.name}: attachments", *_share(media, 1.0)],
        ]
    return lines


def _as_truth(message: Any) -> Truth:
    local = message.sent_at.replace(tzinfo=None).isoformat()
    sender = message.sender and (message.sender.name or RESIDENTS[2])
    name = message.attachments[0].name or "?" if message.attachments else None
    return local, sender, message.text, name


def _hostile(folder: Path) -> list[list[str]]:
    """Time for twice as much must be about twice the time."""
    header = "[31-12-2019, 23:59:01] "
    inputs: dict[str, Callable[[int], str]] = {
        "one long line": lambda n: f"{header}Jan: " + "a" * n,
        "opened brackets": lambda n: f"{header}Jan: \u200e" + "<bijgevoegd: " * (n // 12),
        "marks": lambda n: f"{header}Jan: " + "\u200e" * n,
        "headers and nothing else": lambda n: f"{header}\n" * (n // 23),
        "almost headers": lambda n: f"{header}Jan: x\n" + "[31-12-2019, 23:59:0\n" * (n // 21),
        "colons": lambda n: f"{header}" + "a:b" * (n // 3),
        "equal messages": lambda n: f"{header}Jan: ok\n" * (n // 30),
    }
    lines = []
    for name, make in inputs.items():
        took = []
        for size in (1_500_000, 3_000_000):
            path = folder / "hostile.txt"
            path.write_text(make(size), encoding="utf-8")
            took.append(min(_seconds(path) for _ in range(3)))
        ratio = took[1] / took[0]
        lines.append([f"{name}: 3 MB / 1.5 MB", f"{ratio:.1f} ({took[1]:.2f} s)", "≤ 3", _yes(ratio <= 3)])
    return lines


def _seconds(path: Path) -> float:
    before = time.process_time()
    for _ in _channel(path).pages(None):
        pass
    return time.process_time() - before


def _judge(value: float, goal: float | None) -> list[str]:
    return ["", ""] if goal is None else [f"≤ {goal:g}", _yes(value <= goal)]


def _share(right: list[bool], goal: float) -> list[str]:
    share = sum(right) / len(right)
    return [f"{share:.4f}", f"≥ {goal:g}", _yes(share >= goal)]


def _yes(reached: bool) -> str:  # noqa: FBT001 - a word for a yes or no
    return "yes" if reached else "NO"


def main() -> None:
    compile_ours()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, form in FORMS.items():
            for size in SIZES if key == "android" else [100_000]:
                for _ in write_chat(folder / f"{key}.{size}.txt", size, form):
                    pass
        speed = _speed(folder)
        rest = [*_memory(folder), *_correctness(folder), *_hostile(folder)]
    header = ["form", "what", "µs a message", "× floor", "from – to", "found", "goal", "reached"]
    table(f"Reading 100,000 exported messages, processor time, median of {ROUNDS} rounds", header, speed)
    table(
        "Reading exports: memory, repetition, correctness, hostile input", ["what", "figure", "goal", "reached"], rest
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _work(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
