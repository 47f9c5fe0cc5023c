"""The promise on real predictions: some asteroids of a split choose the threshold, the others are the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import betabinom

from ceres_fast.evaluation.asteroids import critical, fields_of
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.records.tolerance import allowed

FEWEST_UNITS = 4
"""Fields below which drawing whole fields says nothing."""


def resample(
    predictions: Predictions,
    max_loss: float,
    confidence: float,
    needs: int,
    draws: int,
    random: np.random.Generator,
) -> dict[str, Any] | None:
    """Draw half of the asteroids again and again, choose the threshold by them, and see what it loses of the others.

    Parameters
    ----------
    predictions : Predictions
        Of a large split that the network was not trained on.
    max_loss, confidence, needs
        As for `ceres_fast.evaluation.operating_point.choose`.
    draws : int
        How often.
    random : numpy.random.Generator
        Draws them.

    Returns
    -------
    dict or None
        ``asteroids``, ``fields``, and for each way of drawing (``asteroid``, ``field``: whole fields) `measure`'s
        figures; None where half of the asteroids are too few for the promise.
    """
    names, probability, _ = critical(predictions, needs)
    enough = ~np.isnan(probability)
    names, probability = names[enough], probability[enough]
    half = len(names) // 2
    if allowed(half, max_loss, confidence) is None:
        return None
    _, fields = np.unique(fields_of(predictions, names), return_inverse=True)
    units = {"asteroid": np.arange(len(names)), "field": fields}
    drawn = {
        name: measure(probability, unit, half, max_loss, confidence, draws, random)
        for name, unit in units.items()
        if unit.max() + 1 >= FEWEST_UNITS
    }
    return {
        "asteroids": len(names),
        "fields": int(fields.max()) + 1,
        "drawn": {name: figures for name, figures in drawn.items() if figures},
    }


def measure(
    probability: np.ndarray,
    unit: np.ndarray,
    count: int,
    max_loss: float,
    confidence: float,
    draws: int,
    random: np.random.Generator,
) -> dict[str, Any] | None:
    """Count the draws in which the asteroids left over lose more than `max_loss`.

    Whole units are drawn until there are `count` asteroids; a draw that leaves no others is left out, and None is
    returned where all do. ``expected`` is the share of draws in which that happens to asteroids that are exchangeable
    and all different, from the beta-binomial distribution of what is lost of the others. Where the others are few it is
    not what was promised of all asteroids, because their own loss varies.
    """
    exceeds, losses, expected = [], [], []
    for _ in range(draws):
        place = random.permutation(unit.max() + 1)[unit]
        chosen = place <= np.sort(place)[count - 1]
        calibration, others = probability[chosen], probability[~chosen]
        lost = allowed(len(calibration), max_loss, confidence)
        if lost is None or not len(others):  # one field has nearly all
            continue
        lost_of_others = np.count_nonzero(others < np.partition(calibration, lost)[lost])
        may_lose = int(max_loss * len(others) + 1e-9)
        exceeds.append(lost_of_others > may_lose)
        losses.append(lost_of_others / len(others))
        expected.append(betabinom.sf(may_lose, len(others), lost + 1, len(calibration) - lost))
    if not exceeds:
        return None
    return {
        "draws": len(exceeds),
        "exceeds": int(np.sum(exceeds)),
        "share": float(np.mean(exceeds)),
        "expected": float(np.mean(expected)),
        "mean_loss": float(np.mean(losses)),
    }
