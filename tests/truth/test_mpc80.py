"""Reports in 80 columns: names, two-line observations, and lines that are none."""

import contextlib
import io

import pytest
from ades import packUtil
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.truth.found import observation
from ceres_fast.truth.mpc80 import rows, tells

from .files import Row, mpc80, report

ROW = Row("A1", 60310.912345, 187.123456, -5.5)


def read(text):
    """Return the observations and the problems of a text."""
    found = list(rows(text))
    good = [observation(each.values) for each in found if isinstance(each.values, dict)]
    return good, [(each.place, each.values) for each in found if not isinstance(each.values, dict)]


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        ("00433       ", "433"),
        ("~0000       ", "620000"),
        ("A1234       ", "101234"),
        ("     K14A00A", "2014 AA"),
        ("     J98SA8Q", "1998 SQ108"),
        ("     _QC0aEM", "2026 CZ6190"),
        ("     PLS2040", "2040 P-L"),
        ("    CK15A010", "C/2015 A1"),
        ("0001P       ", "1P"),
        ("     NE00001", "NE00001"),
        ("     A_b-C  ", "A_b-C"),
        ("1I          ", "1I"),
    ],
)
def test_names_are_unpacked(packed, name):
    (found,), problems = read(mpc80(ROW, packed=packed))
    assert (found.designation, problems) == (name, [])


letters = st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXY")


@given(st.integers(1, 15_396_335), st.integers(1950, 2049), letters, letters, st.integers(0, 619), st.booleans())
def test_names_survive_packing(number, year, half, order, cycle, numbered):
    name = str(number) if numbered else f"{year} {half}{order}{cycle or ''}"
    packed = packUtil.packTupleID((name, None, None) if numbered else (None, name, None))
    (found,), _ = read(mpc80(ROW, packed=packed))
    assert found.designation == name


@given(
    st.floats(51544.0, 66000.0),
    st.floats(0, 359.9999),
    st.floats(-89.9, 89.9),
    st.integers(3, 6),
)
def test_times_and_places_survive_to_the_rounding(mjd, ra, dec, decimals):
    line = mpc80(ROW._replace(mjd=mjd // 1 + min(mjd % 1, 0.999), ra=ra, dec=dec), decimals=decimals)
    assert len(line) == 80
    (found,), _ = read(line)
    assert found.mjd == pytest.approx(mjd // 1 + min(mjd % 1, 0.999), rel=0, abs=0.51 * 10**-decimals + 1e-8)
    assert abs((found.ra - ra + 180) % 360 - 180) * 3600 < 0.1
    assert abs(found.dec - dec) * 3600 < 0.1


@pytest.mark.parametrize("column", [12, 13, 71, 74])
@pytest.mark.parametrize("mark", "*+X%&4")
def test_marks_and_notes_do_not_matter(column, mark):
    line = mpc80(ROW)
    (found,), problems = read(line[:column] + mark + line[column + 1 :])
    assert (found, problems) == (read(line)[0][0], [])


def test_header_lines_are_passed_over_and_nothing_is_printed():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good, problems = read(report([ROW]) + "\n----- end -----\nNUM 1\nCOD\n")
    assert (len(good), problems, out.getvalue()) == (1, [], "")


def second(line, kind):
    """Return the line that follows an observation of a roving observer or a satellite."""
    tail = "1 +  17.8780 + 28.7600  2380" if kind == "v" else "1 - 3471.6659 + 5748.3475 - 1442.3263"
    return f"{line[:14]}{kind}{line[15:32]}{tail:45s}{line[77:]}"


@pytest.mark.parametrize(("kind", "code"), [("V", "247"), ("S", "C51")])
def test_observations_of_two_lines(kind, code):
    first = mpc80(ROW, code, kind=kind)
    pair = f"{first}\n{second(first, kind.lower())}"
    good, problems = read(f"{pair}\n{mpc80(ROW)}")
    assert [each.observatory for each in good] == [code, "950"]
    assert not problems
    other = mpc80(ROW._replace(mjd=60310.5), code, kind=kind)
    good, problems = read(f"{first}\n{second(other, kind.lower())}\n{mpc80(ROW)}\n{first}")
    assert [place for place, _ in problems] == ["line 1", "line 2", "line 4"]
    assert [each.observatory for each in good] == ["950"]


def test_radar_is_no_position():
    first = mpc80(ROW, "253", kind="R")
    assert read(f"{first}\n{second(first, 'r')}") == ([], [("line 1", None)])


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (15, "2017 13 05"),
        (15, "2017-02-05"),
        (32, "25 00 00.00"),
        (32, "12 61"),
        (44, " "),
        (44, "+91 00 00.0"),
        (77, ""),
    ],
)
def test_lines_that_are_no_observation_say_so(start, text):
    line = mpc80(ROW)
    damaged = line[:start] + text + line[start + len(text) :] if text else line[:start]
    found = list(rows("\n" + damaged))
    assert found[0].place == "line 2"
    if isinstance(found[0].values, dict):
        with pytest.raises(Exception, match=r"dec is 9|ra is 37"):
            observation(found[0].values)
    else:
        assert found[0].values.startswith("is no observation in 80 columns (")


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=90))
def test_any_line_is_an_observation_or_a_problem(line):
    for found in rows(line):
        assert isinstance(found.values, (str, dict, type(None)))


def test_the_format_is_told_from_its_lines():
    assert tells(report([ROW]))
    assert tells("garbage\n" + mpc80(ROW))
    assert tells("COD 950\n")
    assert not tells("designation,mjd,ra,dec\nCOD,60310.9,10,5\n")
    assert not tells("")
