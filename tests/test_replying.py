"""A person answers a resident: the message is sent once, and stands in the conversation once."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import Ledger, celery, reply, syncing
from gemeente_connect.abilities import Outgoing, Replies, Template
from gemeente_connect.errors import (
    AuthError,
    ConfigError,
    GemeenteConnectError,
    PluginError,
    RejectedError,
    StorageError,
    TemporaryError,
)
from gemeente_connect.ledger.replies import Addressee
from gemeente_connect.models import Deleted, Message, Participant, StatusChanged
from gemeente_connect.syncing import Report, sync
from gemeente_connect.testing import Crash, disk_full, survey, tell
from gemeente_connect.testing.builders import ACCOUNT, message, page, participant
from gemeente_connect.testing.deaths import Fault, death
from gemeente_connect.testing.fakes import FakeCaseSystem, FakeChannel, FakeReplyingChannel

TEXT = "Uw paspoort ligt klaar."
CLEAR = [
    RejectedError("the resident cannot be reached"),
    AuthError("the token was refused"),
    TemporaryError("too many messages to one resident", retry_after=6, nothing_done=True),
]


def asked(number: int = 1, *, hours: float = 1, **more: Any) -> Message:
    """A resident wrote so many hours ago."""
    return message(number, sent_at=datetime.now(UTC) - timedelta(hours=hours), **more)


def opened(ledger: Ledger, *messages: Message) -> FakeReplyingChannel:
    channel = FakeReplyingChannel(messages or [asked()])
    assert not sync(channel, FakeCaseSystem(), ledger=ledger, start="all").errors
    return channel


def conversations(ledger: Ledger, case_system: str = "another") -> dict[str, list[tuple[str, str, str | None]]]:
    """Give id, text and status of what stands in each conversation."""
    with closing(ledger.due(ACCOUNT, case_system, None)) as due:
        return {o.conversation.id: [(m.id, m.text, m.status) for m in o.conversation.messages] for o in due}


def only(ledger: Ledger) -> str:
    (key,) = conversations(ledger)
    return key


def in_doubt(ledger: Ledger) -> int:
    return ledger._db.number("SELECT count(*) FROM replies")


def key_of(channel: FakeReplyingChannel) -> str:
    return next(iter(channel.sent.values())).key


# ---- sending ---------------------------------------------------------------------------------------------------------


def test_a_text_is_sent_once_and_stands_in_the_conversation_once(ledger: Ledger) -> None:
    channel = opened(ledger)
    key = only(ledger)
    sent = reply(channel, ledger, key, f"  {TEXT}\n")
    assert (sent.id, sent.direction, sent.text) == ("sent-1", "out", TEXT)
    assert [(o.said, o.to.id, o.thread) for o in channel.sent.values()] == [(TEXT, participant().id, "+31612345671")]
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, None)]
    assert in_doubt(ledger) == 0, "what is known leaves no row behind"


def test_the_next_sync_delivers_it(ledger: Ledger) -> None:
    channel, zaken = FakeReplyingChannel([asked()]), FakeCaseSystem()
    sync(channel, zaken, ledger=ledger, start="all")
    reply(channel, ledger, only(ledger), TEXT)
    report = sync(channel, zaken, ledger=ledger, start="all")
    assert (len(report.delivered), list(zaken.made[0].turns.values())) == (1, ["Bericht 1", TEXT])


def test_who_wrote_last_is_answered(ledger: Ledger) -> None:
    first, second = participant(1), participant(2)
    channel = opened(ledger, asked(1, hours=2, sender=first, thread="g"), asked(2, sender=second, thread="g"))
    reply(channel, ledger, only(ledger), TEXT)
    assert [o.to.id for o in channel.sent.values()] == [second.id]


def test_a_template_is_sent_after_a_day_and_stands_in_the_conversation_that_was_answered(ledger: Ledger) -> None:
    channel = opened(ledger, asked(hours=30))
    key = only(ledger)
    with pytest.raises(RejectedError, match="send a template"):
        reply(channel, ledger, key, TEXT)
    assert (channel.sent, in_doubt(ledger)) == ({}, 0)
    sent = reply(channel, ledger, key, Template(name="paspoort_klaar", parameters=("dinsdag",)))
    assert (sent.kind, sent.text) == ("template", "(paspoort_klaar)\ndinsdag")
    assert [len(each) for each in conversations(ledger).values()] == [2]
    channel.add(message(2, sent_at=datetime.now(UTC) + timedelta(minutes=1)))
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    assert [len(each) for each in conversations(ledger).values()] == [3], "what the resident answers belongs to it"


def test_the_day_counts_from_the_last_message_in_any_conversation_of_the_thread(ledger: Ledger) -> None:
    channel = opened(ledger, asked(1, hours=50), asked(2, hours=1))
    old, _ = conversations(ledger)
    reply(channel, ledger, old, TEXT)
    assert [o.said for o in channel.sent.values()] == [TEXT]


@pytest.mark.parametrize("hours", [23.99, 24.01])
def test_the_window_ends_after_24_hours(ledger: Ledger, hours: float) -> None:
    channel = opened(ledger, asked(hours=hours))
    try:
        reply(channel, ledger, only(ledger), TEXT)
    except RejectedError:
        assert hours > 24
    assert len(channel.sent) == (hours < 24)


# ---- refusing --------------------------------------------------------------------------------------------------------


def test_a_channel_that_cannot_do_it_says_so(ledger: Ledger) -> None:
    opened(ledger)
    assert not isinstance(FakeChannel(), Replies)
    with pytest.raises(PluginError, match="answer in the channel itself"):
        reply(FakeChannel(), ledger, only(ledger), TEXT)


def test_an_unknown_conversation_is_refused_without_repeating_what_was_typed(ledger: Ledger) -> None:
    channel = opened(ledger)
    with pytest.raises(ConfigError, match="no such conversation") as told:
        reply(channel, ledger, "+31612345678", TEXT)
    assert "612345678" not in str(told.value)


def test_a_conversation_of_another_account_is_refused(ledger: Ledger) -> None:
    opened(ledger)
    with pytest.raises(ConfigError, match="through the channel that it came in by"):
        reply(FakeReplyingChannel(account="whatsapp:elsewhere"), ledger, only(ledger), TEXT)


def test_where_no_resident_wrote_there_is_nobody_to_answer(ledger: Ledger) -> None:
    channel = opened(ledger, asked(direction="out", sender=participant(employee=True)))
    with pytest.raises(RejectedError, match="nobody to answer"):
        reply(channel, ledger, only(ledger), TEXT)


@pytest.mark.parametrize("text", ["", " \n", "half \ud83d", "nul \0"])
def test_what_is_no_text_is_refused(ledger: Ledger, text: str) -> None:
    channel = opened(ledger)
    with pytest.raises(ConfigError, match="nothing was sent"):
        reply(channel, ledger, only(ledger), text)
    assert (channel.sent, in_doubt(ledger)) == ({}, 0)


def test_what_the_channel_does_not_take_leaves_nothing_behind(ledger: Ledger) -> None:
    channel = opened(ledger)
    with pytest.raises(RejectedError, match="longer than 100"):
        reply(channel, ledger, only(ledger), "x" * 101)
    assert (channel.sent, in_doubt(ledger)) == ({}, 0)


@pytest.mark.parametrize("refusal", CLEAR, ids=lambda each: type(each).__name__)
def test_what_was_certainly_not_sent_may_be_sent_again_at_once(ledger: Ledger, refusal: GemeenteConnectError) -> None:
    channel = opened(ledger)
    channel.refusal = refusal
    with pytest.raises(type(refusal)) as told:
        reply(channel, ledger, only(ledger), TEXT)
    assert told.value is refusal
    assert in_doubt(ledger) == 0
    reply(channel, ledger, only(ledger), TEXT)
    assert len(channel.sent) == 1


def test_the_same_words_are_not_sent_twice_before_the_resident_wrote_again(ledger: Ledger) -> None:
    channel = opened(ledger)
    key = only(ledger)
    reply(channel, ledger, key, TEXT)
    with pytest.raises(RejectedError, match="in the same words") as told:
        reply(channel, ledger, key, TEXT)
    assert TEXT not in str(told.value)
    reply(channel, ledger, key, f"{TEXT} Tot ziens!")
    reply(channel, ledger, key, TEXT, again=True)
    channel.add(message(2, sent_at=datetime.now(UTC)))
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    reply(channel, ledger, key, TEXT)
    assert len(channel.sent) == 4


def test_what_failed_may_be_said_again_in_the_same_words(ledger: Ledger) -> None:
    channel = opened(ledger)
    reply(channel, ledger, only(ledger), TEXT)
    status(ledger, "failed")
    reply(channel, ledger, only(ledger), TEXT)
    assert len(channel.sent) == 2


# ---- the echo and the status -----------------------------------------------------------------------------------------


def status(ledger: Ledger, word: str = "read", reply: str | None = None, target: str = "sent-1") -> None:
    change = StatusChanged.model_validate({
        "account": ACCOUNT, "target": target, "status": word, "at": datetime.now(UTC), "reply": reply,
    })  # fmt: skip
    ledger.store(ACCOUNT, "whatsapp", page(changes=(change,)))


def echo(ledger: Ledger) -> None:
    employee = Participant(id="municipality", employee=True)
    said = message(9, id="sent-1", text=TEXT, direction="out", sender=employee, sent_at=datetime.now(UTC))
    ledger.store(ACCOUNT, "whatsapp", page(said))


class Told(FakeReplyingChannel):
    """Tells of a message before it answers the request that sends it."""

    def __init__(self, ledger: Ledger, *, keyed: bool, echoed: bool) -> None:
        super().__init__([asked()])
        self.ledger, self.keyed, self.echoed = ledger, keyed, echoed

    def reply(self, outgoing: Outgoing) -> str:
        message_id = super().reply(outgoing)
        if self.echoed:
            echo(self.ledger)
        status(self.ledger, reply=outgoing.key if self.keyed else None)
        return message_id


@pytest.mark.parametrize("keyed", [True, False], ids=["with its key", "without"])
@pytest.mark.parametrize("echoed", [True, False], ids=["an echo", "no echo"])
def test_what_tells_of_it_before_the_answer_meets_it(ledger: Ledger, *, keyed: bool, echoed: bool) -> None:
    channel = Told(ledger, keyed=keyed, echoed=echoed)
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    key = only(ledger)
    assert reply(channel, ledger, key, TEXT).id == "sent-1"
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, "read")]
    assert in_doubt(ledger) == 0


@pytest.mark.parametrize("keyed", [True, False], ids=["with its key", "without"])
def test_what_tells_of_it_after_the_answer_meets_it(ledger: Ledger, *, keyed: bool) -> None:
    channel = opened(ledger)
    key = only(ledger)
    reply(channel, ledger, key, TEXT)
    status(ledger, reply=key_of(channel) if keyed else None)
    echo(ledger)
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, "read")]


def test_a_deletion_that_comes_before_the_answer_meets_it(ledger: Ledger) -> None:
    channel = opened(ledger)
    key = only(ledger)
    gone = message(9, id="revoke", text="Dit bericht is verwijderd.", direction="out")
    ledger.store(ACCOUNT, "whatsapp", page(changes=(Deleted(message=gone, target="sent-1", at=datetime.now(UTC)),)))
    reply(channel, ledger, key, TEXT)
    assert conversations(ledger)[key][1:] == [("sent-1", "Dit bericht is verwijderd.", None)]


# ---- in doubt --------------------------------------------------------------------------------------------------------


def doubtful(ledger: Ledger, *, sent: bool = True) -> tuple[FakeReplyingChannel, str]:
    """A reply whose answer did not come."""
    channel = opened(ledger)
    key = only(ledger)
    channel.refusal, channel.after = TemporaryError("no answer in time"), sent
    with pytest.raises(RejectedError, match="no answer in time: it is not known whether"):
        reply(channel, ledger, key, TEXT)
    assert in_doubt(ledger) == 1
    return channel, key


def test_an_unclear_answer_leaves_it_in_doubt_and_nothing_is_sent_before_a_person_says_so(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    assert len(conversations(ledger)[key]) == 1
    for text in (TEXT, "Iets anders"):
        with pytest.raises(RejectedError, match="--again"):
            reply(channel, ledger, key, text)
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    assert len(channel.sent) == 1


def test_a_status_with_its_key_ends_the_doubt_and_brings_the_message(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    status(ledger, "sent", key_of(channel))
    status(ledger, "read", key_of(channel))
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, "read")]
    assert in_doubt(ledger) == 0
    with pytest.raises(RejectedError, match="in the same words"):
        reply(channel, ledger, key, TEXT)


def test_a_status_that_it_failed_ends_the_doubt_too(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    status(ledger, "failed", key_of(channel))
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, "failed")]
    reply(channel, ledger, key, TEXT)


def test_an_echo_and_then_a_status_end_the_doubt_without_doubling(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    echo(ledger)
    status(ledger, "read", key_of(channel))
    assert conversations(ledger)[key][1:] == [("sent-1", TEXT, "read")]
    assert in_doubt(ledger) == 0


def test_a_key_of_another_account_ends_no_doubt(ledger: Ledger) -> None:
    channel, _ = doubtful(ledger)
    other = StatusChanged(
        account="whatsapp:other", target="x", status="read", at=datetime.now(UTC), reply=key_of(channel)
    )
    ledger.store("whatsapp:other", "whatsapp", page(changes=(other,)))
    assert in_doubt(ledger) == 1


def test_a_person_who_looked_sends_again_and_what_turns_out_to_be_sent_is_not_missing(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    assert reply(channel, ledger, key, TEXT, again=True).id == "sent-2"
    assert conversations(ledger)[key][1:] == [("sent-2", TEXT, None)]
    reply(channel, ledger, key, "Nog iets")
    status(ledger, "read", key_of(channel))
    assert [said[0] for said in conversations(ledger)[key][1:]] == ["sent-1", "sent-2", "sent-3"]


def test_what_may_still_arrive_is_not_sent_again_yet(ledger: Ledger) -> None:
    channel, key = doubtful(ledger)
    channel.lands_within = timedelta(minutes=1)
    with pytest.raises(TemporaryError, match="may still arrive") as told:
        reply(channel, ledger, key, TEXT, again=True)
    assert 0 < (told.value.retry_after or 0) <= 60
    assert len(channel.sent) == 1


def test_two_people_who_answer_at_the_same_time_do_not_both_send(ledger: Ledger) -> None:
    class Colleague(FakeReplyingChannel):
        """While it sends, a colleague answers the same resident."""

        said: str | None = None

        def reply(self, outgoing: Outgoing) -> str:
            if self.said is None:
                self.said = "the colleague was told"
                with pytest.raises(RejectedError, match="not known whether"):
                    reply(self, ledger, key, "Ik zoek het uit.")
            return super().reply(outgoing)

    channel = Colleague([asked()])
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    key = only(ledger)
    reply(channel, ledger, key, TEXT)
    assert [o.said for o in channel.sent.values()] == [TEXT]


def test_a_bug_of_the_plugin_leaves_it_in_doubt_and_tells_nothing_personal(ledger: Ledger) -> None:
    channel = opened(ledger)
    channel.refusal = ValueError(TEXT)
    with pytest.raises(PluginError) as told:
        reply(channel, ledger, only(ledger), TEXT)
    assert (TEXT in str(told.value), in_doubt(ledger)) == (False, 1)
    assert "not known whether a reply" in str(told.value)


def test_what_was_sent_and_could_not_be_kept_is_told_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        message = "the disk is full"
        raise StorageError(message)

    channel = opened(ledger)
    monkeypatch.setattr("gemeente_connect.ledger.replies.Replies.sent", full)
    with pytest.raises(StorageError, match=r"was sent.*the disk is full.*do not send it again"):
        reply(channel, ledger, only(ledger), TEXT)
    assert len(channel.sent) == 1


def test_a_clock_that_is_behind_that_of_the_channel_puts_no_answer_before_its_question(ledger: Ledger) -> None:
    channel = FakeReplyingChannel([message(1, sent_at=datetime.now(UTC) + timedelta(minutes=2))])
    sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    key = only(ledger)
    reply(channel, ledger, key, TEXT)
    assert [each[1] for each in conversations(ledger)[key][1:]] == [TEXT]
    with pytest.raises(RejectedError, match="in the same words"):
        reply(channel, ledger, key, TEXT)


def test_nothing_is_sent_that_was_not_kept_before(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = opened(ledger)
    key = only(ledger)

    def full(*_: object, **__: object) -> None:
        message = "the disk is full"
        raise StorageError(message)

    monkeypatch.setattr("gemeente_connect.ledger.replies.Replies.begin", full)
    with pytest.raises(StorageError):
        reply(channel, ledger, key, TEXT)
    assert channel.sent == {}


def test_what_is_said_shows_in_no_repr() -> None:
    outgoing = Outgoing(
        key="k", thread="+31612345678", to=participant(), heard_at=datetime.now(UTC), at=datetime.now(UTC), said=TEXT
    )
    to = Addressee(1, ACCOUNT, "+31612345678", participant(), datetime.now(UTC))
    shown = f"{outgoing!r} {Template(name='t', parameters=(TEXT,))!r} {to!r}"
    assert (TEXT in shown, "6123456" in shown) == (False, False)


# ---- never automatic, and dying at every point -----------------------------------------------------------------------


def test_no_sync_and_no_task_can_reply() -> None:
    for module in (celery, syncing):
        assert "replying" not in inspect.getsource(module)


@dataclass
class World:
    """A municipality where a person answers once, and looks in the channel when it is in doubt."""

    folder: Path
    channel: FakeReplyingChannel = field(default_factory=lambda: FakeReplyingChannel([asked()]))
    told: bool = True
    """The channel gives the key back with a status."""
    replied: bool = False

    def run(self) -> Report:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            report = sync(self.channel, FakeCaseSystem(), ledger=ledger, start="all")
            if self.told:
                for message_id, outgoing in self.channel.sent.items():
                    status(ledger, "read", outgoing.key, message_id)
            key = only(ledger)
            try:
                if not self.replied:
                    reply(self.channel, ledger, key, TEXT)
                self.replied = True
            except RejectedError as error:
                if self.channel.sent and "in the same words" not in str(error):
                    self._look(ledger)
                elif not self.channel.sent:
                    reply(self.channel, ledger, key, TEXT, again=True)
                self.replied = True
            if self.told:
                for message_id, outgoing in self.channel.sent.items():
                    status(ledger, "read", outgoing.key, message_id)
            return report

    def _look(self, ledger: Ledger) -> None:
        """It stands in the channel, and the channel says so in its own way."""
        assert not self.told, "the status has ended the doubt"
        echo(ledger)

    def state(self) -> Iterator[Hashable]:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            for said in conversations(ledger).values():
                yield from (("kept", text, stands) for _, text, stands in said)
        yield from (("sent", outgoing.said) for outgoing in self.channel.sent.values())


@pytest.mark.parametrize("accident", [death, disk_full], ids=lambda each: each.__name__)
@pytest.mark.parametrize("told", [True, False], ids=["statuses with keys", "an echo"])
def test_a_reply_is_sent_once_and_kept_once_wherever_it_dies(
    tmp_path: Path, pytestconfig: pytest.Config, accident: Fault, *, told: bool
) -> None:
    numbers = count()

    def world() -> World:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return World(folder, told=told)

    name = f"a reply, {'status' if told else 'echo'}, {accident.__name__}"
    found = survey(name, world, World.run, World.state, fault=accident)
    tell(pytestconfig, found)
    assert not found.wounds, found
    assert found.tried > 5


def test_a_kill_between_sending_and_keeping_sends_nothing_twice(ledger: Ledger) -> None:
    channel = opened(ledger)
    key = only(ledger)
    channel.refusal, channel.after = Crash(), True
    with pytest.raises(Crash):
        reply(channel, ledger, key, TEXT)
    with pytest.raises(RejectedError, match="not known"):
        reply(channel, ledger, key, TEXT)
    assert len(channel.sent) == 1
