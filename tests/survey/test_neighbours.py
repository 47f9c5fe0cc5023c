"""Neighbours by grid equal neighbours by comparing all."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.survey.neighbours import have_near, nearest_other, pairs_within, sky_centre, tangent_plane

points = st.integers(0, 30).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.floats(-100, 100, width=32) | st.just(float("nan")))
)


@given(points, points, st.floats(0.01, 500))
def test_pairs_equal_those_of_all_distances(first, second, radius):
    i, j, distance = pairs_within(first, second, radius)
    every = (
        np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
        if len(first) and len(second)
        else np.zeros((0, 0))
    )
    expected = {(int(a), int(b)) for a, b in np.argwhere(every <= radius)}
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == expected
    assert len(i) == len(expected)
    assert (distance <= radius).all()


@given(points)
def test_nearest_equals_that_of_all_distances(values):
    found = nearest_other(values)
    for row, value in enumerate(values):
        others = np.delete(values, row, axis=0)
        others = others[np.isfinite(others).all(axis=1)]
        if len(others) and np.isfinite(value).all():
            assert found[row] == np.hypot(*(others - value).T).min()
        else:
            assert np.isnan(found[row])


def test_absurd_positions_have_no_neighbours():
    values = np.array([[1.0, 1], [2, 1], [1e30, 5], [np.inf, 1], [1e8, 1]])
    assert nearest_other(values)[:2].tolist() == [1, 1]
    assert np.isnan(nearest_other(values)[2:4]).all()
    assert len(pairs_within(values, values, 1e-3)[0]) == 3


def test_many_points_at_one_place():
    assert (nearest_other(np.ones((50, 2))) == 0).all()


@given(st.floats(0, 360), st.floats(-89, 89), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_plane_keeps_distances_near_its_centre(ra, dec, dra, ddec):
    centre = SkyCoord(ra, dec, unit="deg")
    place = centre.spherical_offsets_by(dra * centre.ra.unit, ddec * centre.ra.unit)
    offset = tangent_plane(np.array([place.ra.deg]), np.array([place.dec.deg]), (ra, dec))
    assert np.hypot(*offset[0]) == pytest.approx(centre.separation(place).arcsec, rel=1e-4, abs=1e-3)


def test_far_side_of_the_sky_is_not_in_the_plane():
    assert np.isnan(tangent_plane(np.array([180.0, 100.0]), np.array([0.0, 0.0]), (0, 0))).all()


def test_centre_across_right_ascension_zero():
    ra, dec = sky_centre(np.array([359.9, 0.1, np.nan]), np.array([10.0, 10.0, 5.0]))
    assert min(ra, 360 - ra) == pytest.approx(0, abs=1e-9)
    assert dec == pytest.approx(10, abs=1e-3)
    assert sky_centre(np.array([]), np.array([])) == (0, 0)


def test_thousands_at_one_place_need_no_memory() -> None:
    points = np.full((30_000, 2), 7.0)
    points[-1] = 8.0
    here, there = have_near(points, points[:20_000], 0.5)
    assert (here.sum(), there.sum()) == (29_999, 20_000)
    nearest = nearest_other(points)
    assert (nearest[:-1] == 0).all()
    assert nearest[-1] == pytest.approx(np.sqrt(2))


@given(arrays(float, (12, 2), elements=st.sampled_from([0.0, 1.0, 2.5, np.nan])))
def test_nearest_other_is_that_of_every_pair(points: np.ndarray) -> None:
    distance = np.hypot(*np.moveaxis(points[:, None] - points[None], 2, 0))
    np.fill_diagonal(distance, np.nan)
    with np.errstate(all="ignore"):
        expected = np.where(np.isnan(distance).all(axis=1), np.nan, np.fmin.reduce(distance, axis=1))
    np.testing.assert_allclose(nearest_other(points), expected)


@given(arrays(float, (9, 2), elements=st.sampled_from([0.0, 1.0, 2.5, np.nan])), st.sampled_from([0.5, 1.0, 1.6]))
def test_have_near_is_that_of_every_pair(points: np.ndarray, radius: float) -> None:
    first, second = points[:5], points[5:]
    near = np.hypot(*np.moveaxis(first[:, None] - second[None], 2, 0)) <= radius
    here, there = have_near(first, second, radius)
    assert here.tolist() == near.any(axis=1).tolist()
    assert there.tolist() == near.any(axis=0).tolist()
