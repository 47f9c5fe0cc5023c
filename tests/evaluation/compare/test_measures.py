"""Every measure is what scikit-learn or counting by hand gives, on the split and on each sample."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from ceres_fast.evaluation import scores
from ceres_fast.evaluation.bootstrap import draws
from ceres_fast.evaluation.compare.measures import MEASURES, asteroids, bootstrapped, survivors

from .evaluations import answers, columns, survey


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 15)


def test_on_the_split_and_on_samples() -> None:
    random = np.random.default_rng(2)
    known = survey(asteroids=12, others=40)
    run = answers(known, random.random(88).round(1), threshold=0.3)
    values, samples = bootstrapped([run], needs=3, seed=6)
    assert (values.shape, samples.shape) == ((1, 7), (1, 7, 15))

    weights = np.concatenate([np.ones((1, 88)), *draws(run.predictions.units, resamples=15, seed=6)])
    labels, probabilities, called = known["label"], run.predictions.probabilities, run.called
    lost = (called[:48].reshape(12, 4).sum(axis=1) < 3).astype(float)
    for number, weight in enumerate(weights):
        of = {"sample_weight": weight}
        wanted = {
            "asteroids_lost": np.average(lost, weights=weight[:48:4]),
            "recall": metrics.recall_score(labels, called, **of),
            "precision": metrics.precision_score(labels, called, **of),
            "non_asteroids_left": np.average(called[48:], weights=weight[48:]),
            "roc_auc": metrics.roc_auc_score(labels, probabilities, **of),
            "average_precision": metrics.average_precision_score(labels, probabilities, **of),
            "loss": metrics.log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7), **of),
        }
        found = values[0] if number == 0 else samples[0, :, number - 1]
        assert dict(zip(MEASURES, found, strict=True)) == pytest.approx(wanted)


def test_asteroids_with_too_few_exposures_are_left_out_and_one_in_two_nights_is_two() -> None:
    known = columns(
        [1] * 9 + [0],
        designation=["B"] * 3 + ["A"] * 2 + ["B"] * 3 + [""] * 2,
        mjd=[58782.1, 58782.2, 58782.3, 58782.1, 58782.2, 58783.1, 58783.2, 58783.3, 58782.1, 58782.1],
    )
    run = answers(known, [0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.2])
    there = asteroids(run.predictions, 3)
    assert (there.rows.tolist(), there.left_out) == ([0, 5], 2)
    assert survivors(run, 3).tolist() == [False, True]  # 0.5 is not below the threshold
    assert survivors(run, 2).tolist() == [True, True, True]


def test_what_is_not_defined_is_nan() -> None:
    none_called, no_asteroid = answers(survey(3, 5), 0.1), answers(columns(np.zeros(5)), 0.1)
    for run, missing in (
        (none_called, {"precision"}),
        (no_asteroid, {"asteroids_lost", "recall", "precision", "roc_auc", "average_precision"}),
    ):
        values, samples = bootstrapped([run], needs=3, seed=0)
        assert {name for name, value in zip(MEASURES, values[0], strict=True) if np.isnan(value)} == missing
        for name, row in zip(MEASURES, samples[0], strict=True):
            assert np.isnan(row).all() or name not in missing


def test_runs_are_measured_on_the_same_samples() -> None:
    run = answers(survey(6, 10), np.random.default_rng(1).random(34))
    _, samples = bootstrapped([run, run], needs=3, seed=0)
    np.testing.assert_array_equal(samples[0], samples[1])
