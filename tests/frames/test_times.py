"""What headers say, in the words of many cameras."""

import math

import pytest
from astropy.io import fits

from ceres_fast.frames.info import middle, number, text


def header(**cards):
    return fits.Header({name.replace("_", "-"): value for name, value in cards.items()})


@pytest.mark.parametrize(
    ("cards", "mjd"),
    [
        ({"MJD_OBS": 60000.5, "EXPTIME": 86.4}, 60000.5005),
        ({"MJD_OBS": "60000.5", "EXPTIME": "86.4"}, 60000.5005),
        ({"MJD_MID": 60000.25, "MJD_OBS": 60000.0, "EXPTIME": 60}, 60000.25),
        ({"DATE_OBS": "2023-02-25T12:00:00", "EXPTIME": 864}, 60000.505),
        ({"DATE_OBS": "2023-02-25T12:00:00.500Z"}, 60000.5 + 0.5 / 86400),
        ({"DATE_OBS": "2023-02-25", "UTSTART": "12:00:00.0"}, 60000.5),
        ({"MJD_OBS": 0.0, "DATE_OBS": "2023-02-25T12:00:00"}, 60000.5),
        ({"DATE_OBS": "26/07/102", "TIME_OBS": "19:36:37"}, math.nan),
        ({"DATE_OBS": "2023-02-25"}, math.nan),
        ({"MJD_OBS": "soon"}, math.nan),
        ({}, math.nan),
    ],
)
def test_middle_of_the_exposure(cards, mjd):
    assert middle(header(**cards)) == pytest.approx(mjd, abs=1e-9, nan_ok=True)


def test_impossible_numbers_are_unknown():
    assert math.isnan(number(header(GAIN="n/a", SEEING=-999.0), "gain"))
    assert math.isnan(number(header(SEEING=-999.0), "seeing"))
    assert number(header(GAIN=0.0, EGAIN=1.5), "gain") == 1.5


def test_names_are_text_without_blanks():
    assert text(header(FIELD=570), "field") == "570"
    assert text(header(OBJECT="  ", FIELD="F 1 "), "field") == "F 1"
    assert text(header(), "ccd") == ""
