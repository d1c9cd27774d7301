"""The kit for authors: its fakes pass its own contracts, and what breaks a contract fails them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gemeente_connect.abilities import Plans
from gemeente_connect.contracts import (
    CaseSystem,
    Channel,
    Cursor,
    Files,
    Findable,
    Page,
    Receipt,
    Refs,
    Steps,
    Unreadable,
)
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Attachment, Conversation
from gemeente_connect.testing.builders import ACCOUNT, conversation, message, page, participant, receipt
from gemeente_connect.testing.contracts import CaseSystemContract, ChannelContract
from gemeente_connect.testing.fakes import Crash, FakeCaseSystem, FakeChannel

CHAT = [message(n, direction="in" if n % 2 else "out") for n in range(5)]
PHOTO = message(7, attachments=(Attachment(source="a"), Attachment(missing="omitted")))


class TestFakeChannel(ChannelContract):
    @pytest.fixture
    def channel(self) -> Channel:
        unreadable = Unreadable(id="x", reason="this is a PDF")
        items = [page(*CHAT[:3]), page(message(6, direction=None), unreadable=(unreadable,)), page(*CHAT[3:], PHOTO)]
        return FakeChannel(items, contents={"a": b"inhoud"})


class TestFakeCaseSystem(CaseSystemContract):
    @pytest.fixture
    def case_system(self) -> CaseSystem:
        return FakeCaseSystem()

    def count_records(self, case_system: CaseSystem) -> int:
        assert isinstance(case_system, FakeCaseSystem)
        return len(case_system.made)

    def read_record(self, case_system: CaseSystem, conversation: str) -> list[str]:
        assert isinstance(case_system, FakeCaseSystem)
        its = [record for record in case_system.made if record.external_id == conversation]
        return [each for record in its for each in (*record.turns.values(), *record.files)]


# ---- what breaks a contract fails it


class Forgetful(FakeChannel):
    """Reads everything again, whatever the cursor."""

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        return super().pages(None)


class Skipping(FakeChannel):
    """Goes on one page too far."""

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        return super().pages(since and Cursor(str(int(since) + 1)))


class Numbering(FakeChannel):
    """Numbers what it reads anew each time."""

    read = 0

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        for each in super().pages(since):
            self.read += 1
            again = (m.model_copy(update={"id": f"{m.id}-{self.read}"}) for m in each.messages)
            yield each.model_copy(update={"messages": tuple(again)})


class Reusing(FakeChannel):
    """Gives several messages one id."""

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        for each in super().pages(since):
            same = (m.model_copy(update={"id": "same"}) for m in each.messages)
            yield each.model_copy(update={"messages": tuple(same)})


class Telling(FakeChannel):
    """Names a number in a reason."""

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        told = Unreadable(id="x", reason="no chat of +31612345678 can be read")
        return (each.model_copy(update={"unreadable": (told,)}) for each in super().pages(since))


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Forgetful, "test_each_cursor_goes_on_after_its_own_page_and_misses_nothing"),
        (Skipping, "test_each_cursor_goes_on_after_its_own_page_and_misses_nothing"),
        (Numbering, "test_reading_twice_gives_the_same_messages"),
        (Reusing, "test_a_message_of_the_account_has_an_id_of_its_own"),
        (Telling, "test_what_it_cannot_read_has_a_reason_without_addresses"),
    ],
)
def test_a_channel_that_breaks_the_contract_fails_it(kind: type[FakeChannel], test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(ChannelContract(), test)(kind(CHAT))


def test_a_channel_that_doubles_messages_in_the_ledger_fails_the_contract(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        ChannelContract().test_reading_all_of_it_again_changes_nothing(Numbering(CHAT), tmp_path)


QUIET: Any = SimpleNamespace(pluginmanager=pytest.PytestPluginManager())  # for surveys that have to fail


def test_a_channel_that_loses_messages_when_a_run_dies_fails_the_contract(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"lost [1-9]"):
        ChannelContract().test_nothing_is_lost_or_doubled_wherever_a_run_dies(Skipping(CHAT), tmp_path, QUIET)


def test_pages_that_are_too_large_fail_the_contract() -> None:
    contract = ChannelContract()
    contract.largest_page = 2
    with pytest.raises(AssertionError):
        contract.test_its_pages_are_of_bounded_size_and_say_where_to_go_on(FakeChannel(CHAT, page_size=3))


class Stepless(FakeCaseSystem):
    """Makes its records past the steps."""

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        reference = self._make(conversation)["reference"]
        return Receipt(reference=reference, findable=Findable.YES, checked_at=receipt().checked_at)


class Blind(FakeCaseSystem):
    """Finds nothing of what it made."""

    def _find(self, conversation: Conversation) -> Refs | None:
        return None


class Quoting(FakeCaseSystem):
    """Quotes the resident in its errors."""

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        raise RejectedError(conversation.messages[0].text)


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Stepless, "test_a_conversation_becomes_one_record_however_often_it_is_delivered"),
        (Stepless, "test_an_update_keeps_the_reference"),
        (Stepless, "test_a_receipt_says_which_attachment_the_record_lacks"),
        (Quoting, "test_nothing_personal_comes_back_in_a_receipt_or_an_error"),
    ],
)
def test_a_case_system_that_breaks_the_contract_fails_it(kind: type[FakeCaseSystem], test: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        getattr(TestFakeCaseSystem(), test)(kind(), tmp_path)


@pytest.mark.parametrize(("kind", "found"), [(Blind, r"doubled [1-9]"), (Stepless, r"doubled [1-9]")])
def test_a_case_system_that_doubles_when_a_run_dies_fails_the_contract(
    kind: type[FakeCaseSystem], found: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=found):
        TestFakeCaseSystem().test_nothing_is_lost_or_doubled_wherever_a_run_dies(kind(), tmp_path, QUIET)


def test_a_contract_asks_how_to_count() -> None:
    with pytest.raises(NotImplementedError):
        CaseSystemContract().count_records(FakeCaseSystem())


# ---- builders and fakes


def test_builders_make_the_same_thing_every_time_and_take_any_field() -> None:
    assert message(1) == message(1)
    assert conversation() == conversation(message(1), message(2, direction="out"))
    assert message(3, text="Anders", thread="t").thread == "t"
    assert participant(4).identities[0].value == "+31612345674"
    assert participant(employee=True).employee
    assert [turn.id for turn in conversation().turns] == ["m1", "m2"]
    assert conversation(subject="Afval").subject == "Afval"
    assert message(1, direction=None).kind == "system"


def test_a_fake_case_system_with_a_unique_key_refuses_a_double() -> None:
    case_system = FakeCaseSystem(unique=True)
    case_system._make(conversation())
    with pytest.raises(RejectedError, match="there is a record with this id"):
        case_system._make(conversation())
    assert len(case_system.made) == 1


def test_a_fake_case_system_knows_residents_by_their_addresses() -> None:
    several = conversation(message(1), message(2, sender=participant(2)))
    case_system = FakeCaseSystem(residents=["+31612345671", "+31612345672"])
    assert case_system._findable(several) is Findable.MORE_THAN_ONE_RESIDENT
    assert case_system._findable(conversation()) is Findable.YES
    assert isinstance(case_system, Plans)


def test_the_kit_needs_no_pytest_until_the_tests_run() -> None:
    script = "import sys, gemeente_connect.testing.contracts; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_crash_is_no_error_that_anything_handles() -> None:
    assert not issubclass(Crash, Exception)


def test_the_account_of_the_builders_is_a_made_up_number() -> None:
    assert ACCOUNT == "whatsapp:+31687654321"
