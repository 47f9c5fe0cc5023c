"""Neighbours by grid equal neighbours by comparing all."""

import tracemalloc

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.selection import neighbours
from ceres_fast.selection.neighbours import Grid, Points, nearest_other, pairs_within, sky_centre, tangent_plane

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
    shown = Points([points, points[:20_000]], 0.5).shown(points, np.full(2, 0.5))
    assert shown.sum(axis=0).tolist() == [30_000, 29_999]
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


broken = st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e300, 0.0, 1.0])
places = st.integers(0, 25).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.floats(-1000, 1000, width=32) | broken)
)


def near(first, second, radius):
    """Return which of n and m points are near each other, (n, m) bool, by comparing all."""
    with np.errstate(all="ignore"):
        distance = np.hypot(*np.moveaxis(first[:, None] - second[None], 2, 0))
    usable = [(np.abs(each) < 1e9).all(axis=1) for each in (first, second)]
    return (distance <= radius) & usable[0][:, None] & usable[1]


@given(places, places, st.floats(0.01, 3000), st.sampled_from([1, 7, 2_000_000]))
def test_grid_equals_comparing_all(points, asked, radius, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_AT_ONCE", at_once)
        grid = Grid(points, radius)
        i, j, distance = grid.pairs(asked)
        pieces = [piece for piece, *_ in grid.pieces(asked)]
    expected = near(asked, points, radius)
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == sorted(map(tuple, np.argwhere(expected).tolist()))
    np.testing.assert_allclose(distance, np.hypot(*(asked[i] - points[j]).T))
    assert sum(map(len, pieces)) == len(i)
    assert set(np.flatnonzero(expected.any(axis=1)).tolist()) <= set(grid.may_be_near(asked).tolist())


def test_places_far_outside_the_points_are_not_even_compared():
    grid = Grid(np.random.default_rng(1).uniform(0, 5, (1000, 2)), 1.0)
    outside = np.array([[x, y] for x in (-1e6, 2.0, 1e6) for y in (-1e6, 2.0, 1e6)])
    assert grid.may_be_near(outside).tolist() == [4]
    assert np.unique(grid.pairs(outside)[0]).tolist() == [4]


@given(st.floats(0.2, 5), st.integers(0, 10_000), st.floats(0.001, 20), st.integers(1, 5))
def test_points_equal_comparing_all(radius, seed, width, number):
    random = np.random.default_rng(seed)
    sets = [random.normal(0, width, (random.integers(0, 60), 2)) for _ in range(number)]
    sets = [np.vstack([each, each[:3]]) for each in sets]
    asked = np.vstack([random.normal(0, width, (50, 2)), *[each[:5] for each in sets], [[np.nan, 0]]])
    radii = radius * random.uniform(0.1, 1, number)
    radii[0] = radius
    expected = np.stack([near(asked, each, r).any(axis=1) for each, r in zip(sets, radii, strict=True)], axis=1)
    assert Points(sets, radius).shown(asked, radii).tolist() == expected.tolist()


@given(st.lists(places, min_size=1, max_size=4), places, st.floats(0.01, 3000))
def test_points_of_any_kind_equal_comparing_all(sets, asked, radius):
    expected = np.stack([near(asked, each, radius).any(axis=1) for each in sets], axis=1)
    assert Points(sets, radius).shown(asked, np.full(len(sets), radius)).tolist() == expected.tolist()


def test_without_sets_points_or_places():
    assert Points([], 1.0).shown(np.zeros((3, 2)), np.empty(0)).shape == (3, 0)
    assert not Points([np.empty((0, 2))] * 2, 1.0).shown(np.zeros((3, 2)), np.ones(2)).any()
    assert Points([np.zeros((3, 2))], 1.0).shown(np.empty((0, 2)), np.ones(1)).shape == (0, 1)
    assert Points([np.zeros((3, 2))], 0.0).shown(np.zeros((2, 2)), np.zeros(1)).tolist() == [[True], [True]]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("width", [0.01, 0.3, 1.0])
def test_thousands_of_points_at_nearly_one_place_need_no_memory(width):
    random = np.random.default_rng(1)
    sets = [random.normal(0, width, (5000, 2)) for _ in range(4)]
    tracemalloc.start()
    try:
        points = Points(sets, 1.0)
        shown = [points.shown(each, np.ones(4)) for each in sets]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.concatenate(shown).mean() > 0.99
    assert peak < 500e6
