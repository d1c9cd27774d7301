"""What the receipt says is what the portal shows: once, whole, to that resident, and to nobody else.

The portal is read by its own rules, in code that shares nothing with the plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gemeente_connect import Ledger
from gemeente_connect.contracts import Findable
from gemeente_connect.models import Attachment, Direction, Identity, Message
from gemeente_connect.syncing import deliver
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, participant
from gemeente_connect_open_klant.testing.portal import OpenInwoner124, OpenInwoner2026, Question
from gemeente_connect_open_klant.testing.server import OpenKlantServer

BSNS = ("999990676", "999993653", "999991723")
PHONES = ("+31612345671", "+31612345672")
DAYS = ("2026-02-20", "2026-03-02", "2026-03-09")
"""Before, on and after the first day on which somebody wrote."""

PHOTO = Attachment(name="foto.jpg", missing="omitted")

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def new() -> Iterator[OpenKlantServer]:
    with OpenKlantServer("0.9.0") as server:
        yield server


@pytest.fixture(scope="module")
def old() -> Iterator[OpenKlantServer]:
    with OpenKlantServer("0.0.3") as server:  # 1.24 finds nobody in a newer one
        yield server


mostly_early = st.sampled_from((DAYS[0], DAYS[0], DAYS[0], *DAYS, None))
mostly_active = st.sampled_from((True, True, True, True, False))
held = st.tuples(
    st.lists(st.tuples(st.sampled_from(BSNS), st.just(PHONES[0]), mostly_early, mostly_active), min_size=1, max_size=2),
    st.lists(st.tuples(st.sampled_from(BSNS), st.just(PHONES[1]), mostly_early, mostly_active), min_size=1, max_size=1),
).map(lambda both: [*both[0], *both[1]])
"""Who has which number: BSN, number, day of verification, and whether they are active."""


@st.composite
def chats(draw: st.DrawFn, *, signed_in: bool = False) -> list[Message]:
    """Several conversations of two residents with the municipality, over a week.

    `signed_in`: the channel knows who some of them are.
    """
    said: list[Message] = []
    for thread in range(draw(st.integers(1, 3))):
        which = draw(st.integers(1, 2))
        who = participant(which)
        if signed_in and draw(st.sampled_from((True, True, False))):
            proven = Identity(kind="bsn", value=BSNS[which], verified_at=START)
            who = participant(which, identities=(*who.identities, proven))
        for number in range(draw(st.integers(1, 6))):
            direction: Direction = draw(st.sampled_from(("in", "out")))
            long = draw(st.integers(0, 12)) == 0
            said.append(
                message(
                    number,
                    id=f"{thread}-{number}",
                    thread=f"{who.id}-{thread}",
                    sent_at=START + timedelta(days=draw(st.integers(0, 7)), minutes=number),
                    direction=direction,
                    sender=who if direction == "in" else participant(employee=True),
                    text=f"Dit is woord {thread}x{number}. " * (90 if long else 1),
                    internal=direction == "out" and draw(st.integers(0, 9)) == 0,
                    attachments=(Attachment(name="foto.jpg", missing="omitted"),)
                    if draw(st.integers(0, 9)) == 0
                    else (),
                )
            )
    return said


def delivered(connect: Connect, server: OpenKlantServer, said: list[Message], **settings: Any) -> dict[str, Any]:
    """Deliver these messages. Gives each receipt with a reference, by the uuid of the question."""
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(*said))
        case_system = connect(server, **settings)
        report = deliver(case_system, ledger, account=ACCOUNT, start="all")
        case_system.close()
    assert not report.errors, report.errors
    assert not report.refused, report.refused
    receipts = (each.receipt for each in report.delivered)
    return {each.reference.rpartition("/")[2]: each for each in receipts if each.reference}


def know(server: OpenKlantServer, rows: list[tuple[str, str, str | None, bool]]) -> None:
    for bsn in BSNS:
        its = [(phone, day, active) for who, phone, day, active in rows if who == bsn]
        server.add_partij(
            bsn=bsn,
            naam="Inwoner",
            adressen=[("telefoonnummer", phone, day) for phone, day, _ in its],
            actief=all(active for *_, active in its),
        )


def words_of(question: Question) -> list[str]:
    whole = " ".join((question.inhoud, *question.answers))
    return [word.rstrip(".") for word in whole.split() if "x" in word and word[0].isdigit()]


@given(said=chats(), rows=held)
@settings(max_examples=60)
def test_in_the_portal_of_2026_each_resident_sees_what_receipts_say_once_and_whole(
    said: list[Message], rows: list[tuple[str, str, str | None, bool]], new: OpenKlantServer, connect: Connect
) -> None:
    new.clear()
    know(new, rows)
    receipts = delivered(connect, new, said)
    seen = [question for bsn in BSNS for question in OpenInwoner2026(new.url, new.token).questions(bsn)]
    event("somebody finds something" if seen else "nobody finds anything")
    findable = sorted(uuid for uuid, receipt in receipts.items() if receipt.findable is Findable.YES)
    assert sorted(question.uuid for question in seen) == findable, "to one resident each, and none to two"
    shown = [word for question in seen for word in words_of(question)]
    assert not {f"{m.id.replace('-', 'x')}" for m in said if m.internal} & set(shown)
    for question in seen:
        assert len(question.nummer) == 10
        assert question.inhoud
        in_it = words_of(question)
        thread = in_it[0].partition("x")[0]
        assert {word.partition("x")[0] for word in in_it} == {thread}
        assert all(in_it.count(word) in {1, 90} for word in in_it), "each message once, each long one whole"


@given(said=chats(signed_in=True), rows=held)
@settings(max_examples=40)
def test_the_portal_of_1_24_shows_what_receipts_say_and_never_breaks_on_what_is_delivered(
    said: list[Message], rows: list[tuple[str, str, str | None, bool]], old: OpenKlantServer, connect: Connect
) -> None:
    old.clear()
    know(old, rows)
    receipts = delivered(connect, old, said, portaal="open-inwoner-1.24", mijn_vragen_kanaal="WhatsApp")
    portal = OpenInwoner124(old.url, old.token, mijn_vragen_kanaal="WhatsApp", objecttype="inp")
    seen = [question.uuid for bsn in BSNS for question in portal.questions(bsn)]
    event("somebody finds something" if seen else "nobody finds anything")
    assert sorted(seen) == sorted(uuid for uuid, receipt in receipts.items() if receipt.findable is Findable.YES)
