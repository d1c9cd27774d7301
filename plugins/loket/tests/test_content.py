from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.loket.tests.conftest import DESK, NOVEMBER, chat, person, said

from gemeente_connect.models import Message
from gemeente_connect_loket.content import SUBJECT_LENGTH, channel_label, content


@pytest.mark.parametrize(
    ("messages", "subject"),
    [
        ([said("Mijn container is niet geleegd. Wanneer komt u?")], "Mijn container is niet geleegd."),
        ([said("Hallo! Mijn container is niet geleegd")], "Mijn container is niet geleegd"),
        ([said("Goedemorgen"), said("mijn container is niet geleegd", 1)], "mijn container is niet geleegd"),
        ([said("Hallo allemaal!")], "Hallo allemaal!"),
        ([said("Welkom bij de gemeente", by=DESK), said("Mijn paspoort is kwijt", 1)], "Mijn paspoort is kwijt"),
        ([said("weg", deleted_at=NOVEMBER), said("Een lantaarnpaal is stuk", 1)], "Een lantaarnpaal is stuk"),
        ([said("regel een is lang\nregel twee")], "regel een is lang"),
        ([said("   ")], "Vraag via WhatsApp"),
        ([said("alleen een antwoord", by=DESK)], "Vraag via WhatsApp"),
        ([said("Geheim van collega's", internal=True, by=DESK)], "Vraag via WhatsApp"),
    ],
)
def test_the_subject_is_the_first_sentence_that_says_something(messages: list[Message], subject: str) -> None:
    assert content(chat(*messages)).subject == subject


def test_a_subject_that_the_source_has_goes_first() -> None:
    assert content(chat(said("Een hele vraag"), subject="  Afspraak\nmaken ")).subject == "Afspraak maken"
    assert content(chat(said("Een hele vraag"), subject=" ")).subject == "Een hele vraag"


def test_a_long_subject_is_cut_between_words() -> None:
    subject = content(chat(said("woord " * 40))).subject
    assert len(subject) <= SUBJECT_LENGTH
    assert subject.endswith("woord…")


@given(st.text(max_size=300))
def test_a_subject_is_one_line_of_at_most_eighty_characters_and_never_empty(text: str) -> None:
    subject = content(chat(said(text), subject=text)).subject
    assert 0 < len(subject) <= SUBJECT_LENGTH
    assert len(subject.splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "label"),
    [("whatsapp", "WhatsApp"), ("email", "E-mail"), ("telefoon", "Telefoon"), ("x", "X"), ("mastodon", "Mastodon")],
)
def test_a_channel_has_the_name_residents_know_it_by(kind: str, label: str) -> None:
    assert channel_label(kind) == label


def test_a_conversation_is_answered_when_the_municipality_had_the_last_word() -> None:
    assert not content(chat(said("vraag"))).answered
    assert content(chat(said("vraag"), said("antwoord", 1, by=DESK))).answered
    assert not content(chat(said("vraag"), said("antwoord", 1, by=DESK), said("maar", 2))).answered
    assert not content(chat(said("vraag"), said("notitie", 1, by=DESK, internal=True))).answered


def test_a_deleted_message_keeps_neither_its_text_nor_its_attachments() -> None:
    found = content(chat(said("weg", deleted_at=NOVEMBER, edited_at=NOVEMBER, attachments=({"missing": "omitted"},))))
    (row,) = found.messages
    assert row[5:] == ("", 0, 1)
    assert (found.attachments, found.missing) == ([], ())


@pytest.mark.parametrize(
    "changed",
    [
        chat(said("vraag!")),
        chat(said("vraag"), subject="Iets anders"),
        chat(said("vraag", edited_at=NOVEMBER)),
        chat(said("vraag", deleted_at=NOVEMBER)),
        chat(said("vraag", sent_at=said(minutes=1).sent_at)),
        chat(said("vraag", by=person("+31687654321"))),
        chat(said("vraag", attachments=({"missing": "omitted"},))),
        chat(said("vraag", attachments=({"sha256": "ab" * 32},))),
        chat(said("vraag"), said("antwoord", 1, by=DESK)),
        chat(said("vraag"), channel="email"),
    ],
)
def test_the_digest_changes_with_everything_that_is_shown_or_decides_who_sees_it(changed: object) -> None:
    assert content(changed).digest != content(chat(said("vraag"))).digest  # type: ignore[arg-type] # a Conversation


def test_the_digest_stays_with_what_nobody_sees() -> None:
    first = content(chat(said("vraag"))).digest
    assert content(chat(said("vraag", status="read"))).digest == first
    assert content(chat(said("vraag"), said("notitie", 1, by=DESK, internal=True))).digest == first
