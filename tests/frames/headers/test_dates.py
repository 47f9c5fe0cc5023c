"""Dates in the old forms, and texts that are none; test_times has the usual spellings."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.headers.dates import read_clock, read_date


@given(st.dates(date(1980, 1, 1), date(1999, 12, 31)))
def test_the_old_form_of_the_standard_is_of_the_last_century(day):
    assert read_date(f"{day:%d/%m/%y}").day == day


@pytest.mark.parametrize(
    ("text", "day", "doubtful"),
    [
        ("09/04/92", date(1992, 4, 9), False),
        ("26/07/102", date(2002, 7, 26), True),
        ("03/02/15", date(2015, 2, 3), True),
        ("13/02/2015", date(2015, 2, 13), False),
        ("02/13/2015", date(2015, 2, 13), False),
        ("03/02/2015", date(2015, 2, 3), True),
        ("03/03/2015", date(2015, 3, 3), False),
    ],
)
def test_dates_with_the_day_first(text, day, doubtful):
    found = read_date(text)
    assert (found.day, found.doubtful) == (day, doubtful)


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_none(text):
    found = read_date(text)
    assert found is None or 1 <= found.day.year <= 9999


@pytest.mark.parametrize(
    ("text", "seconds", "precision", "offset"),
    [
        ("9:19:16.50", 33556.5, 0.01, None),
        ("09 19 16", 33556.0, 1.0, None),
        ("09h19m", 33540.0, 60.0, None),
        ("24:00:00", 86400.0, 1.0, None),
        ("23:59:60.5", 86400.5, 0.1, None),
        ("01:02:03.4Z", 3723.4, 0.1, 0.0),
        ("01:02:03 -0730", 3723.0, 1.0, -27000.0),
    ],
)
def test_times_of_day(text, seconds, precision, offset):
    clock = read_clock(text)
    assert clock.seconds == pytest.approx(seconds)
    assert clock.precision == pytest.approx(precision)
    assert clock.offset == offset


@pytest.mark.parametrize(
    "text", ["25:00:00", "12:60:00", "12:00:61", "24:00:01", "noon", "12", "-1:00:00", "12:00:00 CEST"]
)
def test_what_is_no_time_of_day(text):
    assert read_clock(text) is None
