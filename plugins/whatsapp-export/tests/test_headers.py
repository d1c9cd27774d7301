from __future__ import annotations

from datetime import date

import pytest

from gemeente_connect_whatsapp_export.headers import DateOrder, Undecided, find_form, read_clock, read_date

FORMS = {
    "[02-05-2022 16:08:13] ": ("2022-05-02", "16:08:13"),
    "\u200e[31-12-19 23:59:01] ": ("2019-12-31", "23:59:01"),
    "[31-12-2019, 23:59:01] ": ("2019-12-31", "23:59:01"),
    "02-05-2022 16:08 - ": ("2022-05-02", "16:08"),
    "12/31/23, 11:59\u202fPM - ": ("2023-12-31", "23:59"),
    "[28/11/2020, 9:47:19 pm] ": ("2020-11-28", "21:47:19"),
    "[12/31/23, 12:00:01\u202fAM] ": ("2023-12-31", "00:00:01"),
    "[3/18/22, 14:56:00] ": ("2022-03-18", "14:56:00"),
    "31.12.19, 23:59 - ": ("2019-12-31", "23:59"),
    "13.6.2018 klo 21.25.15 - ": ("2018-06-13", "21:25:15"),
    "[2018/06/13, 21:25:15] ": ("2018-06-13", "21:25:15"),
    "[2018-06-13, 21:25:15] ": ("2018-06-13", "21:25:15"),
    "13/6/18, 9:25 p.\u00a0m. - ": ("2018-06-13", "21:25"),
    "13/6/18, 9:25 a.m. - ": ("2018-06-13", "09:25"),
    "13. 6. 2018. 21:25 - ": ("2018-06-13", "21:25"),
}


@pytest.mark.parametrize(("header", "expected"), FORMS.items())
def test_every_header_form_is_recognised_and_read(header: str, expected: tuple[str, str]) -> None:
    import re

    form = find_form(header + "Jan: hallo")
    assert form
    found = re.match(form.pattern(), header)
    assert found
    order = DateOrder(form)
    order.add([found[1]])
    assert (str(read_date(found[1], order.decide(None))), read_clock(found[2])) == expected
    assert found.end() == len(header)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hallo",
        "[5/2, 16:08] Jan: x",
        "02-05-2022 Jan: x",
        "[02-05-2022 16:08:13 - Jan: x",
        "45-13-2022 16:08 - Jan: x",
        "02-05-2022 26:08 - Jan: x",
        "1-1-202 16:08 - x",
    ],
)
def test_what_whatsapp_does_not_write_is_no_header(line: str) -> None:
    assert find_form(line) is None


def test_a_form_refuses_the_header_of_another_phone() -> None:
    import re

    form = find_form("02-05-2022 16:08 - Jan: x")
    assert form
    for other in FORMS:
        assert bool(re.match(form.pattern(), other)) is (other == "02-05-2022 16:08 - ")


def decide(*dates: str, asked: str | None = None) -> str:
    form = find_form(f"{dates[0]}, 16:08 - x")
    assert form
    order = DateOrder(form)
    order.add(list(dates))
    return order.decide(asked)  # type: ignore[arg-type]


def test_a_field_over_twelve_decides_the_order_of_dates() -> None:
    assert decide("5/2/22", "13/2/22") == "dmy"
    assert decide("5/2/22", "5/13/22") == "mdy"
    assert decide("05-02-2022", "05-13-2022") == "mdy"


def test_dashes_and_dots_are_day_first_where_nothing_says_otherwise() -> None:
    assert decide("05-02-2022", "06-02-2022") == "dmy"
    assert decide("5.2.22") == "dmy"


def test_dates_that_run_forward_one_way_only_decide_the_order() -> None:
    assert decide("5/2/22", "6/2/22", "1/3/22") == "dmy"
    assert decide("2/5/22", "2/6/22", "3/1/22") == "mdy"


def test_a_message_that_stands_a_day_late_does_not_spoil_the_order_of_the_dates() -> None:
    assert decide("5/2/22", "6/2/22", "5/2/22", "1/3/22") == "dmy"


def test_slashes_that_stay_ambiguous_are_asked_about_and_never_guessed() -> None:
    with pytest.raises(Undecided):
        decide("5/2/22", "5/3/22", "6/4/22")
    assert decide("5/2/22", "5/3/22", asked="mdy") == "mdy"


def test_slashes_with_fields_over_twelve_on_both_sides_are_asked_about() -> None:
    with pytest.raises(Undecided):
        decide("5/2/22", "13/2/22", "2/13/22")


def test_a_year_in_front_needs_no_question() -> None:
    assert decide("2022/05/02") == "ymd"


def test_days_that_do_not_exist_or_are_older_than_whatsapp_are_no_dates() -> None:
    assert read_date("31-02-2022", "dmy") is None
    assert read_date("01-01-08", "dmy") is None
    assert read_date("1/2/22", "mdy") == date(2022, 1, 2)
