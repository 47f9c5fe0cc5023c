"""McNemar's test, intervals that hold for several differences together, and the spread over seeds."""

from __future__ import annotations

from itertools import combinations
from math import comb
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.compare.statistics import discordant, exact, groups, holm, simultaneous

from .evaluations import answers, survey


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_twice_the_smaller_tail(only_first: int, only_second: int) -> None:
    number, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(number, k) for k in range(fewer + 1)) / 2**number
    assert exact(only_first, only_second) == pytest.approx(min(1, 2 * tail))
    assert exact(only_first, only_second) == exact(only_second, only_first)


def test_known_values() -> None:
    assert exact(12, 3) == pytest.approx(0.03515625)
    assert exact(0, 6) == pytest.approx(0.03125)
    assert exact(0, 5) == pytest.approx(0.0625)
    assert exact(0, 0) == 1


def test_what_only_one_has_right_is_counted() -> None:
    first, second = np.array([1, 1, 1, 0, 0, 1], bool), np.array([1, 0, 0, 1, 0, 1], bool)
    assert discordant(first, second) == (2, 1)
    assert discordant(first, first) == (0, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_bonferroni_on_every_subset(p: list[float]) -> None:
    adjusted = holm(np.array(p))
    for number, value in enumerate(adjusted):
        subsets = [
            subset for size in range(1, len(p) + 1) for subset in combinations(range(len(p)), size) if number in subset
        ]
        wanted = max(min(1, len(subset) * min(p[each] for each in subset)) for subset in subsets)
        assert value == pytest.approx(wanted)


def test_one_p_stays_as_it_is() -> None:
    assert holm(np.array([0.03])).tolist() == [0.03]
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(8)


def test_one_difference_has_its_percentiles(random: np.random.Generator) -> None:
    samples = random.normal(size=(1000, 1))
    np.testing.assert_allclose(simultaneous(samples, 0.95)[0], np.quantile(samples, [0.025, 0.975]), atol=1e-12)


def test_of_few_values_it_has_them_too(random: np.random.Generator) -> None:
    samples = random.integers(0, 3, (1000, 1)) / 10
    np.testing.assert_allclose(simultaneous(samples, 0.95)[0], [0, 0.2])
    np.testing.assert_allclose(simultaneous(np.zeros((50, 1)), 0.95)[0], [0, 0])


def test_all_of_many_hold_in_their_share_of_samples(random: np.random.Generator) -> None:
    samples = random.normal(size=(4000, 20)) * np.arange(1, 21)
    found = simultaneous(samples, 0.95)
    inside = ((samples >= found[:, 0]) & (samples <= found[:, 1])).all(axis=1).mean()
    assert inside == pytest.approx(0.95, abs=0.01)
    ordinary = np.quantile(samples, [0.025, 0.975], axis=0).T
    assert (found[:, 0] < ordinary[:, 0]).all()
    assert (found[:, 1] > ordinary[:, 1]).all()


def test_differences_that_move_as_one_are_not_widened(random: np.random.Generator) -> None:
    samples = random.normal(size=(1000, 1))
    np.testing.assert_allclose(simultaneous(np.tile(samples, 9), 0.95), np.tile(simultaneous(samples, 0.95), (9, 1)))


def test_what_is_not_defined_has_none_and_leaves_the_others_alone(random: np.random.Generator) -> None:
    samples = random.normal(size=(1000, 3))
    whole = simultaneous(samples[:, [0, 2]], 0.95)
    samples[:, 1] = np.nan
    found = simultaneous(samples, 0.95)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], whole)
    assert np.isnan(simultaneous(samples[:, [1]], 0.95)).all()


def test_samples_in_which_one_is_not_defined_are_left_out_of_that_one(random: np.random.Generator) -> None:
    samples = random.normal(size=(1000, 1))
    samples[::2] = np.nan
    np.testing.assert_allclose(simultaneous(samples, 0.95), simultaneous(samples[1::2], 0.95))


KNOWN = survey(2, 3)


def run(letter: str, **settings: object) -> object:
    return answers(KNOWN, 0.5, letter, **settings)


def test_mean_and_spread_of_each_group() -> None:
    runs = [
        run("A", seed=0, normalise="minmax", cache_dir="x"),
        run("B", seed=0, normalise="asinh"),
        run("C", seed=5, normalise="minmax", cache_dir="y"),
        run("D", seed=2, normalise="minmax"),
    ]
    values = np.arange(28.0).reshape(4, 7) ** 2
    values[3, 2] = np.nan
    [found] = groups(runs, values)
    assert (found.classifier, found.letters, found.seeds) == ("xception, experiment 2", ["A", "C", "D"], [0, 5, 2])
    assert list(found.spread) == [name for name in MEASURES if name != "precision"]
    assert found.spread["asteroids_lost"].mean == pytest.approx((0 + 14**2 + 21**2) / 3)
    assert found.spread["asteroids_lost"].std == pytest.approx(stdev([0, 14**2, 21**2]))


@pytest.mark.parametrize(
    "settings",
    [
        ({}, {}),
        ({"seed": 1}, {"seed": 1}),
        ({"seed": 1, "dense": 256}, {"seed": 2, "dense": 128}),
        ({"seed": 1}, {"seed": "two"}),
        ({"seed": [1]}, {"seed": [2]}),
    ],
)
def test_no_group(settings: tuple[dict[str, object], ...]) -> None:
    runs = [run(letter, **each) for letter, each in zip("AB", settings, strict=True)]
    assert groups(runs, np.zeros((2, 7))) == []


def test_a_run_named_twice_counts_once() -> None:
    runs = [run("A", seed=1), run("B", seed=1), run("C", seed=2)]
    [found] = groups(runs, np.zeros((3, 7)))
    assert found.letters == ["A", "C"]
