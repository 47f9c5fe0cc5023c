"""An estimate of how much less the asteroids of one field say than as many independent ones would.

It guarantees nothing: it says by how much the limit of the loss, as that of independent asteroids, is too low.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from scipy.stats import beta, rankdata

from ..schema import Number, Share
from .bootstrap import draws

RESAMPLES = 1000
LEVEL = 0.95
"""Of the interval of the intraclass correlation."""


class Dependence(TypedDict):
    """How alike the asteroids of one field are, and what follows; all of it estimated.

    ``rho`` is the intraclass correlation, ``low`` and ``high`` its 95 % interval (bootstrap by field), ``n_eff`` the
    number of independent asteroids that would say as much, ``bound`` the upper limit of the loss with so many.
    """

    rho: Share
    low: Share
    high: Share
    n_eff: Number
    bound: Share


def dependence(critical: np.ndarray, fields: np.ndarray, lost: int, confidence: float) -> Dependence | None:
    """Estimate the intraclass correlation of critical values within fields, and the upper limit of the loss with it.

    Parameters
    ----------
    critical : numpy.ndarray
        Of each asteroid, the largest threshold that it survives, float64 (n,); -inf: none. Not NaN.
    fields : numpy.ndarray
        The field (in its night) of each, str (n,).
    lost : int
        How many of them are lost.
    confidence : float
        Of the limit, one-sided.

    Returns
    -------
    Dependence or None
        None where nothing can be estimated: of fewer than two fields, where no two asteroids share one, or where all
        critical values are the same.

    Notes
    -----
    The correlation is the larger of two, both by the estimator of one-way analysis of variance for groups of different
    sizes (Donner 1986, Int. Stat. Rev. 54, 67), which needs no iteration and no distribution. That of being lost, at
    the threshold that loses so many, is what decides, but where few are lost its estimate is often 0 by chance. That of
    the ranks of all critical values uses every asteroid, is the same whatever the scaling of the probabilities,
    and is the larger one where the logits of a field are shifted together: then the limit errs to the safe side. Where
    a few fields lose most of their asteroids, and the others none, it hardly sees that, and the first is the larger;
    with less than about 150 fields the limit is often too low then (`benchmarks.by_field`).

    Below 0 it is set to 0. The effective number is n / (1 + (m - 1) rho) with m the mean number of asteroids a field,
    weighted by that number (Kish 1965, Survey Sampling), and the limit is that of Clopper and Pearson with as many
    asteroids and as large a share lost (Korn & Graubard 1998, Survey Methodol. 24, 193).
    """
    _, field = np.unique(fields, return_inverse=True)
    sizes = np.bincount(field)
    if not 2 <= len(sizes) < len(critical) or np.min(critical) == np.max(critical):
        return None
    is_lost = critical < np.partition(critical, lost)[lost] if lost < len(critical) else np.ones(len(critical), bool)
    both = [_of_field(values, field, sizes) for values in (rankdata(critical) - (len(critical) + 1) / 2, is_lost)]

    def larger(weights: np.ndarray) -> np.ndarray:
        return np.fmax(*(intraclass(weights @ of_field, len(sizes)) for of_field in both))

    rho = float(larger(np.ones((1, len(sizes))))[0])
    resampled = [larger(each) for each in draws(np.arange(len(sizes)), resamples=RESAMPLES, seed=0)]
    # A sample in which nothing varies says nothing.
    low, high = np.nanquantile(np.concatenate([*resampled, [rho]]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    n_eff = len(critical) / (1 + (np.sum(sizes**2) / len(critical) - 1) * rho)
    bound = float(upper_limit(lost / len(critical), n_eff, confidence)) if lost < len(critical) else 1.0
    return {"rho": rho, "low": float(low), "high": float(high), "n_eff": float(n_eff), "bound": bound}


def _of_field(values: np.ndarray, field: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return what `intraclass` needs of each field, (fields, 5)."""
    sums, squares = np.bincount(field, weights=values), np.bincount(field, weights=values**2)
    return np.column_stack([sizes, sizes**2, sums, sums**2 / sizes, squares])


def upper_limit(share: np.ndarray | float, n_eff: np.ndarray | float, confidence: float) -> np.ndarray:
    """Return the upper limit of Clopper and Pearson for numbers that need not be whole; `share` is below 1."""
    lost = np.asarray(share * n_eff)
    return np.asarray(beta.ppf(confidence, lost + 1, n_eff - lost))


def intraclass(totals: np.ndarray, fields: int) -> np.ndarray:
    """Return the intraclass correlation by one-way analysis of variance, not below 0.

    Parameters
    ----------
    totals : numpy.ndarray
        Over the fields of each of several samples, (samples, 5): of the number m of asteroids of a field, m^2, the sum
        s of what correlates, s^2 / m, and the sum of its squares.
    fields : int
        How many fields each sample has, 2 or more.

    Returns
    -------
    numpy.ndarray
        (samples,); NaN where it is undefined: nothing varies, or no two asteroids share a field.
    """
    count, count_squares, total, between_squares, squares = totals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (between_squares - total**2 / count) / (fields - 1)
        within = np.maximum(squares - between_squares, 0) / (count - fields)
        size = (count - count_squares / count) / (fields - 1)
        return np.clip((between - within) / (between + (size - 1) * within), 0, 1)
