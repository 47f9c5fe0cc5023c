"""Intervals are Wilson's, and cover as often as they say, also where exposures are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.shares import CONFIDENCE, correlation, design_effect, share

Z = 1.959963984540054
"""Of 95 %."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """The formula as Wilson (1927) has it."""
    ratio = count / of
    middle = (ratio + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z / (1 + Z**2 / of) * math.sqrt(ratio * (1 - ratio) / of + Z**2 / (4 * of**2))
    return middle - half, middle + half


def flags(count: int, of: int) -> np.ndarray:
    return np.arange(of) < count


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (7, 10), (0, 40), (40, 40), (2139, 2331)])
def test_wilson(count: int, of: int) -> None:
    found = share(flags(count, of))
    assert (found.count, found.of, found.value) == (count, of, count / of)
    np.testing.assert_allclose([found.low, found.high], wilson(count, of), atol=1e-12)


def test_nothing() -> None:
    assert share(np.array([], bool)) is None


def test_copies_tell_nothing_new() -> None:
    once = share(flags(18, 25))
    owners = np.repeat(np.arange(25), 4)
    design = design_effect(owners, correlation(np.repeat(flags(18, 25), 4), owners))
    four_times = share(np.repeat(flags(18, 25), 4), design)
    assert design == pytest.approx(4)
    assert (four_times.low, four_times.high) == pytest.approx((once.low, once.high))


@given(st.integers(0, 200), st.integers(1, 200), st.floats(1, 300))
def test_a_share_is_in_its_interval(count: int, of: int, design: float) -> None:
    found = share(flags(min(count, of), of), design)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_correlation_by_hand() -> None:
    # Mean 5/8. Products of the deviations of pairs: (3/8)² both found, (5/8)² both lost, −15/64 else.
    answers = np.array([1, 1, 1, 1, 0, 0, 1, 0], bool)
    owners = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    pairs = (2 * 9 + 25 - 15) / 64
    assert correlation(answers, owners) == pytest.approx(pairs / 4 / (15 / 64))


def test_correlation_of_what_is_independent_alike_or_opposite() -> None:
    random = np.random.default_rng(1)
    owners = np.repeat(np.arange(2000), 4)
    assert correlation(random.random(8000) < 0.8, owners) < 0.03
    assert correlation(np.repeat(random.random(2000) < 0.8, 4), owners) == pytest.approx(1)
    assert correlation(np.tile([True, False], 50), np.repeat(np.arange(50), 2)) == 0


@pytest.mark.parametrize(
    ("answers", "owners"), [([], []), ([1, 1], [0, 0]), ([0, 0], [0, 0]), ([1, 0], [0, 1])], ids=str
)
def test_what_cannot_be_told_is_taken_as_alike(answers: list[int], owners: list[int]) -> None:
    assert correlation(np.array(answers, bool), np.array(owners, int)) == 1


def test_design_effect() -> None:
    assert design_effect(np.array([], int), 1) == 1
    assert design_effect(np.array([0, 0, 0, 5]), 1) == pytest.approx((9 + 1) / 4)
    assert design_effect(np.array([0, 0, -1, -1]), 1) == pytest.approx((4 + 2) / 4)
    assert design_effect(np.array([0, 0, 1, 1]), 0.5) == 1.5
    assert design_effect(np.array([-1, -1, -1]), 1) == 1


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.8])
def test_intervals_cover_as_often_as_they_say(alike: float) -> None:
    random, true, runs = np.random.default_rng(3), 0.85, 600
    owners = np.repeat(np.arange(60), 4)
    covered = 0
    for _ in range(runs):
        # Correlation `alike` of any two exposures: with that probability an exposure repeats its asteroid's answer.
        of_asteroid = np.repeat(random.random(60) < true, 4)
        repeats = random.random(240) < math.sqrt(alike)
        answers = np.where(repeats, of_asteroid, random.random(240) < true)
        found = share(answers, design_effect(owners, correlation(answers, owners)))
        covered += found.low <= true <= found.high
    assert covered / runs == pytest.approx(CONFIDENCE, abs=0.03)
