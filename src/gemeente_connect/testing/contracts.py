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

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from gemeente_connect.contracts import CaseSystem, Channel, Cursor, Page, Receipt, Refs, Steps
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.ledger import Ledger, Offer
from gemeente_connect.models import Attachment, Identity, Message
from gemeente_connect.privacy import mask
from gemeente_connect.syncing import collect
from gemeente_connect.testing.builders import ACCOUNT, message, participant
from gemeente_connect.testing.fakes import Crash

_CANARY = "kanarie-7f3a9c"
_CHAT = (message(1), message(2, direction="out", text="Dank u wel."))
T = TypeVar("T")


class ChannelContract:
    """What every channel must hold to. Give a fixture `channel`, opened on a source with at least two messages."""

    largest_page = 1000
    """Messages on a page. A page is kept in memory and stored in one transaction."""
    reads_back = False
    """True for a channel that on purpose reads a little of what it read before."""

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

    def test_an_interrupted_run_goes_on_where_it_was(self, channel: Channel, tmp_path: Path) -> None:
        said = {m.id for page in channel.pages(None) for m in page.messages if m.direction is not None}
        with Ledger(tmp_path / "contract.sqlite") as ledger:
            for page in islice(channel.pages(None), 1):
                ledger.store(channel.account, channel.kind, page)
            collect(channel, ledger)
            offers = ledger.due(channel.account, "contract", None)
            assert said <= {m.id for offer in offers for m in offer.conversation.messages}

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

    def test_a_crash_after_any_request_doubles_and_loses_nothing(self, case_system: CaseSystem, tmp_path: Path) -> None:
        with _Road(case_system, tmp_path) as road:
            for number in range(1, 100):
                road.say(message(1, id=f"question-{number}", thread=f"thread-{number}"))
                offer = road.offers()[-1]
                crashed = road.crash(offer, after=number)
                assert road.deliver_one(offer).reference
                assert self.count_records(case_system) == number
                if not crashed:
                    break

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

    def crash(self, offer: Offer, *, after: int) -> bool:
        """Deliver, but crash after so many requests were done. False: there were not so many."""
        steps = _CrashingSteps(self._ledger.steps(offer, self._case_system.account), after)
        try:
            self._case_system.deliver(offer.conversation, steps, _NoFiles())
        except Crash:
            return True
        return False


class _CrashingSteps:
    """Crashes after the request with a number was done, and before its result is kept."""

    def __init__(self, steps: Steps, after: int) -> None:
        self._steps = steps
        self._left = after

    def once(
        self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
    ) -> Refs:
        return self._steps.once(name, lambda: self._crashing(make), find, shared=shared)

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        self._steps.keep(name, value, lambda: self._crashing(put))

    def kept(self, name: str) -> str | None:
        return self._steps.kept(name)

    def _crashing(self, request: Callable[[], T]) -> T:
        done = request()
        self._left -= 1
        if not self._left:
            raise Crash
        return done


class _NoFiles:
    def __contains__(self, sha256: object) -> bool:
        return False

    def open(self, sha256: str) -> BinaryIO:
        raise FileNotFoundError


def _ids(pages: Iterable[Page]) -> set[str]:
    return {message.id for page in pages for message in page.messages}
