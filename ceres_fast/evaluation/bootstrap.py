"""Bootstrap samples of stamps, and what a classifier scores on many of them at once.

scikit-learn scores one sample at a time, and sorts the stamps anew each time. Here they are sorted once and the samples
are rows of weights: as exact, and much faster for a thousand samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

CELLS = 2_000_000
"""Weights held at once (16 MB)."""


def draws(units: np.ndarray, *, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each stamp is in each bootstrap sample, some samples at a time.

    Parameters
    ----------
    units : numpy.ndarray
        Shape (n,): as many units are drawn as there are, and stamps of one unit are drawn together.
    resamples : int
        Samples in all.
    seed : int
        The same seed and units give the same samples.

    Yields
    ------
    numpy.ndarray
        Weights, float64 (samples, n).
    """
    _, unit = np.unique(units, return_inverse=True)
    count = int(unit.max()) + 1
    chance = np.full(count, 1 / count)
    random = np.random.default_rng(seed)
    step = max(1, CELLS // len(unit))
    for begin in range(0, resamples, step):
        drawn = random.multinomial(count, chance, size=min(step, resamples - begin))
        yield drawn.astype(np.float64)[:, unit]


def both_classes(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return those samples, rows of `weights`, that hold both classes; `labels` (n,) are 0 and 1."""
    asteroids = weights @ labels
    return weights[(asteroids > 0) & (asteroids < weights.sum(axis=1))]


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def areas(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ROC AUC and average precision of the asteroid class under each of many weightings of the stamps.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (n,), 1 asteroid, 0 non-asteroid.
    probabilities : numpy.ndarray
        Shape (n,), P(asteroid); finite. Equal ones count as half right, as in scikit-learn.
    weights : numpy.ndarray
        Shape (samples, n), not negative.

    Returns
    -------
    roc_auc, average_precision : numpy.ndarray
        Shape (samples,); NaN where one of the classes (for the average precision, the asteroids) has no weight.
    """
    return _areas(*_cumulated(labels, probabilities, weights))


def rankings(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, left: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Return what needs no threshold: `areas`, and recalls where some of the non-asteroids are left.

    Parameters
    ----------
    labels, probabilities, weights : numpy.ndarray
        As in `areas`.
    left : mapping of str to float
        Names of recalls, and the share of the non-asteroids that their thresholds leave at most. Of equal
        probabilities, all are called an asteroid or none.

    Returns
    -------
    dict of str to numpy.ndarray
        ``roc_auc``, ``average_precision`` and the recalls, (samples,) each; NaN where not defined.
    """
    true, false = _cumulated(labels, probabilities, weights)
    roc_auc, average_precision = _areas(true, false)
    from_none = np.pad(true, ((0, 0), (1, 0)))
    found = {"roc_auc": roc_auc, "average_precision": average_precision}
    for name, share in left.items():
        kept = np.sum(false <= _allowed(share, false[:, -1:]), axis=1, keepdims=True)
        found[name] = ratio(np.take_along_axis(from_none, kept, axis=1)[:, 0], true[:, -1])
    return found


def called_leaving(labels: np.ndarray, probabilities: np.ndarray, share: float) -> np.ndarray:
    """Return what is called an asteroid where at most a share of the non-asteroids is left, bool (n,); as `rankings`.

    There must be a non-asteroid, and `share` be below 1.
    """
    others = np.sort(probabilities[labels == 0])[::-1]
    return probabilities > others[int(_allowed(share, len(others)))]


def _allowed(share: float, non_asteroids: Any) -> Any:
    # Not one fewer for the rounding of a product: 0.29 * 100 is below 29.
    return share * non_asteroids * (1 + 1e-12)


def _cumulated(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of the asteroids, and of the others, from each probability on, (samples, values), rising."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    weights = weights[:, order]
    true = np.cumsum(weights * labels[order], axis=1)[:, ends]
    return true, np.cumsum(weights, axis=1)[:, ends] - true


def _areas(true: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    more_true, more_false = (np.diff(each, axis=1, prepend=0) for each in (true, false))
    called = true + false
    precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
    asteroids, others = true[:, -1], false[:, -1]
    return (
        ratio(np.sum(more_false * (true - more_true / 2), axis=1), asteroids * others),
        ratio(np.sum(more_true * precision, axis=1), asteroids),
    )


def asteroid_scores(
    labels: np.ndarray, probabilities: np.ndarray, called: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return recall, precision, ROC AUC and average precision of the asteroid class under each weighting.

    Parameters
    ----------
    labels, probabilities, weights : numpy.ndarray
        As in `areas`.
    called : numpy.ndarray
        Shape (n,), 1 where a stamp is called an asteroid, else 0.

    Returns
    -------
    dict of str to numpy.ndarray
        ``recall``, ``precision``, ``roc_auc`` and ``average_precision``, (samples,) each; NaN where not defined.
    """
    found = weights @ (labels * called)
    roc_auc, average_precision = areas(labels, probabilities, weights)
    return {
        "recall": ratio(found, weights @ labels),
        "precision": ratio(found, weights @ called),
        "roc_auc": roc_auc,
        "average_precision": average_precision,
    }
