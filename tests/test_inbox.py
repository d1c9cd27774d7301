"""What is pushed is verified, kept, answered, and read later: whatever comes, and wherever it breaks off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect import Ledger
from gemeente_connect.abilities import Received, Receiver
from gemeente_connect.errors import ConfigError, PluginError, StorageError
from gemeente_connect.files import FileStore
from gemeente_connect.inbox import LARGEST, Answer, Inbox
from gemeente_connect.ledger import UNREAD
from gemeente_connect.models import Attachment, Edited, Message
from gemeente_connect.syncing import Report, collect
from gemeente_connect.testing.builders import ACCOUNT, message
from gemeente_connect.testing.deaths import survey, tell
from gemeente_connect.testing.fakes import FakeChannel, FakeReceiver

HELLO = "https://hooks.example.nl/webhooks/chat"
OK = Answer(200)
Sql = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def channel() -> FakeReceiver:
    return FakeReceiver()


@pytest.fixture
def inbox(channel: FakeReceiver, ledger: Ledger) -> Inbox:
    return Inbox(channel, ledger)


def test_a_fake_receiver_is_a_receiver(channel: FakeReceiver) -> None:
    assert isinstance(channel, Receiver)
    assert not isinstance(FakeChannel(), Receiver)


def test_what_was_answered_is_read_when_the_channel_is_collected(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    assert inbox.answer(channel.payload(message(1), message(2))) == OK
    assert inbox.answer(channel.payload(message(3))) == OK
    assert collect(channel, ledger).new == 3
    again = collect(channel, ledger)
    assert (again.new, again.known) == (0, 0), "what was read is not read again"


def test_the_same_payload_twice_adds_nothing_twice(inbox: Inbox, channel: FakeReceiver, ledger: Ledger) -> None:
    for _ in range(2):
        inbox.answer(channel.payload(message(1)))
    report = collect(channel, ledger)
    assert (report.new, report.known) == (1, 0), "what is sent again is not kept again"
    inbox.answer(channel.payload(message(1)))
    inbox.answer(channel.payload(message(1), message(2)))
    report = collect(channel, ledger)
    assert (report.new, report.known) == (1, 1)


def test_what_cannot_be_read_is_listed_once_however_often_it_is_sent(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    for _ in range(3):
        inbox.answer(channel.signed(b"no JSON"))
        collect(channel, ledger)
    assert len(ledger.refusals()) == 1


def test_what_was_read_is_kept_no_longer_as_it_came(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger, sql: Sql
) -> None:
    inbox.answer(channel.payload(message(1, text="kanarie"), message(2, thread="Mama", text="parkiet")))
    inbox.answer(channel.signed(b"no JSON"))
    collect(channel, ledger, skip=["Mama"])
    assert [bytes(body) for (body,) in sql("SELECT body FROM inbox ORDER BY seq")] == [b"", b"no JSON"]
    assert "example" not in str(sql("SELECT url, headers FROM inbox ORDER BY seq LIMIT 1"))


@pytest.mark.parametrize("url", ["http://[x/webhooks", "https://hooks.example.nl/?token=fluister"])
def test_a_handshake_that_breaks_is_no_handshake(ledger: Ledger, url: str) -> None:
    class Broken(FakeReceiver):
        def handshake(self, query: Any) -> str:
            raise KeyError(query)

    assert Inbox(Broken(), ledger).answer(Received(method="GET", url=url)) == Answer(403)


def test_a_file_that_cannot_be_had_for_a_wrong_setting_does_not_keep_the_inbox_from_being_read(
    inbox: Inbox, ledger: Ledger, tmp_path: Path
) -> None:
    class Wrong(FakeReceiver):
        def download(self, attachment: Attachment) -> Any:
            message = "correct the setting"
            raise ConfigError(message)

    channel = Wrong()
    inbox.answer(channel.payload(message(1, kind="image", attachments=(Attachment(name="foto.png", source="foto"),))))
    for number in (2, 3):
        inbox.answer(channel.payload(message(number)))
        report = Report()
        with pytest.raises(ConfigError):
            collect(channel, ledger, files=FileStore(tmp_path / "files"), report=report)
        assert report.new == (2 if number == 2 else 1)


def test_of_a_wrong_signature_nothing_is_kept(
    inbox: Inbox, channel: FakeReceiver, kept: Callable[[], bytes], ledger: Ledger
) -> None:
    meant = channel.payload(message(1, text="kanarie"))
    forged = meant.model_copy(update={"headers": {"x-signature": "0" * 64}})
    assert inbox.answer(forged) == Answer(403)
    assert inbox.answer(meant.model_copy(update={"headers": {}})) == Answer(403)
    assert inbox.answer(meant.model_copy(update={"body": meant.body + b" "})) == Answer(403)
    assert b"kanarie" not in kept()
    assert collect(channel, ledger).new == 0


def test_what_cannot_be_read_is_kept_and_answered_and_stops_nothing(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    assert inbox.answer(channel.signed(b"\xff no JSON")) == OK
    assert inbox.answer(channel.payload(message(1))) == OK
    report = collect(channel, ledger)
    assert report.new == 1
    ((key, reason),) = report.refused.items()
    assert key.startswith(UNREAD)
    assert reason == "this is no batch"
    (refusal,) = ledger.refusals()
    assert ledger.show(refusal.number)[1] == b"\xff no JSON"


def test_a_better_plugin_reads_what_could_not_be_read_before(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    inbox.answer(channel.signed(b"+" + channel.payload(message(1)).body))
    collect(channel, ledger)
    (refusal,) = ledger.refusals()
    assert collect(channel, ledger).refused == {}, "it is not tried again by itself"

    class Better(FakeReceiver):
        def read(self, received: Received) -> Any:
            return super().read(received.model_copy(update={"body": received.body.lstrip(b"+")}))

    ledger.retry(refusal.number)
    assert collect(Better(), ledger).new == 1
    assert ledger.refusals() == []


def test_a_plugin_that_breaks_on_a_payload_is_told_without_what_was_in_it(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    class Broken(FakeReceiver):
        def read(self, received: Received) -> Any:
            raise ValueError(received.body)

    inbox.answer(channel.payload(message(1, text="kanarie")))
    (reason,) = collect(Broken(), ledger).refused.values()
    assert "kanarie" not in reason
    assert "ValueError" in reason


def test_a_payload_may_hold_messages_of_several_accounts(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger, sql: Sql
) -> None:
    inbox.answer(channel.payload(message(1), message(2, account="whatsapp:+31600000000")))
    assert collect(channel, ledger).new == 2
    assert sorted(sql("SELECT a.name FROM messages m JOIN accounts a ON a.seq = m.account")) == [
        ("whatsapp:+31600000000",),
        (ACCOUNT,),
    ]


def test_what_is_skipped_is_not_kept_by_collecting(inbox: Inbox, channel: FakeReceiver, ledger: Ledger) -> None:
    inbox.answer(channel.payload(message(1), message(2, thread="Mama")))
    report = collect(channel, ledger, skip=["Mama"])
    assert (report.new, report.skipped) == (1, 1)


def test_a_thousand_updates_in_one_payload_are_read(inbox: Inbox, channel: FakeReceiver, ledger: Ledger) -> None:
    inbox.answer(channel.payload(*(message(n) for n in range(1000))))
    assert collect(channel, ledger).new == 1000


def test_reading_the_inbox_leaves_the_place_in_the_pages_as_it_was(
    inbox: Inbox, channel: FakeReceiver, ledger: Ledger
) -> None:
    channel.add(message(1), message(2), message(3))
    collect(channel, ledger)
    place = ledger.cursor(ACCOUNT)
    inbox.answer(channel.payload(message(4)))
    report = collect(channel, ledger)
    assert (report.new, report.known) == (1, 0)
    assert ledger.cursor(ACCOUNT) == place


# ---- what is not a payload -------------------------------------------------------------------------------------------


def test_the_handshake_gives_back_the_challenge_to_who_knows_the_word(inbox: Inbox) -> None:
    ask = Received(method="GET", url=f"{HELLO}?token=fluister&challenge=1234")
    assert inbox.answer(ask) == Answer(200, "1234")
    assert inbox.answer(Received(method="GET", url=f"{HELLO}?token=raad&challenge=1234")) == Answer(403)
    assert inbox.answer(Received(method="GET", url=HELLO)) == Answer(403)


def test_more_than_three_megabytes_is_refused_unread(inbox: Inbox, channel: FakeReceiver) -> None:
    assert inbox.answer(channel.signed(b" " * LARGEST)) == OK
    assert inbox.answer(channel.signed(b" " * (LARGEST + 1))) == Answer(413)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_not_allowed(inbox: Inbox, channel: FakeReceiver, method: str) -> None:
    assert inbox.answer(channel.payload(message(1)).model_copy(update={"method": method})) == Answer(405)


def test_what_cannot_be_kept_now_is_asked_for_again(
    inbox: Inbox, channel: FakeReceiver, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    def full(*_: object) -> None:
        message = "the disk is full"
        raise StorageError(message)

    monkeypatch.setattr(ledger.inbox, "keep", full)
    assert inbox.answer(channel.payload(message(1))) == Answer(503)


def test_a_channel_that_is_only_read_has_no_inbox(ledger: Ledger) -> None:
    with pytest.raises(PluginError, match="cannot be pushed to"):
        Inbox(FakeChannel(), ledger)


def test_what_is_kept_waits_for_the_disk(inbox: Inbox, channel: FakeReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[bool] = []
    together = inbox._ledger._intents
    write = together.write

    def watched(statement: str, values: Any, *, durable: bool, alone: bool) -> int:
        waits.append(durable)
        return write(statement, values, durable=durable, alone=alone)

    monkeypatch.setattr(together, "write", watched)
    inbox.answer(channel.payload(message(1)))
    assert waits == [True]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Inbox:
    return Inbox(FakeReceiver(), Ledger(tmp_path_factory.mktemp("fuzz") / "ledger.sqlite"))


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "?"]),
    query=st.text(max_size=40),
    headers=st.dictionaries(st.text(max_size=12), st.text(max_size=80), max_size=3),
    body=st.binary(max_size=200),
)
def test_whatever_comes_is_answered_and_never_with_an_error_of_ours(
    one: Inbox, method: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    told = Received(method=method, url=f"{HELLO}?{query}", headers=headers, body=body)
    assert one.answer(told).status in {200, 403, 405}


@given(body=st.binary(max_size=300) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: repr(x).encode()))
def test_whatever_is_signed_is_kept_and_reading_it_loses_nothing(one: Inbox, body: bytes) -> None:
    channel = FakeReceiver()
    assert one.answer(channel.signed(body)) == OK
    assert collect(channel, one._ledger).new == 0
    assert body in [one._ledger.show(refusal.number)[1] for refusal in one._ledger.refusals()]


# ---- dying -----------------------------------------------------------------------------------------------------------

PHOTO = Attachment(name="foto.png", source="foto")
TOLD: tuple[tuple[Message, ...], ...] = (
    (message(1), message(2, kind="image", attachments=(PHOTO,))),
    (message(2, kind="image", attachments=(PHOTO,)), message(3, direction="out")),
    (message(4),),
)
EDIT = Edited(message=message(1, text="Verbeterd"), target="m1")


def test_what_was_answered_is_there_wherever_receiving_or_collecting_dies(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    worlds: list[Path] = []

    def world() -> Path:
        worlds.append(tmp_path / str(len(worlds)))
        return worlds[-1]

    def run(folder: Path) -> Report:
        channel = FakeReceiver(contents={"foto": b"\x89PNG\r\n\x1a\n" + bytes(100)})
        with Ledger(folder / "ledger.sqlite") as ledger:
            inbox = Inbox(channel, ledger)
            for messages in TOLD:  # what is not answered with 200 is sent again
                assert inbox.answer(channel.payload(*messages)) == OK
            assert inbox.answer(channel.payload(changes=[EDIT.model_dump()])) == OK
            return collect(channel, ledger, files=FileStore(folder / "files"))

    def state(folder: Path) -> list[str]:
        with Ledger(folder / "ledger.sqlite") as ledger:
            rows = ledger._db.read(
                "SELECT m.id, m.text, a.sha256 FROM messages m LEFT JOIN attachments a ON a.message = m.seq"
            )
            unread = ledger._db.read("SELECT count(*) FROM inbox WHERE is_read = 0")
            return [*map(str, rows), *map(str, unread), *map(str, ledger.refusals())]

    found = survey("receiving and collecting", world, run, state)
    tell(pytestconfig, found)
    assert not found.wounds, found
