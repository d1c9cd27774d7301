from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.privacy import mask, pseudonym


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("no partij for 999990676", "no partij for <number>"),
        ("from +31612345678 to +31 6 1234 5679", "from <number> to <number>"),
        ("call 06-12345678 or 06 12 34 56 78", "call <number> or <number>"),
        ("NL91ABNA 0417164300", "NL91ABNA <number>"),
        ("mail anna.de-vries+x@mail.example.nl now", "mail <email> now"),
        ("GET /partijen?bsn=999990676&naam=Anna HTTP/1.1", "GET /partijen?<query> HTTP/1.1"),
        ("Authorization: Token abc-DEF.123", "Authorization: Token <token>"),
        ("authorization: bearer abc", "authorization: bearer <token>"),
        ("status 503 after 30 seconds, port 8080", "status 503 after 30 seconds, port 8080"),
        ("", ""),
    ],
)
def test_what_could_point_at_a_person_is_taken_out_and_the_rest_stays(text: str, masked: str) -> None:
    assert mask(text) == masked


@given(st.from_regex(r"\+?[0-9]{8,15}", fullmatch=True), st.text(alphabet="abc :,()'\"", max_size=10))
def test_no_long_number_survives_wherever_it_stands(number: str, around: str) -> None:
    assert number not in mask(f"{around}{number}{around}")


@given(st.text())
def test_masking_what_is_masked_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_a_long_text_is_masked_in_a_time_that_grows_no_faster_than_it_does() -> None:
    assert mask("a" * 300_000) == "a" * 300_000  # minutes, where every start is tried to the end


def test_equal_values_look_equal_and_others_do_not() -> None:
    assert pseudonym("+31612345678") == pseudonym("+31612345678")
    assert pseudonym("+31612345678") != pseudonym("+31612345679")


def test_a_pseudonym_says_of_what_kind_it_is_and_not_what_it_stands_for() -> None:
    assert pseudonym("Anna de Vries", "name").startswith("<name ")
    assert "Anna" not in pseudonym("Anna de Vries", "name")


def test_a_pseudonym_cannot_be_looked_up_in_another_run() -> None:
    command = [sys.executable, "-c", "from gemeente_connect.privacy import pseudonym; print(pseudonym('999990676'))"]
    first, second = (subprocess.run(command, check=True, capture_output=True).stdout for _ in range(2))
    assert first != second
