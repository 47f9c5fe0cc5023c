"""From what a network answers to the probability that is written, and that a threshold is compared with.

Probabilities that mean shares: what a classifier stores to make its network's answers so, and how it is applied.

The methods are temperature scaling (Guo et al. 2017, ICML, arXiv:1706.04599), the logistic one of Platt (1999), which
also moves the odds, and isotonic regression (Zadrozny & Elkan 2002, KDD). `ceres_fast.evaluation.reliability` fits
them. All are non-decreasing: no detection overtakes another, so that a threshold loses and leaves the same detections
before and after, but for those that an isotonic step makes equal.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta

from ..schema import Mismatch, Share, check, shown

DIGITS = 6
"""Decimals of the probabilities that are written, and of a threshold that is promised something. Every format of table
holds the same number, and a limit means the same in it."""

TEMPERATURES = (0.01, 100.0)
"""From the smallest to the largest; outside, the answers are nothing but 0 and 1, or nothing but one number."""

BIASES = (-50.0, 50.0)
"""Natural logarithms of a factor of the odds."""

MOST_KNOTS = 10_000
"""Of an isotonic step curve. Fitted to n stamps it has far fewer: their number grows with the cube root of n."""

Factor = Annotated[float, Meta(ge=TEMPERATURES[0], le=TEMPERATURES[1])]
Knots = Annotated[
    list[Share], Meta(min_length=1, max_length=MOST_KNOTS, title=f"1 to {MOST_KNOTS:,} numbers from 0 to 1")
]


class Temperature(TypedDict):
    """Odds to the power of 1 / temperature."""

    method: Literal["temperature"]
    temperature: Factor


class Logistic(TypedDict):
    """Odds to the power of 1 / temperature, times exp(bias)."""

    method: Literal["logistic"]
    temperature: Factor
    bias: Annotated[float, Meta(ge=BIASES[0], le=BIASES[1])]


class Isotonic(TypedDict):
    """A non-decreasing line through knots: x in float32 and increasing, y not decreasing."""

    method: Literal["isotonic"]
    x: Knots
    y: Knots


_LOWEST = float(np.finfo(np.float32).tiny)
_HIGHEST = float(np.nextafter(np.float32(1), np.float32(0)))
"""What float32 tells from 0 and from 1: a network that says 0 or 1 means no more than these."""

_LARGEST_LOGIT = 700.0
"""Its exponential is still a number."""


def published(scaling: Mapping[str, Any] | None, probabilities: np.ndarray) -> np.ndarray:
    """Return the probabilities that are written in tables, and that a classifier's threshold is compared with.

    Parameters
    ----------
    scaling : mapping or None
        The classifier's ``scaling``.
    probabilities : numpy.ndarray
        P(asteroid) as the network gives it, shape (n,).

    Returns
    -------
    numpy.ndarray
        float64 (n,): `scaled`, and rounded to `DIGITS` decimals; NaN where they are.

    Raises
    ------
    ValueError
        When `scaling` cannot be applied; see `check_scaling`.
    """
    return np.round(scaled(scaling, probabilities), DIGITS)


def network_threshold(scaling: Mapping[str, Any] | None, threshold: float) -> float:
    """Return the threshold for what the network itself gives: who compares with it decides as `published` does.

    Parameters
    ----------
    scaling : mapping or None
        The classifier's ``scaling``.
    threshold : float
        The classifier's, which published probabilities are compared with.

    Returns
    -------
    float
        The least float32 that `published` makes into `threshold` or more; infinite where it makes none so.
    """

    def is_kept(bits: int) -> bool:
        return bool(published(scaling, _float32(bits))[0] >= threshold)

    # Of floats from 0 up, the larger one has the larger bits; and `published` never falls.
    end = int(np.float32(1).view(np.int32)) + 1
    found = bisect_left(range(end), True, key=is_kept)
    return float(_float32(found)[0]) if found < end else math.inf


def _float32(bits: int) -> np.ndarray:
    return np.array([bits], np.int32).view(np.float32)


def scaled(scaling: Mapping[str, Any] | None, probabilities: np.ndarray) -> np.ndarray:
    """Make the probabilities of a network into shares.

    Parameters
    ----------
    scaling : mapping or None
        A classifier's ``scaling``; None leaves the probabilities as they are.
    probabilities : numpy.ndarray
        P(asteroid) as the network gives it, shape (n,); taken as float32, as every engine gives it.

    Returns
    -------
    numpy.ndarray
        float64 (n,), from 0 to 1; non-decreasing in `probabilities`, NaN where they are.

    Raises
    ------
    ValueError
        When `scaling` cannot be applied; see `check_scaling`.
    """
    check_scaling(scaling)
    given = np.asarray(probabilities, np.float64)
    if scaling is None:
        return given
    # In float64, neighbours are so close that the rounding of a logarithm could swap them.
    raw = np.clip(given, 0, 1).astype(np.float32).astype(np.float64)
    return np.where(np.isnan(raw), np.nan, _METHODS[scaling["method"]][1](scaling, raw))


def check_scaling(scaling: Any) -> None:
    """Make sure that a scaling can be applied: None, a `Temperature`, a `Logistic` or an `Isotonic`.

    Raises
    ------
    Mismatch
        When it cannot; it names the key.
    """
    if scaling is None:
        return
    method = scaling.get("method") if isinstance(scaling, Mapping) else None
    if not isinstance(method, str) or method not in _METHODS:
        expected = f'null, or an object with the "method" {", ".join(_METHODS)}'
        raise Mismatch("scaling", f"is {shown(scaling)}", expected)
    check(scaling, _METHODS[method][0], at="scaling")
    if method == "isotonic":
        _check_knots(scaling["x"], scaling["y"])


def _check_knots(x: Sequence[float], y: Sequence[float]) -> None:
    # Compared in float32, in which they are applied.
    rising = all(low < high for low, high in pairwise(np.asarray(x, np.float32).tolist()))
    if len(x) != len(y):
        raise Mismatch("scaling", f"has {len(x)} x and {len(y)} y", "a y for each x")
    if not rising:
        raise Mismatch("scaling.x", f"is {shown(x)}", "increasing float32 numbers")
    if not all(low <= high for low, high in pairwise(y)):
        raise Mismatch("scaling.y", f"is {shown(y)}", "numbers that do not decrease")


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithms of the odds, float64, finite: 0 and 1 are taken as the float32 beside them."""
    inside = np.clip(np.asarray(probabilities, np.float64), _LOWEST, _HIGHEST)
    return np.log(inside) - np.log1p(-inside)


def _logistic(scaling: Mapping[str, Any], raw: np.ndarray) -> np.ndarray:
    odds = logit(raw) / scaling["temperature"] + scaling.get("bias", 0.0)
    return 1 / (1 + np.exp(-np.clip(odds, -_LARGEST_LOGIT, _LARGEST_LOGIT)))


def _isotonic(scaling: Mapping[str, Any], raw: np.ndarray) -> np.ndarray:
    x, y = np.asarray(scaling["x"], np.float32).astype(np.float64), np.asarray(scaling["y"], np.float64)
    knot = np.minimum(np.searchsorted(x, raw), len(x) - 1)
    # Rounding may carry what is interpolated past the next knot.
    return np.minimum(np.interp(raw, x, y), y[knot])


_METHODS: dict[str, tuple[type, Callable[[Mapping[str, Any], np.ndarray], np.ndarray]]] = {
    "temperature": (Temperature, _logistic),
    "logistic": (Logistic, _logistic),
    "isotonic": (Isotonic, _isotonic),
}
"""What the values of a method are, and what applies them."""
