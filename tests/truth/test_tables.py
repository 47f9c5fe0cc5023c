"""Truth in tables: names and codes are text, whatever numbers they look like, and words for none are no names."""

import numpy as np
import pytest
from astropy import units
from astropy.table import QTable, Table
from astropy.time import Time

from ceres_fast.errors import InputError
from ceres_fast.truth.core import read_truth

HEAD = "designation,mjd,ra,dec"


def known(path, text, **options):
    path.write_text(text)
    table = read_truth(path, **options)
    return dict(zip(table["designation"], table["validated"], strict=True))


@pytest.mark.parametrize("mark", [",", "\t", " "])
def test_names_that_look_like_numbers_stay_apart(tmp_path, mark):
    names = ["433", "12E3", "12000", "1E2", "100", "1.0"]
    rows = [f"{name},{60310.9 + number / 100},10,{number}" for number, name in enumerate(names)]
    text = "\n".join([HEAD, *rows]).replace(",", mark)
    assert known(tmp_path / "truth", text) == dict.fromkeys(names, True)


@pytest.mark.parametrize("name", ["", "nan", "NaN", "None", "--", "N/A"])
def test_objects_without_a_name_are_not_one_object(tmp_path, name):
    text = f'{HEAD}\nA,60310.9,10,5\n"{name}",60310.9,10,6\n"{name}",60310.91,10,7\n'
    with pytest.raises(InputError, match="row 2: has no designation"):
        known(tmp_path / "truth", text)
    assert known(tmp_path / "truth", text, on_error="skip") == {"A": True}


@pytest.mark.parametrize("ours", ["006", "6"])
@pytest.mark.parametrize("written", ["006", "6", "6.0"])
def test_a_code_is_one_however_a_program_wrote_the_number(tmp_path, ours, written):
    text = f"{HEAD},observatory\nA,60310.9,10,5,{written}\nB,60310.9,10,6,\nC,60310.9,10,7,950\n"
    assert known(tmp_path / "truth", text, observatory=ours) == {"A": True, "B": True, "C": False}


@pytest.mark.parametrize("none", ["", "null", "None", "NaN", "--", "N/A"])
def test_a_number_that_is_not_known_may_be_a_word(tmp_path, none):
    head = f"{HEAD},magnitude,rate,position_angle,observatory"
    (tmp_path / "truth").write_text(f"{head}\nA,60310.9,10,5,{none},{none},{none},{none}\nB,60310.9,10,6,20,1,2,950\n")
    first, second = read_truth(tmp_path / "truth")
    assert np.isnan([first["magnitude"], first["rate"], first["position_angle"]]).all()
    assert first["observatory"] == ""
    assert tuple(second[name] for name in ("magnitude", "rate", "position_angle")) == (20, 1, 2)


@pytest.mark.parametrize("kind", [Table, QTable])
def test_units_and_times_of_a_table_are_converted(tmp_path, kind):
    columns = {
        "designation": ["A", "B"],
        "mjd": [60310.9, 60310.91] * units.day,
        "ra": [1.0, 2.0] * units.hourangle,
        "dec": [-0.5, 0.5] * units.rad,
        "rate": [30.0, 60.0] * units.Unit("arcsec/h"),
        "position_angle": [5400.0, 60.0] * units.arcmin,
        "magnitude": [20.0, 21.0] * units.mag,
    }
    kind(columns).write(tmp_path / "truth.ecsv")
    table = read_truth(tmp_path / "truth.ecsv")
    np.testing.assert_allclose(table["ra"], [15, 30])
    np.testing.assert_allclose(table["dec"], np.degrees([-0.5, 0.5]))
    np.testing.assert_allclose(table["rate"], [0.5, 1])
    np.testing.assert_allclose(table["position_angle"], [90, 1])
    assert (table["mjd"].tolist(), table["magnitude"].tolist()) == ([60310.9, 60310.91], [20, 21])
    columns |= {"mjd": Time([60310.9, 60310.91], format="mjd", scale="tai"), "rate": [30.0, np.nan] * units.deg}
    kind(columns).write(tmp_path / "truth.ecsv", overwrite=True)
    with pytest.raises(InputError, match=r"rate that cannot be converted.*; expected arcsec / min"):
        read_truth(tmp_path / "truth.ecsv")
    del columns["rate"]
    kind(columns).write(tmp_path / "truth.ecsv", overwrite=True)
    mjd = read_truth(tmp_path / "truth.ecsv")["mjd"]
    np.testing.assert_allclose(mjd, np.array([60310.9, 60310.91]) - 37 / 86400, atol=1e-9)


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_row_that_was_commented_out_is_no_object(tmp_path, mark):
    lines = ["designation,mjd,ra,dec", "A,60310.9,10,5", "#B,60310.9,11,5", "# C was a star", "D#1,60310.9,12,5"]
    text = "\n".join(lines).replace(",", mark)
    assert known(tmp_path / "truth", text) == {"A": True, "D#1": True}


def test_a_table_of_a_spreadsheet_with_decimal_commas_is_read(tmp_path):
    (tmp_path / "truth").write_text(
        "designation;mjd;ra;dec;magnitude\n2024 AB;60310,9;10,5;-5,25;\nB;60310,9;1;2;20,5\n"
    )
    table = read_truth(tmp_path / "truth")
    assert table["designation"].tolist() == ["2024 AB", "B"]
    assert [table[name][0] for name in ("mjd", "ra", "dec")] == [60310.9, 10.5, -5.25]
    np.testing.assert_equal(table["magnitude"], [np.nan, 20.5])


def test_of_columns_that_differ_in_case_the_small_one_is_meant(tmp_path):
    (tmp_path / "truth").write_text("designation,ra,RA,mjd,dec,DEC\nA,10,0.67,60310.9,5,+5\n")
    assert read_truth(tmp_path / "truth")["ra"].tolist() == [10]


ADES = "artSat|permID|provID|trkSub|stn|obsTime|ra|dec"


@pytest.mark.parametrize("none", ["null", "None", "nan", "--"])
def test_words_for_none_are_no_names_in_ades(tmp_path, none):
    rows = [f"{none}|{none}|{none}|{name}|950|2024-01-01T22:00:00Z|1|{dec}" for dec, name in enumerate(("A", "NA"))]
    rows.append(f"{none}|{none}|2004 JQ12|{none}|950|2024-01-01T22:00:00Z|1|5")
    assert known(tmp_path / "truth", "\n".join([ADES, *rows])) == {"A": True, "NA": True, "2004 JQ12": True}


@pytest.mark.parametrize(
    ("mark", "objects"), [("X", {"A (line 2)": False}), *((none, {"A": True}) for none in ("", "nan", "None"))]
)
def test_no_mark_withdraws_nothing(tmp_path, mark, objects):
    text = f"{ADES}|deprecated|mag\n|||A|950|2024-01-01T22:00:00Z|1|2|{mark}|null\n"
    assert known(tmp_path / "truth", text) == objects


@pytest.mark.parametrize("day", ["2024-01-01", "20240101", "2024-W01-1"])
def test_a_day_without_a_time_is_no_time(tmp_path, day):
    with pytest.raises(InputError, match=r"line 2: obsTime is .* a day without a time"):
        known(tmp_path / "truth", f"{ADES}\n|||A|950|{day}|1|2\n")
    old = f"{ADES}\n|||A|950|{day.replace('2024', '1894')}|1|2\n"
    assert known(tmp_path / "truth", old) == {"A": True}
