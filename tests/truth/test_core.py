"""Truth files of every format become the same table, and bad lines are named."""

import random
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.console import warnings_kept
from ceres_fast.errors import InputError
from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.match import match_known
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.tracks import known_at
from ceres_fast.truth import read_truth, write_truth

from .files import FORMATS, PSV_COLUMNS, Row, csv, mpc80, psv, psv_line, report, xml

HEADER = "designation,mjd,ra,dec\n"
ROW = "2024 AB,60310.9,10.0,5.0\n"


def test_every_column_is_read(tmp_path):
    path = tmp_path / "asteroids.csv"
    path.write_text(
        "designation,mjd,ra,dec,magnitude,rate,position_angle,validated,field\n"
        "B,60310.95,11.0,-5.0,,,,0,F1\n2024 AB,60310.9,10.0,5.0,20.5,0.6,80.0,1,F1\n"
    )
    table = read_truth(path)
    assert table["designation"].tolist() == ["2024 AB", "B"]
    assert table["validated"].tolist() == [True, False]
    assert table["magnitude"][0] == 20.5
    assert np.isnan(table["rate"][1])


def test_optional_columns_may_be_missing_and_numbers_may_be_names(tmp_path):
    path = tmp_path / "asteroids.dat"
    path.write_text("Designation MJD RA DEC\n433 60310.9 10 5\n")
    table = read_truth(path)
    assert table["designation"].tolist() == ["433"]
    assert table["validated"].tolist() == [True]
    assert np.isnan(table["magnitude"][0])


def test_ecsv(tmp_path):
    Table({"designation": ["A"], "mjd": [60310.9], "ra": [1.0], "dec": [2.0], "validated": [False]}).write(
        tmp_path / "t.ecsv"
    )
    assert read_truth(tmp_path / "t.ecsv")["validated"].tolist() == [False]


ROWS = [Row("A1", 60310.9, 10.0, 5.0), Row("B2", 60310.95, 359.99999, -0.001, 19.0), Row("A1", 60311.0, 10.01, -89.5)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(tmp_path, name):
    (tmp_path / "truth.txt").write_text(FORMATS[name](ROWS))
    table = read_truth(tmp_path / "truth.txt")
    assert table.colnames == [
        "designation",
        "mjd",
        "ra",
        "dec",
        "magnitude",
        "rate",
        "position_angle",
        "validated",
        "observatory",
    ]
    assert table["designation"].tolist() == ["A1", "B2", "A1"]
    np.testing.assert_allclose(table["mjd"], [row.mjd for row in ROWS], rtol=0, atol=6e-7)
    difference = (np.asarray(table["ra"]) - [row.ra for row in ROWS] + 180) % 360 - 180
    np.testing.assert_allclose(difference, 0, atol=0.08 / 3600)
    np.testing.assert_allclose(table["dec"], [row.dec for row in ROWS], rtol=0, atol=0.07 / 3600)
    assert table["magnitude"].tolist() == [20.5, 19.0, 20.5]
    assert table["validated"].all()
    assert set(table["observatory"]) == ({""} if name == "csv" else {"950"})
    assert not sum(table.meta["counts"].values())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("damage", ["crlf", "cr", "bom", "blank lines", "latin-1", "utf-16"])
def test_how_lines_end_and_are_encoded_does_not_matter(tmp_path, name, damage):
    text = FORMATS[name](ROWS)
    content = {
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "blank lines": text.replace("\n", "\n\n").rstrip("\n").encode(),
        "latin-1": text.replace("A. Person", "Å. Pérson").encode("latin-1"),
        "utf-16": text.replace("A. Person", "Å. Pérson").encode("utf-16"),
    }[damage]
    (tmp_path / "truth").write_bytes(content)
    assert len(read_truth(tmp_path / "truth")) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_short_anywhere_is_an_error_or_a_part_of_the_whole(tmp_path, name):
    path = tmp_path / "truth"
    path.write_text(text := FORMATS[name](ROWS))
    whole = {tuple(row) for row in read_truth(path)["designation", "mjd", "ra", "dec"]}
    lost = 0
    for length in range(0, len(text) - 1, 7):
        path.write_text(text[:length])
        try:
            part = read_truth(path, on_error="skip")
        except InputError:
            lost += 1
            continue
        if name != "csv":  # a number cut short is a number: only CSV ends a line with one
            assert {tuple(row) for row in part["designation", "mjd", "ra", "dec"]} <= whole
    assert lost


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_or_refused(tmp_path, name):
    chance = random.Random(name)
    path = tmp_path / "truth"
    for _ in range(50):
        content = bytearray(FORMATS[name](ROWS).encode())
        for _ in range(chance.choice([1, 2, 5, 30])):
            place = chance.randrange(len(content))
            content[place : place + chance.randrange(3)] = chance.choices(
                b"|,<>&;\n\"' #!019nan\xff\x01", k=chance.randrange(4)
            )
        path.write_bytes(content)
        try:
            table = read_truth(path, on_error=chance.choice(["stop", "skip"]))
        except InputError:
            continue
        assert np.isfinite(table["mjd"]).all()
        assert np.isfinite(table["ra"]).all()


BAD_LINES = {
    "mpc80": (report(ROWS), "12 columns are missing here", "line 10"),
    "psv": (psv(ROWS), "A9|CCD|950|2024-01-01T00:00:00Z|3", "line 10"),
    "xml": (xml(ROWS).replace("<ra>10.010000</ra>", ""), "", "line 5"),
    "csv": (csv(ROWS), "A9,60310.9,10.0,north,20", "row 4"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_lines_are_named_or_left_out_and_counted(tmp_path, name):
    text, line, place = BAD_LINES[name]
    (tmp_path / "truth").write_text(text + line)
    with pytest.raises(InputError, match=rf"truth, {place}: .*--on-error skip"):
        read_truth(tmp_path / "truth")
    table = read_truth(tmp_path / "truth", on_error="skip")
    assert len(table) == (2 if name == "xml" else 3)
    assert table.meta["counts"]["truth_lines_skipped"] == 1


def test_copies_are_dropped_and_contradictions_refused(tmp_path):
    path = tmp_path / "truth"
    second = 1 / 86400
    path.write_text(csv([*ROWS, ROWS[0]._replace(mjd=ROWS[0].mjd + 0.9 * second), ROWS[1]._replace(dec=-0.0012)]))
    table = read_truth(path)
    assert (len(table), table.meta["counts"]["truth_duplicates"]) == (3, 2)
    path.write_text(csv([*ROWS, ROWS[0]._replace(mjd=ROWS[0].mjd + 0.5 * second, dec=5.01)]))
    with pytest.raises(InputError, match=r"truth, row 4: A1 is there at one time in two places, here and in row 1"):
        read_truth(path)
    table = read_truth(path, on_error="skip")
    assert table.meta["counts"]["truth_contradictions"] == 1
    assert sorted(zip(table["designation"], table["validated"], strict=True)) == [
        ("A1", True),
        ("A1 (row 1)", False),
        ("A1 (row 4)", False),
        ("B2", True),
    ]
    later = [*ROWS, ROWS[0]._replace(mjd=ROWS[0].mjd + 2 * second, dec=5.01)]
    path.write_text(csv(later))
    assert read_truth(path)["validated"].all()


def test_a_withdrawn_observation_is_not_validated(tmp_path):
    lines = [mpc80(ROWS[0]._replace(dec=5.01), kind="X"), mpc80(ROWS[0])]
    (tmp_path / "truth").write_text("\n".join(lines))
    table = read_truth(tmp_path / "truth")
    assert sorted(zip(table["designation"], table["validated"], strict=True)) == [("A1", True), ("A1 (line 1)", False)]


@pytest.mark.parametrize("dec", [ROWS[0].dec, 5.01])
@pytest.mark.parametrize("seconds", [-0.4, 0.4])
def test_a_correction_stays_whether_what_it_replaces_is_earlier_or_later(tmp_path, dec, seconds):
    withdrawn = mpc80(ROWS[0]._replace(dec=dec, mjd=ROWS[0].mjd + seconds / 86400), kind="X")
    (tmp_path / "truth").write_text(f"{withdrawn}\n{mpc80(ROWS[0])}\n")
    table = read_truth(tmp_path / "truth")
    (row,) = table[table["validated"]]
    assert (row["designation"], row["dec"], round(row["mjd"], 6)) == ("A1", 5.0, ROWS[0].mjd)
    assert table.meta["counts"]["truth_duplicates"] == 2 - len(table) == int(dec == ROWS[0].dec)


@pytest.mark.parametrize("name", ["mpc80", "psv"])
def test_a_withdrawn_observation_does_not_bend_the_path_of_its_asteroid(tmp_path, name):
    places = [Row("A1", 60310.90 + 0.01 * step, 10.0 + 0.001 * step, 5.0) for step in range(4)]
    places[1] = places[1]._replace(dec=5.01)
    withdrawn = [place.dec > 5 for place in places]
    if name == "mpc80":
        lines = [mpc80(place, kind="X" if mark else "C") for place, mark in zip(places, withdrawn, strict=True)]
    else:
        marked = [psv_line(place) + ("|X" if mark else "|") for place, mark in zip(places, withdrawn, strict=True)]
        lines = [PSV_COLUMNS + "|deprecated", *marked]
    (tmp_path / "truth").write_text("\n".join(lines))
    table = read_truth(tmp_path / "truth")
    assert table[table["validated"]]["designation"].tolist() == ["A1"] * 3
    known, other = known_at(table, FrameInfo(Path("f"), "f", mjd=places[1].mjd, exposure=60.0), Rules())
    assert (known["designation"], known["validated"]) == ("A1", True)
    assert (known["ra"], known["dec"]) == pytest.approx((10.001, 5.0), abs=1e-4)
    assert (other["designation"], other["validated"]) == (f"A1 (line {2 + (name == 'psv')})", False)
    assert other["dec"] == pytest.approx(5.01, abs=1e-4)


def test_withdrawn_observations_contest_no_other_place_of_their_asteroid(tmp_path):
    places = [Row("A1", 60310.90 + 0.01 * step, 10.0 + 0.001 * step, 5.0) for step in range(5)]
    lines = [mpc80(place, kind="X" if step % 2 else "C") for step, place in enumerate(places)]
    (tmp_path / "truth").write_text("\n".join(lines))
    known = known_at(read_truth(tmp_path / "truth"), FrameInfo(Path("f"), "f", mjd=places[2].mjd, exposure=60), Rules())
    matches = match_known(known, np.array([10.002]), np.array([5.0]), Rules())
    assert known["designation"][matches.asteroid].tolist() == ["A1"]


def test_several_observatories_need_a_choice(tmp_path):
    path = tmp_path / "truth"
    lines = [mpc80(ROWS[0]), mpc80(ROWS[2]), mpc80(ROWS[0]._replace(mjd=60310.92), "J13"), mpc80(ROWS[1], "J13")]
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"of 2 observatories \(950 \(La Palma\): 2, J13 .*Pass --observatory 950"):
        read_truth(path)
    table = read_truth(path, observatory="950")
    assert sorted(zip(table["designation"], table["validated"], strict=True)) == [
        ("A1", True),
        ("A1", True),
        ("B2", False),
    ]
    assert table.meta["counts"] == {"truth_elsewhere": 1, "truth_only_elsewhere": 1}
    with pytest.raises(InputError, match=r"no observation by Z99 .*; it has 950"):
        read_truth(path, observatory="Z99")
    path.write_text("designation,mjd,ra,dec,observatory\nA,60310.9,10,5,006\nB,60310.9,11,5,\n")
    assert read_truth(path)["observatory"].tolist() == ["006", ""]
    assert read_truth(path, observatory="006")["validated"].all()


def test_an_unknown_observatory_is_a_bad_line_unless_it_is_ours(tmp_path):
    (tmp_path / "truth").write_text(mpc80(ROWS[0], "!!!"))
    with pytest.raises(InputError, match=r"line 1: has the observatory code !!!, which is not known"):
        read_truth(tmp_path / "truth")
    assert len(read_truth(tmp_path / "truth", observatory="!!!")) == 1


def test_a_number_and_an_earlier_designation_are_one_object(tmp_path):
    packed = ("     K14A00A", "A1234K14A00A", "A1234       ")
    lines = [mpc80(Row("", 60310.9 + n / 10, 10, 5), packed=name) for n, name in enumerate(packed)]
    (tmp_path / "truth").write_text("\n".join(lines))
    assert read_truth(tmp_path / "truth")["designation"].tolist() == ["101234"] * 3


@pytest.mark.parametrize(("name", "text"), [(name, form(ROWS)) for name, form in FORMATS.items()])
def test_the_mark_with_which_dos_ends_a_text_does_not_matter(tmp_path, name, text):
    (tmp_path / "truth").write_text(text + "\x1a")
    assert len(read_truth(tmp_path / "truth")) == 3
    if name != "xml":
        (tmp_path / "truth").write_text(text.replace("\n", "\r\n") + "\x1a\r\n\x1a\x1a")
        assert len(read_truth(tmp_path / "truth")) == 3


def test_reports_joined_with_the_mark_between_are_read(tmp_path):
    (tmp_path / "truth").write_text(report(ROWS[:1]) + "\x1a" + mpc80(ROWS[1]) + "\n\x1a" + report(ROWS[2:]) + "\x1a")
    assert len(read_truth(tmp_path / "truth")) == 3


OLD = Row("00433", 12765.4132, 92.2, 53.6)


def test_observations_from_before_ccds_are_counted_whoever_made_them(tmp_path):
    path = tmp_path / "truth"
    path.write_text(f"{mpc80(OLD, '053')}\n{mpc80(OLD._replace(mjd=42777.9), '675')}\n{report(ROWS)}")
    table = read_truth(path)
    assert (len(table), table.meta["counts"]) == (3, {"truth_before_ccds": 2})
    path.write_text(xml([*ROWS, OLD._replace(name="A433")]))
    assert read_truth(path).meta["counts"] == {"truth_before_ccds": 1}


def test_a_truth_of_scanned_plates_is_kept(tmp_path):
    path = tmp_path / "truth"
    path.write_text(psv([OLD._replace(mjd=30000.5), OLD._replace(mjd=30000.6)]))
    table = read_truth(path)
    assert (len(table), table.meta["counts"]) == (2, {})


def test_lines_of_others_that_cannot_be_used_are_counted_where_ours_is_named(tmp_path):
    path = tmp_path / "truth"
    line, spacecraft = mpc80(ROWS[0], "J13"), mpc80(ROWS[0], "C51", kind="S")
    bad = [line[:32] + "25 61 00.00 " + line[44:], spacecraft, mpc80(ROWS[0], "C51", kind="s")]
    path.write_text("\n".join([*bad, report(ROWS)]))
    with pytest.raises(InputError, match=r"line 1: is no observation in 80 columns"):
        read_truth(path)
    table = read_truth(path, observatory="950")
    assert len(table) == 3
    assert table.meta["counts"] == {"truth_lines_elsewhere": 1, "truth_elsewhere": 1}
    path.write_text("\n".join([*bad, report(ROWS), mpc80(ROWS[0])[:32] + "25 61 00.00 " + mpc80(ROWS[0])[44:]]))
    with pytest.raises(InputError, match=r"line 14: is no observation in 80 columns"):
        read_truth(path, observatory="950")
    path.write_text(csv(ROWS) + "A9,60310.9,10.0,north,20\n")
    with pytest.raises(InputError, match="row 4: dec is 'north'"):
        read_truth(path, observatory="950")
    path.write_text(xml(ROWS).replace("<stn>950</stn><obsTime>2024", "<stn>J13</stn><obsTime>2O24", 1))
    assert read_truth(path, observatory="950").meta["counts"] == {"truth_lines_elsewhere": 1}


def test_codes_newer_than_the_list_are_others_where_ours_is_named(tmp_path):
    path = tmp_path / "truth"
    path.write_text("\n".join([report(ROWS), mpc80(ROWS[0]._replace(mjd=60310.8), "1AA"), mpc80(ROWS[1], "1AB")]))
    with pytest.raises(InputError, match=r"code 1AA, which is not known to the list of 20\d\d\.\S+ \(package mpc_obsc"):
        read_truth(path)
    with warnings_kept() as warned:
        table = read_truth(path, observatory="950")
    assert (len(table), table.meta["counts"]["truth_elsewhere"]) == (3, 2)
    assert len(warned) == 1
    assert "the list of 20" in warned[0]
    assert "1AA: 1, 1AB: 1" in warned[0]
    with warnings_kept() as warned:
        assert read_truth(path, observatory="1AA").meta["counts"]["truth_elsewhere"] == 2
    assert "1AB: 1)" in warned[0]


NAMES = ["29P", "C/2019 A1", "P/2010 H2", "2I", "Jupiter 13", "S/2003 J 1", "(45) 1"]


@pytest.mark.parametrize("name", NAMES)
def test_comets_and_satellites_are_known_and_not_validated(tmp_path, name):
    path = tmp_path / "truth"
    rows = [*ROWS, Row(name, 60310.93, 12, 5)]
    path.write_text(csv(rows).replace("\n", ",1\n").replace("magnitude,1", "magnitude,validated"))
    texts = [path.read_text(), psv(rows), psv(rows).replace("trkSub |", "provID |"), xml(rows)]
    for text in texts:
        path.write_text(text)
        table = read_truth(path)
        known = dict(zip(table["designation"], table["validated"], strict=True))
        assert known == {"A1": True, "B2": True, name: False}
        assert table.meta["counts"] == {"truth_no_asteroids": 1}


@pytest.mark.parametrize("packed", ["0029P       ", "    CK19A010", "    PK10H020", "    SK03J010", "J013S       "])
def test_packed_comets_and_satellites_are_known_and_not_validated(tmp_path, packed):
    (tmp_path / "truth").write_text(f"{report(ROWS)}{mpc80(Row('', 60310.93, 12, 5), packed=packed)}")
    table = read_truth(tmp_path / "truth")
    assert (~table["validated"]).sum() == table.meta["counts"]["truth_no_asteroids"] == 1


def test_an_artificial_satellite_is_known_and_not_validated(tmp_path):
    text = (
        "artSat|trkSub|stn|obsTime|ra|dec\n2018-017A||950|2024-01-01T22:00:00Z|1|2\n|A|950|2024-01-01T22:00:00Z|3|4\n"
    )
    (tmp_path / "truth").write_text(text)
    table = read_truth(tmp_path / "truth")
    assert dict(zip(table["designation"], table["validated"], strict=True)) == {"2018-017A": False, "A": True}


SPELLINGS = {
    "2004 JQ12": ("2004 JQ12", "2004JQ12", "K04J12Q", "2004 jq012"),
    "433": ("433", "(433)", "00433", "433 Eros"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_object_has_one_name_however_it_is_written(tmp_path, name):
    rows = [Row(each, 60310.9 + number / 100, 10, 5) for number, each in enumerate(SPELLINGS[name])]
    for text in (csv(rows), csv([row._replace(mjd=60310.9) for row in rows])):
        (tmp_path / "truth").write_text(text)
        assert set(read_truth(tmp_path / "truth")["designation"]) == {name}
    assert len(read_truth(tmp_path / "truth")) == 1


def test_a_number_and_a_designation_in_another_spelling_are_one_object(tmp_path):
    head = "permID|provID|trkSub|stn|obsTime|ra|dec"
    lines = [
        "2|2004 JQ12||950|2024-01-01T22:00:00Z|1|2",
        "|2004JQ12||950|2024-01-01T22:10:00Z|1|2",
        "||K04J12Q|950|2024-01-01T22:20:00Z|1|2",
    ]
    (tmp_path / "truth").write_text("\n".join([head, *lines]))
    assert set(read_truth(tmp_path / "truth")["designation"]) == {"2"}


def test_a_file_without_a_line_that_can_be_used_says_why(tmp_path):
    (tmp_path / "truth").write_text("\n".join(" " + mpc80(row) for row in ROWS))
    with pytest.raises(InputError, match=r"has no rows that can be used; line 1 is .* 1 column off, to the right"):
        read_truth(tmp_path / "truth", on_error="skip")


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "one").write_text(report(ROWS))
    table = read_truth(tmp_path / "one")
    write_truth(table, tmp_path / "two.csv")
    again = read_truth(tmp_path / "two.csv")
    for name in table.colnames:
        np.testing.assert_array_equal(table[name], again[name])


def test_many_lines(tmp_path):
    rows = [Row(f"{number:06d}", 60310.9, 10 + number / 1000, 5.0) for number in range(3000)]
    (tmp_path / "truth").write_text(report(rows))
    assert len(read_truth(tmp_path / "truth")) == 3000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        (HEADER, "has no rows"),
        ("designation,mjd,ra\nA,60310.9,10.0\n", r"has no column dec \(its columns: designation, mjd, ra\)"),
        (HEADER + ROW + "B,2460311.4,10,5\n", "row 2: mjd is 2460311.4; expected a number from 15000 to 120000"),
        (HEADER + ROW + "B,60310.9,400,5\n", "row 2: ra is 400.0"),
        (HEADER + ROW + "B,60310.9,10,\n", "row 2: dec is nan"),
        (HEADER + ROW + "B,60310.9,10,north\n", "row 2: dec is 'north'"),
        (HEADER + "B,60310.9,10:00:00,5\n", "row 1: ra is '10:00:00'"),
        (HEADER + ROW + "B,60310.9,10,5,7,8\n", "is no table"),
        (HEADER + ROW + ",60310.9,10,5\n", "row 2: has no designation"),
        ("designation,mjd,ra,dec,validated\nA,60310.9,10,5,yes\n", "row 1: validated is 'yes'; expected 1 or 0"),
    ],
)
def test_bad_tables_are_named(tmp_path, content, problem):
    (tmp_path / "asteroids.csv").write_text(content)
    with pytest.raises(InputError, match=rf"asteroids\.csv.*{problem}"):
        read_truth(tmp_path / "asteroids.csv")


@pytest.mark.parametrize("content", ["data.csv", "http://example.invalid/data", "a" * 200_000, "a\n" + "b" * 200_000])
def test_text_that_is_no_table_is_not_taken_for_a_place_to_read_from(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(HEADER + ROW)
    (tmp_path / "truth").write_text(content)
    with pytest.raises(InputError, match=r"truth: (has no rows|is no table)"):
        read_truth(tmp_path / "truth")


def test_missing_and_binary_tables_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_truth(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(InputError, match=r"binary\.csv"):
        read_truth(tmp_path / "binary.csv")
