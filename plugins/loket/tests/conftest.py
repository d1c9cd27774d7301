"""Invented residents, a builder of conversations, and the embedded loket on a real file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import pytest

from gemeente_connect.contracts import Receipt, Refs
from gemeente_connect.models import Attachment, Conversation, Identity, Message, Participant, Turn
from gemeente_connect_loket.case_system import Loket
from gemeente_connect_loket.register import Imported, import_register, read_register
from gemeente_connect_loket.store import Store

HEADER = "bsn,name,kind,address,verified_at,valid_from,valid_until"
FATIMA, JAN, ANNA, NOBODY = "999990676", "999993653", "999991723", "999995571"
FATIMAS_PHONE, JANS_PHONE, ANNAS_MAIL = "+31612345678", "+31612345679", "anna@example.nl"
REGISTER = f"""{HEADER}
{FATIMA},Fatima Yılmaz,phone,06 12345678,2025-01-10,,
{JAN},Jan de Vries,phone,0031612345679,2025-01-10,,
{ANNA},Anna Bakker,email,Anna@example.nl,2025-01-10,,
"""
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOVEMBER = datetime(2026, 11, 2, 16, 8, tzinfo=AMSTERDAM)


def person(address: str | None = FATIMAS_PHONE, *, name: str = "", **identity: object) -> Participant:
    """A resident known by one address."""
    identities: tuple[Identity, ...] = ()
    if address is not None:
        values = {"kind": "email" if "@" in address else "phone", "value": address, **identity}
        identities = (Identity.model_validate(values),)
    return Participant(id=name or address or "somebody", identities=identities)


DESK = Participant(id="desk", name="Een medewerker", employee=True)


def said(text: str = "", minutes: float = 0, *, by: Participant | None = None, **more: object) -> Message:
    """A message, some minutes after NOVEMBER; by Fatima unless somebody else is named."""
    sender = by or person()
    values = {
        "account": "whatsapp:31591123456",
        "id": f"m{minutes}-{hashlib.sha256((text + sender.id).encode('utf-8', 'surrogatepass')).hexdigest()[:8]}",
        "thread": "a-thread",
        "sent_at": NOVEMBER + timedelta(minutes=minutes),
        "direction": "out" if sender.employee else "in",
        "sender": sender,
        "text": text,
    }
    return Message.model_validate(values | more)


def chat(*messages: Message, key: str = "conversation-1", **more: object) -> Conversation:
    """A conversation; consecutive messages of one side are a turn."""
    turns = []
    for (direction, internal), group in groupby(messages, key=lambda each: (each.direction, each.internal)):
        together = tuple(group)
        assert direction is not None
        turns.append(Turn(id=together[0].id, direction=direction, internal=internal, messages=together))
    values = {"id": key, "channel": "whatsapp", "account": "whatsapp:31591123456", "thread": "a-thread", "turns": turns}
    return Conversation.model_validate(values | more)


class DictSteps:
    """Steps in memory, with what makes the real ones worth having: a step in doubt is looked up before it is made."""

    def __init__(self) -> None:
        self.intended: set[str] = set()
        self.done: dict[str, Refs] = {}
        self.kept_values: dict[str, str] = {}

    def once(
        self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
    ) -> Refs:
        if name not in self.done:
            found = find() if name in self.intended else None
            self.intended.add(name)
            self.done[name] = found if found is not None else make()
        return self.done[name]

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        if self.kept(name) != value:
            put()
            self.kept_values[name] = value

    def kept(self, name: str) -> str | None:
        return self.kept_values.get(name)

    def begun(self, name: str) -> bool:
        return name in self.intended


class DictFiles:
    """Attachments in memory."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def add(self, content: bytes, **more: object) -> Attachment:
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return Attachment.model_validate({"sha256": digest, "size": len(content)} | more)

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self.contents

    def open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self.contents[sha256])


class Desk:
    """The embedded loket on a file, with the steps of every conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "loket.sqlite")
        self.loket = Loket(self.store)
        self.files = DictFiles()
        self.steps: dict[str, DictSteps] = {}

    def deliver(self, conversation: Conversation) -> Receipt:
        steps = self.steps.setdefault(conversation.id, DictSteps())
        return self.loket.deliver(conversation, steps, self.files)

    def reference(self, conversation: Conversation) -> str:
        """Deliver it, and give its reference."""
        reference = self.deliver(conversation).reference
        assert reference is not None
        return reference

    def register(self, csv: str = REGISTER, *, before_verification_days: int = 0) -> Imported:
        path = self.folder / "residents.csv"
        path.write_text(csv, encoding="utf-8")
        return import_register(self.store, read_register(path), before_verification_days=before_verification_days)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A loket with three residents in its register, each with one verified address."""
    desk = Desk(tmp_path)
    desk.register()
    yield desk
    desk.loket.close()


@pytest.fixture
def empty_desk(tmp_path: Path) -> Iterator[Desk]:
    """A loket whose file is not there yet."""
    desk = Desk(tmp_path)
    yield desk
    desk.loket.close()
