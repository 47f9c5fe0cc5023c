"""One interval is the ordinary percentiles; several hold together."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.evaluation.compare.intervals import simultaneous


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
