"""Two worlds in which a sync dies, is cut off, or is run twice: exported chats into the loket, and HTTP to HTTP.

Each has the same kinds of conversations: of several residents, with pictures of which one cannot be had, a group, one
that nobody finds, things that are refused. On the second day they have grown, were edited and deleted, and an answer
comes in that was sent the day before.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tomllib
from collections.abc import Hashable, Iterable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zipfile import ZIP_STORED, ZipFile

import time_machine

from gemeente_connect import FileStore, Ledger, Report, sync
from gemeente_connect.plugins import Plugins
from gemeente_connect.syncing import Keeps
from gemeente_connect.testing import RestServer, settle
from gemeente_connect.testing.rest import Row
from gemeente_connect_loket.finding import records_of
from gemeente_connect_loket.register import import_register, read_register
from gemeente_connect_loket.store import Store

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BETWEEN_RUNS = timedelta(minutes=10)
"""Longer than a request that was sent may still take effect; shorter than what a refusal waits."""
LONGEST_WAIT = timedelta(hours=30)
"""After this at the latest what is refused is tried again, however often it was."""
DAY_TWO = timedelta(days=1)

Lines = list[Hashable]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class World:
    """A folder with everything that outlives a run, and the clock."""

    folder: Path
    plugins: Plugins
    now: datetime = MORNING
    url_of_ledger: str | None = None
    """None: it is a file in the folder."""
    workers: int = 1

    def shown(self) -> Lines:
        """What stands in the case system."""
        raise NotImplementedError

    @property
    def ledger(self) -> Path | str:
        return self.url_of_ledger or self.folder / "ledger.sqlite"

    def files(self) -> Keeps:
        return FileStore(self.folder / "files")

    def day_two(self) -> None:
        """Let the next day come, with what it brings."""
        raise NotImplementedError

    def copy(self, to: Path) -> Self:
        """Make a world that is as this one."""
        return replace(self, folder=Path(shutil.copytree(self.folder, to, dirs_exist_ok=True)))

    def tables(self) -> str:
        """The tables of channel and case system in a configuration, called `here` and `there`."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Give the command line of one sync."""
        config = self.folder / "gemeente-connect.toml"
        config.write_text(
            f'ledger = "{self.ledger}"\nfiles = "{self.folder}/files"\n{self.tables()}\n'
            '[syncs.daily]\nchannel = "here"\ncase_system = "there"\nstart = 2020-01-01\n'
        )
        return ["--config", str(config), "sync"]

    def run(self) -> Report:
        """Sync once, as a process does it, ten minutes after the run before."""
        with time_machine.travel(self.now):
            self.now += BETWEEN_RUNS
            return self.sync()

    def sync(self) -> Report:
        tables = tomllib.loads(self.tables())
        here, there = tables["channels"]["here"], tables["case_systems"]["there"]
        with (
            closing(self.plugins.channel(here.pop("plugin")).connect(here)) as channel,
            closing(self.plugins.case_system(there.pop("plugin")).connect(there)) as case_system,
            Ledger(self.ledger) as ledger,
        ):
            return sync(channel, case_system, ledger=ledger, start="all", files=self.files(), workers=self.workers)

    def state(self) -> Lines:
        """What residents and employees see in the end, without what is random or a time."""
        with Ledger(self.ledger) as ledger:
            refused = [("refused", refusal.kind, _UUID.sub("…", refusal.reason)) for refusal in ledger.refusals()]
            tallies = ledger.tallies(UTC)
        return sorted([*self.shown(), *refused, *tallies], key=repr)


def run(world: World) -> Report:
    return world.run()


def state(world: World) -> Lines:
    return world.state()


def state_of_both_days(world: World) -> Lines:
    """What there is on the first day, and what becomes of it on the second."""
    first = world.state()
    world.day_two()
    settle(run, world)
    return [*(("day one", line) for line in first), *world.state()]


# ---- exported chats into the loket -----------------------------------------------------------------------------------

OWN = "Gemeente Voorbeeld"
FATIMA, JAN = "999990676", "999993653"
REGISTER = f"""bsn,name,kind,address,verified_at,valid_from,valid_until
{FATIMA},Fatima Voorbeeld,phone,+31612345678,2020-01-01T09:00,,
{JAN},Jan Voorbeeld,phone,+31612345679,2020-01-01T09:00,,
"""
FATIMAS = f"""\
01-06-2026 09:00 - +31 6 12345678: Goedemorgen, de lantaarn is kapot
01-06-2026 09:01 - +31 6 12345678: IMG-20260601-WA0001.jpg (bestand bijgevoegd)
01-06-2026 09:05 - {OWN}: Dank u wel, wij kijken ernaar
01-06-2026 09:06 - +31 6 12345678: IMG-20260601-WA0002.jpg (bestand bijgevoegd)
01-06-2026 09:07 - +31 6 12345678: hij flikert ook
04-06-2026 10:00 - +31 6 12345678: Mag ik grofvuil aanbieden?
04-06-2026 10:02 - +31 6 12345678: het is een bank
"""
FATIMAS_LATER = (
    FATIMAS.replace("hij flikert ook", "hij knippert ook <Dit bericht is bewerkt>").replace(
        "het is een bank", "Dit bericht is verwijderd"
    )
    + f"""\
04-06-2026 11:00 - {OWN}: Ja, dat mag op dinsdag
04-06-2026 11:01 - +31 6 12345678: IMG-20260604-WA0003.jpg (bestand bijgevoegd)
"""
)
JANS = f"""\
02-06-2026 12:00 - Jan: Is het zwembad open?
02-06-2026 12:30 - {OWN}: Ja, tot vijf uur
02-06-2026 12:31 - Jan: Mooi
02-06-2026 12:50 - Jan: En morgen?
"""
JANS_LATER = JANS.replace(
    "02-06-2026 12:50", f"02-06-2026 12:40 - {OWN}: Vandaag is het rustig\n02-06-2026 12:50"
)  # sent the day before, from a telephone that was off
GROUP = f"""\
03-06-2026 14:00 - +31 6 12345678: Wanneer komt de schommel?
03-06-2026 14:00 - +31 6 12345679: ja wanneer
03-06-2026 14:01 - +31 6 12345679: wij wachten
03-06-2026 14:10 - {OWN}: Volgende week
"""
GROUP_LATER = GROUP.replace("ja wanneer", "Dit bericht is verwijderd")
UNKNOWN = "05-06-2026 08:00 - +31 6 12345675: Is er iemand?\n"
TWICE = "06-06-2026 08:00 - +31 6 12345674: een\n06-06-2026 08:00 - +31 6 12345674: twee\n"
TWICE_LATER = TWICE.replace("een\n", "Dit bericht is verwijderd\n").replace("twee", "Dit bericht is verwijderd")


class ExportWorld(World):
    """The channel `whatsapp-export` and the case system `loket`, both real."""

    def tables(self) -> str:
        return f"""
[channels.here]
plugin = "whatsapp-export"
path = "{self.folder}/chats"
account = "+31591123456"
own_name = "{OWN}"
contacts = "{self.folder}/contacts.csv"
chat = {{ Schommel = "schommel" }}
[case_systems.there]
plugin = "loket"
database = "{self.folder}/loket.sqlite"
"""

    def shown(self) -> Lines:
        queries = {
            "record": "SELECT external_id, channel, subject, answered, residents FROM record",
            "turn": "SELECT external_id, position, t.id, direction FROM turn t JOIN record r ON r.id = t.record",
            "message": "SELECT external_id, turn, position, m.id, sent_at, kind, text, edited, deleted "
            "FROM message m JOIN record r ON r.id = m.record",
            "attachment": "SELECT external_id, turn, message, position, name, media_type, size, sha256, missing "
            "FROM attachment a JOIN record r ON r.id = a.record",
            "file": "SELECT sha256, part, content FROM file_part",
        }
        with closing(sqlite3.connect(self.folder / "loket.sqlite")) as loket:
            lines: Lines = [(what, *row) for what, query in queries.items() for row in loket.execute(query)]
            for bsn in (FATIMA, JAN):
                for number in records_of(loket, bsn):
                    key = loket.execute("SELECT external_id FROM record WHERE id = ?", (number,)).fetchone()
                    lines.append(("found by", bsn, *key))
            return lines

    def day_one(self) -> None:
        chats = self.folder / "chats"
        chats.mkdir()
        (self.folder / "contacts.csv").write_text("name,number\nJan,+31612345679\n")
        (self.folder / "residents.csv").write_text(REGISTER)
        store = Store(self.folder / "loket.sqlite")
        import_register(store, read_register(self.folder / "residents.csv"))
        store.close()
        _zip(chats, FATIMAS, damaged="IMG-20260601-WA0002.jpg")
        (chats / "WhatsApp-chat met Jan.txt").write_text(JANS)
        (chats / "WhatsApp-chat met Schommel.txt").write_text(GROUP)
        (chats / "WhatsApp-chat met Piet.txt").write_text(
            f"05-06-2026 09:00 - Piet: Hoi\n05-06-2026 09:01 - {OWN}: ?\n"
        )
        (chats / "onbekend.txt").write_text(UNKNOWN)
        (chats / "tweemaal.txt").write_text(TWICE)
        (chats / "brief.txt").write_bytes(b"%PDF-1.7")

    def day_two(self) -> None:
        chats = self.folder / "chats"
        _zip(chats, FATIMAS_LATER, damaged="IMG-20260601-WA0002.jpg")
        (chats / "WhatsApp-chat met Jan.txt").write_text(JANS_LATER)
        (chats / "WhatsApp-chat met Schommel.txt").write_text(GROUP_LATER)
        (chats / "tweemaal.txt").write_text(TWICE_LATER)
        self.now = MORNING + DAY_TWO


def _zip(folder: Path, chat: str, *, damaged: str) -> None:
    """Export a chat with its pictures, one of which is damaged."""
    path = folder / "WhatsApp-chat met +31 6 12345678.zip"
    names = [word for word in chat.split() if word.endswith(".jpg")]
    with ZipFile(path, "w", ZIP_STORED) as archive:
        archive.writestr("WhatsApp-chat met +31 6 12345678.txt", chat)
        for number, name in enumerate(names):
            archive.writestr(name, _picture(number))
        begin = archive.getinfo(damaged).header_offset
    with path.open("r+b") as file:
        file.seek(begin + 1000)
        file.write(b"damaged")


def _picture(number: int) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes([number]) * 3000


# ---- HTTP to HTTP ----------------------------------------------------------------------------------------------------

_Post = tuple[str, str, int, str, dict[str, Any]]  # key, chat, minutes, text, more fields

POSTS: tuple[_Post, ...] = (
    ("1", "anna", 0, "Goedemorgen, mijn paspoort is weg", {"file": "foto.jpg"}),
    ("2", "bram", 1, "Is de weg open?", {}),
    ("3", "anna", 2, "U kunt een nieuw paspoort aanvragen", {"by_desk": True}),
    ("4", "anna", 3, "Dank u", {}),
    ("5", "bram", 4, "Ja, sinds vanmorgen", {"by_desk": True}),
    ("6", "carla", 5, "Ik ben hier nieuw", {"file": "weg.jpg"}),
    ("7", "dirk", 6, "weiger dit", {}),
    ("8", "bram", 7, "Fijn", {}),
    ("9", "groep", 8, "Wie veegt het blad?", {"sender": "anna@example.nl"}),
    ("10", "groep", 9, "Wij niet", {"sender": "bram@example.nl"}),
    ("11", "anna", 3000, "Een andere vraag, over afval", {"file": "afval.pdf"}),
)
POSTS_LATER: tuple[_Post, ...] = (
    ("12", "anna", 3001, "Het gaat om een container", {}),
    ("13", "bram", 8, "De weg is weer dicht", {"by_desk": True}),
    ("14", "bram", 6, "Kan ik er met de fiets langs?", {}),  # sent the day before
    ("15", "anna", 4000, "Goedemorgen, mijn paspoort is gestolen", {"what": "edited", "target": "1"}),
    ("16", "anna", 4001, "", {"what": "deleted", "target": "4"}),
    ("17", "carla", 4002, "te laat", {"what": "edited", "target": "nooit gezien"}),
    ("18", "emma", 10_000, "Ik ook", {}),
)


@dataclass
class DeskWorld(World):
    """A channel and a case system behind HTTP. The server is shared, and emptied for each world."""

    server: RestServer = field(kw_only=True)
    enforces_key: bool = field(kw_only=True)
    url: str = field(kw_only=True)
    timeout: float = 5
    posts: int = len(POSTS)
    """How many there are on the first day."""
    kept: dict[str, list[Row]] = field(default_factory=dict)
    """What was on the server when this world was copied."""

    def tables(self) -> str:
        return f"""
[channels.here]
plugin = "desk-chat"
base_url = "{self.url}"
timeout = {self.timeout}
[case_systems.there]
plugin = "desk"
base_url = "{self.url}"
timeout = {self.timeout}
enforces_key = {str(self.enforces_key).lower()}
"""

    def shown(self) -> Lines:
        rows = self.server.rows
        external = {row["id"]: row["external_id"] for name in ("records", "turns") for row in rows.get(name, [])}
        return [
            *(("employee", row["external_id"]) for row in rows.get("employees", [])),
            *(("record", row["external_id"], row.get("resident")) for row in rows.get("records", [])),
            *(
                ("turn", external[row["record"]], row["external_id"], row["direction"], row["text"])
                for row in rows.get("turns", [])
            ),
            *(
                ("attachment", external[row["turn"]], row["external_id"], row["name"], row["content"])
                for row in rows.get("attachments", [])
            ),
        ]

    def day_one(self) -> None:
        self.server.clear()
        unique = dict.fromkeys(("records", "turns", "attachments", "employees"), "external_id")
        self.server.unique = unique if self.enforces_key else {}
        self.server.refuses = lambda _, row: "not-allowed" if "weiger" in row.get("text", "") else None
        self.server.files = {"foto.jpg": _picture(1), "afval.pdf": b"%PDF-1.7 afval"}
        for name, bsn in (("anna", FATIMA), ("bram", JAN)):
            self.server.add("residents", address=f"{name}@example.nl", bsn=bsn)
        self._post(POSTS[: self.posts])

    def copy(self, to: Path) -> Self:
        """Make a world that is as this one was when it was first copied."""
        self.kept = self.kept or deepcopy(self.server.rows)
        self.server.rows = deepcopy(self.kept)
        return super().copy(to)

    def day_two(self) -> None:
        self.server.files["weg.jpg"] = _picture(2)
        self._post(POSTS_LATER)
        self.now = MORNING + DAY_TWO

    def edit(self, key: str, text: str) -> None:
        """Let a resident change a message."""
        number = len(self.server.rows["posts"]) + 1
        chat = next(row["chat"] for row in self.server.rows["posts"] if row["key"] == key)
        self._post(((f"edit-{number}", chat, 5000 + number, text, {"what": "edited", "target": key}),))

    def _post(self, posts: Iterable[_Post]) -> None:
        for key, chat, minutes, text, more in posts:
            at = (datetime(2026, 11, 20, 9, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
            sender = "desk" if more.get("by_desk") else f"{chat}@example.nl"
            values = {"key": key, "chat": chat, "sent_at": at, "sender": sender, "text": text}
            self.server.add("posts", **values | more)
