"""Ways to use the other exposures of a field: what is chosen on some nights, and what it makes of the scores of any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.classified import Classified
from benchmarks.equal_asteroids import KEPT_AT, Way
from ceres_fast.classify.scores import STATIONARY

ONE, THREE = "one plane", "three planes"
LIMITS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
"""Of the forced rule, from which it is chosen."""

AS_GOOD = 1.1
"""The largest limit is chosen that leaves at most so many times the non-asteroids that the best one leaves: a lower one
costs asteroids, which are too few on one night to show it."""


SIDE_NUMBERS = {
    "logistic": make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=True), StandardScaler(), LogisticRegression()
    ),
    "trees": HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=8, learning_rate=0.05, random_state=0),
}
"""What combines a probability with the forced fluxes; the one with the smaller loss on the first survey is used."""


@dataclass(frozen=True)
class Choices:
    """What was chosen on the first survey: limits of the forced rule by network, and a fitted model of side numbers."""

    limits: dict[str, float]
    model: Any
    losses: dict[str, float]

    def side(self, night: Classified) -> np.ndarray:
        """Return the probabilities with forced fluxes as side numbers, (n,)."""
        probability: np.ndarray = self.model.predict_proba(night.side_numbers(ONE))[:, 1]
        return probability


def choose(night: Classified) -> tuple[Choices, np.ndarray]:
    """Choose on a night, and return with that what the model of side numbers says of it, out of fold by field."""
    limits = {network: _limit(night, network) for network in (ONE, THREE)}
    label, numbers = night.rows.asteroid != "", night.side_numbers(ONE)
    scored = np.isfinite(night.probability[ONE]) & (night.flags[ONE] & STATIONARY == 0)
    used = np.flatnonzero(scored & (label | night.rows.other))
    folds = {
        name: cross_val_predict(
            model, numbers[used], label[used], groups=night.rows.field[used], cv=GroupKFold(6), method="predict_proba"
        )[:, 1]
        for name, model in SIDE_NUMBERS.items()
    }
    losses = {name: float(log_loss(label[used], each)) for name, each in folds.items()}
    best = min(losses, key=lambda name: losses[name])
    out_of_fold = np.zeros(len(label))
    out_of_fold[used] = folds[best]
    return Choices(limits, clone(SIDE_NUMBERS[best]).fit(numbers[used], label[used]), losses), out_of_fold


def _limit(night: Classified, network: str) -> float:
    """Return the largest limit that is `AS_GOOD` as the best, by what is left at `KEPT_AT` together."""
    reference = Way.of(night.rows, night.score(network))
    left = {}
    for limit in LIMITS:
        way = Way.of(night.rows, night.score(network, limit))
        thresholds = [way.at_share(share, reference) for share in KEPT_AT]
        left[limit] = np.inf if np.isnan(thresholds).any() else sum(int(way.left(each).sum()) for each in thresholds)
    if not np.isfinite(min(left.values())):
        raise SystemExit(f"{network}: no limit of {LIMITS} leaves the asteroids that are to be kept.")
    return max(limit for limit in LIMITS if left[limit] <= AS_GOOD * min(left.values()))


def ways(night: Classified, choices: Choices, side: np.ndarray) -> dict[str, Way]:
    """Return every way to tell asteroids apart in a night."""
    scores = {
        ONE: night.score(ONE),
        f"{ONE}, forced rule": night.score(ONE, choices.limits[ONE]),
        f"{ONE}, forced fluxes as side numbers": night.score(ONE, instead=side),
        THREE: night.score(THREE),
        f"{THREE}, forced rule": night.score(THREE, choices.limits[THREE]),
    }
    return {name: Way.of(night.rows, score) for name, score in scores.items()}
