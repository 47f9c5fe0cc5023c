"""One probability per tracklet: what a classifier stores for it, and how it is applied.

A detection is evidence; an asteroid is a motion. The probability of a tracklet is a logistic function of a few named
quantities (`QUANTITIES`) of its detections' probabilities and of its motion. `ceres_fast.evaluation.tracklets` fits it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import numpy as np
from msgspec import Meta

from ..schema import Mismatch, check
from .scaling import DIGITS, logit

MOST_LOGIT = 10.0
"""A probability nearer to 0 or 1 than this says no more: one detection that the network has never seen the like of
would decide for all of them."""

LEAST_CHANCE = 0.01
"""Tracklets that chance would give in a field; fewer cannot be told from shuffled times."""

LEAST_RATE = 0.01
"""arcsec/min; the logarithm of the rate is of this one at least."""


@dataclass(frozen=True)
class Evidence:
    """What is known of tracklets and of their detections.

    Parameters
    ----------
    tracklet : numpy.ndarray
        Of each of n detections the tracklet that it is in, from 0, int (n,).
    probability : numpy.ndarray
        P(asteroid) of each detection by itself, float64 (n,); NaN where it was not scored.
    exposures : numpy.ndarray
        In how many exposures each of k tracklets is seen, (k,).
    rate : numpy.ndarray
        arcsec/min, (k,).
    residual : numpy.ndarray
        Of its positions from a constant motion, in units of their errors, (k,); NaN for two positions.
    chance : numpy.ndarray
        How many tracklets as good chance would give in its field, (k,).
    forced : numpy.ndarray
        Of each detection the largest flux at its place in another exposure, in units of its own, (n,); NaN where that
        was not measured, and for all where it is not given.
    """

    tracklet: np.ndarray
    probability: np.ndarray
    exposures: np.ndarray
    rate: np.ndarray
    residual: np.ndarray
    chance: np.ndarray
    forced: np.ndarray | float = np.nan

    @property
    def logits(self) -> tuple[np.ndarray, np.ndarray]:
        """The tracklets of the detections that were scored, and the logarithms of their odds within `MOST_LOGIT`."""
        scored = np.isfinite(self.probability)
        return self.tracklet[scored], np.clip(logit(self.probability[scored]), -MOST_LOGIT, MOST_LOGIT)


def _mean_logit(evidence: Evidence) -> np.ndarray:
    tracklet, logits = evidence.logits
    number = np.bincount(tracklet, minlength=len(evidence.rate))
    total = np.bincount(tracklet, logits, minlength=len(evidence.rate))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _lowest_logit(evidence: Evidence) -> np.ndarray:
    tracklet, logits = evidence.logits
    lowest = np.full(len(evidence.rate), np.inf)
    np.minimum.at(lowest, tracklet, logits)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def _forced(evidence: Evidence) -> np.ndarray:
    known = np.broadcast_to(evidence.forced, len(evidence.tracklet))
    measured = np.isfinite(known)
    tracklet, share = evidence.tracklet[measured], np.clip(known[measured], 0, 1)
    number = np.bincount(tracklet, minlength=len(evidence.rate))
    return np.bincount(tracklet, share, minlength=len(evidence.rate)) / np.maximum(number, 1)


FORCED = "forced"
"""The quantity that only a model has which was fitted where forced fluxes were measured."""

QUANTITIES: Mapping[str, Callable[[Evidence], np.ndarray]] = {
    "mean_logit": _mean_logit,
    "lowest_logit": _lowest_logit,
    "exposures": lambda evidence: np.asarray(evidence.exposures, np.float64),
    "log_chance": lambda evidence: np.log10(np.maximum(evidence.chance, LEAST_CHANCE)),
    "residual": lambda evidence: np.where(np.isnan(evidence.residual), 1.0, evidence.residual),
    "log_rate": lambda evidence: np.log10(np.maximum(evidence.rate, LEAST_RATE)),
    FORCED: _forced,
}
"""What a tracklet's probability is made of, (k,) float64 each: the logarithms of the odds of its detections, mean and
least (NaN where none was scored); its exposures; the logarithm of what chance would give; the residual; its rate; and
of its own flux what other exposures show at the places of its detections, in the mean (0 where none was measured)."""

Weight = Annotated[float, Meta(ge=-1e6, le=1e6)]


class TrackletModel(TypedDict):
    """The logistic model, and the probability from which a tracklet is kept; see `OperatingPoint` for its promise."""

    weights: dict[str, Weight]
    intercept: Weight
    operating_point: dict[str, Any] | None


def check_tracklet_model(model: Any) -> None:
    """Make sure that a model can be applied: None, or a `TrackletModel` of known quantities.

    Raises
    ------
    Mismatch
        When it cannot; it names the key.
    """
    if model is None:
        return
    check(model, TrackletModel, at="tracklets")
    if unknown := sorted(model["weights"].keys() - QUANTITIES.keys()):
        raise Mismatch(f"tracklets.weights.{unknown[0]}", "is not known", f"some of {', '.join(QUANTITIES)}")


def tracklet_threshold(model: Mapping[str, Any] | None) -> float | None:
    """Return the probability from which tracklets are kept; None where nothing is promised of one."""
    point = None if model is None else model["operating_point"]
    return None if point is None else float(point["threshold"])


def quantities_of(evidence: Evidence, names: Sequence[str] = tuple(QUANTITIES)) -> np.ndarray:
    """Return some of the `QUANTITIES` of tracklets, float64 (k, names)."""
    return np.stack([QUANTITIES[name](evidence) for name in names], axis=1)


def tracklet_probabilities(model: Mapping[str, Any], evidence: Evidence) -> np.ndarray:
    """Return the probability that each tracklet is an asteroid, rounded as those of detections are.

    Parameters
    ----------
    model : mapping
        A `TrackletModel`.
    evidence : Evidence
        Of k tracklets.

    Returns
    -------
    numpy.ndarray
        float64 (k,), of `scaling.DIGITS` decimals; NaN for a tracklet of which no detection was scored.
    """
    names = list(model["weights"])
    odds = model["intercept"] + quantities_of(evidence, names) @ np.array([model["weights"][name] for name in names])
    return np.round(1 / (1 + np.exp(-np.clip(odds, -700, 700))), DIGITS)
