"""Reports in 80 columns: names, two-line observations, and lines that are none."""

import contextlib
import io
from datetime import date
from decimal import Decimal

import pytest
from ades import packUtil
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.truth.found import Found, Remark, observation
from ceres_fast.truth.mpc80 import rows, tells

from .files import Row, mpc80, report

ROW = Row("A1", 60310.912345, 187.123456, -5.5)


def read(text):
    """Return the observations and the problems of a text."""
    found = [each for each in rows(text) if isinstance(each, Found)]
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
        ("     0003I  ", "3I"),
        ("J013S       ", "Jupiter 13"),
        ("    SK03J010", "S/2003 J 1"),
        ("K16S99K     ", "2016 SK99"),
        ("P1234AB     ", "P1234AB"),
        ("00433P10vY9r", "433"),
        ("z9999A10k2xY", "619999"),
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


def oracle(line):
    """Return mjd, ra and dec of an observation: a second decoder, slow and exact."""
    day = line[15:32].split()
    whole, _, fraction = day[2].partition(".")
    mjd = date(int(day[0]), int(day[1]), int(whole)) - date(1858, 11, 17)
    place = []
    for text, hour in ((line[32:44], 15), (line[44:56], 1)):
        sign = -1 if text[0] == "-" else 1
        value = sum(Decimal(part) / 60**power for power, part in enumerate(text.strip("+- ").split()))
        place.append(sign * value * (1 if len(text.split(".")[0]) == 3 and hour == 15 else hour))
    return mjd.days + Decimal(f"0.{fraction or 0}"), *place


def decoded(line):
    """Return what was read of a line, after comparing it with the oracle."""
    (found,), problems = read(line)
    assert not problems
    mjd, ra, dec = oracle(line)
    assert found.mjd == pytest.approx(float(mjd), rel=0, abs=2e-11)
    assert (found.ra, found.dec) == (float(ra), float(dec))
    return found


def number(most, decimals=0, least=0):
    """Return a strategy of numbers of two digits from `least`, filled with zeros or with blanks, and with decimals."""
    whole = st.tuples(st.integers(least, most - 1).map(str), st.sampled_from(" 0")).map(
        lambda pair: pair[0].rjust(2, pair[1])
    )
    return whole if not decimals else st.tuples(whole, fraction(decimals)).map(".".join)


def fraction(decimals):
    """Return a strategy of so many decimals."""
    return st.integers(0, 10**decimals - 1).map(lambda value: f"{value:0{decimals}d}")


def sexagesimal(units, width):
    """Return a strategy of angles in `width` columns: one, two or three numbers, in all precisions that fit."""

    def of(shape):
        parts, decimals = shape
        bounds = [units, 60, 60][:parts]
        return st.tuples(*map(number, bounds[:-1]), number(bounds[-1], decimals))

    shapes = [(parts, decimals) for parts in (1, 2, 3) for decimals in range(parts == 1, width - 3 * parts + 1)]
    return st.sampled_from(shapes).flatmap(of).map(lambda parts: " ".join(parts).ljust(width))


years = st.integers(1976, 2049).map(str)
days = st.integers(1, 6).flatmap(lambda decimals: st.tuples(years, number(13, 0, 1), number(29, decimals, 1)))
degrees = st.integers(1, 8).flatmap(lambda decimals: st.tuples(st.integers(100, 359).map(str), fraction(decimals)))
right_ascensions = sexagesimal(24, 12) | degrees.map(lambda parts: ".".join(parts).ljust(12))
declinations = st.tuples(st.sampled_from("+-"), sexagesimal(90, 11)).map("".join)


@given(days, right_ascensions, declinations)
def test_columns_are_decoded_as_a_slow_decoder_does(day, ra, dec):
    line = mpc80(ROW)
    columns = " ".join(day).ljust(17) + ra + dec
    assert len(columns) == 41
    decoded(line[:15] + columns + line[56:])


@pytest.mark.parametrize("times", [range(10**digits) for digits in (1, 2, 3)] + [range(0, 10**6, 625)])
def test_times_are_exact_and_those_of_whole_seconds_too(times):
    line, digits = mpc80(ROW), len(str(times[-1]))
    good, problems = read("\n".join(f"{line[:26]}{f'{time:0{digits}d}':6s}{line[32:]}" for time in times))
    assert not problems
    assert max(abs(each.mjd - ROW.mjd // 1 - time / 10**digits) for each, time in zip(good, times, strict=True)) < 2e-11


@pytest.mark.parametrize("fraction", ["021875", "035625", "350000", "700000", "715625", "35    "])
def test_times_of_whole_seconds_are_read(fraction):
    line = mpc80(ROW)
    assert decoded(line[:26] + fraction + line[32:]).mjd % 1 == pytest.approx(float(f"0.{fraction}"), abs=2e-11)


@pytest.mark.parametrize(
    ("ra", "degrees"),
    [
        ("15 29  7.97 ", 232.28320833333333),
        (" 5  9  7.97 ", 77.28320833333333),
        ("15 29 07    ", 232.27916666666667),
        ("15 29.5     ", 232.375),
        ("15 29.12345 ", 232.2808625),
        ("15 29       ", 232.25),
        ("15.5        ", 232.5),
        ("232.28321   ", 232.28321),
        (" 32.28321   ", 32.28321),
        ("032.28321   ", 32.28321),
        ("23 59 60.00 ", 360.0),
    ],
)
def test_right_ascensions(ra, degrees):
    line = mpc80(ROW)
    assert read(line[:32] + ra + line[44:])[0][0].ra == pytest.approx(degrees, rel=0, abs=1e-13)


@pytest.mark.parametrize(
    ("dec", "degrees"),
    [
        ("- 0  0  0.5 ", -0.5 / 3600),
        ("-00 00 00.5 ", -0.5 / 3600),
        ("+17 10 35.94", 17.17665),
        ("+17 10.5    ", 17.175),
        ("+17 10      ", 17.166666666666668),
        ("-17.17665   ", -17.17665),
        ("+89 59 60.0 ", 90.0),
    ],
)
def test_declinations(dec, degrees):
    line = mpc80(ROW)
    assert read(line[:44] + dec + line[56:])[0][0].dec == pytest.approx(degrees, rel=0, abs=1e-14)


def test_one_decimal_number_as_right_ascension_is_remarked_upon_once():
    line = mpc80(ROW)
    text = "\n".join(line[:32] + ra + line[44:] for ra in ("12.5        ", "187.5       ", "12 30 00.00 "))
    remarks = [each for each in rows(text) if isinstance(each, Remark)]
    assert [each.place for each in remarks] == ["line 1"]
    assert "taken as hours" in remarks[0].text
    assert {each.ra for each in read(text)[0]} == {187.5}


@pytest.mark.parametrize("shift", [-5, -2, -1, 1, 2, 3])
def test_columns_that_are_off_are_said_with_where_the_date_begins(shift):
    line = mpc80(ROW, packed="     S100000")
    moved = " " * shift + line if shift > 0 else line[-shift:]
    assert tells(moved)
    good, problems = read(f"{moved}\n{line}")
    side = "right" if shift > 0 else "left"
    ((place, problem),) = problems
    assert (place, len(good)) == ("line 1", 1)
    assert f"{abs(shift)} column" in problem
    assert f"to the {side}" in problem
    assert f"begins in column {16 + shift}" in problem


def test_text_after_column_80_is_no_part_of_the_observation():
    line = mpc80(ROW)
    assert read(f"{line}  seen twice\n{line}a\n{line}{'x' * 300}")[0] == read("\n".join([line] * 3))[0]


def test_what_may_be_an_observation_after_column_80_is_remarked_upon():
    line = mpc80(ROW)
    lines = [
        f"{line} {line}",
        f"{line}{line}\t{line}",
        f"{line}\f{line}",
        f"{line}{line}",
        f"{line} at 2024 01 01",
        line,
    ]
    remarks = [each for each in rows("\n".join(lines)) if isinstance(each, Remark)]
    assert [each.place for each in remarks] == ["line 1"]
    assert "2 more lines" in remarks[0].text


def test_a_line_may_hold_two():
    first = mpc80(ROW, "C51", kind="S")
    pair = first + second(first, "s")
    line = mpc80(ROW)
    good, problems = read(f"{pair}\n{line}\n{pair}  {line}\n{line}{line}")
    assert not problems
    assert [each.observatory for each in good] == ["C51", "950", "C51", "950", "950"]


@pytest.mark.parametrize("kind", "EOHN")
def test_what_is_no_position_is_not_used(kind):
    assert read(mpc80(ROW, kind=kind)) == ([], [("line 1", None)])


@pytest.mark.parametrize("kind", " ABCDMPTZcen")
def test_other_kinds_are_positions(kind):
    (found,), problems = read(mpc80(ROW, kind=kind))
    assert (found.validated, problems) == (True, [])


def test_the_satellite_of_an_asteroid_is_not_the_asteroid():
    line = mpc80(ROW, packed="00045       ")
    (found,), problems = read(line[:19] + "a" + line[20:])
    assert (found.designation, found.validated, problems) == ("(45) 1", False, [])


@pytest.mark.parametrize(
    ("start", "text", "problem"),
    [
        (15, "2017 02 05.      ", "a day without a time"),
        (15, "2017 02 30.12345 ", "day is out of range"),
        (32, "15 29 07. 97", "no right ascension"),
        (32, "15 29 61.0  ", "no right ascension"),
        (32, "15 60 01.0  ", "no right ascension"),
        (32, "400.5       ", "up to 360"),
        (32, "1.5         ", "no right ascension"),
        (44, "+22          ", "no declination"),
        (44, " +22 03 19.6", "no declination"),
        (44, "+90 00 00.1 ", "no declination"),
        (77, " 95", "no observatory code"),
    ],
)
def test_broken_columns_are_named(start, text, problem):
    line = mpc80(ROW)
    good, ((_, said),) = read(line[:start] + text + line[start + len(text) :])
    assert (problem in said, good) == (True, [])


@pytest.mark.parametrize("day", ["2017  2  5.12345 ", "2017 2 5.12345   ", "2017 02  5.12345 "])
def test_zeros_of_a_date_may_be_left_out(day):
    line = mpc80(ROW)
    text = line[:15] + day + line[32:]
    assert tells(text)
    (found,), _ = read(text)
    assert found.mjd == pytest.approx(57789.12345, rel=0, abs=1e-10)


def test_a_tabulator_in_place_of_blanks_is_said():
    good, ((_, said),) = read(mpc80(ROW).replace("     A1", "\tA1"))
    assert ("it has a tabulator" in said, good) == (True, [])


def test_comments_that_people_add_are_passed_over():
    good, problems = read(f"# a night\n{mpc80(ROW)}\n# its end")
    assert (len(good), problems) == (1, [])


def test_old_observations_may_have_no_time():
    line = mpc80(ROW)
    (found,), problems = read(line[:15] + "1801 01 01.      " + line[32:])
    assert (found.mjd, problems) == (-21139.0, [])


def test_header_lines_are_passed_over_and_nothing_is_printed():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good, problems = read(report([ROW]) + "\n----- end -----\nNUM 1\nTYP NEO\nACK2 a@b.org\nCOD\n")
    assert (len(good), problems, out.getvalue()) == (1, [], "")


def second(line, kind):
    """Return the line that follows an observation of a roving observer or a satellite."""
    tail = "1 +  17.8780 + 28.7600  2380" if kind in "vw" else "1 - 3471.6659 + 5748.3475 - 1442.3263"
    return f"{line[:14]}{kind}{line[15:32]}{tail:45s}{line[77:]}"


@pytest.mark.parametrize(("kind", "code"), [("V", "247"), ("W", "247"), ("S", "C51")])
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


@pytest.mark.parametrize("kind", "RQ")
def test_radar_is_no_position(kind):
    first = mpc80(ROW, "253", kind=kind)
    assert read(f"{first}\n{second(first, kind.lower())}") == ([], [("line 1", None)])


def test_t_is_a_satellite_where_a_second_line_follows_and_a_meridian_circle_elsewhere():
    first = mpc80(ROW, "C51", kind="T")
    good, problems = read(f"{first}\n{second(first, 't')}\n{mpc80(ROW, kind='T')}\n{mpc80(ROW)}\n{second(first, 't')}")
    assert [each.observatory for each in good] == ["C51", "950", "950"]
    assert [place for place, _ in problems] == ["line 5"]


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
        assert isinstance(found, Remark) or isinstance(found.values, (str, dict, type(None)))


def test_the_format_is_told_from_its_lines():
    assert tells(report([ROW]))
    assert tells("garbage\n" + mpc80(ROW))
    assert tells("COD 950\n")
    assert not tells("designation,mjd,ra,dec\nCOD,60310.9,10,5\n")
    assert not tells("")
