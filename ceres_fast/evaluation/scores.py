"""How good a classifier is: the paper's table, and areas under curves, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from ..survey.stamp_table import CLASSES

CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A value and its bootstrap interval (`CONFIDENCE`); None where it is not defined, as with one class only."""

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
        Of the asteroid class, with bootstrap intervals.
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
    Intervals are percentiles of `RESAMPLES` bootstrap samples of units; samples with one class only are left out.
    """
    labels = np.asarray(labels, np.int64)
    probabilities = np.asarray(probabilities, np.float64)
    if not len(labels):
        raise ValueError("no stamps to score")
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(probabilities))} probabilities are not finite")
    called = (probabilities >= threshold).astype(np.int64)
    precision, recall, f1, count = precision_recall_fscore_support(labels, called, labels=[0, 1], zero_division=0)
    draws = _draws(np.arange(len(labels)) if units is None else units, seed)

    def interval(measure: Callable[[np.ndarray], float]) -> Interval:
        return _interval(measure, draws, labels)

    return Scores(
        threshold=threshold,
        confusion=confusion_matrix(labels, called, labels=[0, 1]).tolist(),
        classes={
            name: ClassScores(float(precision[label]), float(recall[label]), float(f1[label]), int(count[label]))
            for label, name in enumerate(CLASSES)
        },
        accuracy=float(np.mean(called == labels)),
        loss=float(log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7), labels=[0, 1])),
        recall=interval(lambda weight: _ratio(weight * (called & labels), weight * labels)),
        precision=interval(lambda weight: _ratio(weight * (called & labels), weight * called)),
        roc_auc=interval(lambda weight: roc_auc_score(labels, probabilities, sample_weight=weight)),
        average_precision=interval(lambda weight: average_precision_score(labels, probabilities, sample_weight=weight)),
    )


def _ratio(part: np.ndarray, whole: np.ndarray) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total else float("nan")


def _draws(units: np.ndarray, seed: int) -> np.ndarray:
    """Return how often each stamp is in each bootstrap sample: (resamples, n)."""
    _, unit = np.unique(units, return_inverse=True)
    count = int(unit.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return drawn.astype(np.uint16)[:, unit]


def _interval(measure: Callable[[np.ndarray], float], draws: np.ndarray, labels: np.ndarray) -> Interval:
    if len(np.unique(labels)) < 2:
        return Interval(None)
    value = measure(np.ones(len(labels)))
    if np.isnan(value):
        return Interval(None)
    both = [weight for weight in draws if 0 < weight @ labels < weight.sum()]
    values = np.array([measure(weight) for weight in both])
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(float(value))
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(value), float(low), float(high))
