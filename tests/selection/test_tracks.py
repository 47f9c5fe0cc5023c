"""Where known asteroids are in an exposure, against straight motion on great circles."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.tracks import known_at

MIDDLE = 60310.9


def observations(*rows, **columns):
    """Return a truth table of (name, minutes from `MIDDLE`, ra, dec, magnitude)."""
    name, minutes, ra, dec, magnitude = (list(values) for values in zip(*rows, strict=True))
    table = Table({"designation": name, "mjd": MIDDLE + np.array(minutes) / 1440, "ra": ra, "dec": dec})
    table["magnitude"] = np.array(magnitude, float)
    for column, value in {"rate": np.nan, "position_angle": np.nan, "validated": True, **columns}.items():
        table[column] = np.broadcast_to(value, len(table))
    return table[np.argsort(table["mjd"])]


def exposure(minutes=0.0, **known):
    return FrameInfo(Path("f"), "f", **{"mjd": MIDDLE + minutes / 1440, "exposure": 60.0, **known})


def moving(start, rate, angle, minutes):
    """Return where something is that moves on a great circle."""
    places = [start.directional_offset_by(angle * u.deg, rate * minute * u.arcsec) for minute in minutes]
    return [("A", minute, place.ra.deg, place.dec.deg, 20.0) for minute, place in zip(minutes, places, strict=True)]


def separation(known, place):
    return SkyCoord(known["ra"][0], known["dec"][0], unit="deg").separation(place).arcsec


@given(
    ra=st.floats(0, 359.99),
    dec=st.floats(-88, 88),
    rate=st.floats(0.01, 50),
    angle=st.floats(0, 359.9),
    minutes=st.lists(st.integers(-110, 110), min_size=2, max_size=5, unique=True),
    when=st.floats(-100, 100),
)
def test_straight_motion_is_followed(ra, dec, rate, angle, minutes, when):
    start = SkyCoord(ra, dec, unit="deg")
    truth = observations(*moving(start, rate, angle, minutes))
    known = known_at(truth, exposure(when), Rules(track_hours=6.0, extrapolation=1000.0))
    assert separation(known, start.directional_offset_by(angle * u.deg, rate * when * u.arcsec)) < 0.03 + rate * 1e-4
    assert known["rate"][0] == pytest.approx(rate, rel=1e-3, abs=1e-4)
    between = min(minutes) <= when <= max(minutes)
    observed = any(abs(minute - when) <= 31 / 60 for minute in minutes)
    if between or not observed:
        assert known["validated"][0] == between


def test_an_observation_in_the_exposure_is_used_alone():
    truth = observations(("A", 0.4, 10.0, 5.0, 20.0), ("B", 0.6, 11.0, 5.0, 21.0))
    known = known_at(truth, exposure(), Rules())
    assert known["designation"].tolist() == ["A", "B"]
    assert known["validated"].tolist() == [True, False]
    assert known["tolerance"].tolist() == [2.0, 0.0]
    assert known["aside"][1] == pytest.approx(5.0 + 0.6)
    assert np.isnan(known["rate"]).all()
    np.testing.assert_allclose(known["ra"], [10.0, 11.0])


def test_the_rate_of_the_file_moves_a_single_observation():
    truth = observations(("A", -10, 10.0, 5.0, 20.0), rate=0.6, position_angle=0.0)
    known = known_at(truth, exposure(), Rules())
    assert known["dec"][0] == pytest.approx(5 + 6 / 3600, abs=1e-7)
    assert known["validated"].tolist() == [False]
    assert known["tolerance"][0] == pytest.approx(2 + 0.01 * 31)
    assert known["trail"][0] == pytest.approx(0.3)


def test_motion_is_followed_beyond_the_observations_but_not_believed():
    truth = observations(("A", 0, 10.0, 5.0, 20.0), ("A", 10, 10.0, 5.001, 20.0))
    for minutes, validated in [(5, True), (10.4, True), (12, False), (30, False), (31, False), (100, False)]:
        known = known_at(truth, exposure(minutes), Rules())
        assert known["validated"].tolist() == [validated]
        assert known["dec"][0] == pytest.approx(5 + 0.0001 * minutes)


@pytest.mark.parametrize(("minutes", "more"), [(-25, 1.0), (-20, 0.0), (30, 0.0), (35, 1.0), (110, 16.0)])
def test_far_beyond_the_observations_more_is_set_aside(minutes, more):
    truth = observations(("A", 0, 10.0, 5.0, 20.0), ("A", 10, 10.0, 5.001, 20.0))
    known = known_at(truth, exposure(minutes), Rules())
    assert known["aside"][0] == pytest.approx(5.0 + more, abs=1e-4)


def test_no_more_is_set_aside_than_for_an_asteroid_observed_once():
    truth = observations(("A", 0, 10.0, 5.0, 20.0), ("A", 0.1, 10.0, 5.00001, 20.0))
    known = known_at(truth, exposure(60), Rules())
    assert known["aside"][0] == pytest.approx(5.0 + 59.9)


def test_observations_of_other_nights_do_not_matter():
    truth = observations(("A", -1440, 10.0, 5.0, 20.0), ("A", 1440, 11.0, 5.0, 20.0), ("B", 119, 1.0, 5.0, 20.0))
    assert known_at(truth, exposure(), Rules())["designation"].tolist() == ["B"]
    assert len(known_at(truth, exposure(600), Rules())) == 0
    assert len(known_at(truth[:0], exposure(), Rules())) == 0
    assert len(known_at(truth, exposure(np.nan), Rules())) == 0


def test_what_is_validated_in_each_observation_counts():
    rows = [("A", minute, 10.0, 5 + minute / 10000, 20.0) for minute in (0, 10, 20, 30)]
    truth = observations(*rows, validated=[True, False, True, True])
    when = {0: True, 5: False, 10: False, 15: False, 20: True, 25: True, 30: True, 31: False}
    assert {minute: bool(known_at(truth, exposure(minute), Rules())["validated"][0]) for minute in when} == when


def test_magnitudes_are_interpolated_else_the_brightest_is_taken():
    truth = observations(("A", 0, 10, 5, 20.0), ("A", 10, 10, 5.001, 21.0), ("A", 20, 10, 5.002, np.nan))
    for minute, magnitude in {0: 20.0, 5: 20.5, 10: 21.0, 15: 20.0, 20: 20.0, 25: 20.0}.items():
        assert known_at(truth, exposure(minute), Rules())["magnitude"][0] == pytest.approx(magnitude)


def test_rates_and_angles_of_the_file_come_first():
    rows = [("A", 0, 10.0, 5.0, 20.0), ("A", 10, 10.0, 5.001, 20.0)]
    known = known_at(observations(*rows, rate=[7.0, 8.0], position_angle=[np.nan, 90.0]), exposure(1), Rules())
    assert (known["rate"][0], known["position_angle"][0]) == (7.0, pytest.approx(0, abs=1e-6))
    assert known["dec"][0] == pytest.approx(5.0001)


def test_absurd_rates_do_not_widen_the_search_without_end():
    known = known_at(observations(("A", 0, 10.0, 5.0, 20.0), rate=1e9, position_angle=1.0), exposure(), Rules())
    assert known["tolerance"][0] == 4.0
    assert known["trail"][0] == 60.0


def test_an_exposure_of_unknown_length_is_a_minute():
    truth = observations(("A", 0.5, 10.0, 5.0, 20.0))
    assert known_at(truth, exposure(exposure=np.nan), Rules())["validated"].tolist() == [True]
    assert known_at(truth, exposure(exposure=10.0), Rules())["validated"].tolist() == [False]
