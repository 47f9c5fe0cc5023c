"""What runs are compared by, on the split as it is and on many bootstrap samples of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import scores
from ..asteroids import critical
from ..bootstrap import asteroid_scores, draws, ratio
from ..predictions import Predictions
from .runs import Answers


@dataclass(frozen=True)
class Measure:
    """A figure of a classifier; `better` is 1 where more of it is better, −1 where less is."""

    title: str
    better: int
    unit: str = "share"


MEASURES = {
    "asteroids_lost": Measure("asteroids lost", -1),
    "recall": Measure("recall", 1),
    "precision": Measure("precision", 1),
    "non_asteroids_left": Measure("non-asteroids left", -1),
    "roc_auc": Measure("ROC AUC", 1, "area"),
    "average_precision": Measure("average precision", 1, "area"),
    "loss": Measure("loss", -1, "nats"),
}
"""Shares from 0 to 1 but for the loss; the first four at each run's own threshold, the others without one.

Asteroids lost: of those with as many exposures as are needed, the share of which too few exposures are called one.
Recall and precision are of the asteroid stamps. Non-asteroids left: the share of them that is called an asteroid.
"""


@dataclass(frozen=True)
class Asteroids:
    """The asteroids of a split that have enough exposures to be found.

    Attributes
    ----------
    rows : numpy.ndarray
        Some stamp of each, int64 (k,): an asteroid is drawn when its stamps are.
    left_out : int
        Asteroids with fewer exposures than needed, which no classifier could find.
    """

    rows: np.ndarray
    left_out: int


def asteroids(predictions: Predictions, needs: int) -> Asteroids:
    """Return the asteroids of a split, sorted by name: those of `survivors`."""
    names, probability, _ = critical(predictions, needs)
    enough = ~np.isnan(probability)
    every, first = np.unique(predictions.asteroids, return_index=True)
    return Asteroids(first[np.searchsorted(every, names[enough])], int(np.count_nonzero(~enough)))


def survivors(answers: Answers, needs: int) -> np.ndarray:
    """Return which of the asteroids with `needs` exposures or more a run finds, bool (k,), sorted by name."""
    _, probability, _ = critical(answers.predictions, needs)
    return probability[~np.isnan(probability)] >= answers.threshold


def bootstrapped(runs: Sequence[Answers], needs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Measure runs on the split and on bootstrap samples of it, the same for all runs.

    Parameters
    ----------
    runs : sequence of Answers
        Rows in one order.
    needs : int
        Exposures of an asteroid that must be found.
    seed : int
        Of the bootstrap.

    Returns
    -------
    values : numpy.ndarray
        Shape (runs, measures): on the split, NaN where not defined.
    samples : numpy.ndarray
        Shape (runs, measures, `scores.RESAMPLES`): on each sample.
    """
    first = runs[0].predictions
    rows = asteroids(first, needs).rows
    found = [survivors(run, needs) for run in runs]

    def of_all(weights: np.ndarray) -> np.ndarray:
        return np.array([_measured(run, weights, rows, there) for run, there in zip(runs, found, strict=True)])

    values = of_all(np.ones((1, len(first.labels))))[..., 0]
    blocks = map(of_all, draws(first.units, resamples=scores.RESAMPLES, seed=seed))
    return values, np.concatenate(list(blocks), axis=-1)


def _measured(run: Answers, weights: np.ndarray, rows: np.ndarray, found: np.ndarray) -> list[np.ndarray]:
    labels, probabilities = run.predictions.labels, run.predictions.probabilities
    certain = np.clip(probabilities, scores.CERTAIN, 1 - scores.CERTAIN)
    of_asteroids = weights[:, rows]
    measured = {
        **asteroid_scores(labels, probabilities, run.called, weights),
        "asteroids_lost": ratio(of_asteroids @ ~found, of_asteroids.sum(axis=1)),
        "non_asteroids_left": ratio(weights @ (run.called * (1 - labels)), weights @ (1 - labels)),
        "loss": ratio(weights @ -np.log(np.where(labels == 1, certain, 1 - certain)), weights.sum(axis=1)),
    }
    return [measured[name] for name in MEASURES]
