"""Asteroids are drawn as asked for, and move at their rate in their direction through all exposures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.info import FrameInfo
from ceres_fast.synthetic.inject.population import Asteroids, Population, draw_asteroids, inside
from ceres_fast.synthetic.simulate.streams import stream

from .conftest import MIDDLES, SIDE, wcs_of

INFOS = [FrameInfo(None, str(number), mjd=mjd, shape=(SIDE, SIDE)) for number, mjd in enumerate(MIDDLES)]
WCSES = [wcs_of(number) for number in range(3)]
POPULATION = Population(400, None, (0.2, 10.0), (80.0, 100.0))


def draw(population=POPULATION, least=3, seed=1):
    return draw_asteroids(population, (18.0, 22.0), INFOS, WCSES, least, stream(seed, "F"))


def times_inside(asteroids):
    return sum(inside(*asteroids.pixels(wcs, info.mjd), info.shape) for info, wcs in zip(INFOS, WCSES, strict=True))


def test_distributions_are_those_asked_for():
    asteroids = draw()
    for values, low, high in (
        (asteroids.magnitude, 18, 22),
        (np.log(asteroids.rate), np.log(0.2), np.log(10)),
        (asteroids.position_angle, 80, 100),
    ):
        scaled = (values - low) / (high - low)
        assert scaled.min() >= 0
        assert scaled.max() <= 1
        assert scaled.mean() == pytest.approx(0.5, abs=0.06)
        assert scaled.std() == pytest.approx(12**-0.5, abs=0.04)


def test_all_are_inside_the_exposures_asked_for():
    assert (times_inside(draw()) == 3).all()


def test_too_fast_ones_are_inside_one_exposure_at_least():
    fast = times_inside(draw(replace(POPULATION, rate=(60.0, 100.0))))
    assert (fast >= 1).all()
    assert (fast < 3).any()


def test_same_stream_draws_the_same():
    first, second, other = draw(seed=1), draw(seed=1), draw(seed=2)
    assert np.array_equal(first.ra, second.ra)
    assert not np.array_equal(first.ra, other.ra)


@given(
    ra=st.floats(0, 359.99),
    dec=st.floats(-85, 85),
    angle=st.floats(0, 359),
    rate=st.floats(0.05, 100),
    minutes=st.floats(-600, 600),
)
def test_motion_has_rate_and_direction(ra, dec, angle, rate, minutes):
    asteroid = Asteroids(*(np.array([value]) for value in (20.0, rate, angle, ra, dec, 60000.0)))
    start, end = (SkyCoord(*asteroid.sky(60000.0 + part / 1440), unit="deg") for part in (0, minutes))
    assert start.separation(end).arcmin[0] * 60 == pytest.approx(rate * abs(minutes), rel=1e-3, abs=1e-3)
    if rate * abs(minutes) > 1:
        towards = start.position_angle(end).deg[0] + (180 if minutes < 0 else 0)
        assert abs((towards - angle + 180) % 360 - 180) < 0.5


def test_places_follow_the_distorted_coordinates():
    asteroids = draw()
    x, y = asteroids.pixels(WCSES[1], MIDDLES[1])
    ra, dec = WCSES[1].all_pix2world(x, y, 1)
    assert (
        SkyCoord(ra, dec, unit="deg").separation(SkyCoord(*asteroids.sky(MIDDLES[1]), unit="deg")).arcsec.max() < 0.01
    )
