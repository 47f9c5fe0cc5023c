"""Truth in tables: names and codes are text, whatever numbers they look like."""

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
