"""A case system that can be listed, changed by others, and told whom a conversation is not of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gemeente_connect.abilities import Record
from gemeente_connect.contracts import Files, Findable, Receipt, Refs, Steps
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Conversation, Identity, Message
from gemeente_connect.syncing import deliver
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, participant
from gemeente_connect.testing.fakes import FakeCaseSystem
from gemeente_connect.testing.fakes import Record as Kept

BSN = Identity(kind="bsn", value="999990676")


def said(number: int, *, thread: int = 1, days: float = 0, **fields: Any) -> Message:
    """Message `m<number>` of a thread, some days after START."""
    values: dict[str, Any] = {"id": f"m{number}", "thread": f"t{thread}", "sender": participant(thread)}
    values["sent_at"] = START + timedelta(days=days, minutes=number)
    return message(number, **values | fields)


class Zaken:
    """Keeps records as the fake case system does: it enforces no key, so a double is seen."""

    lands_within = timedelta(0)

    def __init__(self, account: str = "zaken") -> None:
        self.account = account
        self.inside = FakeCaseSystem(account=account)
        self.portal: dict[str, Findable] = {}
        """What the portal shows, by reference."""
        self.account_known = True
        self.ids: dict[str, tuple[str, ...]] = {}
        """The ids of messages, by turn; the turn's own where there are none."""
        self.changed: set[str] = set()
        self.detached: dict[str, tuple[Identity, ...]] = {}
        self.asked_since: datetime | None = None

    @property
    def kept(self) -> list[Kept]:
        return self.inside.made

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        receipt = self.inside.deliver(conversation, steps, files)
        self.ids |= {turn.id: tuple(m.id for m in turn.messages) for turn in conversation.turns}
        findable = Findable.NOT_VALID_THEN if self.detached.get(conversation.id) else receipt.findable
        self.portal[str(receipt.reference)] = findable
        return receipt.model_copy(update={"findable": findable})

    def records(self, since: datetime | None) -> Iterator[Record]:
        self.asked_since = since
        for each in self.kept:
            yield Record(
                conversation=each.external_id or None,
                reference=each.reference,
                findable=self.portal.get(each.reference, Findable.NOT_SHOWN),
                changed=each.reference in self.changed,
                account=ACCOUNT if self.account_known else None,
                turns={turn: self.ids.get(turn, (turn,)) for turn in each.turns},
                done={"record": {"reference": each.reference}},
                kept={f"turn/{turn}": text for turn, text in each.turns.items()},
                detached=self.detached.get(each.external_id, ()),
            )

    def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
        found = [each.reference for each in self.kept if each.external_id == conversation]
        if who is None and found and self.portal[found[0]] is Findable.YES:
            who = BSN
        if who:
            self.detached[conversation] = (who,)
            self.portal |= dict.fromkeys(found, Findable.NOT_VALID_THEN)
        return self.detached.get(conversation, ())

    def close(self) -> None: ...


@pytest.fixture
def zaken() -> Zaken:
    return Zaken()


def deliver_all(ledger: Ledger, zaken: Zaken | FakeCaseSystem, *messages: Message) -> list[str]:
    """Store these messages, deliver what is due, and give the ids of that."""
    ledger.store(ACCOUNT, "whatsapp", page(*messages))
    report = deliver(zaken, ledger, account=ACCOUNT, start="all")
    assert (report.refused, report.errors) == ({}, [])
    return [each.conversation for each in report.delivered]


def now() -> datetime:
    return datetime.now(UTC)
