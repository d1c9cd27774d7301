"""Storing a page: all of it with its cursor or nothing, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect.contracts import Cursor, Page
from gemeente_connect.errors import StorageError
from gemeente_connect.ledger import Ledger, names
from gemeente_connect.models import Identity, Message, StatusChanged
from gemeente_connect.syncing import collect
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, participant
from gemeente_connect.testing.fakes import Crash, FakeChannel

Sql = Callable[[str], list[tuple[Any, ...]]]


def _messages(ledger: Ledger, account: str = ACCOUNT) -> dict[str, Message]:
    offers = ledger.due(account, "somebody who looks", None)
    return {m.id: m for offer in offers for m in offer.conversation.messages}


@contextmanager
def _failing_at(event: str, sql: Sql, where: Path | str) -> Iterator[None]:
    """Let the database itself fail, at one statement."""
    if isinstance(where, Path):
        sql(f"CREATE TRIGGER injected BEFORE {event} BEGIN SELECT RAISE(ABORT, 'injected'); END")
        yield
        sql("DROP TRIGGER injected")
    else:
        sql("CREATE FUNCTION injected() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''injected''; END'")
        sql(f"CREATE TRIGGER injected BEFORE {event} FOR EACH ROW EXECUTE FUNCTION injected()")
        yield
        sql("DROP FUNCTION injected CASCADE")


def test_a_page_and_its_cursor_are_stored_together(ledger: Ledger) -> None:
    assert ledger.cursor(ACCOUNT) is None
    stored = ledger.store(ACCOUNT, "whatsapp", page(message(1), message(2), cursor=Cursor("after 2")))
    assert (stored.new, stored.known, stored.changed, stored.refused) == (2, 0, 0, {})
    assert ledger.cursor(ACCOUNT) == "after 2"


@pytest.mark.parametrize("event", ["UPDATE OF read_to ON accounts", "INSERT ON messages", "INSERT ON conversations"])
def test_when_the_database_fails_within_a_page_nothing_of_it_is_stored_and_the_next_run_does_it_all(
    ledger: Ledger, sql: Sql, where: Path | str, event: str
) -> None:
    with _failing_at(event, sql, where):
        with pytest.raises(StorageError, match=r"it cannot be used \((injected|P0001)\)"):
            ledger.store(ACCOUNT, "whatsapp", page(message(1), message(2)))
        assert (ledger.cursor(ACCOUNT), _messages(ledger)) == (None, {})
    assert ledger.store(ACCOUNT, "whatsapp", page(message(1), message(2))).new == 2
    assert set(_messages(ledger)) == {"m1", "m2"}


def test_a_kill_between_pages_leaves_the_cursor_at_the_last_page_that_was_stored(ledger: Ledger) -> None:
    class Killed(FakeChannel):
        def pages(self, since: Cursor | None) -> Iterator[Page]:
            yield page(message(1), cursor=Cursor("one"))
            raise Crash

    with pytest.raises(Crash):
        collect(Killed(), ledger)
    assert ledger.cursor(ACCOUNT) == "one"
    assert set(_messages(ledger)) == {"m1"}


def test_what_was_stored_is_there_after_closing(where: Path | str) -> None:
    with Ledger(where) as first:
        first.store(ACCOUNT, "whatsapp", page(message(1)))
    with Ledger(where) as second:
        assert second.cursor(ACCOUNT) == "1"
        assert set(_messages(second)) == {"m1"}


def test_seeing_messages_again_changes_nothing_and_offers_nothing(ledger: Ledger) -> None:
    chat = page(*(message(n) for n in range(1200)))
    ledger.store(ACCOUNT, "whatsapp", chat)
    before = [offer.revision for offer in ledger.due(ACCOUNT, "loket", None)]
    again = ledger.store(ACCOUNT, "whatsapp", chat)
    assert (again.new, again.known, again.changed) == (0, 1200, 0)
    assert [offer.revision for offer in ledger.due(ACCOUNT, "loket", None)] == before


def test_the_same_id_in_another_account_is_another_message(ledger: Ledger) -> None:
    other = "whatsapp:+31687654322"
    stored = ledger.store(ACCOUNT, "whatsapp", page(message(1), message(1, account=other)))
    assert stored.new == 2
    assert (len(_messages(ledger)), len(_messages(ledger, other))) == (1, 1)


@pytest.mark.parametrize("pages", [1, 2])
def test_a_message_is_known_by_any_of_its_ids_within_a_page_and_across_pages(ledger: Ledger, pages: int) -> None:
    seen = [message(1, aliases=("wamid.1",)), message(1, id="wamid.1"), message(1, id="other", aliases=("m1",))]
    parts = [page(*seen)] if pages == 1 else [page(m) for m in seen]
    stored = [ledger.store(ACCOUNT, "whatsapp", part) for part in parts]
    assert (sum(s.new for s in stored), sum(s.known for s in stored)) == (1, 2)
    assert set(_messages(ledger)) == {"m1"}


def test_an_alias_that_is_learned_later_counts_too(ledger: Ledger) -> None:
    ledger.store(ACCOUNT, "whatsapp", page(message(1)))
    ledger.store(ACCOUNT, "whatsapp", page(message(1, aliases=("wamid.1",))))
    assert ledger.store(ACCOUNT, "whatsapp", page(message(1, id="wamid.1"))).new == 0


def test_a_second_sight_within_one_page_counts_like_one_on_a_later_page(ledger: Ledger) -> None:
    twice = page(message(1), message(1, text="Verbeterd", edited_at=START), message(1, status="read"))
    stored = ledger.store(ACCOUNT, "whatsapp", twice)
    assert (stored.new, stored.changed) == (1, 2)
    assert (_messages(ledger)["m1"].text, _messages(ledger)["m1"].status) == ("Verbeterd", "read")


def test_a_message_that_is_seen_deleted_is_deleted_also_with_the_same_text(ledger: Ledger) -> None:
    ledger.store(ACCOUNT, "whatsapp", page(message(1)))
    assert ledger.store(ACCOUNT, "whatsapp", page(message(1, deleted_at=START))).changed == 1
    assert _messages(ledger)["m1"].deleted_at == START


def test_a_number_that_becomes_known_later_is_kept_even_when_no_new_message_comes(ledger: Ledger) -> None:
    jan = participant(id="Jan", name="Jan", identities=())
    ledger.store(ACCOUNT, "whatsapp", page(message(1, sender=jan)))
    known = jan.model_copy(update={"identities": (Identity(kind="phone", value="+31612345678"),)})
    ledger.store(ACCOUNT, "whatsapp", page(message(1, sender=known)))
    assert _messages(ledger)["m1"].sender == known


def test_a_participant_gains_identities_and_loses_none(ledger: Ledger) -> None:
    phone, email = Identity(kind="phone", value="+31612345678"), Identity(kind="email", value="jan@example.nl")
    for number, (name, identities) in enumerate([("Jan", (phone,)), (None, (email,))]):
        sender = participant(id="jan", name=name, identities=identities)
        ledger.store(ACCOUNT, "whatsapp", page(message(number, sender=sender)))
    sender_now = _messages(ledger)["m0"].sender
    assert sender_now is not None
    assert (sender_now.name, sender_now.identities) == ("Jan", (phone, email))


def test_an_address_stays_verified_when_the_channel_shows_it_again_without_saying_so(ledger: Ledger) -> None:
    phone = Identity(kind="phone", value="+31612345678")
    verified = phone.model_copy(update={"verified_at": START, "valid_from": START})
    for number, identity in enumerate([phone, verified, phone]):
        ledger.store(ACCOUNT, "whatsapp", page(message(number, sender=participant(identities=(identity,)))))
    assert [i for m in _messages(ledger).values() if m.sender for i in m.sender.identities] == [verified] * 3


def test_looking_for_attachments_before_the_first_page_does_not_lose_the_kind_of_channel(ledger: Ledger) -> None:
    assert list(ledger.wanted(ACCOUNT)) == []
    ledger.store(ACCOUNT, "whatsapp", page(message(1)))
    (offer,) = ledger.due(ACCOUNT, "loket", None)
    assert offer.conversation.channel == "whatsapp"


def test_memory_for_names_is_bounded_and_forgetting_them_doubles_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_AT_MOST", 3)
    people = [message(n, thread=f"t{n % 7}", sender=participant(id=f"p{n % 7}")) for n in range(40)]
    ledger.store(ACCOUNT, "whatsapp", page(*people))
    assert len(_messages(ledger)) == 40
    assert len(list(ledger.due(ACCOUNT, "loket", None))) == 7


def test_a_status_that_came_before_its_message_under_another_of_its_ids_waits_for_it(ledger: Ledger) -> None:
    early = StatusChanged(account=ACCOUNT, target="wamid.1", status="read", at=START)
    ledger.store(ACCOUNT, "whatsapp", page(changes=(early,)))
    stored = ledger.store(ACCOUNT, "whatsapp", page(message(1, aliases=("wamid.1",))))
    assert (stored.new, stored.changed) == (1, 1)
    assert _messages(ledger)["m1"].status == "read"


def test_a_page_of_another_account_than_the_channel_keeps_both_apart(ledger: Ledger) -> None:
    other = "whatsapp:+31687654322"
    status = StatusChanged(account=other, target="m1", status="read", at=START)
    ledger.store(ACCOUNT, "whatsapp", page(message(1), message(1, account=other), changes=(status,)))
    assert _messages(ledger)["m1"].status is None
    assert _messages(ledger, other)["m1"].status == "read"
