from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.addresses import international, is_bsn, normalise
from gemeente_connect.models import Identity

TEST_BSNS = ("999990676", "999993653", "999991723", "999995571", "999992740")


@pytest.mark.parametrize(
    "written",
    [
        "0612345678",
        "06 1234 5678",
        "06-12345678",
        "+31612345678",
        "+31 6 12 34 56 78",
        "0031 6 12345678",
        "+31 (0)6 12345678",
        "\u202a+31\u00a06\u00a012345678\u202c",
    ],
)
def test_one_number_is_written_in_one_way_however_it_came(written: str) -> None:
    assert normalise("phone", written) == "+31612345678"
    assert Identity(kind="phone", value=normalise("phone", written))


def test_a_number_without_a_country_code_is_of_the_region() -> None:
    assert normalise("phone", "0470 12 34 56", region="BE") == "+32470123456"
    assert normalise("phone", "+32 470 12 34 56") == "+32470123456"


@pytest.mark.parametrize("written", ["", "Anna", "12", "+31", "06123456789012345", "anna@example.nl"])
def test_what_is_no_telephone_number_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"^this is no telephone number$") as caught:
        normalise("phone", written)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("written", ["+31 591 12-34-56", "+31591123456", "+31(591)123.456"])
def test_a_number_in_a_setting_is_written_in_one_way(written: str) -> None:
    assert international(written) == "+31591123456"


@pytest.mark.parametrize("written", ["0591 123456", "+32 59", "+31 591 12345x", "", "+0591123456", "+3159112345678901"])
def test_a_number_in_a_setting_has_its_country_code_and_is_never_repeated(written: str) -> None:
    with pytest.raises(ValueError, match="with its country code") as error:
        international(written)
    assert not written or written not in str(error.value)


def test_an_email_address_is_in_lower_case_without_blanks_around_it() -> None:
    assert normalise("email", " Anna@Example.NL\n") == "anna@example.nl"


@pytest.mark.parametrize(
    "written", ["", "anna", "anna@", "@example.nl", "anna@localhost", "a b@example.nl", "a@b@c.nl"]
)
def test_what_is_no_email_address_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"^this is no e-mail address$"):
        normalise("email", written)


@pytest.mark.parametrize("bsn", TEST_BSNS)
def test_the_official_test_numbers_are_bsns(bsn: str) -> None:
    assert is_bsn(bsn)
    assert normalise("bsn", f" {bsn} ") == bsn


@pytest.mark.parametrize(
    "bsn", ["999990677", "000000000", "99999067", "9999906760", "123456789", "٩٩٩٩٩٠٦٧٦", "999 990 676", ""]
)
def test_what_does_not_pass_the_eleven_test_is_refused_without_repeating_it(bsn: str) -> None:
    assert not is_bsn(bsn)
    with pytest.raises(ValueError, match=r"^this is no BSN: nine digits that pass the eleven-test are needed$"):
        normalise("bsn", bsn)


@given(st.sampled_from(TEST_BSNS), st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(bsn: str, place: int, more: int) -> None:
    digit = str((int(bsn[place]) + more) % 10)
    assert not is_bsn(bsn[:place] + digit + bsn[place + 1 :])


@given(st.sampled_from(TEST_BSNS), st.integers(0, 7))
def test_two_digits_in_each_others_place_are_always_noticed(bsn: str, place: int) -> None:
    swapped = bsn[:place] + bsn[place + 1] + bsn[place] + bsn[place + 2 :]
    assert is_bsn(swapped) is (swapped == bsn)


@pytest.mark.parametrize("kind", ["messenger", "instagram", "x", "postal", "kvk", "whatsapp"])
def test_any_other_address_stays_as_its_source_has_it_and_is_never_empty(kind: str) -> None:
    assert normalise(kind, " Abc 12 ") == "Abc 12"  # type: ignore[arg-type] # each of them is a kind
    with pytest.raises(ValueError, match="cannot be empty"):
        normalise(kind, "  ")  # type: ignore[arg-type] # each of them is a kind


@given(st.sampled_from(["phone", "email", "bsn", "x"]), st.text(max_size=30))
def test_writing_a_written_address_again_changes_nothing(kind: str, value: str) -> None:
    try:
        once = normalise(kind, value)  # type: ignore[arg-type] # each of them is a kind
    except ValueError:
        return
    assert normalise(kind, once) == once  # type: ignore[arg-type] # each of them is a kind
    assert Identity.model_validate({"kind": kind, "value": once})
