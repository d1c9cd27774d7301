"""Attachments: fetched apart from their text, which never waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gemeente_connect.ledger import Ledger, Wanted
from gemeente_connect.models import Attachment, Message
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, receipt

Sql = Callable[[str], list[tuple[Any, ...]]]

HASH = "a" * 64


def _photo(number: int = 1, **fields: str | None) -> Message:
    made = Attachment.model_validate({"name": "foto.jpg", "source": f"chat.zip/foto-{number}.jpg"} | fields)
    return message(number, kind="image", attachments=(made,))


def _store(ledger: Ledger, *messages: Message) -> tuple[int, int, int]:
    stored = ledger.store(ACCOUNT, "whatsapp", page(*messages))
    return stored.new, stored.known, stored.changed


def _attachments(ledger: Ledger) -> list[Attachment]:
    offers = ledger.due(ACCOUNT, "somebody who looks", None)
    return [a for offer in offers for m in offer.conversation.messages for a in m.attachments]


def _is_due(ledger: Ledger) -> bool:
    offers = list(ledger.due(ACCOUNT, "loket", None))
    for offer in offers:
        ledger.settle(offer, "loket", receipt())
    return bool(offers)


def _keep(ledger: Ledger, wanted: Wanted) -> None:
    ledger.fetched(ACCOUNT, wanted, sha256=HASH, size=3, media_type="image/jpeg")


def test_what_the_channel_can_give_is_wanted_until_it_is_kept_and_then_offered(ledger: Ledger) -> None:
    _store(ledger, _photo(), _photo(2, source=None, missing="omitted"))
    assert _is_due(ledger)
    (wanted,) = ledger.wanted(ACCOUNT)
    assert wanted.attachment == _photo().attachments[0]
    _keep(ledger, wanted)
    assert list(ledger.wanted(ACCOUNT)) == []
    assert [(a.sha256, a.size, a.media_type, a.missing) for a in _attachments(ledger)] == [
        (HASH, 3, "image/jpeg", None),
        (None, None, None, "omitted"),
    ]
    assert _is_due(ledger)
    assert not _is_due(ledger)


def test_one_whose_message_was_deleted_before_it_was_fetched_is_not_fetched_any_more(ledger: Ledger) -> None:
    _store(ledger, _photo(), _photo(2))
    _store(ledger, _photo().model_copy(update={"deleted_at": START}))
    assert [wanted.attachment for wanted in ledger.wanted(ACCOUNT)] == list(_photo(2).attachments)


def test_many_are_yielded_once_each_and_oldest_first(ledger: Ledger) -> None:
    _store(ledger, *(_photo(n) for n in range(250)))
    wanted = list(ledger.wanted(ACCOUNT))
    assert len({w.message for w in wanted}) == 250
    assert wanted == sorted(wanted, key=lambda w: w.message)


def test_one_that_was_left_out_and_comes_in_a_later_export_is_fetched_and_offered(ledger: Ledger) -> None:
    _store(ledger, _photo(source=None, missing="omitted"))
    assert _is_due(ledger)
    assert _store(ledger, _photo(source=None, missing="omitted")) == (0, 1, 0)
    assert not _is_due(ledger)
    assert _store(ledger, _photo()) == (0, 0, 1)
    assert _is_due(ledger)
    assert len(list(ledger.wanted(ACCOUNT))) == 1


def test_one_that_is_kept_is_not_fetched_again_from_another_place(ledger: Ledger) -> None:
    _store(ledger, _photo())
    (wanted,) = ledger.wanted(ACCOUNT)
    _keep(ledger, wanted)
    assert _store(ledger, _photo(source="another.zip/foto.jpg")) == (0, 1, 0)
    assert list(ledger.wanted(ACCOUNT)) == []


def test_one_that_is_not_kept_is_fetched_from_where_it_was_seen_last_at_once(ledger: Ledger) -> None:
    _store(ledger, _photo(source="https://media.example.nl/expired"))
    (wanted,) = ledger.wanted(ACCOUNT)
    ledger.fetch_failed(ACCOUNT, wanted, "gone")
    assert _store(ledger, _photo(source="https://media.example.nl/fresh")) == (0, 1, 0)
    (again,) = ledger.wanted(ACCOUNT)
    assert again.attachment.source == "https://media.example.nl/fresh"


def test_one_that_fails_keeps_the_text_and_is_listed_and_waits_before_the_next_attempt(ledger: Ledger) -> None:
    _store(ledger, _photo(), _photo(2))
    wanted, other = ledger.wanted(ACCOUNT)
    assert ledger.fetch_failed(ACCOUNT, wanted, "the media server is down")
    assert not ledger.fetch_failed(ACCOUNT, wanted, "the media server is down")
    assert list(ledger.wanted(ACCOUNT)) == [other]
    assert [a.missing for a in _attachments(ledger)] == ["failed", None]
    (refusal,) = ledger.refused().values()
    assert (refusal.kind, refusal.reason, refusal.name) == ("attachment", "the media server is down", "foto.jpg")
    assert refusal.attempts == 2


def test_only_the_first_failure_is_news_for_the_record(ledger: Ledger) -> None:
    _store(ledger, _photo())
    (wanted,) = ledger.wanted(ACCOUNT)
    ledger.fetch_failed(ACCOUNT, wanted, "down")
    assert _is_due(ledger)
    ledger.fetch_failed(ACCOUNT, wanted, "down")
    assert not _is_due(ledger)


def test_a_failed_one_is_tried_again_after_its_wait(ledger: Ledger, sql: Sql) -> None:
    _store(ledger, _photo())
    (wanted,) = ledger.wanted(ACCOUNT)
    ledger.fetch_failed(ACCOUNT, wanted, "down")
    sql("UPDATE attachments SET not_before = not_before - 24 * 60 * 60 * CAST(1000000 AS BIGINT)")  # a day goes by
    (again,) = ledger.wanted(ACCOUNT)
    _keep(ledger, again)
    assert ledger.refused() == {}


def test_a_person_may_have_it_tried_at_once_or_never_again(ledger: Ledger) -> None:
    _store(ledger, _photo())
    (wanted,) = ledger.wanted(ACCOUNT)
    ledger.fetch_failed(ACCOUNT, wanted, "down")
    (refusal,) = ledger.refused().values()
    ledger.retry(refusal.number)
    assert len(list(ledger.wanted(ACCOUNT))) == 1
    ledger.drop(refusal.number)
    assert list(ledger.wanted(ACCOUNT)) == []
    _store(ledger, _photo(source="another.zip/foto.jpg"))
    assert list(ledger.wanted(ACCOUNT)) == [], "dropped stays dropped"
    ledger.retry(refusal.number)
    assert len(list(ledger.wanted(ACCOUNT))) == 1


@pytest.mark.parametrize("more", [1, 2])
def test_an_attachment_that_is_seen_for_the_first_time_later_is_added(ledger: Ledger, more: int) -> None:
    _store(ledger, message(1))
    seen = tuple(Attachment(name=f"foto-{n}.jpg", source=f"s{n}") for n in range(more))
    assert _store(ledger, message(1, attachments=seen)) == (0, 0, 1)
    assert tuple(_attachments(ledger)) == seen
