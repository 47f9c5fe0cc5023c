"""Truth in tables: names and codes are text, whatever numbers they look like, and words for none are no names."""

import pytest

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


ADES = "artSat|permID|provID|trkSub|stn|obsTime|ra|dec"


@pytest.mark.parametrize("none", ["null", "None", "nan", "--"])
def test_words_for_none_are_no_names_in_ades(tmp_path, none):
    rows = [f"{none}|{none}|{none}|{name}|950|2024-01-01T22:00:00Z|1|{dec}" for dec, name in enumerate(("A", "NA"))]
    rows.append(f"{none}|{none}|2004 JQ12|{none}|950|2024-01-01T22:00:00Z|1|5")
    assert known(tmp_path / "truth", "\n".join([ADES, *rows])) == {"A": True, "NA": True, "2004 JQ12": True}


@pytest.mark.parametrize("day", ["2024-01-01", "20240101", "2024-W01-1"])
def test_a_day_without_a_time_is_no_time(tmp_path, day):
    with pytest.raises(InputError, match=r"line 2: obsTime is .* a day without a time"):
        known(tmp_path / "truth", f"{ADES}\n|||A|950|{day}|1|2\n")
    old = f"{ADES}\n|||A|950|{day.replace('2024', '1894')}|1|2\n"
    assert known(tmp_path / "truth", old) == {"A": True}
