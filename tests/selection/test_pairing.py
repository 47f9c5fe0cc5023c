"""Pairs of places and points within a radius."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from ceres_fast.selection import pairing
from ceres_fast.selection.pairing import within


def pairs(tree: cKDTree, places: np.ndarray, radius: np.ndarray | float) -> set[tuple[int, int]]:
    found = [pair for i, j in within(tree, places, radius) for pair in zip(i.tolist(), j.tolist(), strict=True)]
    assert len(found) == len(set(found))
    return set(found)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    points=st.integers(1, 40),
    places=st.integers(0, 60),
    extent=st.sampled_from([(0.0, 0.0), (1.0, 0.0), (0.0, 1e4), (1e4, 1e4), (3.0, 900.0)]),
    radius=st.sampled_from([0.0, 1e-3, 1.0, 40.0, 1e5, np.inf]),
    whole=st.booleans(),
    most=st.sampled_from([1, 100, 4_000_000]),
)
def test_every_pair_within_the_radius_is_found_and_no_other(
    seed: int, points: int, places: int, extent: tuple[float, float], radius: float, whole: bool, most: int
) -> None:
    rng = np.random.default_rng(seed)
    there, here = (rng.uniform(-1, 1, (n, 2)) * np.array(extent) for n in (points, places))
    if whole:  # with places that are points, and exactly one radius apart
        there, here = there.round(), here.round()
    each = radius * rng.choice([0.5, 1.0], places) if radius else np.zeros(places)
    with patch.object(pairing, "PIECE", 7), patch.object(pairing, "MOST", most):
        found = pairs(cKDTree(there), here, each)
    apart = np.hypot(*(here[:, None] - there[None]).T).T
    sure = np.abs(apart - each[:, None]) > 1e-9 * np.maximum(apart, 1)  # else rounding may decide
    expected = set(map(tuple, np.argwhere((apart <= each[:, None]) & sure).tolist()))
    unsure = set(map(tuple, np.argwhere(~sure).tolist()))
    assert expected <= found <= expected | unsure


@pytest.mark.parametrize("place", [(1e20, 0.0), (-1e20, 5.0)])
def test_places_that_are_nowhere_near_are_near_nothing(place: tuple[float, float]) -> None:
    tree = cKDTree(np.random.default_rng(0).uniform(0, 100, (50, 2)))
    assert pairs(tree, np.array([place]), 3.0) == set()
