"""ADES with bars: columns that change, lines cut short, other kinds of observation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.truth.ades_psv import rows, tells
from ceres_fast.truth.found import Remark, observation

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


def test_columns_that_ades_demands_and_are_not_needed_are_named_once():
    head = "trkSub|stn|obsTime|ra|dec|mag|band\n"
    line = "K16S99K|G96|2022-12-25T09:14:20.983Z|128.151179|17.176650|21.98|G\n"
    found = list(rows((head + line) * 2))
    assert [each.text for each in found if isinstance(each, Remark)] == [
        "lacks what ADES demands (mode, astCat), which is not needed here"
    ]
    assert found[0].place == "line 1"
    good = [observation(each.values) for each in found if not isinstance(each, Remark)]
    assert [(each.designation, each.ra, each.magnitude, each.observatory) for each in good] == [
        ("2016 SK99", 128.151179, 21.98, "G96")
    ] * 2


@pytest.mark.parametrize("column", ["myColumn", "2MASS", "", "my column"])
def test_columns_that_ades_does_not_know_are_named_and_not_read(column):
    text = psv([ROW]).replace("|band", f"|band|{column}").replace("|V\n", "|V|7\n")
    found = list(rows(text))
    assert [each.text for each in found if isinstance(each, Remark)] == (
        [f"has columns that ADES does not know ({column}), which are not read"] if column else []
    )
    assert observation(found[-1].values)[:3] == observation(next(iter(rows(psv([ROW])))).values)[:3]


def test_both_are_said_together():
    head = "trkSub|stn|obsTime|ra|dec|x|y"
    (remark, _) = rows(f"{head}\nA|950|2024-01-01T22:00:00Z|1|2|3|4\n")
    assert "(mode, astCat)" in remark.text
    assert "(x, y)" in remark.text


@pytest.mark.parametrize("missing", ["stn", "obsTime", "ra", "dec"])
def test_a_column_that_is_needed_is_named(missing):
    names = [name for name in ("trkSub", "mode", "stn", "obsTime", "ra", "dec", "astCat") if name != missing]
    first, *_ = rows("# version=2017\n" + "|".join(names) + "\nA|1|2\n")
    assert first == ("line 2", f"has columns of no kind of observation in ADES: {missing} missing", "")


def test_columns_without_a_name_and_columns_there_twice_are_named():
    first, *_ = rows("stn|obsTime|ra|dec\n")
    assert "permID, provID or trkSub missing" in first.values
    first, *_ = rows("trkSub|stn|obsTime|ra|dec|ra\n")
    assert first.values == "has the column ra twice"


@pytest.mark.parametrize(
    "head",
    [
        "trkSub|mode|stn|obsTime|obsCenter|deltaRA|deltaDec",
        "trkSub|stn|obsTime|obsCenter|dist|pa|x",
        "permID|mode|stn|obsTime|raStar|decStar|deltaRA|deltaDec|astCat",
        "permID|trx|rcv|obsTime|doppler|frq|y",
    ],
)
def test_offsets_occultations_and_radar_are_no_positions_with_any_columns(head):
    assert [each.values for each in rows(f"{head}\na|b|253|2024-01-01T22:00:00Z|1|2|3\n")] == [None]


def test_values_at_the_end_may_be_left_out():
    (first, second) = rows(psv([ROW]) + psv_line(ROW).rsplit("|", 2)[0])
    assert observation(second.values)[:4] == observation(first.values)[:4]


def test_a_line_may_end_in_bars():
    (first, second) = rows(psv([ROW]) + psv_line(ROW) + " | |")
    assert second.values == first.values


@pytest.mark.parametrize(
    ("time", "same"),
    [
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
        ("2024-01-01T22:59:60Z", "2024-01-01T23:00:00Z"),
        ("2024-01-01T22:59:59.9999999Z", "2024-01-01T22:59:59.999999Z"),
    ],
)
def test_a_minute_may_have_sixty_seconds(time, same):
    one, other = (observation({"trkSub": "A", "ra": "1", "dec": "2", "obsTime": each}) for each in (time, same))
    assert one[:4] == other[:4]


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
        assert isinstance(found, Remark) or isinstance(found.values, (str, dict, type(None)))
