"""collect, deliver, sync and plan: nothing lost, nothing doubled, and what goes wrong stops nothing else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect.abilities import Plan
from gemeente_connect.contracts import Cursor, Files, Findable, Page, Receipt, Refs, Steps, Unreadable
from gemeente_connect.conversations import conversation_id
from gemeente_connect.errors import (
    AuthError,
    ConfigError,
    GemeenteConnectError,
    PluginError,
    RejectedError,
    StorageError,
    TemporaryError,
)
from gemeente_connect.files import FileStore
from gemeente_connect.ledger import InDoubtError, Ledger
from gemeente_connect.ledger.database import Database
from gemeente_connect.models import (
    Attachment,
    Conversation,
    Deleted,
    Edited,
    Identity,
    IdentityChanged,
    Message,
    Reacted,
    Spot,
    StatusChanged,
)
from gemeente_connect.syncing import Report, Start, collect, deliver, plan, sync
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, participant
from gemeente_connect.testing.fakes import ALWAYS, Crash, FakeCaseSystem, FakeChannel

CANARY = "kanarie"
THREE = [message(n, thread=f"c{n}", sent_at=START + timedelta(hours=n)) for n in (1, 2, 3)]
IDS = {m.thread: conversation_id(ACCOUNT, m.thread, m.id) for m in THREE}


def _photo(number: int, source: str) -> Message:
    return message(number, kind="image", attachments=(Attachment(name="foto.jpg", source=source),))


def _stored(ledger: Ledger) -> set[str]:
    offers = ledger.due(ACCOUNT, "somebody who looks", None)
    return {m.id for offer in offers for m in offer.conversation.messages}


# ---- the main road


def test_what_a_channel_has_is_delivered_once_and_the_report_says_who_finds_it(ledger: Ledger) -> None:
    channel, case_system = FakeChannel(THREE), FakeCaseSystem(residents=["+31612345671"])
    report = sync(channel, case_system, ledger=ledger, start="all")
    assert (report.new, len(report.delivered), report.findable, report.refused, report.errors) == (3, 3, 3, {}, [])
    assert [delivery.conversation for delivery in report.delivered] == list(IDS.values())
    again = sync(channel, case_system, ledger=ledger, start="all")
    assert (again.new, again.known, len(again.delivered)) == (0, 0, 0)
    assert len(case_system.made) == 3


def test_a_refused_conversation_is_kept_with_its_reason_and_the_rest_is_delivered(ledger: Ledger) -> None:
    report = sync(FakeChannel(THREE), FakeCaseSystem(refuse=["c2"]), ledger=ledger, start="all")
    assert (len(report.delivered), list(report.refused)) == (2, [IDS["c2"]])
    assert ledger.refused()[IDS["c2"]].reason == "subject is too long"
    assert report.errors == []


def test_an_update_goes_to_the_same_record_and_is_called_one(ledger: Ledger) -> None:
    channel, case_system = FakeChannel([message(1)]), FakeCaseSystem()
    (first,) = sync(channel, case_system, ledger=ledger, start="all").delivered
    channel.add(message(2, direction="out", text="Dank u wel."))
    (second,) = sync(channel, case_system, ledger=ledger, start="all").delivered
    assert (first.update, second.update) == (False, True)
    assert first.receipt.reference == second.receipt.reference
    assert case_system.made[0].turns == {"m1": "Bericht 1", "m2": "Dank u wel."}


def test_conversations_that_nobody_finds_are_counted_by_reason(ledger: Ledger) -> None:
    messages = [*THREE, message(4, thread="only an answer", direction="out")]
    report = sync(FakeChannel(messages), FakeCaseSystem(residents=[]), ledger=ledger, start="all")
    assert report.findable == 0
    assert report.not_findable == {Findable.NO_QUESTION: 1, Findable.NO_RESIDENT_KNOWN: 3}


def test_a_run_can_be_watched(ledger: Ledger) -> None:
    seen: list[tuple[str, int, int | None]] = []
    sync(FakeChannel(THREE), FakeCaseSystem(), ledger=ledger, start="all", watch=lambda *told: seen.append(told))
    assert seen == [
        ("collect", 2, None),
        ("collect", 3, None),
        ("deliver", 1, 3),
        ("deliver", 2, 3),
        ("deliver", 3, 3),
    ]


def test_a_report_that_was_given_is_filled_also_when_the_run_ends_in_an_error(ledger: Ledger) -> None:
    report = Report()
    with pytest.raises(AuthError):
        collect(FakeChannel(THREE, fail_at=1, error=AuthError("renew")), ledger, report=report)
    assert report.new == 2


# ---- a case system that fails


class Failing(FakeCaseSystem):
    """Fails with an error at the conversations of some threads."""

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        super().__init__()
        self.errors = errors
        self.asked: list[str] = []

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        self.asked.append(conversation.thread)
        if conversation.thread in self.errors:
            raise self.errors[conversation.thread]
        return super().deliver(conversation, steps, files)


def test_a_bug_in_the_case_system_is_a_refusal_that_names_its_place_and_not_what_it_says(ledger: Ledger) -> None:
    report = sync(FakeChannel(THREE), Failing({"c2": KeyError(CANARY)}), ledger=ledger, start="all")
    assert len(report.delivered) == 2
    reason = report.refused[IDS["c2"]]
    assert reason.startswith("the plugin of fake failed with KeyError at test_sync.py:")
    assert CANARY not in reason


def test_a_case_system_that_is_down_three_times_in_a_row_ends_the_run_and_the_next_one_delivers_all(
    ledger: Ledger,
) -> None:
    channel = FakeChannel([message(n, thread=f"t{n}") for n in range(1, 7)])
    case_system = FakeCaseSystem(down=3)
    report = sync(channel, case_system, ledger=ledger, start="all")
    assert (len(report.deferred), len(report.delivered), report.refused) == (3, 0, {})
    assert [type(error) for error in report.errors] == [TemporaryError]
    assert len(sync(channel, case_system, ledger=ledger, start="all").delivered) == 6


def test_a_case_system_that_misses_a_few_goes_on(ledger: Ledger) -> None:
    channel = FakeChannel([message(n, thread=f"t{n}") for n in range(1, 7)])
    down = TemporaryError("status 503", retry_after=60)
    report = sync(channel, Failing(dict.fromkeys(("t2", "t3", "t5", "t6"), down)), ledger=ledger, start="all")
    assert (len(report.deferred), len(report.delivered), report.errors) == (4, 2, [])
    assert set(report.deferred.values()) == {"status 503"}


def test_one_that_is_always_down_is_asked_no_more_than_three_times(ledger: Ledger) -> None:
    case_system = Failing(dict.fromkeys(IDS, TemporaryError("down")) | {"c4": TemporaryError("down")})
    sync(FakeChannel([*THREE, message(4, thread="c4")]), case_system, ledger=ledger, start="all")
    assert len(case_system.asked) == 3


@pytest.mark.parametrize("error", [AuthError("renew the token"), ConfigError("no such type"), StorageError("full")])
def test_an_error_that_is_not_about_one_conversation_ends_the_run_at_once(
    ledger: Ledger, error: GemeenteConnectError
) -> None:
    case_system = Failing({"c2": error})
    report = sync(FakeChannel(THREE), case_system, ledger=ledger, start="all")
    assert (case_system.asked, len(report.delivered), report.errors) == (["c1", "c2"], 1, [error])
    assert report.refused == {}


# ---- a channel that fails


def test_what_was_read_before_the_channel_failed_is_delivered_and_the_rest_comes_next_time(ledger: Ledger) -> None:
    channel, case_system = FakeChannel(THREE, fail_at=1), FakeCaseSystem()
    report = sync(channel, case_system, ledger=ledger, start="all")
    assert (len(report.delivered), [type(error) for error in report.errors]) == (2, [TemporaryError])
    channel.fail_at = None
    assert len(sync(channel, case_system, ledger=ledger, start="all").delivered) == 1


def test_a_bug_in_the_channel_is_a_plugin_error_that_names_its_place_and_not_what_it_says(ledger: Ledger) -> None:
    channel = FakeChannel(THREE, fail_at=1, error=KeyError(CANARY))
    with pytest.raises(
        PluginError, match=r"the plugin of whatsapp:\+31687654321 failed with KeyError at fakes.py:"
    ) as caught:
        collect(channel, ledger)
    assert CANARY not in f"{caught.value}{caught.value.__cause__}"
    assert len(_stored(ledger)) == 2


def test_a_disk_that_is_full_ends_the_sync(ledger: Ledger) -> None:
    with pytest.raises(StorageError, match="full"):
        sync(FakeChannel(THREE, fail_at=0, error=StorageError("full")), FakeCaseSystem(), ledger=ledger, start="all")


def test_what_the_channel_could_not_read_is_reported_with_its_reason_once(ledger: Ledger) -> None:
    item = Unreadable(id="chat.txt", reason="this is a PDF: export the chat again")
    channel = FakeChannel([page(message(1), unreadable=(item,)), page(unreadable=(item,))])
    assert collect(channel, ledger).refused == {"chat.txt": "this is a PDF: export the chat again"}


def test_a_change_that_could_be_of_several_messages_is_reported(ledger: Ledger) -> None:
    spot = Spot(minute=START, sender=participant().id)
    change = Deleted(message=message(0, id="deleted"), target=spot)
    report = collect(FakeChannel([page(message(0), message(0, id="same-minute"), changes=(change,))]), ledger)
    assert list(report.refused) == ["deleted"]
    assert "several messages of this sender in this minute" in report.refused["deleted"]


# ---- attachments


def test_attachments_are_fetched_kept_and_delivered(ledger: Ledger, tmp_path: Path) -> None:
    files, case_system = FileStore(tmp_path / "files"), FakeCaseSystem()
    channel = FakeChannel([_photo(1, "a"), _photo(2, "b")], page_size=1, contents={"a": b"inhoud", "b": b"inhoud"})
    report = sync(channel, case_system, ledger=ledger, start="all", files=files)
    (record,) = case_system.made
    (digest,) = record.files
    with files.open(digest) as kept:
        assert kept.read() == b"inhoud"
    assert report.delivered[0].receipt.missing == ()


def test_an_attachment_that_fails_stops_neither_its_text_nor_the_others(ledger: Ledger, tmp_path: Path) -> None:
    channel = FakeChannel([_photo(1, "gone"), _photo(2, "b")], contents={"b": b"inhoud"})
    report = sync(channel, FakeCaseSystem(), ledger=ledger, start="all", files=FileStore(tmp_path / "files"))
    assert list(report.refused.values()) == ["the attachment is gone"]
    assert [delivery.receipt.missing for delivery in report.delivered] == [("attachment-failed",)]
    assert report.errors == []


def test_an_attachment_over_the_limit_is_refused(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[collect.__module__], "ATTACHMENT_LIMIT", 3)
    channel = FakeChannel([_photo(1, "a")], contents={"a": b"inhoud"})
    report = collect(channel, ledger, files=FileStore(tmp_path / "files"))
    assert len(report.refused) == 1


def test_a_bug_while_downloading_is_a_refusal_without_what_it_says(ledger: Ledger, tmp_path: Path) -> None:
    class Buggy(FakeChannel):
        def download(self, attachment: Attachment) -> Iterator[bytes]:
            raise ValueError(CANARY)

    report = collect(Buggy([_photo(1, "a")]), ledger, files=FileStore(tmp_path / "files"))
    (reason,) = report.refused.values()
    assert "failed with ValueError at test_sync.py:" in reason
    assert CANARY not in reason


@pytest.mark.parametrize("error", [ConfigError("no place"), StorageError("full")])
def test_an_error_that_is_not_about_one_attachment_ends_the_fetching(
    ledger: Ledger, tmp_path: Path, error: GemeenteConnectError
) -> None:
    class Failing(FakeChannel):
        def download(self, attachment: Attachment) -> Iterator[bytes]:
            raise error

    with pytest.raises(type(error)):
        collect(Failing([_photo(1, "a")]), ledger, files=FileStore(tmp_path / "files"))
    assert ledger.refused() == {}


@pytest.mark.parametrize("error", [AuthError("not this one"), TemporaryError("not now")])
def test_one_attachment_that_is_not_given_stops_no_other(
    ledger: Ledger, tmp_path: Path, error: GemeenteConnectError
) -> None:
    class Failing(FakeChannel):
        def download(self, attachment: Attachment) -> Iterator[bytes]:
            if attachment.source != "good":
                raise error
            yield b"inhoud"

    photos = [_photo(number, source) for number, source in enumerate(["a", "b", "good", "c"], start=1)]
    report = collect(Failing(photos), ledger, files=FileStore(tmp_path / "files"))
    assert (len(report.refused), report.errors) == (3, [])


@pytest.mark.parametrize("error", [AuthError("renew"), TemporaryError("down")])
def test_when_several_attachments_in_a_row_are_not_given_no_more_are_asked_for_and_the_text_is_read(
    ledger: Ledger, tmp_path: Path, error: GemeenteConnectError
) -> None:
    asked = []

    class Failing(FakeChannel):
        def download(self, attachment: Attachment) -> Iterator[bytes]:
            asked.append(attachment.source)
            raise error

    photos = [_photo(number, f"{number}") for number in range(1, 10)]
    channel = Failing(photos, page_size=2)
    report = collect(channel, ledger, files=FileStore(tmp_path / "files"))
    assert (len(asked), report.errors, report.new) == (3, [error], 9)
    assert len(collect(channel, ledger, files=FileStore(tmp_path / "files")).refused) == 3, "it goes on with the others"


def test_attachments_that_were_not_fetched_by_an_earlier_run_are_fetched_by_the_next(
    ledger: Ledger, tmp_path: Path
) -> None:
    channel, case_system = FakeChannel([_photo(1, "a")], contents={"a": b"inhoud"}), FakeCaseSystem()
    sync(channel, case_system, ledger=ledger, start="all")
    assert case_system.made[0].files == set()
    report = sync(channel, case_system, ledger=ledger, start="all", files=FileStore(tmp_path / "files"))
    assert [delivery.update for delivery in report.delivered] == [True]
    assert len(case_system.made[0].files) == 1


def test_a_run_without_an_attachment_store_says_so_when_one_is_needed(ledger: Ledger, tmp_path: Path) -> None:
    channel = FakeChannel([_photo(1, "a")], contents={"a": b"inhoud"})
    collect(channel, ledger, files=FileStore(tmp_path / "files"))
    report = deliver(FakeCaseSystem(), ledger, account=ACCOUNT, start="all")
    assert [str(error) for error in report.errors] == [
        "this run has no attachment store: give `files` to open what is kept"
    ]


# ---- start


@pytest.mark.parametrize(
    ("start", "delivered"),
    [
        ("all", ["c1", "c2", "c3"]),
        (date(2026, 3, 2), ["c1", "c2", "c3"]),
        (date(2026, 3, 3), []),
        (datetime(2026, 3, 2, 11, 0, tzinfo=UTC), ["c2", "c3"]),
    ],
)
def test_conversations_that_began_before_the_start_are_counted_and_not_delivered(
    ledger: Ledger, start: Start, delivered: list[str]
) -> None:
    report = sync(FakeChannel(THREE), FakeCaseSystem(), ledger=ledger, start=start)
    assert [d.conversation for d in report.delivered] == [IDS[thread] for thread in delivered]
    assert report.before_start == 3 - len(delivered)


def test_a_day_starts_at_midnight_in_the_netherlands(ledger: Ledger) -> None:
    before, after = datetime(2026, 6, 30, 21, 59, tzinfo=UTC), datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    channel = FakeChannel([message(1, thread="a", sent_at=before), message(2, thread="b", sent_at=after)])
    report = sync(channel, FakeCaseSystem(), ledger=ledger, start=date(2026, 7, 1))
    assert (len(report.delivered), report.before_start) == (1, 1)


@pytest.mark.parametrize("start", ["2026-01-01", None, datetime(2026, 1, 1)])  # noqa: DTZ001 - a time without a zone is what is refused
def test_a_wrong_start_is_told_before_anything_is_read(ledger: Ledger, start: Any) -> None:
    for verb in (sync, plan):
        with pytest.raises(ConfigError, match="start"):
            verb(FakeChannel(THREE), FakeCaseSystem(), ledger=ledger, start=start)
    assert ledger.cursor(ACCOUNT) is None


# ---- skip


@pytest.mark.parametrize("skip", ["c2", "Mama"])
def test_a_thread_that_is_skipped_by_its_id_or_its_name_is_counted_and_leaves_nothing_in_the_ledger(
    where: Path | str, kept: Callable[[], bytes], skip: str
) -> None:
    mama = participant(2, id="mama-id", name="Mama-canary")
    private = message(2, id="private", thread="c2", text="geheim", sender=mama)
    other = Identity(kind="phone", value="+31612345679")
    changes = (
        Edited(message=message(2, id="private-2", thread="c2", text="geheim", sender=mama), target="private"),
        Reacted(account=ACCOUNT, target="private", sender=mama, emoji="❤", at=START),
        StatusChanged(account=ACCOUNT, target="private", status="read", at=START),
        IdentityChanged(account=ACCOUNT, thread="c2", participant=mama, identity=other, at=START),
    )
    unreadable = Unreadable(id="bad", reason="unknown form", thread="c2", raw=b"geheim")
    first = page(message(1), thread_names={"c2": "Mama", "+31612345671": "Inwoner"})
    second = page(private, message(3), changes=changes, unreadable=(unreadable,))
    with Ledger(where) as ledger:
        report = collect(FakeChannel([first, second]), ledger, skip=[skip])
        assert (report.new, report.skipped, report.refused) == (2, 1, {})
        assert _stored(ledger) == {"m1", "m3"}
    content = kept()
    assert b"Bericht 3" in content
    for trace in (b"geheim", b"mama-id", b"canary", b"Mama", b"private", b"+31612345679"):
        assert trace not in content


def test_changes_of_threads_that_are_not_skipped_are_applied(ledger: Ledger) -> None:
    changes = (
        Edited(message=message(1, text="Verbeterd"), target="m1"),
        StatusChanged(account=ACCOUNT, target="m1", status="read", at=START),
        IdentityChanged(
            account=ACCOUNT, thread="t", participant=participant(), identity=participant(2).identities[0], at=START
        ),
    )
    report = collect(FakeChannel([page(message(1), changes=changes)]), ledger, skip=["Mama"])
    assert (report.new, report.changed) == (1, 3)


# ---- plan


def test_a_plan_says_what_would_be_delivered_and_found_and_writes_nothing_anywhere(
    where: Path | str, kept: Callable[[], bytes]
) -> None:
    case_system = FakeCaseSystem(residents=["+31612345671"], refuse=["c2"])
    with Ledger(where) as ledger:
        sync(FakeChannel(THREE[:1]), case_system, ledger=ledger, start="all")
        requests, written = case_system.requests, kept()
        channel = FakeChannel([*THREE, message(9, thread="c1")], page_size=1)
        report, planned = plan(channel, case_system, ledger=ledger, start="all")
        assert (report.new, len(report.delivered)) == (3, 0)
        assert [(p.conversation, p.update, p.plan and p.plan.action) for p in planned] == [
            (IDS["c1"], True, "update"),
            (IDS["c2"], False, "refuse"),
            (IDS["c3"], False, "create"),
        ]
        assert [p.plan.findable for p in planned if p.plan] == [Findable.YES, Findable.NOT_SHOWN, Findable.YES]
        assert (case_system.requests, kept()) == (requests, written)
        assert _stored(ledger) == {"m1"}


def test_a_plan_counts_what_stays_behind_and_tells_what_ended_the_reading(ledger: Ledger) -> None:
    channel = FakeChannel(THREE, fail_at=1)
    report, planned = plan(channel, FakeCaseSystem(), ledger=ledger, start=datetime(2026, 3, 2, 11, tzinfo=UTC))
    assert (report.before_start, len(planned)) == (1, 1)
    assert [type(error) for error in report.errors] == [TemporaryError]


def test_a_case_system_that_cannot_plan_leaves_the_plan_open(ledger: Ledger) -> None:
    class Plain:
        account = "plain"

        def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
            raise NotImplementedError

        def close(self) -> None: ...

    _, planned = plan(FakeChannel(THREE), Plain(), ledger=ledger, start="all")
    assert [p.plan for p in planned] == [None, None, None]


@pytest.mark.parametrize(("error", "told"), [(ValueError(CANARY), PluginError), (AuthError("renew"), AuthError)])
def test_a_case_system_that_fails_while_planning_is_told_as_in_a_run(
    ledger: Ledger, error: Exception, told: type[GemeenteConnectError]
) -> None:
    class Failing(FakeCaseSystem):
        def plan(self, conversation: Conversation, done: dict[str, Refs]) -> Plan:  # type: ignore[override] # it takes what it gets
            raise error

    with pytest.raises(told) as caught:
        plan(FakeChannel(THREE), Failing(), ledger=ledger, start="all")
    assert CANARY not in str(caught.value)


# ---- a crash at any point


class Ticker:
    """Counts, and crashes at a number."""

    def __init__(self, crash_at: int) -> None:
        self.left = crash_at

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash


@contextmanager
def _crashing_database(tick: Callable[[], None]) -> Iterator[None]:
    """Crash before a statement that writes, or before a commit."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "write_all"):
            original = getattr(Database, name)

            def write(self: Database, *args: Any, original: Callable[..., Any] = original) -> Any:
                tick()
                return original(self, *args)

            patch.setattr(Database, name, write)
        transaction = Database.transaction

        @contextmanager
        def crashing(self: Database, *, durable: bool = False) -> Iterator[None]:
            with transaction(self, durable=durable):
                yield
                tick()

        patch.setattr(Database, "transaction", crashing)
        yield


EDIT = Edited(message=message(1, text="Verbeterd"), target="m1", at=START + timedelta(days=1))
FIRST = [page(message(1), message(2, direction="out")), page(message(3, thread="b"), message(4, thread="c"))]
LATER = [*FIRST, page(message(5), changes=(EDIT,)), page(message(6, thread="b", sent_at=START))]


def _two_runs(where: Path | str, case_system: FakeCaseSystem) -> None:
    for pages in (FIRST, LATER):
        with Ledger(where) as ledger:
            report = sync(FakeChannel(pages), case_system, ledger=ledger, start="all")
            assert (report.errors, report.refused, report.deferred) == ([], {}, {})


def _all_is_there_once(case_system: FakeCaseSystem) -> None:
    turns = sorted(text for record in case_system.made for text in record.turns.values())
    assert len(case_system.made) == 3
    assert turns[:2] == ["Bericht 2", "Bericht 4"]
    assert len(turns) in {5, 6}  # whether the late message joins a turn depends on whether that was delivered before
    assert sorted("\n".join(turns).split("\n")) == [
        "Bericht 2", "Bericht 3", "Bericht 4", "Bericht 5", "Bericht 6", "Verbeterd",
    ]  # fmt: skip


def test_a_crash_at_any_write_to_the_ledger_loses_and_doubles_nothing(anew: Callable[[], Path | str]) -> None:
    for number in range(1, 1000):
        where, case_system, tick = anew(), FakeCaseSystem(), Ticker(number)
        try:
            with _crashing_database(tick):
                _two_runs(where, case_system)
        except Crash:
            _two_runs(where, case_system)
        _all_is_there_once(case_system)
        if tick.left > 0:
            assert number > 50, "the crashes did not go all the way"
            return


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("unique", [False, True])
def test_a_crash_at_any_request_to_the_case_system_loses_and_doubles_nothing(
    anew: Callable[[], Path | str], *, after: bool, unique: bool
) -> None:
    for number in range(1, 100):
        where, case_system = anew(), FakeCaseSystem(crash_at=number, after=after, unique=unique)
        try:
            _two_runs(where, case_system)
        except Crash:
            _two_runs(where, case_system)
        _all_is_there_once(case_system)
        if case_system.requests < number:
            assert number > 5, "the crashes did not go all the way"
            return


def test_without_steps_the_same_crash_doubles_which_shows_that_these_tests_can_fail(ledger: Ledger) -> None:
    class Careless(FakeCaseSystem):
        def _find(self, conversation: Conversation) -> Refs | None:
            return None

    channel, case_system = FakeChannel([message(1)]), Careless(crash_at=1, after=True)
    with pytest.raises(Crash):
        sync(channel, case_system, ledger=ledger, start="all")
    sync(channel, case_system, ledger=ledger, start="all")
    assert len(case_system.made) == 2


def test_a_case_system_that_is_always_down_is_deferred_and_not_refused(ledger: Ledger) -> None:
    case_system = FakeCaseSystem(down=ALWAYS)
    for _ in range(3):
        report = sync(FakeChannel(THREE), case_system, ledger=ledger, start="all")
        assert len(report.deferred) == 3
    assert ledger.refused() == {}


def test_the_quiet_gap_can_be_set_for_a_channel(ledger: Ledger) -> None:
    channel = FakeChannel([message(1), message(2, sent_at=START + timedelta(hours=2))])
    report = sync(channel, FakeCaseSystem(), ledger=ledger, start="all", quiet_gap=timedelta(hours=1))
    assert len(report.delivered) == 2


def test_a_rejection_by_the_channel_of_everything_is_told(ledger: Ledger) -> None:
    channel = FakeChannel([page(message(1), cursor=Cursor("1"))], fail_at=0, error=RejectedError("no"))
    report = sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
    assert [str(error) for error in report.errors] == ["no"]


def test_an_empty_page_moves_the_cursor(ledger: Ledger) -> None:
    collect(FakeChannel([Page(cursor=Cursor("x"))]), ledger)
    assert ledger.cursor(ACCOUNT) == "1"


def test_a_chat_that_is_put_on_the_skip_list_later_is_not_delivered_any_more(ledger: Ledger) -> None:
    named = page(message(1), thread_names={message(1).thread: "Mama"})
    channel = FakeChannel([named])
    collect(channel, ledger)
    for skip in (["Mama"], [message(1).thread]):
        report = sync(channel, FakeCaseSystem(), ledger=ledger, start="all", skip=skip)
        assert (len(report.delivered), report.before_start) == (0, 0)
    assert len(sync(channel, FakeCaseSystem(), ledger=ledger, start="all").delivered) == 1


def test_of_a_skipped_chat_not_even_its_name_is_kept(ledger: Ledger, kept: Callable[[], bytes]) -> None:
    named = page(message(1), thread_names={message(1).thread: "Mama"})
    collect(FakeChannel([named]), ledger, skip=["Mama"])
    ledger.close()
    assert FakeChannel().account.encode() in kept()
    assert b"Mama" not in kept()
    assert message(1).thread.encode() not in kept()


@pytest.mark.parametrize("skip", ["+31 6 12345671", "06-12345671", "0031612345671", "mama", " Mama "])
def test_a_chat_is_skipped_however_its_number_or_name_is_written(ledger: Ledger, skip: str) -> None:
    chat = message(1, thread="+31612345671")
    named = page(chat, thread_names={chat.thread: "Mama"})
    assert collect(FakeChannel([named]), ledger, skip=[skip]).skipped == 1
    ledger.store(chat.account, "whatsapp", named)  # as if it was put on the list later
    report = deliver(FakeCaseSystem(), ledger, account=chat.account, start="all", skip=[skip])
    assert (len(report.delivered), report.before_start) == (0, 0)


def test_a_chat_that_only_looks_like_a_skipped_one_is_delivered(ledger: Ledger) -> None:
    chat = message(1, thread="+31612345671")
    named = page(chat, thread_names={chat.thread: "Mama Jansen"})
    assert collect(FakeChannel([named]), ledger, skip=["Mama", "+31612345672", "12345671"]).skipped == 0


def test_conversations_that_are_in_doubt_wait_and_the_others_are_delivered(ledger: Ledger) -> None:
    class Doubting(FakeCaseSystem):
        def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
            if conversation.thread != "sure":
                reason = "in doubt"
                raise InDoubtError(reason, retry_after=300)
            return super().deliver(conversation, steps, files)

    messages = [message(n, thread=f"in doubt {n}") for n in range(4)]
    channel = FakeChannel([page(*messages, message(9, thread="sure"))])
    report = sync(channel, Doubting(), ledger=ledger, start="all")
    assert (len(report.delivered), len(report.deferred), report.errors) == (1, 4, [])


# ---- several workers


MANY = [message(n, thread=f"d{n}", sent_at=START + timedelta(hours=n)) for n in range(20)]


class _Slow(FakeCaseSystem):
    """Takes its time, and knows how many came at once."""

    def __init__(self, together: int = 4, **more: Any) -> None:
        super().__init__(**more)
        self.together = threading.Barrier(together, timeout=10)

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        self.together.wait()
        return super().deliver(conversation, steps, files)


def test_several_workers_deliver_side_by_side_each_conversation_once(ledger: Ledger) -> None:
    case_system = _Slow()
    report = sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4)
    assert len(report.delivered) == len(case_system.made) == len(MANY)
    assert len({record.external_id for record in case_system.made}) == len(MANY)
    assert sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4).delivered == []


def test_there_are_no_more_workers_than_conversations(ledger: Ledger) -> None:
    assert len(sync(FakeChannel(THREE), _Slow(3), ledger=ledger, start="all", workers=64).delivered) == 3


def test_all_workers_stop_when_the_case_system_is_down(ledger: Ledger) -> None:
    case_system = FakeCaseSystem(down=1000)
    report = sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4)
    assert [type(error) for error in report.errors] == [TemporaryError]
    assert 3 <= len(report.deferred) <= 6
    case_system.down = 0
    assert len(sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4).delivered) == len(MANY)


def test_what_no_worker_expected_ends_the_run_and_is_raised(ledger: Ledger) -> None:
    case_system = FakeCaseSystem(crash_at=6)
    with pytest.raises(Crash):
        sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4)
    case_system.crash_at = None
    sync(FakeChannel(MANY), case_system, ledger=ledger, start="all", workers=4)
    assert len(case_system.made) == len({record.external_id for record in case_system.made}) == len(MANY)


class _Flushing(FakeCaseSystem):
    """Says, when it is told to make things durable, which of them the ledger believes in already."""

    def __init__(self, sql: Callable[[str], list[tuple[Any, ...]]], **more: Any) -> None:
        super().__init__(**more)
        self._sql = sql
        self.told: list[tuple[int, int, int]] = []

    def flush(self) -> None:
        (counts,) = self._sql(
            "SELECT (SELECT count(*) FROM deliveries), "
            "(SELECT count(*) FROM steps WHERE name = 'record' AND result IS NOT NULL)"
        )
        self.told.append((len(self.made), *counts))


@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_is_believed_before_the_case_system_made_it_durable_for_many_at_once(
    ledger: Ledger, sql: Callable[[str], list[tuple[Any, ...]]], workers: int
) -> None:
    many = [message(n, thread=f"e{n}", sent_at=START + timedelta(hours=n)) for n in range(60)]
    case_system = _Flushing(sql, refuse=["e7"])
    report = sync(FakeChannel(many), case_system, ledger=ledger, start="all", workers=workers)
    assert (len(report.delivered), len(report.refused)) == (59, 1)
    assert [kept for _, kept, _ in case_system.told] == [0, 25, 50]
    for (made, _, _), (_, _, believed) in pairwise([(0, 0, 0), *case_system.told]):
        assert believed <= made
    assert case_system.told[-1][0] == 59
    assert sync(FakeChannel(many), case_system, ledger=ledger, start="all").delivered == []


def test_what_was_delivered_before_a_crash_and_not_kept_is_looked_up_and_not_doubled(
    ledger: Ledger, sql: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    case_system = _Flushing(sql, crash_at=12)
    with pytest.raises(Crash):
        sync(FakeChannel(MANY), case_system, ledger=ledger, start="all")
    assert case_system.told == []
    case_system.crash_at = None
    assert len(sync(FakeChannel(MANY), case_system, ledger=ledger, start="all").delivered) == len(MANY)
    assert len(case_system.made) == len(MANY)


@pytest.mark.parametrize(
    "error", [TemporaryError("status 500"), AuthError("status 403"), StorageError("cannot be read")]
)
def test_conversations_that_can_never_be_delivered_keep_no_other_from_it(
    ledger: Ledger, error: GemeenteConnectError
) -> None:
    class Odd(FakeCaseSystem):
        def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
            if conversation.thread in {"d0", "d1", "d2"}:
                raise error
            return super().deliver(conversation, steps, files)

    case_system, channel = Odd(), FakeChannel(MANY)
    for _ in range(4):  # the first runs end early: nobody knows yet that it is these and not the other side
        report = sync(channel, case_system, ledger=ledger, start="all")
        assert report.errors == [error]
    assert len(case_system.made) == len(MANY) - 3


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), (0, -2)])
def test_a_part_that_there_is_not_is_told(ledger: Ledger, shard: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="parts are counted from 0"):
        deliver(FakeCaseSystem(), ledger, account=ACCOUNT, start="all", shard=shard)


def test_a_plugin_that_keeps_what_is_no_text_stops_no_other_conversation(ledger: Ledger) -> None:
    class Careless(FakeCaseSystem):
        def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
            odd: Any = {"d3": ["a", "list"], "d4": "half an emoji \ud83d"}
            steps.keep("odd", odd.get(conversation.thread, "text"), lambda: None)
            return super().deliver(conversation, steps, files)

    report = sync(FakeChannel(MANY), Careless(), ledger=ledger, start="all")
    assert (len(report.delivered), len(report.refused), report.errors) == (len(MANY) - 2, 2, [])


# ---- two runs


def test_of_two_runs_that_read_one_channel_the_later_stops_and_nothing_is_lost(
    where: Path | str, ledger: Ledger
) -> None:
    class Overtaken(FakeChannel):
        def pages(self, since: Cursor | None) -> Iterator[Page]:
            for each in super().pages(since):
                if others:
                    collect(FakeChannel(THREE), others.pop())
                yield each

    with Ledger(where) as other:
        others = [other]
        with pytest.raises(TemporaryError, match="another run is reading this channel"):
            collect(Overtaken(THREE), ledger)
    assert _stored(ledger) == {m.id for m in THREE}
    assert collect(FakeChannel(THREE), ledger).errors == []
