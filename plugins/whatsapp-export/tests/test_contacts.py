from __future__ import annotations

from pathlib import Path

import pytest

from gemeente_connect.errors import ConfigError
from gemeente_connect_whatsapp_export.contacts import read_contacts, shown_number


def contacts(tmp_path: Path, content: str | bytes) -> dict[str, set[str]]:
    path = tmp_path / "contacts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {name: set(numbers) for name, numbers in read_contacts(path, "NL").items()}


@pytest.mark.parametrize(
    "content",
    [
        "naam;nummer\nJan de Vries;06 12345678\n",
        'name,number\r\n"Jan de Vries",+31612345678\r\n',
        "\ufeffNummer;x;Naam\n0031612345678;;Jan  de Vries\u200e\n",
    ],
)
def test_a_csv_file_says_which_number_a_name_stands_for(tmp_path: Path, content: str) -> None:
    assert contacts(tmp_path, content) == {"Jan de Vries": {"+31612345678"}}


def test_a_vcard_file_says_which_numbers_a_name_stands_for(tmp_path: Path) -> None:
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jan\\, de\r\n  Vries\r\nTEL;TYPE=CELL:06-12345678\r\n"
        "item1.TEL:+31 591 654321\r\n"
        "TEL:1233\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ren=C3=A9=\r\n =20Bakker\r\n"
        "TEL;CELL:+31687654321\r\nEND:VCARD\r\n"
    )
    assert contacts(tmp_path, card) == {
        "Jan, de Vries": {"+31612345678", "+31591654321"},
        "René Bakker": {"+31687654321"},
    }


def test_a_name_with_a_colon_makes_the_name_before_it_uncertain(tmp_path: Path) -> None:
    found = contacts(tmp_path, "name,number\nJan: werk,+31612345678\nJan,+31687654321\n")
    assert len(found["Jan"]) > 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Jan,06 12345678\n", "line 1 must name the columns"),
        ("naam,nummer\nJan,06 12345678\nPiet,geen\n", "line 3 has no telephone number"),
        ("naam,nummer\nJan\n", "line 2 has no telephone number"),
        (b"naam,nummer\nJ\xe4n,06 12345678\n", "not text in UTF-8"),
    ],
)
def test_a_contacts_file_that_is_wrong_is_refused_by_its_line_and_without_what_stands_there(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        contacts(tmp_path, content)
    assert "Jan" not in str(error.value)
    assert "12345678" not in str(error.value).replace("+31 6 12345678", "")


def test_a_contacts_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        read_contacts(tmp_path / "none.csv", "NL")


def test_a_number_in_place_of_a_name_is_read_through_the_marks_around_it() -> None:
    assert shown_number("\u202a+31\u00a06\u00a012345678\u202c") == "+31612345678"
    assert shown_number("+31 6 1234-5678") == "+31612345678"
    assert shown_number("06 12345678") is None
    assert shown_number("~ +31 6 12345678") is None
