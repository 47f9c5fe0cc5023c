"""Simulated asteroids depend on each other as said, and the loss that is called true is what thresholds lose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from benchmarks.calibration_draws import DEVIATION, MEAN, RULES, Population, non_asteroids_left
from ceres_fast.evaluation.operating_point import choose, measured

from ..asteroid_predictions import of_asteroids

THRESHOLDS = np.array([-3.0, -2.0, -1.5, 0.0])
POPULATIONS = [
    Population(),
    Population(4, 3),
    Population(4, 3, 0.9),
    Population(3, 3, 0.5),
    Population(4, 3, 0.5, fields=5, shared=0.2),
    Population(shared=0.3, fields=2),
]


def probabilities(exposures: np.ndarray) -> np.ndarray:
    return expit(MEAN + DEVIATION * exposures)


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
def test_the_true_loss_is_that_of_many_asteroids(population: Population) -> None:
    # Many draws of few asteroids: those of a field, and so of a draw, share what the field has.
    exposures = population.draw(20_000, 10, np.random.default_rng(2))
    critical = population.critical(exposures)
    seen = (critical[:, :, None] < THRESHOLDS).mean(axis=(0, 1))
    by_count = ((exposures[..., None] >= THRESHOLDS).sum(axis=2) < population.needs).mean(axis=(0, 1))
    np.testing.assert_array_equal(seen, by_count)
    np.testing.assert_allclose(population.loss(THRESHOLDS), seen, atol=0.006)


def test_the_true_loss_by_hand() -> None:
    lost = norm.cdf(THRESHOLDS)
    np.testing.assert_allclose(Population().loss(THRESHOLDS), lost, atol=1e-7)
    np.testing.assert_allclose(Population(3, 3).loss(THRESHOLDS), 1 - (1 - lost) ** 3, atol=1e-7)
    np.testing.assert_allclose(
        Population(4, 3).loss(THRESHOLDS), 1 - (1 - lost) ** 4 - 4 * lost * (1 - lost) ** 3, atol=1e-7
    )
    # Nearly the same exposure three times.
    np.testing.assert_allclose(Population(3, 3, 0.9999).loss(THRESHOLDS), lost, atol=0.01)


def test_what_is_shared_correlates() -> None:
    exposures = Population(2, 1, 0.5, fields=3, shared=0.2).draw(40_000, 4, np.random.default_rng(3))
    pairs = {
        "itself": (exposures[:, 0, 0], exposures[:, 0, 0], 1),
        "exposures of one asteroid": (exposures[:, 0, 0], exposures[:, 0, 1], 0.5),
        "asteroids of one field": (exposures[:, 0, 0], exposures[:, 3, 1], 0.2),
        "asteroids of two fields": (exposures[:, 0, 0], exposures[:, 1, 0], 0),
    }
    for name, (first, second, correlation) in pairs.items():
        assert np.mean(first * second) == pytest.approx(correlation, abs=0.02), name


@pytest.mark.parametrize("population", POPULATIONS[:4], ids=lambda each: each.name)
@pytest.mark.parametrize(("max_loss", "asteroids"), [(0.1, 29), (0.1, 200), (0.02, 149)])
def test_the_rule_for_asteroids_is_the_one_of_the_package(
    population: Population, max_loss: float, asteroids: int
) -> None:
    exposures = population.draw(3, asteroids, np.random.default_rng(4))
    thresholds = RULES["asteroids"](population.critical(exposures), exposures.reshape(3, -1), max_loss, 0.95)
    for draw, threshold in zip(exposures, thresholds, strict=True):
        chosen = choose(of_asteroids(probabilities(draw)), max_loss=max_loss, needs=population.needs)
        assert 0 <= probabilities(threshold) - chosen.threshold < 1e-6


def test_half_is_half_and_what_it_leaves_is_what_it_would() -> None:
    population = POPULATIONS[1]
    exposures = population.draw(1, 50_000, np.random.default_rng(5))
    (threshold,) = RULES["0.5"](population.critical(exposures), exposures.reshape(1, -1), 0.02, 0.95)
    assert probabilities(threshold) == 0.5
    others = expit(-MEAN + DEVIATION * np.random.default_rng(6).standard_normal(50_000))
    assert non_asteroids_left(logit(0.3) / DEVIATION - MEAN / DEVIATION) == pytest.approx(
        (others >= 0.3).mean(), abs=0.01
    )
    point = choose(of_asteroids(probabilities(exposures[0, :1000]), others))
    of_all = measured(of_asteroids(probabilities(exposures[0])), point)
    own = (logit(point.threshold) - MEAN) / DEVIATION
    assert of_all["share"] == pytest.approx(population.loss(own), abs=0.003)
    assert point.left / point.non_asteroids == pytest.approx(non_asteroids_left(own), abs=0.01)


def test_a_quantile_loses_what_may_be_lost_and_stamps_are_taken_alone() -> None:
    population = Population(4, 3, 0.5)
    exposures = population.draw(5, 250, np.random.default_rng(7))
    critical, stamps = population.critical(exposures), exposures.reshape(5, -1)
    quantile = RULES["quantile"](critical, stamps, 0.1, 0.95)
    assert (critical < quantile[:, None]).sum(axis=1).tolist() == [25] * 5
    # 1,000 stamps may lose 84 at 10 %.
    assert (stamps < RULES["stamps"](critical, stamps, 0.1, 0.95)[:, None]).sum(axis=1).tolist() == [84] * 5
