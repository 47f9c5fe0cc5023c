"""Motions are those of least squares with what is believed of bends beforehand."""

import numpy as np
import pytest

from ceres_fast.selection.motions import LEAST_P, bend, fit, turned, turned_back

MINUTES = np.array([0.0, 12.0, 31.0, 45.0, 60.0])


def drawn(number: int, seed: int, exposures: int = 5):
    """Return true places of motions that bend as is believed, measured ones, variances, rates and directions."""
    random = np.random.default_rng(seed)
    rate, angle = random.uniform(0.2, 8, number), random.uniform(0, 2 * np.pi, number)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    bent = random.normal(0, 1, (number, 1, 2)) * np.sqrt(bend(rate))[:, None, None]
    minutes = MINUTES[:exposures, None]
    true = (rate[:, None] * direction)[:, None] * minutes + bent * (minutes - 20) ** 2 / 2 + 30
    variance = random.uniform(0.01, 0.3, (number, exposures, 2))
    errors = random.normal(0, 1, variance.shape) * np.sqrt(variance)
    return true, true + turned_back(errors, direction[:, None]), variance, rate, direction


def test_places_and_chi2_are_those_of_normal_equations():
    _, place, variance, rate, direction = drawn(20, 1)
    place[3, 2] = np.nan
    motions = fit(place, variance, MINUTES, rate, direction)
    for k in range(20):
        there = np.isfinite(place[k, :, 0])
        own, total = turned(place[k], direction[k]), 0.0
        matrix = np.column_stack([np.ones(5), MINUTES, MINUTES**2 / 2])[there]
        predicted, errors = np.empty(2), np.empty(2)
        for axis in range(2):
            weights = np.diag(1 / variance[k, there, axis])
            inverse = np.linalg.inv(matrix.T @ weights @ matrix + np.diag([0, 0, 1 / bend(rate[k])]))
            solution = inverse @ matrix.T @ weights @ own[there, axis]
            off = own[there, axis] - matrix @ solution
            total += off @ weights @ off + solution[2] ** 2 / bend(rate[k])
            later = np.array([1, 80.0, 80.0**2 / 2])
            predicted[axis], errors[axis] = later @ solution, later @ inverse @ later
        at, of = motions.at(80.0)
        assert at[k] == pytest.approx(turned_back(predicted, direction[k]), abs=1e-6)
        assert of[k] == pytest.approx(errors, rel=1e-6)
        assert motions.chi2[k] == pytest.approx(total, rel=1e-6)
        assert motions.number[k] == there.sum()


@pytest.mark.parametrize("exposures", [3, 4, 5])
def test_true_motions_fit_and_as_well_as_is_said(exposures):
    _, place, variance, rate, direction = drawn(20_000, exposures, exposures)
    motions = fit(place, variance, MINUTES[:exposures], rate, direction)
    assert 1 - motions.fit_well().mean() == pytest.approx(LEAST_P, abs=3 * LEAST_P)
    assert motions.chi2.mean() == pytest.approx(2 * exposures - 4, rel=0.03)
    assert motions.move().mean() > 0.99


def test_predictions_are_off_by_their_errors():
    true, place, variance, rate, direction = drawn(20_000, 7)
    place[:, 4] = np.nan
    at, of = fit(place, variance, MINUTES, rate, direction).at(MINUTES[4])
    off = turned(at - true[:, 4], direction) ** 2 / of
    assert off.mean(axis=0) == pytest.approx([1, 1], rel=0.05)


def test_what_stays_does_not_move_and_what_is_anywhere_fits_as_its_share_says():
    random = np.random.default_rng(3)
    variance, direction = np.full((20_000, 4, 2), 0.04), np.tile([1.0, 0.0], (20_000, 1))
    still = fit(random.normal(0, 0.2, variance.shape), variance, MINUTES[:4], np.zeros(20_000), direction)
    assert still.move().mean() < 3 * LEAST_P
    anywhere = fit(random.uniform(-3, 3, variance.shape), variance, MINUTES[:4], np.zeros(20_000), direction)
    share = anywhere.of(anywhere.fit_well()).share()
    assert len(share) > 50
    assert np.quantile(share, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.2)


def test_turning_and_turning_back_change_nothing():
    random = np.random.default_rng(2)
    vectors, angle = random.normal(size=(9, 2)), random.uniform(0, 7, 9)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert turned_back(turned(vectors, direction), direction) == pytest.approx(vectors)
    assert turned(direction, direction) == pytest.approx(np.tile([1.0, 0.0], (9, 1)), abs=1e-12)
