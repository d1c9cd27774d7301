"""What every channel and every case system must hold to, as tests to inherit.

In the tests of a plugin:

    class TestMyChannel(ChannelContract):
        @pytest.fixture
        def channel(self, tmp_path):
            return MyChannel(...)  # on a source with at least two messages

    class TestMyCaseSystem(CaseSystemContract):
        @pytest.fixture
        def case_system(self, tmp_path):
            return MyCaseSystem(...)  # an empty one

        def count_records(self, case_system):
            return ...

pytest finds the tests in these classes and gives them the fixtures; nothing here imports pytest.
"""
# ruff: noqa: D102, S101 - these are tests: the name says what is shown, and pytest asserts

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

from gemeente_connect.contracts import CaseSystem, Channel, Cursor, Page, Receipt
from gemeente_connect.conversations import conversation_id
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.files import FileStore
from gemeente_connect.ledger import Ledger, Offer
from gemeente_connect.models import Attachment, Deleted, Edited, Identity, Message
from gemeente_connect.privacy import mask
from gemeente_connect.syncing import Report, collect, sync
from gemeente_connect.testing.builders import ACCOUNT, message, participant
from gemeente_connect.testing.deaths import survey, tell
from gemeente_connect.testing.fakes import FakeChannel

_CANARY = "kanarie-7f3a9c"
_CHAT = (message(1), message(2, direction="out", text="Dank u wel."))


class ChannelContract:
    """What every channel must hold to. Give a fixture `channel`, opened on a source with at least two messages."""

    largest_page = 1000
    """Messages on a page. A page is kept in memory and stored in one transaction."""
    reads_back = False
    """True for a channel that on purpose reads a little of what it read before."""

    def reopen(self, channel: Channel) -> Channel:
        """Open the same source again, as the next process does. Needed where it keeps a database or files open."""
        return channel

    def test_it_says_which_account_and_what_kind_of_channel_it_is(self, channel: Channel) -> None:
        assert isinstance(channel, Channel)
        assert channel.account
        assert channel.kind

    def test_reading_twice_gives_the_same_messages(self, channel: Channel) -> None:
        first = [m for page in channel.pages(None) for m in page.messages]
        assert len(first) > 1, "the source of the fixture needs at least two messages"
        assert [m for page in channel.pages(None) for m in page.messages] == first

    def test_a_message_of_the_account_has_an_id_of_its_own(self, channel: Channel) -> None:
        seen: dict[str, Message] = {}
        for page in channel.pages(None):
            for read in page.messages:
                assert read.account == channel.account
                assert seen.setdefault(read.id, read).sent_at == read.sent_at, "two messages bear one id"

    def test_its_pages_are_of_bounded_size_and_say_where_to_go_on(self, channel: Channel) -> None:
        for page in channel.pages(None):
            assert len(page.messages) <= self.largest_page
            assert page.cursor

    def test_each_cursor_goes_on_after_its_own_page_and_misses_nothing(self, channel: Channel) -> None:
        pages = list(channel.pages(None))
        for number, page in enumerate(pages, start=1):
            rest = _ids(channel.pages(page.cursor))
            read = _ids(pages[:number])
            assert _ids(pages) <= read | rest
            assert self.reads_back or not read & rest, "what was read before is read again"

    def test_what_it_cannot_read_has_a_reason_without_addresses(self, channel: Channel) -> None:
        for page in channel.pages(None):
            for item in page.unreadable:
                assert mask(item.reason) == item.reason

    def test_collecting_again_changes_nothing(self, channel: Channel, tmp_path: Path) -> None:
        with Ledger(tmp_path / "contract.sqlite") as ledger:
            assert collect(channel, ledger).new
            again = collect(channel, ledger)
            assert (again.new, again.changed) == (0, 0)

    def test_reading_all_of_it_again_changes_nothing(self, channel: Channel, tmp_path: Path) -> None:
        with Ledger(tmp_path / "contract.sqlite") as ledger:
            collect(channel, ledger)
            for page in channel.pages(None):
                stored = ledger.store(channel.account, channel.kind, page)
                assert (stored.new, stored.changed) == (0, 0)

    def test_nothing_is_lost_or_doubled_wherever_a_run_dies(
        self, channel: Channel, tmp_path: Path, pytestconfig: Any
    ) -> None:
        numbers = itertools.count()

        def run(folder: Path) -> Report:
            with Ledger(folder / "ledger.sqlite") as ledger:
                return collect(self.reopen(channel), ledger, files=FileStore(folder / "files"))

        found = survey(channel.account, lambda: tmp_path / str(next(numbers)), run, self._collected(channel))
        tell(pytestconfig, found)
        assert not found.wounds, found

    def _collected(self, channel: Channel) -> Callable[[Path], list[tuple[object, ...]]]:
        def collected(folder: Path) -> list[tuple[object, ...]]:
            with Ledger(folder / "ledger.sqlite") as ledger, closing(ledger.due(channel.account, "any", None)) as due:
                said = [message for offer in due for message in offer.conversation.messages]
                refused = [("refused", refusal.key, refusal.reason) for refusal in ledger.refusals()]
            return [*((m.id, m.text, *(a.sha256 for a in m.attachments)) for m in said), *refused]

        return collected

    def test_its_attachments_come_as_bytes(self, channel: Channel) -> None:
        offered = [a for page in channel.pages(None) for m in page.messages for a in m.attachments if a.source]
        for attachment in offered[:3]:
            assert all(isinstance(part, bytes) for part in channel.download(attachment))

    def test_closing_twice_is_fine(self, channel: Channel) -> None:
        channel.close()
        channel.close()


class CaseSystemContract:
    """What every case system must hold to. Give a fixture `case_system`, empty, and say how to count its records."""

    def count_records(self, case_system: CaseSystem) -> int:
        """Count the records of conversations that are there, by looking at the other side and not at the steps."""
        raise NotImplementedError

    def read_record(self, case_system: CaseSystem, conversation: str) -> list[str]:
        """Read what the record shows of a conversation, by that one's id. Optional: without, records are counted."""
        return []

    def reopen(self, case_system: CaseSystem) -> CaseSystem:
        """Open the same system again, as the next process does. Needed where it keeps a database or files open."""
        return case_system

    def test_it_has_an_identity(self, case_system: CaseSystem) -> None:
        assert isinstance(case_system, CaseSystem)
        assert case_system.account

    def test_a_conversation_becomes_one_record_however_often_it_is_delivered(
        self, case_system: CaseSystem, tmp_path: Path
    ) -> None:
        with _Road(case_system, tmp_path) as road:
            road.say(*_CHAT)
            first = road.deliver()
            assert road.deliver().reference == first.reference
        assert first.reference
        assert self.count_records(case_system) == 1

    def test_an_update_keeps_the_reference(self, case_system: CaseSystem, tmp_path: Path) -> None:
        with _Road(case_system, tmp_path) as road:
            road.say(*_CHAT)
            first = road.deliver()
            road.say(message(9, text="En nog iets."), message(0, text="Dit kwam later binnen."))
            assert road.deliver().reference == first.reference
        assert self.count_records(case_system) == 1

    def test_nothing_is_lost_or_doubled_wherever_a_run_dies(
        self, case_system: CaseSystem, tmp_path: Path, pytestconfig: Any
    ) -> None:
        numbers = itertools.count(1)

        def world() -> _Days:
            number = next(numbers)
            return _Days(number, tmp_path / str(number), self.count_records(case_system))

        def state(days: _Days) -> list[str]:
            made = self.count_records(case_system) - days.before
            return ["a record"] * made + self.read_record(case_system, days.conversation)

        found = survey(case_system.account, world, lambda days: days.run(self.reopen(case_system)), state)
        tell(pytestconfig, found)
        assert not found.wounds, found

    def test_conversations_may_be_delivered_side_by_side(self, case_system: CaseSystem, tmp_path: Path) -> None:
        with _Road(case_system, tmp_path) as road:
            road.say(*(message(n, id=f"question-{n}", thread=f"thread-{n}") for n in range(1, 9)))
            offers = road.offers()
            with ThreadPoolExecutor(max_workers=4) as pool:
                receipts = list(pool.map(road.deliver_one, offers))
        assert len({receipt.reference for receipt in receipts}) == len(offers)
        assert self.count_records(case_system) == len(offers)

    def test_a_receipt_says_which_attachment_the_record_lacks(self, case_system: CaseSystem, tmp_path: Path) -> None:
        with _Road(case_system, tmp_path) as road:
            road.say(*_CHAT, message(8, kind="image", attachments=(Attachment(name="foto.jpg", missing="omitted"),)))
            assert road.deliver().missing

    def test_nothing_personal_comes_back_in_a_receipt_or_an_error(
        self, case_system: CaseSystem, tmp_path: Path
    ) -> None:
        sender = participant(
            id=_CANARY, name=_CANARY, identities=(Identity(kind="email", value=f"{_CANARY}@example.nl"),)
        )
        with _Road(case_system, tmp_path) as road:
            road.say(message(1, id="c1", thread=_CANARY, sender=sender, text=_CANARY * 1000))
            try:
                told = road.deliver().model_dump_json()
            except GemeenteConnectError as error:
                told = f"{error} {error.__cause__} {error.__context__}"
            assert _CANARY not in told

    def test_closing_twice_is_fine(self, case_system: CaseSystem) -> None:
        case_system.close()
        case_system.close()


class _Road:
    """A real ledger with conversations in it, and the way from there to the case system."""

    def __init__(self, case_system: CaseSystem, folder: Path) -> None:
        self._case_system = case_system
        self._ledger = Ledger(folder / "contract.sqlite")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.close()

    def say(self, *messages: Message) -> None:
        page = Page(messages=messages, cursor=Cursor("1"))
        self._ledger.store(ACCOUNT, "whatsapp", page)

    def offers(self) -> list[Offer]:
        """Give all conversations, also those that were delivered: no receipt is ever kept for this name."""
        return list(self._ledger.due(ACCOUNT, "nobody", None))

    def deliver(self) -> Receipt:
        """Deliver the only conversation."""
        (offer,) = self.offers()
        return self.deliver_one(offer)

    def deliver_one(self, offer: Offer) -> Receipt:
        steps = self._ledger.steps(offer, self._case_system.account, lands_within=timedelta(0))
        return self._case_system.deliver(offer.conversation, steps, _NoFiles())


class _Days:
    """A conversation in a ledger of its own: said on one day, and the next day gone on, edited and in part deleted."""

    def __init__(self, number: int, folder: Path, before: int) -> None:
        self.before = before
        """How many records there were without it."""
        self._number = number
        self._folder = folder

    @property
    def conversation(self) -> str:
        """The id it was delivered under."""
        return conversation_id(ACCOUNT, self._said(1).thread, self._said(1).id)

    def run(self, case_system: CaseSystem) -> Report:
        """Sync on both days; on a day that is done already, there is nothing to do."""
        photo = Attachment(name="foto.png", source="foto")
        channel = FakeChannel(
            [self._said(1), self._said(2, kind="image", attachments=(photo,)), self._said(5, direction="out")],
            contents={"foto": b"\x89PNG\r\n\x1a\n" + bytes(100)},
        )
        files = FileStore(self._folder / "files")
        with Ledger(self._folder / "ledger.sqlite") as ledger:
            report = sync(channel, _Prompt(case_system), ledger=ledger, start="all", files=files)
            if report.errors or report.deferred:
                return report
            edited = self._said(1, text="Verbeterd")
            deleted = self._said(5, direction="out", text="")
            changes = Edited(message=edited, target=edited.id), Deleted(message=deleted, target=deleted.id)
            later = self._said(3, direction="out", text="Dit kwam later binnen."), self._said(9, text="En nog iets.")
            channel.add(Page(messages=later, changes=changes, cursor=Cursor("")))
            return sync(channel, _Prompt(case_system), ledger=ledger, start="all", files=files)

    def _said(self, number: int, **fields: Any) -> Message:
        return message(number, id=f"{self._number}-{number}", thread=f"thread-{self._number}", **fields)


class _Prompt:
    """A case system of which no request takes effect late: here the other side has answered before anything dies."""

    lands_within = timedelta(0)

    def __init__(self, case_system: CaseSystem) -> None:
        self.account = case_system.account
        self.deliver = case_system.deliver
        self.close = case_system.close


class _NoFiles:
    def __contains__(self, sha256: object) -> bool:
        return False

    def open(self, sha256: str) -> BinaryIO:
        raise FileNotFoundError


def _ids(pages: Iterable[Page]) -> set[str]:
    return {message.id for page in pages for message in page.messages}
