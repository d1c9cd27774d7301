"""A conversation as klantcontacten: what each is called, when it was, what it says of itself, and what it becomes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.models import Conversation, Direction, Message
from gemeente_connect.testing.builders import ACCOUNT, START, conversation, message
from gemeente_connect_open_klant.contacten import (
    Contact,
    checksum,
    contacts,
    gathered,
    hashed,
    lapsed,
    shown,
    spread,
    step,
)
from gemeente_connect_open_klant.testing.naming import as_answered
from gemeente_connect_open_klant.texts import LAPSED, LONGEST

QUESTION, ANSWER, AGAIN = message(1), message(2, direction="out"), message(3)
ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=350).map(str.strip).filter(bool)


def made(*messages: Message, question: str = "m1", kanaal: str = "WhatsApp", **fields: Any) -> list[Contact]:
    talk = conversation(*(messages or (QUESTION, ANSWER, AGAIN)), **fields)
    return list(contacts(talk, talk.turns, question, kanaal))


def roles(found: Iterable[Contact]) -> list[tuple[str, str]]:
    return [(each.turn.id, each.role) for each in found]


def together(count: int, **fields: Any) -> Conversation:
    """One turn of so many messages."""
    return conversation(*(message(1, id=f"m{n}", position=n, **fields) for n in range(1, count + 1)))


def kept(metadata: dict[str, str]) -> dict[str, str]:
    """Give metadata the way Open Klant answers with it: keys camel-cased, values without blanks around them."""
    answered = as_answered({key: value.strip() for key, value in metadata.items()})
    assert isinstance(answered, dict)
    return answered


# -- what they are called


def test_the_question_is_named_after_the_conversation_alone() -> None:
    by_first, by_other = made()[0], made(AGAIN, question="m3", id=conversation().id)[0]
    assert by_first.external_id == by_other.external_id == f"{conversation().id}:vraag"
    assert by_first.step == by_other.step == "vraag"


def test_no_two_klantcontacten_have_one_name() -> None:
    long = "woord " * 500
    found = made(
        message(1, text=long),
        message(2, direction="out", text=long),
        message(3, text=long),
        message(4, direction="out"),
    )
    others = made(id="another")
    assert len(found) > 8
    assert len({each.external_id for each in [*found, *others]}) == len(found) + len(others)
    assert len({each.step for each in found}) == len(found)


def test_a_name_stays_when_the_text_grows_and_turns_come_before_it() -> None:
    before = {each.external_id for each in made(ANSWER, AGAIN, question="m3")}
    longer = made(
        message(0), message(2, direction="out", text="woord " * 500), AGAIN, question="m3", id=made()[0].conversation
    )
    names = {each.external_id for each in made(ANSWER, AGAIN, question="m3", id=made()[0].conversation)}
    assert len(before) == 2
    assert names < {each.external_id for each in longer}


def test_an_id_of_a_message_is_not_in_the_name_of_its_klantcontact() -> None:
    answer = made(QUESTION, message(2, id="wamid.+31612345671", direction="out"))[1]
    assert "31612345671" not in answer.external_id


@pytest.mark.parametrize(
    ("external_id", "nummer"),
    [
        ("wa:31201234567:conv-0001:1", "4628864096"),
        ("wa:31201234567:conv-0001:2", "9073072921"),
        ("wa:31201234567:conv-0001:3", "2579986019"),
    ],
)
def test_the_number_follows_from_the_external_id_as_it_does_elsewhere(external_id: str, nummer: str) -> None:
    assert str(10**9 + hashed(external_id) % (9 * 10**9)) == nummer


def test_the_first_number_is_the_one_that_follows_from_the_external_id() -> None:
    for contact in made():
        assert list(contact.nummers(1)) == [str(10**9 + hashed(contact.external_id) % (9 * 10**9))]


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_the_numbers_to_try_have_ten_digits_are_all_different_and_the_same_every_time(name: str) -> None:
    contact = made(id=name)[0]
    numbers = list(contact.nummers(50))
    assert [len(each) for each in numbers] == [10] * 50
    assert all(each.isdecimal() and each[0] != "0" for each in numbers)
    assert len(set(numbers)) == 50
    assert numbers == list(contact.nummers(50))
    assert all((int(b) - int(a)) % (9 * 10**9) == 1 for a, b in itertools.pairwise(numbers))


def test_after_the_last_number_comes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect_open_klant.contacten.hashed", lambda _: 9 * 10**9 - 1)
    assert list(made()[0].nummers(2)) == ["9999999999", "1000000000"]


# -- when they were


def test_a_moment_is_in_utc_whatever_the_zone_of_the_channel() -> None:
    amsterdam = timezone(timedelta(hours=1))
    moment = made(message(1, sent_at=datetime(2026, 3, 2, 10, 1, tzinfo=amsterdam)))[0].moment
    assert moment.utcoffset() == timedelta(0)
    assert moment.replace(microsecond=0) == datetime(2026, 3, 2, 9, 1, tzinfo=UTC)


@given(seconds=st.lists(st.integers(0, 2), min_size=1, max_size=20), whole_minutes=st.booleans())
def test_moments_keep_the_order_of_turns_within_a_second_or_a_minute_and_differ(
    seconds: list[int], *, whole_minutes: bool
) -> None:
    at = START
    said = []
    for number, pause in enumerate(seconds):
        at += timedelta(minutes=pause) if whole_minutes else timedelta(seconds=pause)
        direction: Direction = "out" if number % 2 else "in"
        said.append(message(number, sent_at=at, position=number, direction=direction))
    moments = [each.moment for each in made(*said, question="m0")]
    assert moments == sorted(moments)
    assert len(set(moments)) == len(moments)
    assert [each.replace(microsecond=0) for each in moments] == [each.sent_at for each in said]


@pytest.mark.parametrize(("count", "least"), [(1_300, 8), (2_500, 12)])
def test_parts_keep_their_order_whichever_names_they_have(count: int, least: int) -> None:
    for number in range(20):
        found = made(message(1, text="woord " * count), id=f"conversation-{number}")
        moments = [each.moment for each in found]
        assert len(moments) > least
        assert moments == sorted(moments), [each.microsecond for each in moments]
        assert len(set(moments)) == len(moments)
        assert moments[-1] - moments[0] < timedelta(seconds=3)


def test_a_moment_stays_within_its_second_and_ten_parts_take_one() -> None:
    late = message(1, position=5_000, text="woord " * 3_000, sent_at=START + timedelta(microseconds=999_999))
    found = made(late)
    assert len(found) > 15
    for contact in found:
        assert contact.moment.replace(microsecond=0) == START + timedelta(seconds=contact.part // 10)


def test_a_moment_is_that_of_the_message_the_turn_is_named_after() -> None:
    turn = conversation(message(1), message(2)).turns[0]
    later = turn.model_copy(update={"id": "m2"})
    talk = conversation(message(1), message(2), turns=(later,))
    (contact,) = contacts(talk, talk.turns, "m2", "WhatsApp")
    assert contact.moment.replace(microsecond=0) == message(2).sent_at


def test_conversations_of_one_moment_have_klantcontacten_of_different_moments() -> None:
    moments = {made(id=f"conversation-{number}")[0].moment for number in range(20)}
    assert len(moments) > 15


# -- what they say of themselves


@given(ids, ids, st.lists(ids, min_size=1, max_size=20, unique=True))
def test_ids_of_any_length_come_back_from_what_open_klant_keeps(account: str, thread: str, keys: list[str]) -> None:
    said = [message(1, id=key, account=account, thread=thread, position=n) for n, key in enumerate(keys)]
    (contact,) = made(*said, question=keys[0])
    metadata = contact.metadata
    assert all(0 < len(value) <= 100 for value in metadata.values())
    found = kept(metadata)
    assert found.keys() == metadata.keys()
    assert gathered("account", found) == account
    assert gathered("beurt", found) == keys[0]
    assert json.loads(gathered("berichten", found)) == keys


def test_an_id_with_a_blank_where_it_is_cut_comes_back_with_it() -> None:
    key = f"<{'x' * 98} {'y' * 50}@example.nl>"
    (contact,) = made(message(1, id=key), question=key)
    found = kept(contact.metadata)
    assert gathered("beurt", found) == key
    assert json.loads(gathered("berichten", found)) == [key]


@pytest.mark.parametrize("length", [1, 99, 100, 101, 200, 201, 1_234])
def test_a_value_takes_as_many_keys_as_it_needs_and_no_more(length: int) -> None:
    pieces = spread("beurt", "x" * length)
    assert len(pieces) == -(-length // 100)
    assert max(map(len, pieces.values())) <= 100
    assert gathered("beurt", pieces) == "x" * length


def test_keys_of_metadata_are_plain_letters_that_come_back_as_they_were_sent() -> None:
    contact = next(contacts(together(200), together(200).turns, "m1", "WhatsApp"))
    assert len(contact.metadata) > 15
    assert all(key.isascii() and key.isalnum() for key in contact.metadata)
    assert kept(contact.metadata).keys() == contact.metadata.keys()


def test_what_was_never_spread_is_empty() -> None:
    assert gathered("beurt", {"beurt1": "x"}) == ""


def test_metadata_tells_the_conversation_the_name_and_what_was_read() -> None:
    contact = made()[1]
    assert contact.metadata == {
        "externalId": contact.external_id,
        "gesprek": conversation().id,
        "som": checksum(contact.onderwerp, contact.inhoud),
        "account": ACCOUNT,
        "beurt": "m2",
        "berichten": '["m2"]',
    }


def test_only_the_first_part_of_a_turn_names_its_messages() -> None:
    first, *further = made(message(1, text="woord " * 500))
    assert "berichten" in first.metadata
    assert not any("berichten" in each.metadata for each in further)
    assert {gathered("beurt", each.metadata) for each in further} == {"m1"}


def test_of_more_messages_than_fit_the_one_that_the_turn_is_named_after_is_told() -> None:
    for count, told in ((500, 500), (5000, 1)):
        contact = next(contacts(together(count), together(count).turns, "m1", "WhatsApp"))
        found = json.loads(gathered("berichten", contact.metadata))
        assert (len(found), found[0]) == (told, "m1")


def test_a_checksum_changes_with_what_a_resident_reads_and_not_with_blanks_that_open_klant_takes_away() -> None:
    assert checksum(" onderwerp ", "inhoud\n") == checksum("onderwerp", "inhoud")
    assert len({checksum("a", "bc"), checksum("ab", "c"), checksum("a", "bd"), checksum("b", "bc")}) == 4
    assert made()[0].checksum == checksum(made()[0].onderwerp, made()[0].inhoud)


# -- what they become


def test_the_first_turn_of_the_resident_is_the_question_and_what_follows_is_told_apart() -> None:
    assert roles(made()) == [("m1", "vraag"), ("m2", "antwoord"), ("m3", "reactie")]


def test_the_question_comes_first_and_stays_the_question_when_an_earlier_turn_arrives() -> None:
    assert roles(made(message(0), message(1, direction="out"), message(2), question="m2")) == [
        ("m2", "vraag"),
        ("m0", "reactie"),
        ("m1", "antwoord"),
    ]


def test_a_follow_up_is_told_from_an_answer_in_its_first_part() -> None:
    question, answer, first, second = made(QUESTION, ANSWER, message(3, text="woord " * 200))
    assert question.inhoud == "Bericht 1"
    assert answer.inhoud == "Bericht 2"
    assert first.inhoud.startswith("Reactie van de inwoner: woord")
    assert second.inhoud.startswith("Vervolg van de reactie (deel 2 van 2): woord")
    assert {first.role, second.role} == {"reactie"}


def test_every_turn_is_continued_under_its_own_name() -> None:
    long = "woord " * 200
    found = made(message(1, text=long), message(2, direction="out", text=long))
    assert [each.inhoud.partition(" (deel")[0][-20:] for each in found[1::2]] == [
        "Vervolg van de vraag",
        "olg van het antwoord",
    ]
    assert [each.part for each in found] == [0, 1, 0, 1]
    assert found[1].external_id.endswith(":1")
    assert [each.step for each in found] == ["vraag", step("m1", 1), step("m2", 0), step("m2", 1)]
    assert max(len(each.inhoud) for each in found) <= LONGEST


def test_notes_between_employees_are_delivered_only_when_it_is_asked_for_and_say_what_they_are() -> None:
    note = message(3, direction="out", internal=True, text="Lastige klant")
    talk = conversation(QUESTION, ANSWER, note)
    assert [turn.id for turn in shown(talk, internal_notes=False)] == ["m1", "m2"]
    turns = shown(talk, internal_notes=True)
    found = list(contacts(talk, turns, "m1", "WhatsApp"))
    assert (found[2].role, found[2].inhoud) == ("antwoord", "(interne notitie) Lastige klant")


def test_the_subject_is_that_of_the_source_or_else_what_the_resident_says_first() -> None:
    asked = message(1, text="Goedemorgen! Mijn container is niet geleegd. Wanneer komt u?")
    assert {each.onderwerp for each in made(asked, ANSWER)} == {"Mijn container is niet geleegd."}
    assert {each.onderwerp for each in made(asked, ANSWER, subject="Afval")} == {"Afval"}


@pytest.mark.parametrize("text", ["", "\0", " \n"])
def test_a_conversation_without_words_is_called_after_its_kanaal(text: str) -> None:
    assert made(message(1, text=text), kanaal="Live chat")[0].onderwerp == "Vraag via Live chat"


@pytest.mark.parametrize("subject", ["woord " * 100, "x" * 500, "woord, " * 100 + "\0"])
def test_a_long_subject_is_cut_within_what_open_klant_takes(subject: str) -> None:
    onderwerp = made(subject=subject)[0].onderwerp
    assert len(onderwerp) <= 200
    assert onderwerp.endswith("…")
    assert "\0" not in onderwerp


def test_a_part_that_a_turn_has_no_more_keeps_its_name_and_says_that_it_is_gone() -> None:
    long, short = made(message(1, text="woord " * 500)), made(QUESTION)[0]
    gone = lapsed(short, 2)
    assert gone.inhoud == LAPSED
    assert (gone.external_id, gone.step, gone.moment) == (long[2].external_id, long[2].step, long[2].moment)
    assert "berichten" not in gone.metadata
