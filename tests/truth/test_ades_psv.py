"""ADES with bars: columns that change, lines cut short, other kinds of observation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.truth.ades_psv import rows, tells
from ceres_fast.truth.found import observation

from .files import PSV_COLUMNS, PSV_HEAD, Row, psv, psv_line

ROW = Row("A1", 60310.912345, 187.123456, -5.5)


def test_columns_may_change_within_a_file():
    other = "permID|provID|trkSub|mode|stn|obsTime|ra|dec|rmsRA|rmsDec|astCat|remarks"
    line = "|2014 AA| |CCD|950|2024-01-01T22:00:00Z|1.5|-2.5|0.1|0.1|Gaia2|a"
    found = list(rows(psv([ROW]) + other + "\n" + line + "\n" + PSV_HEAD[14:] + PSV_COLUMNS + "\n" + psv_line(ROW)))
    good = [observation(each.values) for each in found]
    assert [each.designation for each in good] == ["A1", "2014 AA", "A1"]
    assert (good[1].ra, good[1].dec, good[1].mjd % 1) == (1.5, -2.5, pytest.approx(22 / 24))


def test_numbers_come_before_provisional_names_and_withdrawn_is_not_validated():
    head = "permID|provID|mode|stn|obsTime|ra|dec|astCat|deprecated"
    found = list(rows(f"#version=2017\n{head}\n433|1898 DQ|CCD|950|2024-01-01T22:00:00Z|1|2|Gaia2|X\n"))
    each = observation(found[0].values)
    assert (each.designation, each.validated) == ("433", False)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (PSV_HEAD + psv_line(ROW), "line 6", "has no line of column names before it"),
        (psv([ROW]) + psv_line(ROW) + "|x", "line 8", "has 10 values under 9 column names"),
        (psv([ROW]) + psv_line(ROW).rsplit("|", 4)[0], "line 8", "has 5 values"),
        (psv([ROW]) + "trkSub|nothing|of|ADES\n" + psv_line(ROW), "line 8", "has columns of no kind"),
    ],
)
def test_bad_lines_are_named(text, place, problem):
    bad = [each for each in rows(text) if isinstance(each.values, str)]
    assert bad[0].place == place
    assert problem in bad[0].values


def test_values_at_the_end_may_be_left_out():
    (first, second) = rows(psv([ROW]) + psv_line(ROW).rsplit("|", 2)[0])
    assert observation(second.values)[:4] == observation(first.values)[:4]


def test_other_kinds_are_no_positions():
    head = "permID|provID|trkSub|trx|rcv|obsTime|delay|rmsDelay|com|frq|logSNR|remarks"
    found = list(rows(f"#version=2017\n{head}\n433||a|253|253|2024-01-01T22:00:00Z|5.1|0.2|1|8560|1|x\n"))
    assert [each.values for each in found] == [None]


def test_a_bad_time_or_place_is_named():
    for old, new, problem in [
        ("2024-01", "2024-31", "obsTime"),
        ("|187.123456|", "|x|", "ra is 'x'"),
        ("-5.500000", "nan", "dec"),
    ]:
        (found,) = rows(psv([ROW]).replace(old, new))
        with pytest.raises(Exception, match=problem):
            observation(found.values)


def test_the_format_is_told_from_its_lines():
    assert tells(psv([ROW]))
    assert tells(PSV_COLUMNS + "\n" + psv_line(ROW))
    assert tells("# version = 2022\n")
    assert not tells("# a comment\na|b\n1|2\n")
    assert not tells("")


@given(st.text(alphabet="|#! abc190.\n", max_size=200))
def test_any_text_gives_observations_or_problems(text):
    for found in rows(text):
        assert isinstance(found.values, (str, dict, type(None)))
