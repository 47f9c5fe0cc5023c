"""The highest threshold at which few enough asteroids are lost: of any score, counted by asteroid or by field.

An asteroid has a critical value: it survives a threshold exactly when that is not below it. Whether a threshold T loses
more than `max_loss` is a hypothesis, and it is tested for rising T: what a threshold loses, a higher one loses too, so
that the p-values rise with T, and the highest T that is not refused needs no correction for the tests before it.

By asteroid, n asteroids are taken for independent, and the p-value of k lost ones is P(X <= k) of X binomial(n,
`max_loss`): the limit of Clopper and Pearson (`ceres_fast.records.tolerance`).

By field, only the F fields are independent, and nothing is assumed of the asteroids of one field. L(T), the loss of an
asteroid of a random field, is the mean over fields of the share q lost. Bet on each field in turn, so that the stake is
multiplied by 1 + b (`max_loss` - q) / (1 - `max_loss`), with a fixed b below 1: where L(T) is `max_loss` or more, the
mean of that factor is at most 1, and so is the mean of the product over independent fields. By Markov's inequality the
product is 1 / (1 - confidence) or more with a probability of at most 1 - confidence (Waudby-Smith & Ramdas 2024, J. R.
Stat. Soc. B 86, 1). With few fields a product can hardly become so large; there one asteroid of each field is drawn.
These are independent, each is lost with the probability L(T), and the p-value of k lost ones is P(X <= k) again.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..artifact.scaling import DIGITS
from ..errors import CeresFastError
from ..records.tolerance import allowed, needed, upper_bound
from ..settings.guarantee import By
from .formatting import counted

Drawn = Literal["each", "one", "all"]
"""What is counted: each asteroid (by asteroid, or where no two share a field), one of each field that is drawn with a
fixed seed (where fields are few), or all, by the share of each field that is lost."""

ENOUGH = 1.5
"""From so many times the `needed` number of fields on all asteroids count: with fewer, one draw loses more of them."""

BET = 0.9
"""Share of what can be bet: at 1, a single field that loses all would lose the stake."""

_SEED = 0
_LOWEST = float(np.finfo(np.float64).min)
"""A threshold that loses nothing but what was lost before any score."""


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
        that in the mean of draws, if all fields lost the same share.
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
    By field, the number of fields decides whether one of each is counted or all are (`ENOUGH`), and the numbers of
    asteroids whether these are the same. So the guarantee is one given these numbers; no probability has a part in it.
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
    may_lose = test.allowed
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
        # What bets win holds at one threshold, and so for the share that it was chosen for.
        bound=max_loss if test.drawn == "all" else upper_bound(may_lose, test.count, confidence),
    )


def log_won(shares: np.ndarray, max_loss: float) -> np.ndarray:
    """Return the logarithm of what bets on each field against "`max_loss` or more is lost" make of a stake of 1.

    Parameters
    ----------
    shares : numpy.ndarray
        Share of the asteroids of each field that is lost, float64 (..., F).
    max_loss : float
        Share that may be lost.

    Returns
    -------
    numpy.ndarray
        Float64 (...).
    """
    return np.asarray(np.log1p(BET * (max_loss - shares) / (1 - max_loss)).sum(axis=-1))


def all_count(fields: int, max_loss: float, confidence: float) -> bool:
    """Return whether so many fields are enough that bets are made, and all asteroids count."""
    return fields >= ENOUGH * needed(max_loss, confidence)


@dataclass(frozen=True)
class _Test:
    """Whether a threshold loses few enough of what is counted."""

    drawn: Drawn
    critical: np.ndarray
    unit: np.ndarray
    max_loss: float
    confidence: float

    @classmethod
    def of(cls, critical: np.ndarray, unit: np.ndarray, max_loss: float, confidence: float) -> _Test:
        """Return the test for units that are independent of each other: which one, their numbers alone decide."""
        count = int(np.max(unit, initial=-1)) + 1
        if count == len(critical):
            return cls("each", critical, unit, max_loss, confidence)
        if all_count(count, max_loss, confidence):
            return cls("all", critical, unit, max_loss, confidence)
        order = np.random.default_rng(_SEED).permutation(len(critical))
        one = order[np.unique(unit[order], return_index=True)[1]]
        return cls("one", critical[one], np.arange(count), max_loss, confidence)

    @cached_property
    def count(self) -> int:
        """How many units there are."""
        return int(np.max(self.unit, initial=-1)) + 1

    @cached_property
    def allowed(self) -> int:
        """How many units may be lost; -1 where there are too few of them."""
        if self.drawn == "all":
            factor = (1 - self.confidence) ** (-1 / self.count)
            return int(self.count * (self.max_loss - (factor - 1) * (1 - self.max_loss) / BET))
        most = allowed(self.count, self.max_loss, self.confidence)
        return -1 if most is None else most

    def passes(self, threshold: float) -> bool:
        """Return whether a threshold is known to lose few enough."""
        lost = self.critical < threshold
        if self.drawn == "all":
            won = log_won(_shares(lost, self.unit), self.max_loss)
            return bool(won >= -np.log1p(-self.confidence))
        return int(np.count_nonzero(lost)) <= self.allowed


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
            message += f": of so many, {test.allowed} may be"
        message += ". Find what loses them"
    message += f". Build records with more {by}s in the calibration split"
    steps = range(1, 1000)
    place = bisect_left(steps, True, key=lambda step: _Test.of(critical, unit, step / 1000, confidence).passes(_LOWEST))
    if place < len(steps):
        message += f", or accept more: --max-loss {steps[place] / 1000:g} can be guaranteed with these"
    return message + "."
