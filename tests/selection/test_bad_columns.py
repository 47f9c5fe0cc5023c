"""Columns and rows with too many detections in several exposures are found; chance, trails and stars are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.bad_columns import in_bad_columns
from ceres_fast.selection.rules import Rules

SHAPE = np.array([2048, 4100])


def field(seed, n=350, exposures=4):
    """Evenly spread detections."""
    random = np.random.default_rng(seed)
    return [random.uniform(0.5, SHAPE + 0.5, (n, 2)) for _ in range(exposures)]


def column(seed, n, x=700.0, spread=0.2, rows=(1500, 4100)):
    random = np.random.default_rng(seed)
    return np.stack([random.normal(x, spread, n), random.uniform(*rows, n)], axis=1)


def found(places, **rules):
    return in_bad_columns(places, [np.ones(len(points), bool) for points in places], Rules(**rules))


@pytest.mark.parametrize("axis", [0, 1])
@given(seed=st.integers(0, 10_000), x=st.floats(1, 2048))
def test_a_bad_column_is_removed_and_little_else(axis, seed, x):
    spread = field(seed)
    places = [np.vstack([points, column(seed + i, 100, x)]) for i, points in enumerate(spread)]
    if axis:
        places = [points[:, ::-1] for points in places]
    for points, masks in zip(spread, found(places), strict=True):
        assert masks[len(points) :].mean() > 0.85
        near = np.abs(points[:, 0] - x) < 1
        assert not masks[: len(points)][~near].any()


@given(st.integers(0, 10_000), st.sampled_from([30, 350, 5000]), st.integers(2, 6))
def test_chance_costs_next_to_nothing(seed, n, exposures):
    masks = found(field(seed, n, exposures))
    assert np.concatenate(masks).mean() <= 0.002


def test_chance_costs_less_than_one_in_ten_thousand():
    lost = [np.concatenate(found(field(seed))).mean() for seed in range(100)]
    assert np.mean(lost) < 1e-4


def test_a_trail_in_one_exposure_is_not_a_bad_column():
    places = field(1)
    places[2] = np.vstack([places[2], column(0, 300, rows=(0, 4100))])
    assert not np.concatenate(found(places)).any()


def test_a_clump_of_detections_is_not_a_bad_column():
    clumps = [np.random.default_rng(i).normal((700, 2000), 6, (60, 2)) for i in range(4)]
    places = [np.vstack([points, clump]) for points, clump in zip(field(1), clumps, strict=True)]
    assert np.concatenate(found(places)).mean() < 0.01


def test_only_what_is_seen_once_proves_a_column():
    places = [np.vstack([points, column(i, 60)]) for i, points in enumerate(field(1))]
    moving = [np.ones(len(points), bool) for points in places]
    for mask in moving:
        mask[350:] = False
    assert not np.concatenate(in_bad_columns(places, moving, Rules())).any()


def test_it_can_be_switched_off():
    places = [np.vstack([points, column(i, 60)]) for i, points in enumerate(field(1))]
    assert np.concatenate(found(places)).any()
    assert not np.concatenate(found(places, bad_column_alarm=1e-16)).any()


def test_broken_positions_and_empty_exposures_are_in_no_column():
    broken = np.array([[np.nan, 1.0], [5.0, np.nan], [np.nan, np.nan], [np.inf, 1.0]] * 20)
    assert not np.concatenate(found([broken, broken, np.empty((0, 2))])).any()
