"""The tracklets of a split: what they are, and the model that gives each its probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ..artifact.scaling import DIGITS
from ..artifact.tracklet_model import FORCED, QUANTITIES, Evidence, quantities_of, tracklet_probabilities
from ..records.splits.hold_out import nights
from ..stamps import near_edge
from .asteroids import through_the_chain
from .predictions import Predictions

UNLINKED = -1.0
"""The score of what is in no tracklet: below any threshold."""

LEAST = 5
"""True and false tracklets that a model is fitted on, each at least."""


@dataclass(frozen=True)
class Linked:
    """The k tracklets of the stamps of a split.

    Attributes
    ----------
    of : numpy.ndarray
        Of each stamp its tracklet, from 0, int64 (n,); -1 where it is in none.
    evidence : Evidence
        What is known of the tracklets.
    asteroid : numpy.ndarray
        Which are an asteroid, bool (k,): of more than half of its exposures the detections are one asteroid's.
    """

    of: np.ndarray
    evidence: Evidence
    asteroid: np.ndarray

    def probabilities_of(self, model: Mapping[str, Any]) -> np.ndarray:
        """Return the probability of each tracklet, float64 (k,)."""
        return tracklet_probabilities(model, self.evidence)


def link(predictions: Predictions) -> Linked | None:
    """Return the tracklets that records were built with, and what they are; None where records have none.

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    """
    known = predictions.known
    rows = np.flatnonzero(known["tracklet"] > 0)
    if not len(rows):
        return None
    parts = (known["field"], nights(known["mjd"]), known["ccd"], known["tracklet"].astype(str))
    names = np.stack([part[rows].astype(str) for part in parts], axis=1)
    _, first, own = np.unique(names, axis=0, return_index=True, return_inverse=True)
    own = own.reshape(-1)
    of = np.full(len(predictions.labels), -1)
    of[rows] = own
    columns = ("tracklet_exposures", "tracklet_rate", "tracklet_residual", "tracklet_chance")
    exposures, rate, residual, chance = (known[name][rows[first]] for name in columns)
    probability = np.round(predictions.probabilities[rows], DIGITS)
    evidence = Evidence(own, probability, exposures, rate, residual, chance, known["forced_max"][rows])
    return Linked(of, evidence, 2 * _most_of_one(own, predictions.asteroids[rows]) > evidence.exposures)


def _most_of_one(tracklet: np.ndarray, asteroids: np.ndarray) -> np.ndarray:
    """Return how many detections of each tracklet are of the asteroid that most of them are of, int64 (k,)."""
    most = np.zeros(tracklet.max(initial=-1) + 1, np.int64)
    real = asteroids != ""
    if real.any():
        number = np.unique(asteroids[real], return_inverse=True)[1]
        pairs, counts = np.unique(np.stack([tracklet[real], number], axis=1), axis=0, return_counts=True)
        np.maximum.at(most, pairs[:, 0], counts)
    return most


def fit_model(linked: Linked) -> dict[str, Any] | None:
    """Fit the logistic model of `artifact.tracklet_model`; None where there is too little to fit it on (`LEAST`).

    Parameters
    ----------
    linked : Linked
        Of stamps that the network was not trained on, and on which no threshold is chosen.

    Returns
    -------
    dict or None
        An `artifact.tracklet_model.TrackletModel` of which nothing is promised yet.
    """
    names = [name for name in QUANTITIES if name != FORCED or np.isfinite(linked.evidence.forced).any()]
    values = quantities_of(linked.evidence, names)
    known = np.isfinite(values).all(axis=1)
    asteroid = linked.asteroid[known]
    if min(asteroid.sum(), (~asteroid).sum()) < LEAST:
        return None
    scaler = StandardScaler().fit(values[known])
    fitted = LogisticRegression().fit(scaler.transform(values[known]), asteroid)
    weights = fitted.coef_[0] / scaler.scale_
    return {
        "weights": dict(zip(names, weights.tolist(), strict=True)),
        "intercept": float(fitted.intercept_[0] - weights @ scaler.mean_),
        "operating_point": None,
    }


def as_predictions(predictions: Predictions, linked: Linked, model: Mapping[str, Any]) -> Predictions:
    """Return predictions whose probabilities are those of tracklets: the largest threshold that each stamp survives.

    What is in no tracklet survives none (`UNLINKED`), so that a threshold that is chosen by these keeps no fewer where
    such detections are classified by themselves. What is in one near the edge survives any, as one without a
    probability.
    """
    probability = np.append(linked.probabilities_of(model), np.nan)[linked.of]
    kept = near_edge(predictions.known["padded"]) | np.isnan(probability)
    scores = np.where(linked.of < 0, UNLINKED, np.where(kept, 1.0, probability))
    nowhere_near = {"padded": np.zeros(len(scores), np.int64)}  # in no tracklet the edge keeps nothing
    return replace(predictions, known={**predictions.known, **nowhere_near}, probabilities=scores)


def chain_at(predictions: Predictions, linked: Linked, model: Mapping[str, Any], lost: Table | None) -> dict[str, int]:
    """Return what the threshold of tracklets does on a split, stage by stage.

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    linked : Linked
        Its tracklets.
    model : mapping
        A `TrackletModel` with an operating point.
    lost : astropy.table.Table or None
        As `asteroids.through_the_chain` takes it.

    Returns
    -------
    dict of str to int
        ``asteroids`` that were detected in enough exposures; how many of these are lost ``by_rules``, ``not_linked``
        and ``below`` the threshold; the ``false`` tracklets, and those ``left``; the ``non_asteroids`` left in
        tracklets.
    """
    point = model["operating_point"]
    scored = as_predictions(predictions, linked, model)
    by_rules, value = (through_the_chain(each, lost, point["needs"])[1] for each in (predictions, scored))
    value = value[~np.isnan(value)]
    rules = int(np.count_nonzero(by_rules == -np.inf))
    unlinked = int(np.count_nonzero(value < 0))
    left = ~linked.asteroid & ~(linked.probabilities_of(model) < point["threshold"])
    return {
        "asteroids": len(value),
        "by_rules": rules,
        "not_linked": unlinked - rules,
        "below": int(np.count_nonzero(value < point["threshold"])) - unlinked,
        "false": int((~linked.asteroid).sum()),
        "left": int(left.sum()),
        "non_asteroids": int(np.count_nonzero(scored.survives[scored.labels == 0] >= point["threshold"])),
    }
