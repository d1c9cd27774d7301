from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plugins.loket.tests.conftest import ANNA, FATIMA, HEADER, JAN, REGISTER, Desk

from gemeente_connect.errors import ConfigError
from gemeente_connect.residents import Holder
from gemeente_connect_loket.register import Counts, parse_register, read_register, residents

RIGHT = f"{FATIMA},Fatima,phone,+31612345678,2025-01-10,,"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "residents.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def held(path: Path) -> list[Holder]:
    return [row.holder for row in read_register(path)]


Write = Callable[[str | bytes], Path]


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{RIGHT}\n".encode(),
        b"\xef\xbb\xbf" + f"{HEADER}\n{RIGHT}\n".encode(),
        f"{HEADER}\n{RIGHT}\n".replace(",", ";").encode(),
        f"{HEADER}\r\n\r\n{RIGHT}\r\n,,,,,,\r\n".encode(),
        f'"{HEADER.replace(",", chr(34) + "," + chr(34))}"\n{RIGHT}'.encode(),
        b"address,kind,name,valid_until,valid_from,verified_at,bsn\n06 - 1234 5678,phone,Fatima,,,2025-01-10,999990676",
    ],
    ids=["plain", "byte order mark", "semicolons", "CRLF and empty lines", "quotes", "other order of columns"],
)
def test_every_way_a_spreadsheet_writes_csv_gives_the_same(write: Write, content: bytes) -> None:
    assert held(write(content)) == held(write(f"{HEADER}\n{RIGHT}\n"))


@pytest.mark.parametrize("number", ["06-12345678", "0031612345678", "+31 6 12 34 56 78", "(06) 1234 5678"])
def test_all_ways_to_write_a_telephone_number_are_one_address(write: Write, number: str) -> None:
    (row,) = held(write(f"{HEADER}\n{FATIMA},Fatima,phone,{number},2025-01-10,,"))
    assert row.value == "+31612345678"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2025-01-10", "2025-01-09T23:00:00.000000+00:00"),
        ("2025-07-10", "2025-07-09T22:00:00.000000+00:00"),
        ("2025-07-10 12:30", "2025-07-10T10:30:00.000000+00:00"),
        ("2025-07-10T12:30:15+02:00", "2025-07-10T10:30:15.000000+00:00"),
        ("2025-07-10T12:30Z", "2025-07-10T12:30:00.000000+00:00"),
        ("", None),
    ],
)
def test_a_date_or_time_without_a_zone_is_dutch_local_time(write: Write, written: str, stored: str | None) -> None:
    (row,) = held(write(f"{HEADER}\n{FATIMA},Fatima,phone,0612345678,{written},,"))
    assert row.verified_at == (datetime.fromisoformat(stored) if stored else None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("123456789,Fatima,phone,0612345678,2025-01-10,,", "bsn: nine digits that pass the eleven-test"),
        ("99990676,Fatima,phone,0612345678,2025-01-10,,", "bsn: nine digits that pass the eleven-test"),
        (f"{FATIMA}, ,phone,0612345678,2025-01-10,,", "name: is empty"),
        (f"{FATIMA},Fatima,fax,0612345678,2025-01-10,,", "kind: choose from: phone, email"),
        (f"{FATIMA},Fatima,bsn,{FATIMA},2025-01-10,,", "kind: choose from: phone, email"),
        (f"{FATIMA},Fatima,phone,0612,2025-01-10,,", "address: this is no telephone number"),
        (f"{FATIMA},Fatima,email,fatima,2025-01-10,,", "address: this is no e-mail address"),
        (f"{FATIMA},Fatima,postal,,2025-01-10,,", "address: an address cannot be empty"),
        (f"{FATIMA},Fatima,phone,0612345678,10-01-2025,,", "verified_at: write a date like 2026-11-02"),
        (f"{FATIMA},Fatima,phone,0612345678,0001-01-01,,", "verified_at: write a date like 2026-11-02"),
        (f"{FATIMA},Fatima,phone,0612345678,,soon,", "valid_from: write a date like 2026-11-02"),
        (f"{FATIMA},Fatima,phone,0612345678,2025-01-10,2025-02-01,2025-02-01", "valid_until: is not after valid_from"),
        (f"{FATIMA},Fatima,phone,0612345678,2025-01-10,,2025-01-01", "valid_until: is not after verified_at"),
        (f"{FATIMA},Fatima,phone,0612345678,2025-01-10,", "the line: has 6 cells, and the header has 7"),
        (f"{FATIMA},Fatima,phone,0612345678,2025-01-10,,,", "the line: has 8 cells, and the header has 7"),
        (f"{JAN},Johan,phone,0612345678,2025-01-10,,", "name: is another than on line 2"),
    ],
)
def test_a_wrong_line_is_told_by_number_and_column_and_never_by_value(write: Write, line: str, said: str) -> None:
    path = write(f"{HEADER}\n{JAN},Jan,phone,0612345679,2025-01-10,,\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_register(path)
    first, last = str(caught.value).splitlines()
    assert first.startswith(f"{path}, line 3: {said}")
    assert last == "nothing was imported"
    for value in ("0612", "Fatima", "fatima", "Johan", "fax", "10-01-2025", FATIMA, "123456789"):
        assert value not in first


def test_all_wrong_lines_are_told_at_once_up_to_a_limit(write: Write) -> None:
    path = write(f"{HEADER}\n" + "x,x,x,x,x,x,x\n" * 60)
    with pytest.raises(ConfigError) as caught:
        read_register(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 52
    assert lines[0].startswith(f"{path}, line 2: bsn")
    assert lines[50] == "… and 10 more"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: the first line names the columns"),
        (b"\n\n", "is empty: the first line names the columns"),
        (f"{HEADER}\n".encode(), "holds no residents, so importing it would remove them all"),
        (f"{RIGHT}\n".encode(), "line 1: this is no header"),
        (HEADER.replace("name", "naam").encode(), "there is no column 'naam'; did you mean 'name'?"),
        (HEADER.replace(",valid_until", "").encode(), "needed once: valid_until"),
        (f"{HEADER},bsn\n".encode(), "needed once: bsn"),
        (f"{HEADER}\n{RIGHT}\n".replace("Fatima", "Yılmaz").encode("utf-16"), "is not UTF-8"),
        (f"{HEADER}\n{RIGHT}\n".replace("Fatima", "Zoë").encode("latin-1"), "is not UTF-8"),
        (f'{HEADER}\n{RIGHT}\n{FATIMA},"Fatima,phone\n'.encode(), "line 3: this is no CSV"),
        (b"PK\x03\x04\x00\x00 a spreadsheet", "line 1"),
    ],
)
def test_a_file_that_is_no_register_is_refused_and_nothing_of_it_is_repeated(
    write: Write, content: bytes, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_register(write(content))
    assert said in str(caught.value)
    assert FATIMA not in str(caught.value)
    assert "Fatima" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_register(tmp_path / "nowhere.csv")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example('"')
@example("a,b\x00c")
def test_any_text_is_a_register_or_a_clear_error(text: str) -> None:
    for content in (text, f"{HEADER}\n{text}"):
        with contextlib.suppress(ConfigError):
            assert parse_register(content, Path("made-up.csv"))


# ---- importing -------------------------------------------------------------------------------------------------------


def test_an_import_says_what_came_changed_and_went(desk: Desk) -> None:
    again = desk.register()
    assert again.residents == again.addresses == Counts(total=3, new=0, changed=0, gone=0)
    done = desk.register(
        f"{HEADER}\n"
        f"{FATIMA},Fatima Yılmaz-Smit,phone,0612345678,2025-01-11,,\n"
        f"{JAN},Jan de Vries,phone,0612345679,2025-01-10,,\n"
        f"{JAN},Jan de Vries,email,jan@example.nl,,,\n"
    )
    assert done.residents == Counts(total=2, new=0, changed=1, gone=1)
    assert done.addresses == Counts(total=3, new=1, changed=1, gone=1)
    assert [(bsn, len(addresses)) for bsn, _, addresses in residents(desk.store)] == [(FATIMA, 1), (JAN, 2)]


def test_a_wrong_file_leaves_the_register_as_it_was(desk: Desk) -> None:
    before = residents(desk.store)
    with pytest.raises(ConfigError):
        desk.register(f"{REGISTER}no,more,than,this\n")
    assert residents(desk.store) == before


def test_the_same_line_twice_counts_once(desk: Desk) -> None:
    done = desk.register(f"{HEADER}\n{RIGHT}\n{RIGHT}\n")
    assert (done.addresses.total, done.overlapping) == (1, ())


def test_one_address_verified_for_two_residents_at_once_is_told_by_its_lines(desk: Desk) -> None:
    done = desk.register(
        f"{HEADER}\n"
        f"{FATIMA},Fatima,phone,0612345678,2025-01-10,,2026-01-01\n"
        f"{JAN},Jan,phone,+31612345678,2026-01-01,,\n"
        f"{ANNA},Anna,phone,0031612345678,2025-06-01,,2025-07-01\n"
        f"999995571,Bo,phone,0612345678,,2025-06-01,\n"
    )
    assert done.overlapping == ((2, 4),)
