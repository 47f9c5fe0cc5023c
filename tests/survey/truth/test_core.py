"""Truth tables, and which detections are asteroids."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.survey.frames import FrameInfo
from ceres_fast.survey.rules import Rules
from ceres_fast.survey.truth import SET_ASIDE, match_truth, read_truth, rows_of_exposure, set_aside_short_tracks

HEADER = "designation,mjd,ra,dec\n"
ROW = "2024 AB,60310.9,10.0,5.0\n"


def truth(*places, validated=None):
    """Asteroids at offsets in arcsec north of (10, 5)."""
    names = [f"A{number}" for number in range(len(places))]
    table = Table({"designation": names, "mjd": np.full(len(places), 60310.9), "ra": np.full(len(places), 10.0)})
    table["dec"] = 5 + np.array(places, float) / 3600
    table["rate"] = np.ones(len(places))
    table["validated"] = np.ones(len(places), bool) if validated is None else np.array(validated, bool)
    return table


def match(table, *places, **rules):
    dec = 5 + np.array(places, float) / 3600
    return match_truth(table, np.arange(len(table)), np.full(len(places), 10.0), dec, Rules(**rules))


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
    ],
)
def test_bad_tables_are_named(tmp_path, content, problem):
    (tmp_path / "asteroids.csv").write_text(content)
    with pytest.raises(InputError, match=rf"asteroids\.csv.*{problem}"):
        read_truth(tmp_path / "asteroids.csv")


def test_missing_and_binary_tables_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_truth(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(InputError, match=r"binary\.csv"):
        read_truth(tmp_path / "binary.csv")


def test_rows_of_an_exposure_are_those_of_its_time():
    table = truth(0, 0, 0, 0)
    table["mjd"] = 60310.9 + np.array([-32, -30, 30, 32]) / 86400
    assert rows_of_exposure(table, FrameInfo(Path("f"), "f", mjd=60310.9, exposure=60.0)).tolist() == [1, 2]
    assert rows_of_exposure(table, FrameInfo(Path("f"), "f", mjd=60310.9)).tolist() == [1, 2]
    assert rows_of_exposure(table, FrameInfo(Path("f"), "f", mjd=60311.9)).tolist() == []


def test_near_is_asteroid_and_far_is_not():
    result = match(truth(0, 100), 1.9, 50, 97.9, 101)
    assert result.label.tolist() == [1, 0, 0, 1]
    assert result.asteroid.tolist() == [0, -1, -1, 1]
    assert match(truth(0), 1.9, match_radius=1.5).label.tolist() == [0]


def test_contested_detections_are_set_aside():
    two_detections = match(truth(0), 0.5, -1.0, 50)
    assert two_detections.label.tolist() == [SET_ASIDE, SET_ASIDE, 0]
    assert two_detections.contested.tolist() == [True, True, False]
    two_asteroids = match(truth(0, 2), 1.0)
    assert (two_asteroids.label.tolist(), two_asteroids.contested.tolist()) == ([SET_ASIDE], [True])


def test_known_but_not_validated_is_never_called_no_asteroid():
    result = match(truth(0, 100, validated=[0, 1]), 0.5, 100.5)
    assert result.label.tolist() == [SET_ASIDE, 1]
    assert not result.contested.any()
    both = match(truth(0, 1, validated=[0, 1]), 0.5)
    assert both.label.tolist() == [SET_ASIDE]


def test_unknown_positions_are_set_aside():
    assert match(truth(0), np.nan, 0).label.tolist() == [SET_ASIDE, 1]


def test_nothing_matches_nothing():
    assert match(truth(), 1.0).label.tolist() == [0]
    assert match(truth(0)).label.tolist() == []


@given(st.lists(st.floats(-50, 50), max_size=12), st.lists(st.floats(-50, 50), max_size=12))
def test_an_asteroid_has_at_most_one_detection_and_a_detection_one_asteroid(places, detections):
    result = match(truth(*places), *detections)
    asteroids = result.asteroid[result.asteroid >= 0]
    assert len(set(asteroids.tolist())) == len(asteroids)
    assert ((result.asteroid >= 0) == (result.label == 1)).all()
    for place, label in zip(detections, result.label, strict=True):
        if label == 0:
            assert all(abs(place - asteroid) >= 2.0 - 1e-6 for asteroid in places)


def test_short_tracks_are_set_aside():
    table = truth(0, 100)
    seen = [match(table, 0, 100), match(table, 0), match(table, 0, 50), match(table, 100)]
    accepted = set_aside_short_tracks(table, seen, Rules())
    assert [result.label.tolist() for result in accepted] == [[1, SET_ASIDE], [1], [1, 0], [SET_ASIDE]]
    assert accepted[3].asteroid.tolist() == [-1]
    single = set_aside_short_tracks(table, seen[:1], Rules())
    assert single[0].label.tolist() == [1, 1]
    strict = set_aside_short_tracks(table, seen, Rules(track_exposures=4))
    assert all((result.label != 1).all() for result in strict)
