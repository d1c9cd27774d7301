"""Reading exported chats: speed, memory and correctness of the WhatsApp plugin (goals A2 to A6).

Runnable alone: `python -m bench.parse`. Each figure is of a process of its own; processor time is counted from after
the imports (those are in `bench.start`), except for the unchanged export, which is a whole process. `floor:tuple` is
the least that a reader has to do: one compiled regular expression a line, into tuples of aware time, sender and whole
text. Set BENCH_WHATSTK_PYTHON to the Python of an environment that has whatstk to have it measured too.
"""

# ruff: noqa: PLR2004 - goals, sizes and chances stand where they are used

from __future__ import annotations

import importlib
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.measure import median, table

ROUNDS = 5
SIZES = (10_000, 100_000, 1_000_000)
OWN, RESIDENTS = "Gemeente Voorbeeld", ("Jan de Vries", "Fatima", "\u202a+31\u00a06\u00a012345678\u202c")
ZONE = "Europe/Amsterdam"
_WORDS = """hallo de lantaarn in onze straat is kapot kunt u kijken wanneer er iemand langs komt dank u wel alvast groet
afval 🙂 ophalen vergunning paspoort (spoed) café: morgen 12:30 adres?"""
WORDS = _WORDS.split()
Truth = tuple[str, str | None, str, str | None]
"""Local time as it stands, sender, text, name of the attachment (`?` where it was left out)."""


# ---- chats to read ---------------------------------------------------------------------------------------------------


class Ios:
    name = "iOS, Dutch"
    line = re.compile(r"\u200e?\[(\d\d)-(\d\d)-(\d{4}), (\d\d):(\d\d):(\d\d)\] (?:([^:]+): )?(.*)")
    newline, seconds = "\r\n", True
    subject = "heeft het onderwerp gewijzigd naar “Melding: straat”"

    @staticmethod
    def header(t: datetime) -> str:
        return f"[{t:%d-%m-%Y, %H:%M:%S}] "

    @staticmethod
    def report(text: str) -> str:
        return f"Buurt: \u200e{text}"

    @staticmethod
    def media(name: str | None) -> str:
        return f"\u200e<bijgevoegd: {name}>" if name else "\u200eafbeelding weggelaten"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        day, month, year, *clock = map(int, found[:6])
        return [year, month, day, *clock]


class Android(Ios):
    name = "Android, Dutch"
    line = re.compile(r"(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d)() - (?:([^:]+): )?(.*)")
    newline, seconds = "\n", False

    @staticmethod
    def header(t: datetime) -> str:
        return f"{t:%d-%m-%Y %H:%M} - "

    @staticmethod
    def report(text: str) -> str:
        return text

    @staticmethod
    def media(name: str | None) -> str:
        return f"\u200e{name} (bestand bijgevoegd)" if name else "<Media weggelaten>"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        day, month, year, hour, minute = map(int, found[:5])
        return [year, month, day, hour, minute]


class AndroidUs(Android):
    name = "Android, US English"
    line = re.compile(r"(\d{1,2})/(\d{1,2})/(\d\d), (\d{1,2}):(\d\d)\u202f([AP]M) - (?:([^:]+): )?(.*)")
    subject = "changed the subject from “a: b” to “Melding: straat”"

    @staticmethod
    def header(t: datetime) -> str:
        return f"{t.month}/{t.day}/{t:%y}, {t.hour % 12 or 12}:{t:%M}\u202f{t:%p} - "

    @staticmethod
    def media(name: str | None) -> str:
        return f"{name} (file attached)" if name else "<Media omitted>"

    @staticmethod
    def fields(found: tuple[str, ...]) -> list[int]:
        month, day, year, hour, minute = map(int, found[:5])
        return [2000 + year, month, day, hour % 12 + 12 * (found[5] == "PM"), minute]


FORMS: dict[str, type[Ios]] = {"ios": Ios, "android": Android, "android-us": AndroidUs}


def write_chat(path: Path, count: int, form: type[Ios]) -> Iterator[Truth]:
    """Make up a chat of a neighbourhood, and tell what stands in it."""
    chance = random.Random(count)
    now = datetime(2019, 1, 13, 8)  # noqa: DTZ001 - a chat has the time of a wall clock
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(count):
            now += timedelta(seconds=chance.randrange(0, 240))
            stands = now.isoformat() if form.seconds else now.replace(second=0).isoformat()
            sender: str | None = OWN if chance.random() < 0.45 else chance.choice(RESIDENTS)
            text = " ".join(chance.choices(WORDS, k=chance.randrange(1, 24)))
            kind, media = chance.random(), None
            if kind < 0.01:
                sender, text = None, f"{sender} {form.subject}"
                body = form.report(text)
            elif kind < 0.04:
                media = f"IMG-{now:%Y%m%d}-WA{chance.randrange(9999):04}.jpg" if kind < 0.02 else None
                text = text if kind < 0.03 else ""
                body = f"{sender}: {form.media(media)}" + (f"\n{text}" if text else "")
                media = media or "?"
            else:
                if kind < 0.16:
                    text += "\n" + text[: chance.randrange(1, 40)].strip() + "\n\n[5/2, 16:08] Piet: geplakt"
                body = f"{sender}: {text}"
            file.write(form.header(now) + body + form.newline)
            yield stands, sender, text, media


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
    "unchanged": unchanged,
}
WHATSTK = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from whatstk import WhatsAppChat
before = time.process_time()
count = len(WhatsAppChat.from_source(sys.argv[1]).df)
print(json.dumps({"cpu": time.process_time() - before, "count": count, "rss": 0}))
"""


def _work(name: str, path: Path) -> None:
    if name in {"rows with ids", "Message models"}:  # importing is not what is measured
        importlib.import_module("gemeente_connect_whatsapp_export.channel")
        importlib.import_module("gemeente_connect_whatsapp_export.people")
    before = time.process_time()
    count = WORK[name](path)
    cpu = time.process_time() - before
    print(json.dumps({"cpu": cpu, "count": count, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def run(name: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.parse", name, str(path)]
    if name == "whatstk":
        command = [os.environ["BENCH_WHATSTK_PYTHON"], "-c", WHATSTK, str(path)]
    begin = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    wall = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return {**json.loads(done.stdout), "wall": wall}


# ---- tables ----------------------------------------------------------------------------------------------------------


def _speed(folder: Path) -> list[list[str]]:
    peers = ["whatstk"] if os.environ.get("BENCH_WHATSTK_PYTHON") else []
    lines = []
    for key, form in FORMS.items():
        path = folder / f"{key}.100000.txt"
        names = ["floor:tuple", "rows with ids", "Message models", *peers]
        rounds = [{name: run(name, path) for name in names} for _ in range(ROUNDS + 1)][1:]
        for name in names:
            each = 10 * median([1_000 * r[name]["cpu"] / 1_000 for r in rounds])
            ratio = median([r[name]["cpu"] / r["floor:tuple"]["cpu"] for r in rounds])
            goal = {"rows with ids": 2.0, "Message models": 3.0}.get(name)
            lines.append([form.name, name, f"{each:.2f}", f"{ratio:.2f}", *_judge(ratio, goal)])
        if not peers:
            lines.append([form.name, "whatstk", "not installed", "", "", ""])
            continue
        faster = median([r["whatstk"]["cpu"] / r["rows with ids"]["cpu"] for r in rounds])
        lines.append([form.name, "whatstk / rows with ids", "", f"{faster:.1f}", "≥ 3.8", _yes(faster >= 3.8)])
    return lines


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
    return [*lines, ["1,000,000 unchanged, whole process, s", f"{whole:.2f}", *_judge(whole, 0.4)]]


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
            before = time.process_time()
            for _ in _channel(path).pages(None):
                pass
            took.append(time.process_time() - before)
        ratio = took[1] / took[0]
        lines.append([f"{name}: 3 MB / 1.5 MB", f"{ratio:.1f} ({took[1]:.2f} s)", "≤ 3", _yes(ratio <= 3)])
    return lines


def _judge(value: float, goal: float | None) -> list[str]:
    return ["", ""] if goal is None else [f"≤ {goal:g}", _yes(value <= goal)]


def _share(right: list[bool], goal: float) -> list[str]:
    share = sum(right) / len(right)
    return [f"{share:.4f}", f"≥ {goal:g}", _yes(share >= goal)]


def _yes(reached: bool) -> str:  # noqa: FBT001 - a word for a yes or no
    return "yes" if reached else "NO"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, form in FORMS.items():
            for size in SIZES if key == "android" else [100_000]:
                for _ in write_chat(folder / f"{key}.{size}.txt", size, form):
                    pass
        speed = _speed(folder)
        rest = [*_memory(folder), *_correctness(folder), *_hostile(folder)]
    header = ["form", "what", "µs a message", "× floor", "goal", "reached"]
    table(f"Reading 100,000 exported messages, processor time, median of {ROUNDS}", header, speed)
    table(
        "Reading exports: memory, repetition, correctness, hostile input", ["what", "figure", "goal", "reached"], rest
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _work(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
