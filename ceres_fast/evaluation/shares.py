"""Shares with Wilson intervals that know that the exposures of one asteroid are not independent."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from astropy.stats import binom_conf_interval

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """`count` of `of`, their ratio, and its interval (`CONFIDENCE`)."""

    count: int
    of: int
    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return plain values that JSON can hold."""
        return asdict(self)


def share(chosen: np.ndarray, design: float = 1.0) -> Share | None:
    """Return the share of True, with its Wilson interval; None where there is nothing.

    Parameters
    ----------
    chosen : numpy.ndarray of bool
        Shape (n,).
    design : float
        Design effect, 1 or more: n answers say as much as n / design independent ones.

    Notes
    -----
    The interval is Wilson's (J. Am. Stat. Assoc. 22, 209, 1927) of the effective number of answers, rounded to whole
    ones (Dean and Pagano, Surv. Methodol. 41, 2015, compare it with others for clustered samples).
    """
    count, of = int(chosen.sum()), len(chosen)
    if not of:
        return None
    effective = max(1, round(of / design))
    low, high = binom_conf_interval(round(count / of * effective), effective, CONFIDENCE, interval="wilson")
    value = count / of
    # Rounding may put an end of 0 or 1 just inside.
    return Share(count, of, value, min(float(low), value), max(float(high), value))


def correlation(answers: np.ndarray, owners: np.ndarray) -> float:
    """Return how alike the answers on two exposures of one asteroid are: 0 independent, 1 always the same.

    Parameters
    ----------
    answers : numpy.ndarray of bool
        Shape (n,): found or not.
    owners : numpy.ndarray of int
        Shape (n,): of which asteroid, 0 or more.

    Returns
    -------
    float
        Correlation of pairs of exposures of an asteroid about the mean of all, in [0, 1]. What faintness or a bad CCD
        makes alike is in it, so that it is rather too large within a bin, and intervals rather too wide. 1 where it
        cannot be known: all answers are the same, or no asteroid has two exposures.
    """
    total = np.bincount(owners)
    pairs = float((total * (total - 1)).sum())
    mean = answers.mean() if len(answers) else 0.0
    spread = mean * (1 - mean)
    if not pairs or not spread:
        return 1.0
    off = np.bincount(owners, weights=answers) - mean * total
    return float(np.clip(((off**2).sum() - len(answers) * spread) / (spread * pairs), 0, 1))


def design_effect(owners: np.ndarray, alike: float) -> float:
    """Return by how much clustering widens the variance of a share: 1 + (mean size of a cluster − 1) × correlation.

    Parameters
    ----------
    owners : numpy.ndarray of int
        Shape (n,): to which cluster each belongs; below 0: to none.
    alike : float
        Correlation within a cluster.

    Notes
    -----
    Kish, Survey Sampling (1965); the mean is that over answers, not over clusters.
    """
    if not len(owners):
        return 1.0
    sizes = np.bincount(owners[owners >= 0])
    mean = (float((sizes**2).sum()) + np.count_nonzero(owners < 0)) / len(owners)
    return 1 + (mean - 1) * alike
