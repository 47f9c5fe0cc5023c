"""What stays on the detector is told only where pointings differ, and not by their own drift."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.footprints import plane_of
from ceres_fast.selection.pointings import Pointings, in_bad_columns
from ceres_fast.selection.rules import Rules

from .stationary_fields import DITHERS, RADIUS, SCALE, exposure

MINUTES = np.arange(6) * 15.0


def pointings(at: Any, spots: Any = (), minutes: Any = MINUTES, *, unknown: tuple[int, ...] = (), **rules: Any):
    """Return what is known of exposures pointing at places (pixels), each with detections at the spots (pixels)."""
    rows = spots if spots and spots[0] and isinstance(spots[0][0], tuple) else [list(spots)] * len(at)
    exposures = [
        exposure([], t, where, on_detector=row, sky=number not in unknown)
        for number, (where, t, row) in enumerate(zip(at, minutes, rows, strict=False))
    ]
    radii = np.full((len(at), len(at)), RADIUS)
    times = np.array(minutes[: len(at)], float)
    found = Pointings(plane_of(exposures), times, ~np.eye(len(at), dtype=bool), radii, Rules(**rules))
    random = np.random.default_rng(1).uniform(1, 2000, (5000, 2))
    found.choose([random] * len(at))
    return found


SPOT = [(300.0, 400.0)]
ELSEWHERE = [(9.0, 9.0)]


def hot(found: Pointings, number: int, pixel: tuple[float, float] = (300, 400)) -> list[bool]:
    return [bool(found.hot(e, np.array([pixel], float))[0]) for e in range(number)]


def test_a_hot_pixel_is_at_its_pixel_wherever_the_telescope_points():
    found = pointings(DITHERS, SPOT)
    assert found.differ
    assert hot(found, 6) == [True] * 6
    assert hot(found, 6, (300.9, 400)) == [True] * 6
    assert hot(found, 6, (301.1, 400)) == [False] * 6
    assert found.hot(0, np.array([[np.nan, 1.0], [1e300, 1]])).tolist() == [False, False]
    assert found.hot(0, np.empty((0, 2))).tolist() == []


@given(st.floats(0.1, 3), st.floats(0, 6.28))
def test_pointings_differ_by_more_than_the_radius(share, angle):
    if abs(share - 1) < 0.01:
        return
    shift = share * RADIUS / SCALE
    at = [(0, 0), (200, 0), (0, -300), (shift * np.cos(angle), shift * np.sin(angle))]
    assert hot(pointings(at, [SPOT, SPOT, ELSEWHERE, SPOT]), 1) == [share > 1]


def test_pointings_that_come_back_are_one():
    found = pointings([(0, 0), (40, 0)] * 3, SPOT)
    assert hot(found, 6) == [True] * 6
    seen_once = pointings([(0, 0), (40, 0)] * 3, [SPOT, ELSEWHERE] * 3)
    assert hot(seen_once, 6) == [False, True, False, True, False, True]


def test_two_other_pointings_must_show_it_where_there_are_two():
    assert hot(pointings(DITHERS[:3], [SPOT, SPOT, ELSEWHERE]), 3) == [False, False, True]
    assert hot(pointings(DITHERS[:3], SPOT), 3) == [True] * 3


@pytest.mark.parametrize("rate", [(0.5, 0), (3, -2), (40, 40)])
def test_pointings_that_drift_are_not_compared(rate):
    found = pointings([(t * rate[0], t * rate[1]) for t in MINUTES], SPOT)
    assert not found.differ
    assert hot(found, 6) == [False] * 6


@pytest.mark.parametrize("number", [6, 12, 30])
@pytest.mark.parametrize("jumps", [2, 3])
def test_an_asteroid_that_the_telescope_follows_between_jumps_is_at_its_pixel(number, jumps):
    minutes = np.arange(number) * 10.0
    at = [(2 * t + 50 * (e % jumps), -t - 35 * (e % jumps) ** 2) for e, t in enumerate(minutes)]
    targets = [[(300.0 + 50 * (e % jumps), 400.0 - 35 * (e % jumps) ** 2)] for e in range(number)]
    found = pointings(at, targets, minutes)
    assert found.differ
    for e, target in enumerate(targets):
        assert not found.hot(e, np.array(target))[0]


def test_a_hot_pixel_is_told_from_what_is_followed():
    minutes = np.arange(12) * 10.0
    at = [(2 * t + 50 * (e >= 6), -t) for e, t in enumerate(minutes)]
    assert hot(pointings(at, SPOT, minutes), 12) == [True] * 12


def test_of_two_pointings_nobody_knows():
    assert not pointings(DITHERS[:2], SPOT).differ
    assert not pointings(DITHERS[:1], SPOT).differ
    assert not pointings(DITHERS[:3], SPOT, unknown=(1,)).differ


def test_an_exposure_whose_pointing_is_not_known_is_left_out():
    found = pointings(DITHERS, SPOT, unknown=(2,))
    assert hot(found, 6) == [True, True, False, True, True, True]


def test_an_exposure_without_detections_is_left_out():
    found = pointings(DITHERS, [SPOT, SPOT, [], SPOT, [], SPOT])
    assert hot(found, 6) == [True, True, False, True, False, True]
    assert hot(pointings(DITHERS[:4], [SPOT, SPOT, SPOT, []]), 4) == [True, True, True, False]
    assert not pointings(DITHERS[:3], [SPOT, SPOT, []]).differ


def test_unknown_times_may_be_a_drift():
    assert not pointings(DITHERS, SPOT, np.full(6, np.nan)).differ


def test_chance_asks_for_more_pointings():
    random = np.random.default_rng(2)
    at = random.uniform(-200, 200, (12, 2))
    dense = [[*map(tuple, random.uniform(1, 2000, (60_000, 2)).tolist()), *SPOT] for _ in at]
    minutes = np.arange(12) * 15.0
    found = pointings(at, dense, minutes)
    assert hot(found, 12) == [True] * 12
    elsewhere = random.uniform(1, 2000, (20_000, 2))
    assert found.hot(0, elsewhere).mean() < 0.002
    assert pointings(at, dense, minutes, chance=0.9).hot(0, elsewhere).mean() > 0.01


def test_bad_columns_are_looked_for_where_pointings_differ():
    random = np.random.default_rng(3)
    pixels = [
        np.vstack(
            [
                random.uniform(1, (2048, 4100), (300, 2)),
                np.stack([np.full(80, 700.0), random.uniform(1500, 3000, 80)], 1),
            ]
        )
        for _ in range(6)
    ]
    moving = [np.ones(380, bool)] * 6
    for at, expected in ((DITHERS, True), ([(0, 0)] * 6, False)):
        masks = pointings(at, SPOT).bad_columns(pixels, moving)
        assert all((mask[300:].mean() > 0.9) == expected for mask in masks)
        assert all(mask[:300].mean() < 0.03 for mask in masks)


def test_frames_of_unknown_size_or_with_nothing_known():
    exposures = [exposure([], t, at, on_detector=SPOT) for t, at in zip(MINUTES, DITHERS, strict=True)]
    exposures = [each._replace(info=dataclasses.replace(each.info, shape=(0, 0)), wcs=None) for each in exposures]
    found = Pointings(plane_of(exposures), MINUTES, ~np.eye(6, dtype=bool), np.full((6, 6), RADIUS), Rules())
    found.choose([np.empty((0, 2))] * 6)
    assert not found.differ
    assert hot(found, 6) == [False] * 6


def test_only_exposures_that_are_compared_on_the_sky_are():
    exposures = [exposure([], t, at, on_detector=SPOT) for t, at in zip(MINUTES, DITHERS, strict=True)]
    none = np.zeros((6, 6), bool)
    found = Pointings(plane_of(exposures), MINUTES, none, np.full((6, 6), RADIUS), Rules())
    assert not found.differ
    assert hot(found, 6) == [False] * 6


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
