"""How good a classifier is: the paper's table, and areas under curves, with intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from ..stamps import CLASSES
from .bootstrap import asteroid_scores, both_classes, draws
from .shares import CONFIDENCE, design_effect, share

RESAMPLES = 1000

CERTAIN = 1e-7
"""Probabilities are kept this far from 0 and 1 in the loss, so that one wrong certainty does not make it infinite."""


@dataclass(frozen=True)
class Interval:
    """A value and its interval (`CONFIDENCE`), see `score`; None where it is not defined, as with one class only."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "not defined"
        around = "" if self.low is None else f"  [{self.low:.4f}, {self.high:.4f}]"
        return f"{self.value:.4f}{around}"


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall, F1 (harmonic mean) and number of stamps of a class; 0 where a ratio is 0/0."""

    precision: float
    recall: float
    f1: float
    count: int


@dataclass(frozen=True)
class Scores:
    """What `score` returns.

    Attributes
    ----------
    threshold : float
        Probability from which a stamp is called an asteroid.
    confusion : list of list of int
        [[TN, FP], [FN, TP]], asteroid positive (paper, Fig. 6).
    classes : dict of str to ClassScores
        The paper's table.
    accuracy, loss : float
        Share of stamps classified right; mean cross-entropy (natural logarithm).
    recall, precision, roc_auc, average_precision : Interval
        Of the asteroid class.
    """

    threshold: float
    confusion: list[list[int]]
    classes: dict[str, ClassScores]
    accuracy: float
    loss: float
    recall: Interval
    precision: Interval
    roc_auc: Interval
    average_precision: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


def score(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float = 0.5,
    units: np.ndarray | None = None,
    seed: int = 0,
) -> Scores:
    """Score probabilities against labels.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (n,), 1 asteroid, 0 non-asteroid.
    probabilities : numpy.ndarray
        Shape (n,), P(asteroid); finite.
    threshold : float
        Called an asteroid from this probability on.
    units : numpy.ndarray, optional
        Shape (n,): stamps of one unit are drawn together in the bootstrap, because they are not independent
        (the exposures of one asteroid). Without it every stamp is its own unit.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        When there is nothing to score, or a probability is not finite.

    Notes
    -----
    Intervals are percentiles of `RESAMPLES` bootstrap samples of units; samples with one class only are left out. Where
    28 of 28 asteroids are found, all samples say so too, and their percentiles would claim that none can ever be lost:
    recall and precision get Wilson's interval there, of as many independent stamps as there are units. Areas under
    curves have no such formula, and get no interval.
    """
    labels = np.asarray(labels, np.int64)
    probabilities = np.asarray(probabilities, np.float64)
    if not len(labels):
        raise ValueError("no stamps to score")
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(probabilities))} probabilities are not finite")
    called = (probabilities >= threshold).astype(np.int64)
    precision, recall, f1, count = precision_recall_fscore_support(labels, called, labels=[0, 1], zero_division=0)
    units = np.arange(len(labels)) if units is None else units
    intervals = _intervals(labels, probabilities, called, units, seed)
    return Scores(
        threshold=threshold,
        confusion=confusion_matrix(labels, called, labels=[0, 1]).tolist(),
        classes={
            name: ClassScores(float(precision[label]), float(recall[label]), float(f1[label]), int(count[label]))
            for label, name in enumerate(CLASSES)
        },
        accuracy=float(np.mean(called == labels)),
        loss=float(log_loss(labels, np.clip(probabilities, CERTAIN, 1 - CERTAIN), labels=[0, 1])),
        **intervals,
    )


def _intervals(
    labels: np.ndarray, probabilities: np.ndarray, called: np.ndarray, units: np.ndarray, seed: int
) -> dict[str, Interval]:
    values = asteroid_scores(labels, probabilities, called, np.ones((1, len(labels))))
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(values, Interval(None))
    samples: dict[str, list[np.ndarray]] = {name: [] for name in values}
    for weights in draws(units, resamples=RESAMPLES, seed=seed):
        for name, found in asteroid_scores(labels, probabilities, called, both_classes(labels, weights)).items():
            samples[name].append(found)
    right = (labels == 1) & (called == 1)
    # What a share is a share of; areas are no shares.
    of = {"recall": labels == 1, "precision": called == 1}
    return {
        name: percentiles(float(value[0]), np.concatenate(samples[name]))
        or (wilson(right[of[name]], units[of[name]]) if name in of else Interval(float(value[0])))
        for name, value in values.items()
    }


def percentiles(value: float, samples: np.ndarray) -> Interval | None:
    """Return a value with percentiles of the samples; None where all samples are alike, so that they say nothing."""
    if np.isnan(value):
        return Interval(None)
    samples = samples[~np.isnan(samples)]
    if not len(samples) or np.ptp(samples) < 1e-12:  # rounding is no spread
        return None
    low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))


def wilson(right: np.ndarray, units: np.ndarray) -> Interval:
    """Return the share of True with Wilson's interval of as many independent stamps as there are units; (n,) each."""
    # As if the stamps of a unit were wholly alike: where all answers are the same, nothing says that they are not.
    found = share(right, design_effect(np.unique(units, return_inverse=True)[1], 1.0))
    return Interval(None) if found is None else Interval(found.value, found.low, found.high)
