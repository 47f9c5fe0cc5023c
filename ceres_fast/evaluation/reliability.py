"""Whether probabilities are shares (of the stamps given 0.8, are 80 % asteroids?), and what makes them so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from astropy.stats import binom_conf_interval
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from ..artifact.scaling import BIASES, TEMPERATURES, logit
from ..errors import CeresFastError
from .scores import CONFIDENCE

BINS = 15
"""Of equal width, as Guo et al. (2017) have them."""


@dataclass(frozen=True)
class Bin:
    """Stamps whose probability is from `low` to below `high` (to 1 in the last bin); there is one at least.

    `mean` is their mean probability, `share` the share of asteroids among them, between `share_low` and `share_high`
    with `CONFIDENCE` (Wilson's interval, as if the stamps were independent).
    """

    low: float
    high: float
    count: int
    mean: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True)
class Reliability:
    """How far probabilities are from shares.

    Attributes
    ----------
    ece : float
        Expected calibration error: mean of \\|share - mean probability\\| of the bins, each as often as it has stamps.
    brier : float
        Mean squared difference of probability and label.
    loss : float
        Mean cross-entropy (natural logarithm).
    bins : tuple of Bin
        The reliability diagram.
    """

    ece: float
    brier: float
    loss: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self) | {"bins": [asdict(each) for each in self.bins]}


def measure(labels: np.ndarray, probabilities: np.ndarray) -> Reliability:
    """Measure how far probabilities are from shares.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (n,), 1 asteroid, 0 non-asteroid; n is 1 or more.
    probabilities : numpy.ndarray
        Shape (n,), P(asteroid), finite.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        When there is no stamp, or a probability is not from 0 to 1.
    """
    if not len(labels):
        raise ValueError("no stamps to measure on")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # NaN as well
        raise ValueError("not all probabilities are from 0 to 1")
    bins = _bins(np.asarray(labels), np.asarray(probabilities, np.float64))
    return Reliability(
        ece=sum(each.count * abs(each.share - each.mean) for each in bins) / len(labels),
        brier=float(brier_score_loss(labels, probabilities, pos_label=1)),
        loss=float(log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7), labels=[0, 1])),
        bins=bins,
    )


def _bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[Bin, ...]:
    edges = np.linspace(0, 1, BINS + 1)
    number = np.minimum(np.searchsorted(edges, probabilities, "right") - 1, BINS - 1)
    counts, asteroids, sums = (
        np.bincount(number, weights, minlength=BINS) for weights in (None, labels, probabilities)
    )
    filled = np.flatnonzero(counts)
    between = binom_conf_interval(asteroids[filled], counts[filled], CONFIDENCE, "wilson")
    return tuple(
        Bin(
            low=float(edges[row]),
            high=float(edges[row + 1]),
            count=int(counts[row]),
            mean=float(sums[row] / counts[row]),
            share=float(asteroids[row] / counts[row]),
            share_low=float(low),
            share_high=float(high),
        )
        for row, low, high in zip(filled, *between, strict=True)
    )


def fit(method: str, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any] | None:
    """Fit what makes the probabilities of a network into shares.

    Parameters
    ----------
    method : str
        A key of `METHODS`: ``temperature`` divides the logarithm of the odds by a number; ``logistic`` adds another
        one, which a network needs that was trained with both classes counting alike and meets them in other shares;
        ``isotonic`` is any non-decreasing curve; ``none``.
    labels : numpy.ndarray
        Shape (n,), 1 asteroid, 0 non-asteroid.
    probabilities : numpy.ndarray
        Shape (n,), P(asteroid) as the network gives it, finite.

    Returns
    -------
    dict or None
        What `ceres_fast.artifact.scaling.scaled` applies.

    Raises
    ------
    CeresFastError
        When there are not both classes, or the network does not give asteroids higher probabilities than the rest; by
        a temperature alone, also when it gives nearly all stamps more than 0.5, or less.
    """
    if method != "none" and len(np.unique(labels)) < 2:
        raise CeresFastError(
            f"--scaling {method} cannot be fitted: all {len(labels)} stamps of the split are of one class. Build "
            "records with both in it, or pass --scaling none."
        )
    # In the precision in which `scaled` computes.
    return METHODS[method](np.asarray(labels), np.asarray(probabilities, np.float32).astype(np.float64))


def _temperature(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    temperature, _ = _least_loss(labels, probabilities, biases=(0.0, 0.0))
    return {"method": "temperature", "temperature": temperature}


def _logistic(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    temperature, bias = _least_loss(labels, probabilities, biases=BIASES)
    return {"method": "logistic", "temperature": temperature, "bias": bias}


def _least_loss(labels: np.ndarray, probabilities: np.ndarray, biases: tuple[float, float]) -> tuple[float, float]:
    """Return temperature and bias of the least cross-entropy; in 1 / temperature and bias it has one minimum only."""
    odds = logit(probabilities)
    asteroids = np.count_nonzero(labels)
    # Platt's targets (1999): as if one stamp more of each class had been seen. Where a threshold separates the
    # classes without an error, the least loss would else be at temperature 0.
    targets = np.where(labels == 1, (asteroids + 1) / (asteroids + 2), 1 / (len(labels) - asteroids + 2))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scores = values[0] * odds + values[1]
        wrong = expit(scores) - targets
        return float(np.mean(np.logaddexp(0, scores) - targets * scores)), np.array(
            [np.mean(wrong * odds), np.mean(wrong)]
        )

    steepest, flattest = (1 / temperature for temperature in TEMPERATURES)
    bounds = [(flattest, steepest), biases]
    precise = {"ftol": 1e-13, "gtol": 1e-9}
    found = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds, options=precise)
    slope, bias = map(float, found.x)
    if slope <= flattest:
        method, instead = ("logistic", "Train again") if any(biases) else ("temperature", "Pass --scaling logistic")
        raise CeresFastError(
            f"--scaling {method} cannot be fitted: the best that it makes of what the network says is the same share "
            f"for every stamp. {instead}, or pass --scaling none."
        )
    return float(np.clip(1 / slope, *TEMPERATURES)), bias


def _isotonic(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    # A step of 20 asteroids alone is no proof of a share of 1: none is taken for surer than all stamps allow.
    least = 1 / (len(labels) + 2)
    curve = IsotonicRegression(y_min=least, y_max=1 - least).fit(probabilities, labels)
    return {"method": "isotonic", "x": curve.X_thresholds_.tolist(), "y": curve.y_thresholds_.tolist()}


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, Any] | None]] = {
    "temperature": _temperature,
    "logistic": _logistic,
    "isotonic": _isotonic,
    "none": lambda labels, probabilities: None,
}
