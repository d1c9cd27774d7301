"""What stands in a klantcontact: readable without its line breaks, whole, and in parts that Open Klant takes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.models import Attachment, Message
from gemeente_connect.testing.builders import START, message
from gemeente_connect_open_klant.texts import LONGEST, parts, prose

FIRST = re.compile(r" \(deel 1 van (\d+)\)$")
FURTHER = re.compile(r"^Vervolg van het antwoord \(deel (\d+) van (\d+)\): ")

words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=LONGEST - 70)
blanks = st.sampled_from([" ", "  ", "\n", ". ", "! ", " /\n", "\n\n"])
texts = st.lists(st.tuples(words, blanks), min_size=1, max_size=60).map(
    lambda all_: "".join(map("".join, all_)).strip()
)


def said(text: str = "", **fields: Any) -> Message:
    return message(1, text=text, **fields)


def attached(kind: str = "document", **fields: Any) -> str:
    return prose([said(kind=kind, attachments=(Attachment(**fields),))])


def without_labels(written: list[str]) -> list[str]:
    """Take away what was written around the pieces, having seen that it counts right."""
    if len(written) == 1:
        return written
    told = FIRST.search(written[0])
    assert told, written[0][-30:]
    assert int(told[1]) == len(written)
    pieces = [written[0][: told.start()]]
    for number, part in enumerate(written[1:], 2):
        label = FURTHER.match(part)
        assert label, part[:60]
        assert (int(label[1]), int(label[2])) == (number, len(written))
        pieces.append(part[label.end() :])
    return pieces


# -- prose


def test_a_line_that_is_no_sentence_is_told_from_the_next_one_where_line_breaks_are_lost() -> None:
    assert prose([said("Beste gemeente\nMijn container is vol\nGroet")]) == (
        "Beste gemeente /\nMijn container is vol /\nGroet"
    )


@pytest.mark.parametrize("end", [".", "!", "?", ":", ";", ",", "…", ")", "/"])
def test_a_line_that_ends_as_a_sentence_needs_no_mark(end: str) -> None:
    assert prose([said(f"Goedemorgen{end}\nIk heb een vraag")]) == f"Goedemorgen{end}\nIk heb een vraag"


def test_messages_of_one_turn_are_told_from_each_other_as_lines_are() -> None:
    assert prose([said("Hallo"), message(2, text="Wanneer komt u?"), message(3, text="Anna")]) == (
        "Hallo /\nWanneer komt u?\nAnna"
    )


def test_empty_lines_and_the_blanks_around_lines_go() -> None:
    assert prose([said("  Eén  \n\n \t\n  twee.\u2028drie\r\nvier ")]) == "Eén /\ntwee.\ndrie /\nvier"


def test_a_character_that_open_klant_refuses_is_left_out() -> None:
    assert prose([said("Mijn\0 vraag", attachments=(Attachment(name="a\0.pdf"),))]) == (
        "Mijn vraag /\n(Document meegestuurd: a.pdf; hier niet te zien.)"
    )


def test_what_was_deleted_is_said_to_be_and_neither_its_text_nor_its_files_are_told() -> None:
    deleted = said("geheim", deleted_at=START, attachments=(Attachment(name="geheim.pdf"),))
    assert prose([deleted, message(2, text="Bedankt")]) == "(Dit bericht is verwijderd.)\nBedankt"


def test_what_was_edited_is_said_to_be_once_however_many_lines_it_has() -> None:
    edited = said("Op maandag.\nOf dinsdag", edited_at=START + timedelta(minutes=5))
    assert prose([edited, message(2, text="Anna")]) == "Op maandag.\nOf dinsdag (gewijzigd)\nAnna"


def test_an_edit_of_what_has_no_text_is_not_told() -> None:
    assert prose([said(edited_at=START, attachments=(Attachment(),))]) == "(Document meegestuurd; hier niet te zien.)"


@pytest.mark.parametrize("text", ["", " \n ", "\0"])
def test_a_message_without_anything_is_not_an_empty_question(text: str) -> None:
    assert prose([said(text)]) == "(Dit bericht heeft geen tekst.)"


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("image", "Foto"),
        ("video", "Video"),
        ("audio", "Geluid"),
        ("sticker", "Sticker"),
        ("view-once", "Eenmalig bericht"),
        ("document", "Document"),
    ],
)
def test_the_kind_of_message_says_what_came_along(kind: str, what: str) -> None:
    assert attached(kind) == f"({what} meegestuurd; hier niet te zien.)"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"media_type": "image/heic"}, "Foto"),
        ({"media_type": "video/mp4"}, "Video"),
        ({"media_type": "audio/ogg"}, "Geluid"),
        ({"media_type": "application/pdf"}, "Document"),
        ({"name": "IMG_1.jpg"}, "Foto: IMG_1.jpg"),
        ({"name": "opname.mp3"}, "Geluid: opname.mp3"),
        ({"name": "brief.pdf"}, "Document: brief.pdf"),
        ({"name": "foto.jpg", "media_type": "application/pdf"}, "Document: foto.jpg"),
    ],
)
def test_the_media_type_says_it_where_the_kind_does_not_and_else_the_name(fields: dict[str, str], what: str) -> None:
    where, colon, name = what.partition(": ")
    assert attached("document", **fields) == f"({where} meegestuurd{colon}{name}; hier niet te zien.)"


def test_a_file_name_stays_on_its_line() -> None:
    assert attached(name=" mijn \n brief.pdf ") == "(Document meegestuurd: mijn brief.pdf; hier niet te zien.)"


def test_every_file_is_told_after_the_text_it_came_with() -> None:
    files = (Attachment(name="a.jpg"), Attachment(name="b.pdf"))
    assert prose([said("Zie hier", attachments=files), message(2, text="Klaar")]) == (
        "Zie hier /\n(Foto meegestuurd: a.jpg; hier niet te zien.)\n"
        "(Document meegestuurd: b.pdf; hier niet te zien.)\nKlaar"
    )


# -- parts


def test_a_text_that_fits_is_one_part_without_a_label() -> None:
    assert parts("a" * LONGEST, of="het antwoord") == ["a" * LONGEST]
    assert parts("", of="het antwoord") == [""]


def test_what_stands_before_a_text_counts_for_its_length() -> None:
    text = "woord " * 165
    assert parts(text, before="(notitie) ", of="het antwoord") == [f"(notitie) {text}"]
    longer = parts(f"{text}.", before="(notitie) ", of="het antwoord")
    assert len(longer) == 2
    assert longer[0].startswith("(notitie) woord woord")
    assert "notitie" not in longer[1]


def test_every_part_says_which_one_it_is_and_the_further_ones_what_they_continue() -> None:
    written = parts("Een zin. " * 300, of="de reactie")
    assert len(written) == 3
    assert written[0].startswith("Een zin.")
    assert written[0].endswith("Een zin. (deel 1 van 3)")
    assert written[1].startswith("Vervolg van de reactie (deel 2 van 3): Een zin.")
    assert written[2].startswith("Vervolg van de reactie (deel 3 van 3): Een zin.")


def test_a_part_ends_where_a_sentence_ends() -> None:
    sentence = "Dit is een zin die niet op haar plek gebroken mag worden! "
    for piece in without_labels(parts((sentence * 40).strip(), of="het antwoord")):
        assert piece.startswith("Dit is")
        assert piece.endswith("worden!")


def test_a_part_may_end_where_a_line_ends() -> None:
    first, second = "woord " * 120, "anders " * 60
    assert without_labels(parts(f"{first.strip()}\n{second.strip()}", of="het antwoord")) == [
        first.strip(),
        second.strip(),
    ]


def test_a_number_with_a_point_in_it_ends_no_sentence() -> None:
    text = f"{'woord ' * 140}kost 3.50 euro {'meer ' * 60}".strip()
    pieces = without_labels(parts(text, of="het antwoord"))
    assert all(not piece.endswith("3.") for piece in pieces)
    assert " ".join(pieces) == text


def test_a_short_sentence_at_the_start_does_not_make_a_short_part() -> None:
    pieces = without_labels(parts(f"Hallo. {'woord ' * 300}".strip(), of="het antwoord"))
    assert len(pieces[0]) > LONGEST // 2


def test_a_word_that_is_longer_than_a_part_is_broken_and_whole_in_its_parts() -> None:
    word = "".join(chr(ord("a") + n % 26) for n in range(2_500))
    written = parts(word, of="het antwoord")
    assert max(map(len, written)) <= LONGEST
    assert "".join(without_labels(written)) == word


def test_a_text_of_a_thousand_parts_keeps_them_all_within_the_limit() -> None:
    written = parts("woord " * 160_000, of="het antwoord")
    assert len(written) > 1_000
    assert max(map(len, written)) <= LONGEST
    assert sum(len(piece.split()) for piece in without_labels(written)) == 160_000


def test_a_part_ends_between_words_where_no_sentence_ends() -> None:
    text = "gemeentehuis " * 200
    for blank in (" ", "\n"):
        pieces = without_labels(parts(text.strip().replace(" ", blank), of="het antwoord"))
        assert len(pieces) > 2
        assert {word for piece in pieces for word in piece.split()} == {"gemeentehuis"}


@given(texts)
def test_the_words_of_a_text_come_back_from_its_parts_whole_and_in_order(text: str) -> None:
    written = parts(text, of="het antwoord")
    assert max(map(len, written)) <= LONGEST
    assert [word for piece in without_labels(written) for word in piece.split()] == text.split()


@given(st.text(max_size=4 * LONGEST))
def test_no_character_of_any_text_is_lost_but_for_blanks_where_it_was_cut(text: str) -> None:
    written = parts(text, of="het antwoord")
    assert max(map(len, written)) <= LONGEST
    assert "".join("".join(without_labels(written)).split()) == "".join(text.split())
