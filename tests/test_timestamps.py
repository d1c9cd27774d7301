from __future__ import annotations

import os
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.timestamps import parse_timestamp

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NINE = datetime(2026, 11, 23, 9, 2, tzinfo=UTC)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - the bounds are naive


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:02:00Z",
        "2026-11-23t09:02:00z",
        "2026-11-23T09:02Z",
        "2026-11-23T09:02:00.000Z",
        "2026-11-23T10:02:00+01:00",
        "2026-11-23T10:02:00+0100",
        "2026-11-23T10:02:00+01",
        "2026-11-23 10:02:00 +0100",
        "2026-11-23 09:02:00 UTC",
        "20261123T090200Z",
        "Mon, 23 Nov 2026 10:02:00 +0100",
        "Mon, 23 Nov 2026 10:02:00 +0100 (CET)",
        "Mon, 23 Nov 2026 04:02:00 EST",
        "Mon, 23 Nov 2026 09:02:00 -0000",
        "23 Nov 2026 09:02 GMT",
        "Mon Nov 23 09:02:00 +0000 2026",
        " 1795424520 ",
        "1795424520.0",
        1795424520,
        1795424520.0,
    ],
)
def test_every_usual_way_of_writing_is_read_as_the_same_moment(text: str | float) -> None:
    assert parse_timestamp(text) == NINE
    assert parse_timestamp(text).tzinfo is not None


def test_the_offset_that_was_written_is_kept_and_a_number_is_in_utc() -> None:
    assert parse_timestamp("2026-11-23T10:02:00+0100").utcoffset() == timedelta(hours=1)
    assert parse_timestamp("Mon, 23 Nov 2026 10:02:00 +0100").utcoffset() == timedelta(hours=1)
    assert parse_timestamp(1795424520).tzinfo is UTC


@pytest.mark.parametrize("number", [1795424520123, "1795424520123"])
def test_milliseconds_are_read_to_the_millisecond_when_the_unit_says_so(number: str | int) -> None:
    assert parse_timestamp(number, unit="ms") == NINE + timedelta(milliseconds=123)


def test_milliseconds_that_are_taken_for_seconds_are_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        parse_timestamp(1795424520123)


def test_a_number_with_a_fraction_is_read_to_the_microsecond() -> None:
    assert parse_timestamp("1795424520.123456") == NINE + timedelta(microseconds=123456)


@pytest.mark.parametrize("text", ["2026-11-23T10:02:00", "2026-11-23 10:02", "23 Nov 2026 10:02", "20261123T1002"])
def test_a_time_without_an_offset_is_read_in_the_zone_that_is_given_and_else_refused(text: str) -> None:
    assert parse_timestamp(text, zone=AMSTERDAM) == NINE
    with pytest.raises(ValueError, match="when its zone is given"):
        parse_timestamp(text)


def test_an_offset_that_is_written_goes_before_the_zone() -> None:
    assert parse_timestamp("2026-11-23T09:02:00Z", zone=AMSTERDAM) == NINE


@pytest.mark.parametrize(
    "text",
    [
        "11/12/2026 10:00Z",  # which is the month?
        "Sat 11/12/2026 10:00Z",
        "2026/11/12 10:00Z",
        "Nov 2026",  # which day?
        "23 Nov 10:00Z",  # which year?
        "Mon 10:00Z",
        "10:00Z",
        "noon",
        "2026",
        "2026-11-23+01:00",
        "2026-11-23T09:02:00+25:00",
        "2026-02-30T10:00:00Z",
        "Mon, 23 Nov 2026 09:02:00 CET",  # a name that means different things to different people
        "Mon Nov 23 2026 10:02:00 GMT+0100",  # ahead of Greenwich, or in POSIX behind it
        "23 Nov 2026 10:00 UTC+3",
        "٢٠٢٦-11-23T09:02:00Z",
        "12345678",
        "0",
        "",
        "9" * 5000,
        "Nov " * 5000,
        float("nan"),
        float("inf"),
        10**30,
        -(10**30),
    ],
)
def test_what_is_no_time_or_could_be_two_is_refused_and_never_guessed(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"time|out of range"):
        parse_timestamp(text)


def test_the_error_does_not_hold_what_was_written() -> None:
    for text in ("Jan Jansen 06 12345678", "2026-11-23 Jan Jansen", "Nov Jansen 2026"):
        with pytest.raises(ValueError, match="no time") as caught:
            parse_timestamp(text)
        assert caught.value.__context__ is None
        assert "Jansen" not in "".join(traceback.format_exception(caught.value))


@given(MOMENTS)
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment
    assert parse_timestamp(moment.isoformat(" ")) == moment


@given(MOMENTS)
def test_what_a_mail_program_writes_is_read_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert parse_timestamp(format_datetime(moment)) == moment


@given(st.integers(-62_000_000_000, 250_000_000_000))
def test_seconds_and_milliseconds_are_read_exactly(seconds: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert parse_timestamp(seconds) == expected
    assert parse_timestamp(seconds * 1000, unit="ms") == expected


@given(st.text(max_size=60) | st.text("0123456789-/:+TZ .,NovMGT", max_size=40))
def test_any_text_is_an_aware_time_or_a_value_error(text: str) -> None:
    try:
        assert parse_timestamp(text).utcoffset() is not None
    except ValueError as error:
        assert len(text) < 10 or text not in str(error)  # noqa: PT017 - both outcomes are right


def test_the_machine_it_runs_on_does_not_matter() -> None:
    script = """if True:
        from gemeente_connect.timestamps import parse_timestamp
        for text in ("23 Nov 2026 10:00 CET", "23 Nov 2026 10:00"):
            try:
                parse_timestamp(text)
            except ValueError:
                continue
            raise SystemExit(text)
    """
    environment = os.environ | {"TZ": "Europe/Amsterdam"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_dateutil_is_only_loaded_for_what_python_cannot_read_itself() -> None:
    script = """if True:
        import sys
        from gemeente_connect.timestamps import parse_timestamp
        parse_timestamp("2022-07-12T19:11:07+0000"), parse_timestamp(1795424520)
        assert "dateutil" not in sys.modules
        parse_timestamp("Mon, 23 Nov 2026 10:02:00 +0100")
        assert "dateutil" in sys.modules
    """
    subprocess.run([sys.executable, "-c", script], check=True)
