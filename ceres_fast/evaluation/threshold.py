"""The highest threshold at which few enough asteroids are lost: of any score, counted by asteroid or by field.

An asteroid has a critical value: it survives a threshold exactly when that is not below it. Whether a threshold T loses
more than `max_loss` is a hypothesis, and it is tested for rising T: what a threshold loses, a higher one loses too, so
that the p-values rise with T, and the highest T that is not refused needs no correction for the tests before it.

By asteroid, n asteroids are taken for independent, and the p-value of k lost ones is P(X <= k) of X binomial(n,
`max_loss`): the limit of Clopper and Pearson (`ceres_fast.records.tolerance`).

By field, only the F fields are independent, and nothing is assumed of the asteroids of one field. Draw one asteroid of
each field: these are independent, and each is lost with the probability L(T) that an asteroid of a random field is
lost, which is the mean over fields of the share lost. So P(X <= k) of X binomial(F, `max_loss`) is a p-value of
"L(T) is above `max_loss`" for one such draw. Its mean over all possible draws uses all asteroids and depends on no
random number; twice the mean of p-values is a p-value, whatever their dependence (Rüschendorf 1982, Adv. Appl. Probab.
14, 623; Vovk & Wang 2020, Biometrika 107, 791). Drawing one member of each cluster, again and again, is within-cluster
resampling (Hoffman, Sen & Weinberg 2001, Biometrika 88, 1121).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.stats import binom

from ..artifact.scaling import DIGITS
from ..errors import CeresFastError
from ..records.tolerance import allowed, needed, upper_bound
from ..settings.guarantee import By
from .formatting import counted

Drawn = Literal["each", "one", "all"]
"""What is counted: each asteroid (by asteroid, or where no two share a field), one of each field that is drawn with a
fixed seed (where there are too few fields for twice the mean), or the mean over all draws of one of each field."""

_SEED = 0
_LOWEST = float(np.finfo(np.float64).min)
"""A threshold that loses nothing but what was lost before any score."""

_NEGLIGIBLE = 1e-15


class TooFewAsteroids(CeresFastError):  # noqa: N818 (what there is too little of says it)
    """There are fewer asteroids, or fields with asteroids, than the guarantee needs, or too many lost ones."""


@dataclass(frozen=True)
class Chosen:
    """A threshold, and what it loses.

    Attributes
    ----------
    threshold : float
        Asteroids with a critical value below it are lost; of 6 decimals.
    drawn : {"each", "one", "all"}
        What was counted; see `Drawn`.
    asteroids, fields : int
        How many there are.
    allowed : int
        How many of what is counted may be lost: of all asteroids, or of one asteroid of each field. With "all" it is
        what each draw might lose if all of them lost the same number.
    lost : int
        How many of all asteroids are lost.
    field_loss : float
        Mean over fields of the share of their asteroids that is lost.
    bound : float
        Upper limit of the share that is lost, at the confidence asked for; not above `max_loss`.
    """

    threshold: float
    drawn: Drawn
    asteroids: int
    fields: int
    allowed: int
    lost: int
    field_loss: float
    bound: float


def threshold_for(
    critical: np.ndarray, fields: np.ndarray, *, max_loss: float, confidence: float, by: By, seen: str = ""
) -> Chosen:
    """Choose the highest threshold of a score that is guaranteed to lose at most `max_loss`.

    Parameters
    ----------
    critical : numpy.ndarray
        Of each asteroid, the largest threshold that it survives, float64 (n,): finite, or -inf where it was lost before
        any score, and so at any threshold. Their order must not depend on these values.
    fields : numpy.ndarray
        The field (in its night) of each, str (n,).
    max_loss : float
        Share that may be lost, from 0.000001 to below 1: of all asteroids, or of an asteroid of a random field.
    confidence : float
        Probability, over the choice of asteroids or of fields, that the guarantee holds.
    by : {"asteroid", "field"}
        What is independent of each other.
    seen : str
        Which asteroids these are, for errors: "seen in 3 exposures or more".

    Returns
    -------
    Chosen

    Raises
    ------
    TooFewAsteroids
        When there are too few asteroids, or fields, or too many of the asteroids are lost at any threshold.
    CeresFastError
        When `max_loss` or `confidence` is not what it can be, or a critical value is NaN or infinite.

    Notes
    -----
    By field, the number of fields decides whether one draw is counted or all are (twice the mean needs more fields: 183
    and not 149 for 2 % with 95 %), and the numbers of asteroids whether all draws are the same draw. So the guarantee
    is one given these numbers; no probability has a part in it.
    """
    if strange := np.count_nonzero(np.isnan(critical) | (critical == np.inf)):
        raise CeresFastError(f"{strange} of {len(critical)} critical values are NaN or infinite.")
    names, field = np.unique(fields, return_inverse=True)
    unit = field if by == "field" else np.arange(len(critical))
    test = _Test.of(critical, unit, max_loss, confidence)
    if not test.passes(_LOWEST):
        raise TooFewAsteroids(_too_few(test, critical, unit, confidence, by, f" {seen}" if seen else ""))
    values = np.unique(test.critical[test.critical > -np.inf])
    threshold = _floor(float(values[bisect_left(values, True, key=lambda value: not test.passes(value)) - 1]))
    may_lose = allowed(test.count, max_loss, test.level)
    assert may_lose is not None
    lost = critical < threshold
    return Chosen(
        threshold=threshold,
        drawn=test.drawn,
        asteroids=len(critical),
        fields=len(names),
        allowed=may_lose,
        lost=int(np.count_nonzero(lost)),
        field_loss=float(np.mean(_shares(lost, field))),
        # Of what may be lost, not of what is: a place in an order chooses the threshold, and ties do not sharpen that.
        # Of all draws the p-value holds at one threshold, and so for the share that it was chosen for.
        bound=max_loss if test.drawn == "all" else upper_bound(may_lose, test.count, confidence),
    )


def mean_p_value(shares: np.ndarray, max_loss: float) -> np.ndarray:
    """Return the mean, over all draws of one asteroid of each field, of the p-value of "more than `max_loss` is lost".

    Parameters
    ----------
    shares : numpy.ndarray
        Share of the asteroids of each field that is lost, float64 (..., F).
    max_loss : float
        Share that may be lost.

    Returns
    -------
    numpy.ndarray
        Float64 (...): the mean of P(X <= k), X binomial(F, `max_loss`), over k, the Poisson-binomial number of lost
        ones. It is exact, but for numbers k so large that the p-value is 1 to 15 digits.
    """
    fields = shares.shape[-1]
    if not ((shares > 0) & (shares < 1)).any():  # every draw is the same
        return np.asarray(binom.cdf(np.sum(shares, axis=-1), fields, max_loss))
    many = int(binom.isf(_NEGLIGIBLE, fields, max_loss)) + 1
    chance = np.zeros((*shares.shape[:-1], many + 1))  # of 0, 1 … and of `many` or more
    chance[..., 0] = 1
    for share in np.moveaxis(shares, -1, 0):
        more = chance * share[..., None]
        chance -= more
        chance[..., 1:] += more[..., :-1]
        chance[..., -1] += more[..., -1]
    p_values = binom.cdf(np.arange(many + 1), fields, max_loss)
    p_values[-1] = 1
    return np.asarray(chance @ p_values)


@dataclass(frozen=True)
class _Test:
    """Whether a threshold loses few enough of what is counted."""

    drawn: Drawn
    critical: np.ndarray
    unit: np.ndarray
    max_loss: float
    level: float

    @classmethod
    def of(cls, critical: np.ndarray, unit: np.ndarray, max_loss: float, confidence: float) -> _Test:
        """Return the test for units that are independent of each other: which one, their numbers alone decide."""
        count, doubled = int(np.max(unit, initial=-1)) + 1, (1 + confidence) / 2
        if count == len(critical):
            return cls("each", critical, unit, max_loss, confidence)
        if count >= needed(max_loss, doubled):
            return cls("all", critical, unit, max_loss, doubled)
        order = np.random.default_rng(_SEED).permutation(len(critical))
        one = order[np.unique(unit[order], return_index=True)[1]]
        return cls("one", critical[one], np.arange(count), max_loss, confidence)

    @cached_property
    def count(self) -> int:
        """How many units there are."""
        return int(np.max(self.unit, initial=-1)) + 1

    def passes(self, threshold: float) -> bool:
        """Return whether the hypothesis that a threshold loses too many is refused."""
        shares = _shares(self.critical < threshold, self.unit)
        return bool(mean_p_value(shares, self.max_loss) <= 1 - self.level)


def _shares(lost: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return np.bincount(unit, weights=lost) / np.bincount(unit)


def _floor(value: float) -> float:
    """Round down, so that what is not below `value`, rounded or not, is not below the result."""
    nearest = round(value, DIGITS)
    return nearest if nearest <= value else round(nearest - 10**-DIGITS, DIGITS)


def _too_few(test: _Test, critical: np.ndarray, unit: np.ndarray, confidence: float, by: By, seen: str) -> str:
    enough, dead = needed(test.max_loss, confidence), int(np.count_nonzero(critical == -np.inf))
    number, of_fields = f"{len(critical)} asteroids{seen}", f" of {counted(test.count, 'field')}, each in one night,"
    lost = (
        "of the asteroids are lost" if by == "asteroid" else "of a field's asteroids, in the mean of fields, are lost"
    )
    promise = f"to guarantee with a confidence of {confidence:g} that at most {test.max_loss:g} {lost}"
    if test.count < enough:
        what = (
            f"{number} are"
            if by == "asteroid"
            else f"{counted(test.count, 'field')}, each in one night, of {number} are"
        )
        message = f"{what} too few {promise}: {enough:,} are needed"
    else:
        message = (
            f"{dead} of {number}{of_fields if by == 'field' else ''} were lost before any score, too many {promise}"
        )
        if test.drawn == "each":
            message += f": of so many, {allowed(test.count, test.max_loss, confidence)} may be"
        message += ". Find what loses them"
    message += f". Build records with more {by}s in the calibration split"
    steps = range(1, 1000)
    place = bisect_left(steps, True, key=lambda step: _Test.of(critical, unit, step / 1000, confidence).passes(_LOWEST))
    if place < len(steps):
        message += f", or accept more: --max-loss {steps[place] / 1000:g} can be guaranteed with these"
    return message + "."
