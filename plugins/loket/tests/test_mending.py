"""When it went wrong: a ledger that was lost, a record that was changed, removed, or tied to the wrong resident."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugins.loket.tests.conftest import DESK, FATIMA, FATIMAS_PHONE, HEADER, JAN, NOVEMBER, Desk, chat, person
from plugins.loket.tests.conftest import said as letter

from gemeente_connect.abilities import Detachable, Lists
from gemeente_connect.contracts import Findable
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Identity, Message
from gemeente_connect.syncing import collect, deliver, plan, sync
from gemeente_connect.syncing.adopting import adopt
from gemeente_connect.syncing.detaching import detach, remind
from gemeente_connect.syncing.reconciling import Kind, reconcile
from gemeente_connect.testing.builders import ACCOUNT, message, participant
from gemeente_connect.testing.fakes import FakeChannel
from gemeente_connect_loket.case_system import Loket
from gemeente_connect_loket.finding import record_for, records_of
from gemeente_connect_loket.store import Store


def said(number: int, thread: int, hours: float, *, out: bool = False, internal: bool = False) -> Message:
    return message(
        number,
        id=f"m{number}",
        thread=f"thread-{thread}",
        sent_at=NOVEMBER + timedelta(hours=hours),
        direction="out" if out else "in",
        sender=participant(0, employee=True) if out else participant(thread),
        internal=internal,
        text=f"Bericht {number}",
    )


def contents(store: Store) -> dict[str, list[object]]:
    """All that a resident could see of every record, with the references and the ids of the turns."""
    tables = {
        "record": "WHERE id IN (SELECT record FROM message)",  # of nothing but notes between employees nothing is seen
        "record_address": "",
        "turn": "",
        "message": "",
        "attachment": "",
        "detached": "",
    }
    with store.reading() as connection:
        rows = {table: connection.execute(f"SELECT * FROM {table} {which}") for table, which in tables.items()}
        return {table: sorted(each, key=repr) for table, each in rows.items()}


def empty(loket: Loket) -> set[str | None]:
    """The references of records that show nothing, since nothing but notes between employees led to them."""
    return {each.reference for each in loket.records(None) if not each.turns}


def differences(loket: Loket, ledger: Ledger) -> list[tuple[Kind, str | None]]:
    showing_nothing = empty(loket)
    found = [each for each in reconcile(loket, ledger) if each.reference not in showing_nothing]
    return [(each.kind, each.conversation) for each in found]


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[Message]]:
    """Messages of a few threads, in the order and the portions in which they arrive."""
    count = draw(st.integers(1, 40))
    messages = [
        said(
            number,
            draw(st.integers(1, 3)),
            draw(st.integers(0, 40)) * 6,
            out=draw(st.booleans()),
            internal=draw(st.integers(0, 9)) == 0,
        )
        for number in range(count)
    ]
    messages = [each if each.direction == "out" else each.model_copy(update={"internal": False}) for each in messages]
    portions: list[list[Message]] = [[] for _ in range(draw(st.integers(1, 4)))]
    for each in draw(st.permutations(messages)):
        draw(st.sampled_from(portions)).append(each)
    return portions


def lost_and_rebuilt(folder: Path, portions: Sequence[Sequence[Message]], again: Sequence[Message]) -> None:
    """Sync some portions, lose the ledger, and read it all again in another order."""
    loket = Loket(Store(folder / "loket.sqlite"))
    loket.flush()  # makes the file
    channel = FakeChannel(page_size=5)
    with Ledger(None) as ledger:
        for portion in portions:
            channel.add(*portion)
            assert not sync(channel, loket, ledger=ledger, start="all").refused
        assert differences(loket, ledger) == []
    before = contents(loket._store)
    with Ledger(None) as ledger:
        fresh = FakeChannel(again, page_size=7)
        collect(fresh, ledger)
        adopted = adopt(loket, ledger)
        assert {each.reference for each in adopted.doubtful} == empty(loket)
        assert differences(loket, ledger) == []
        report = sync(fresh, loket, ledger=ledger, start="all")
        assert (report.refused, report.errors) == ({}, [])
        assert all(each.update for each in report.delivered if each.receipt.findable is not Findable.NO_QUESTION)
        assert contents(loket._store) == before
        assert differences(loket, ledger) == []
        assert adopt(loket, ledger).counts["adopted"] == 0
        assert contents(loket._store) == before
    loket.close()


@settings(max_examples=30)
@given(arrivals(), st.randoms(use_true_random=False))
def test_after_a_lost_ledger_everything_stands_there_once_and_as_it_was(
    portions: list[list[Message]], chance: random.Random
) -> None:
    again = [each for portion in portions for each in portion]
    chance.shuffle(again)
    with TemporaryDirectory() as folder:
        lost_and_rebuilt(Path(folder), portions, again)


@settings(max_examples=30)
@given(arrivals(), st.randoms(use_true_random=False))
def test_what_came_after_the_loss_stands_there_once_beside_what_was_there_before(
    portions: list[list[Message]], chance: random.Random
) -> None:
    *before, news = portions
    every = [each for portion in portions for each in portion]
    chance.shuffle(every)
    with TemporaryDirectory() as name:
        folder = Path(name)
        loket = Loket(Store(folder / "loket.sqlite"))
        loket.flush()  # makes the file
        with Ledger(None) as ledger:
            sync(FakeChannel([each for portion in before for each in portion]), loket, ledger=ledger, start="all")
        old = places(loket)
        with Ledger(None) as ledger:
            channel = FakeChannel(every, page_size=7)
            collect(channel, ledger)
            adopt(loket, ledger)
            assert not sync(channel, loket, ledger=ledger, start="all").refused
            assert differences(loket, ledger) == []
        new = places(loket)
        assert sorted(new) == sorted(each.id for each in every if not each.internal)
        assert old.items() <= new.items(), "what was delivered keeps its record and its turn"
        assert news or old == new
        loket.close()


def places(loket: Loket) -> dict[str, tuple[str | None, str]]:
    """The record and the turn of every message. Fails where one stands in two."""
    found: dict[str, tuple[str | None, str]] = {}
    for record in loket.records(None):
        for turn, keys in record.turns.items():
            for key in keys:
                assert found.setdefault(key, (record.reference, turn)) == (record.reference, turn)
    return found


def test_thirty_conversations_that_grew_in_several_syncs_survive_a_lost_ledger(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    messages = [said(n, n % 6 + 1, chance.randrange(24 * 30) + chance.random(), out=n % 4 == 0) for n in range(240)]
    chance.shuffle(messages)
    portions = [messages[:80], messages[80:160], messages[160:]]
    lost_and_rebuilt(tmp_path, portions, sorted(messages, key=lambda each: each.id))
    assert len(contents(Store(tmp_path / "loket.sqlite"))["record"]) >= 30


# ---- what others changed ---------------------------------------------------------------------------------------------


class Road:
    """A real ledger, and the loket behind it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.loket = desk.loket
        self.ledger = Ledger(desk.folder / "ledger.sqlite")
        self.channel = FakeChannel()

    def sync(self, *messages: Message) -> dict[str, str]:
        """Sync, with what is new, and give the reasons of what was refused."""
        self.channel.add(*messages)
        report = sync(self.channel, self.loket, ledger=self.ledger, start="all")
        assert report.errors == []
        return report.refused

    def key(self) -> str:
        (key,) = (each.conversation for each in self.loket.records(None))
        return str(key)

    def planned(self) -> list[str]:
        _, planned = plan(self.channel, self.loket, ledger=self.ledger, start="all")
        return [each.plan.action for each in planned if each.plan]

    def change(self, statement: str) -> None:
        """Do as another program would."""
        with self.desk.store.writing() as connection:
            connection.execute(statement)

    def seen_by(self, bsn: str) -> int:
        """Count what a resident sees on the page: in the list, and one by one."""
        references = [str(each.reference) for each in self.loket.records(None)]
        with self.desk.store.reading() as connection:
            opened = [each for each in references if record_for(connection, each, bsn)]
            assert len(opened) == len(records_of(connection, bsn))
        return len(opened)


@pytest.fixture
def road(desk: Desk) -> Iterator[Road]:
    road = Road(desk)
    yield road
    road.ledger.close()


CHANGES = [
    "UPDATE message SET text = 'Iets anders'",
    "UPDATE record SET subject = 'Iets anders'",
    "UPDATE record SET answered = 1",
    "DELETE FROM message WHERE id = 'm1'",
    "UPDATE record_address SET value = '+31687654321'",
    "INSERT INTO attachment VALUES (1, 0, 0, 0, 'brief.pdf', NULL, NULL, NULL, 'absent')",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_what_somebody_else_changed_is_never_overwritten_and_goes_to_a_person(road: Road, statement: str) -> None:
    road.sync(said(0, 1, 0), said(1, 1, 1))
    road.change(statement)
    changed = contents(road.desk.store)
    assert differences(road.loket, road.ledger) == [(Kind.CHANGED_THERE, road.key())]
    road.channel.add(said(2, 1, 2))
    assert road.planned() == ["refuse"]
    assert "changed-there" in road.sync()[road.key()]
    for refusal in road.ledger.refusals():
        road.ledger.retry(refusal.number)
    assert road.sync() == {}, "it is refused again, and not told again"
    assert [each.attempts for each in road.ledger.refusals()] == [2]
    assert contents(road.desk.store) == changed


def test_a_change_that_is_undone_lets_it_be_delivered(road: Road) -> None:
    road.sync(said(0, 1, 0))
    road.change("UPDATE record SET subject = subject || '!'")
    assert road.sync(said(1, 1, 1))
    road.change("UPDATE record SET subject = rtrim(subject, '!')")
    for refusal in road.ledger.refusals():
        road.ledger.retry(refusal.number)
    assert road.sync() == {}
    assert road.ledger.refusals() == []
    assert len(contents(road.desk.store)["message"]) == 2


def test_a_crash_after_writing_is_not_taken_for_somebody_elses_change(road: Road, desk: Desk) -> None:
    road.sync(said(0, 1, 0))
    with Ledger(desk.folder / "ledger.sqlite") as ledger:  # as it was before the crash: nothing of it was kept
        ledger._db.write("DELETE FROM steps")
        ledger._db.write("DELETE FROM deliveries")
    assert road.sync(said(1, 1, 1)) == {}
    assert len(contents(desk.store)["message"]) == 2


def test_a_record_that_an_older_version_wrote_is_not_taken_for_somebody_elses_change(road: Road) -> None:
    road.sync(said(0, 1, 0))
    road.change("UPDATE record SET digest = '1:of-another-form'")
    assert road.sync(said(1, 1, 1)) == {}


def test_what_was_removed_is_never_made_again_on_any_road(road: Road) -> None:
    road.sync(said(0, 1, 0))
    key = road.key()
    road.change("DELETE FROM record")
    assert differences(road.loket, road.ledger) == [(Kind.MISSING_THERE, key)]
    road.channel.add(said(1, 1, 1))
    assert road.planned() == ["refuse"]
    assert "removed-there" in road.sync()[key]
    road.ledger.retry(road.ledger.refusals()[0].number)
    assert road.sync() == {}, "it is refused again, and not told again"
    assert "removed-there" in road.sync(said(2, 1, 2))[key], "it grew, and is told again"
    road.ledger.drop(road.ledger.refusals()[0].number)
    assert road.sync() == {}
    assert contents(road.desk.store)["record"] == []
    assert differences(road.loket, road.ledger) == [], "a person knows of it"


def test_a_record_never_loses_messages_to_a_ledger_that_knows_fewer(road: Road, desk: Desk) -> None:
    road.sync(said(0, 1, 0), said(1, 1, 1), said(2, 1, 2, out=True))
    before = contents(desk.store)
    with Ledger(desk.folder / "new.sqlite") as ledger:
        fewer = FakeChannel([said(0, 1, 0), said(2, 1, 2, out=True), said(3, 1, 3)])
        collect(fewer, ledger)
        assert [each.plan.action for each in plan(fewer, road.loket, ledger=ledger, start="all")[1] if each.plan] == [
            "refuse"
        ]
        refused = deliver(road.loket, ledger, account=ACCOUNT, start="all").refused
        assert ["does not know" in reason for reason in refused.values()] == [True]
    assert contents(desk.store) == before


def test_a_record_never_loses_a_file_or_a_deletion_either(desk: Desk) -> None:
    photo = desk.files.add(b"a photo")
    told = chat(message_of("m1", attachments=(photo,)), message_of("m2", deleted_at=NOVEMBER))
    desk.deliver(told)
    for worse in (
        chat(message_of("m1", attachments=({"missing": "expired"},)), message_of("m2", deleted_at=NOVEMBER)),
        chat(message_of("m1", attachments=(photo,)), message_of("m2")),
    ):
        assert desk.loket.plan(worse, desk.steps["conversation-1"].done).action == "refuse"
        with pytest.raises(RejectedError, match="does not know"):
            desk.deliver(worse)
    deleted = chat(message_of("m1", attachments=(photo,), deleted_at=NOVEMBER), message_of("m2", deleted_at=NOVEMBER))
    desk.deliver(deleted)
    assert contents(desk.store)["attachment"] == []


def message_of(key: str, **more: Any) -> Message:
    return letter(key, float(key[1:]), id=key, **more)


# ---- what is listed --------------------------------------------------------------------------------------------------


def test_a_record_is_listed_with_all_that_a_ledger_needs(road: Road) -> None:
    assert isinstance(road.loket, Lists)
    road.sync(said(0, 1, 0), said(1, 1, 1), said(2, 1, 2, out=True), said(3, 1, 3))
    (record,) = road.loket.records(None)
    assert record.turns == {"m0": ("m0", "m1"), "m2": ("m2",), "m3": ("m3",)}
    assert (record.account, record.changed, record.findable) == (ACCOUNT, False, Findable.NO_RESIDENT_KNOWN)
    assert record.done == {"record": {"reference": record.reference}}
    assert set(record.kept) == {"content"}


def test_a_file_that_is_not_there_is_told_and_not_made(empty_desk: Desk) -> None:
    with pytest.raises(ConfigError, match="correct 'database', or restore it"):
        empty_desk.loket.records(None)
    with pytest.raises(ConfigError, match="correct 'database', or restore it"):
        empty_desk.loket.detach("c1", {}, None)
    assert not empty_desk.store.path.exists()


def test_a_record_whose_content_is_still_to_come_is_listed_and_is_no_difference(road: Road) -> None:
    road.sync(said(0, 1, 0))
    road.change("DELETE FROM message")
    road.change("DELETE FROM turn")
    road.change("UPDATE record SET digest = '', first_in = NULL, last_in = NULL, residents = 0")
    (record,) = road.loket.records(None)
    assert (record.kept, record.turns, record.changed, record.findable) == ({}, {}, False, Findable.NO_QUESTION)


def test_more_records_than_are_read_at_once_are_all_listed_while_others_write(desk: Desk) -> None:
    for number in range(120):
        desk.deliver(chat(letter(str(number)), key=f"c{number:03}"))
    listed: list[str | None] = []
    for record in desk.loket.records(None):
        desk.deliver(chat(letter(str(len(listed))), letter("more", 5), key=f"c{len(listed):03}"))
        listed.append(record.conversation)
    assert listed == [f"c{number:03}" for number in range(120)]


def test_the_list_and_the_receipt_agree_on_who_finds_it(desk: Desk) -> None:
    told = [
        chat(letter("a"), key="1"),
        chat(letter("b", by=person("+31687654321")), key="2"),
        chat(letter("c"), letter("d", by=person("+31612345679")), key="3"),
        chat(letter("e", by=DESK), key="4"),
        chat(letter("f", -1000 * 24 * 60), key="5"),
    ]
    receipts = [desk.deliver(each).findable for each in told]
    assert [each.findable for each in desk.loket.records(None)] == receipts
    assert len(set(receipts)) == 5, "the examples show every answer of the rule"


# ---- taken away from a resident --------------------------------------------------------------------------------------

LATER_JANS = f"""{HEADER}
{FATIMA},Fatima Voorbeeld,email,fatima@example.nl,2025-01-10,,
{JAN},Jan Voorbeeld,phone,{FATIMAS_PHONE},2025-01-10,,
"""


@pytest.fixture
def tied(road: Road) -> Road:
    """A conversation that Fatima finds, wrongly."""
    fatima = participant(1, id=FATIMAS_PHONE, identities=(Identity(kind="phone", value=FATIMAS_PHONE),))
    road.sync(said(0, 1, 0).model_copy(update={"sender": fatima}))
    assert road.seen_by(FATIMA) == 1
    return road


def test_the_resident_never_finds_it_again_whatever_happens(tied: Road, desk: Desk) -> None:
    assert isinstance(tied.loket, Detachable)
    detach(tied.loket, tied.ledger, tied.key())
    assert tied.seen_by(FATIMA) == 0
    assert tied.sync() == {}, "judged anew"
    desk.register()
    fatima = participant(1, id=FATIMAS_PHONE, identities=(Identity(kind="phone", value=FATIMAS_PHONE),))
    tied.sync(said(1, 1, 1).model_copy(update={"sender": fatima}))
    desk.register(before_verification_days=1000)
    assert tied.seen_by(FATIMA) == 0
    assert tied.planned() == []
    assert [each.findable for each in Loket(Store(desk.store.path)).records(None)] == [Findable.NOT_VALID_THEN]
    assert differences(tied.loket, tied.ledger) == []


def test_the_resident_whose_it_is_finds_it(tied: Road, desk: Desk) -> None:
    detach(tied.loket, tied.ledger, tied.key())
    desk.register(LATER_JANS)
    assert (tied.seen_by(FATIMA), tied.seen_by(JAN)) == (0, 1)
    assert tied.sync() == {}
    assert differences(tied.loket, tied.ledger) == []


def test_one_who_is_registered_beside_the_wrong_one_finds_it(tied: Road, desk: Desk) -> None:
    detach(tied.loket, tied.ledger, tied.key())
    desk.register(
        f"{HEADER}\n{FATIMA},Fatima,phone,{FATIMAS_PHONE},2025-01-10,,\n{JAN},Jan,phone,{FATIMAS_PHONE},2025-01-10,,"
    )
    assert (tied.seen_by(FATIMA), tied.seen_by(JAN)) == (0, 1)


def test_her_other_conversations_are_still_hers(tied: Road, desk: Desk) -> None:
    desk.deliver(chat(letter("Een andere vraag"), key="another"))
    detach(tied.loket, tied.ledger, next(str(each.conversation) for each in tied.loket.records(None)))
    assert tied.seen_by(FATIMA) == 1


def test_a_plan_says_that_nobody_would_find_it(tied: Road) -> None:
    detach(tied.loket, tied.ledger, tied.key())
    _, planned = plan(tied.channel, tied.loket, ledger=tied.ledger, start="all")
    assert [(each.plan.action, each.plan.findable) for each in planned if each.plan] == [
        ("nothing", Findable.NOT_VALID_THEN)
    ]


def test_a_resident_whom_the_channel_verified_loses_it_too(desk: Desk) -> None:
    verified = Identity(kind="bsn", value=FATIMA, verified_at=NOVEMBER)
    desk.deliver(chat(letter("Een vraag", by=participant(1, identities=(verified,)))))
    assert [each.value for each in desk.loket.detach("conversation-1", {}, None)] == [FATIMA]
    assert [each.findable for each in desk.loket.records(None)] == [Findable.NOT_VALID_THEN]


def test_what_nobody_finds_is_taken_from_nobody(desk: Desk) -> None:
    desk.deliver(chat(letter("Een vraag", by=person("+31687654321"))))
    assert desk.loket.detach("conversation-1", {}, None) == ()
    assert desk.loket.detach("not-there", {}, None) == ()
    assert contents(desk.store)["detached"] == []


def test_a_file_that_was_lost_and_is_filled_again_ties_it_to_her_no_more(tied: Road, tmp_path: Path) -> None:
    detach(tied.loket, tied.ledger, tied.key())
    (tmp_path / "new").mkdir()
    desk = Desk(tmp_path / "new")
    assert remind(desk.loket, tied.ledger) == {}
    desk.register()
    report = deliver(desk.loket, tied.ledger, account=ACCOUNT, start="all")
    assert [each.receipt.findable for each in report.delivered] == [Findable.NOT_VALID_THEN]
    desk.loket.close()


def test_a_ledger_that_was_lost_knows_of_it_again(tied: Road, desk: Desk) -> None:
    detach(tied.loket, tied.ledger, tied.key())
    with Ledger(desk.folder / "new.sqlite") as ledger:
        collect(tied.channel, ledger)
        adopt(tied.loket, ledger)
        assert [who.value for _, who in ledger.mending.untold("another")] == [FATIMA]
