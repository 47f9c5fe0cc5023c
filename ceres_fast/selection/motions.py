"""Motions at rates that hardly change, which fit detections of several exposures; many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from scipy.stats import chi2

LEAST_P = 1e-4
"""A motion that fits detections worse than this share of true ones does is not theirs."""

BEND = 1.68e-4
"""arcsec/min²: how fast the turning of the Earth changes the rate of what is 1 au away, at the equator: 6378 km times
(7.292e-5 / s)² over 1 au."""

BEND_OF_RATE = 2.03e-4
"""arcsec/min², for each arcsec/min: the same for what passes at 10 km/s, and so is nearer the faster it seems."""

SIGMAS = 3.0
"""How far a rate or a magnitude may be beyond its limit, in units of its error."""


@dataclass(frozen=True)
class Motions:
    """Motions fitted to the members of k tracklets by least squares.

    The places are p + v t + a q(t) at the time t from the middle, where q(t) is t² / 2 less the straight line that fits
    it best at the times of the members, and a is 0 with the error that `bend` gives before anything is seen.

    Parameters
    ----------
    minute : numpy.ndarray
        Middle of the members' times, weighted, min, shape (k,).
    place, velocity : numpy.ndarray
        Where it was then, arcsec, and arcsec/min; shape (k, 2), axes (east, north).
    weight, lever : numpy.ndarray
        Sum of the members' weights, arcsec⁻², and of these times their squared times from the middle; shape (k,).
    change : numpy.ndarray
        Of the rate, a, arcsec/min², shape (k, 2).
    change_variance : numpy.ndarray
        Of each of its coordinates, shape (k,).
    line : numpy.ndarray
        The straight line in q, its height (min²) and slope (min), shape (k, 2).
    chi2 : numpy.ndarray
        With that of the change of the rate, so that it has 2 degrees of freedom per member less 4; shape (k,).
    number : numpy.ndarray
        Members, shape (k,), int64.
    """

    minute: np.ndarray
    place: np.ndarray
    velocity: np.ndarray
    weight: np.ndarray
    lever: np.ndarray
    change: np.ndarray
    change_variance: np.ndarray
    line: np.ndarray
    chi2: np.ndarray
    number: np.ndarray

    @property
    def rate(self) -> np.ndarray:
        """arcsec/min, shape (k,)."""
        return np.hypot(*self.velocity.T)

    @property
    def rate_error(self) -> np.ndarray:
        """arcsec/min, 1 sigma, shape (k,)."""
        return 1 / np.sqrt(self.lever)

    def at(self, minute: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Return places (k, 2) at times, and the variance of each coordinate (k,)."""
        since = minute - self.minute
        bent = since**2 / 2 - self.line[:, 0] - self.line[:, 1] * since
        place = self.place + self.velocity * since[:, None] + self.change * bent[:, None]
        return place, 1 / self.weight + since**2 / self.lever + bent**2 * self.change_variance

    def of(self, rows: np.ndarray) -> Motions:
        """Return some of them, by number or mask."""
        return Motions(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Motions]) -> Motions:
        """Return the motions of several as one."""
        return cls(*(np.concatenate([getattr(each, field.name) for each in parts]) for field in fields(cls)))

    def put(self, rows: np.ndarray, others: Motions) -> None:
        """Put others in the place of some."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(others, field.name)

    def fit_well(self) -> np.ndarray:
        """Tell which ones fit their members, (k,) bool."""
        return self.chi2 <= worst(2 * self.number - 4)

    def share(self) -> np.ndarray:
        """Return what share of the places that fit well fit no worse than the members do, (k,); 1 for two members.

        Of detections that have nothing to do with each other, as many as of places: what they are off by is anywhere
        within the limit, in as many dimensions as there are degrees of freedom.
        """
        degrees = 2 * self.number - 4
        return np.where(degrees > 0, (self.chi2 / worst(degrees)).clip(0, 1) ** (degrees / 2), 1.0)

    def move(self) -> np.ndarray:
        """Tell for which ones no single place would fit the members, (k,) bool."""
        return self.chi2 + self.rate**2 * self.lever > worst(2 * self.number - 2)


def worst(degrees: np.ndarray | int) -> np.ndarray:
    """Return the largest chi2 of so many degrees of freedom that is believed; a rounding error for none."""
    return _worst(max(int(np.max(degrees, initial=1)), 1))[np.maximum(degrees, 0)]


@cache
def _worst(most: int) -> np.ndarray:
    return np.append(1e-6, chi2.isf(LEAST_P, np.arange(1, most + 1)))


def bend(rate: np.ndarray | float) -> np.ndarray:
    """Return the variance of each coordinate of the change of a rate (arcsec/min), arcsec²/min⁴."""
    return np.asarray(BEND**2 + (BEND_OF_RATE * rate) ** 2)


def fit(place: np.ndarray, variance: np.ndarray, minutes: np.ndarray, rate: np.ndarray) -> Motions:
    """Fit motions.

    Parameters
    ----------
    place : numpy.ndarray
        arcsec, shape (k, exposures, 2); NaN where there is no member. Two members at different times at least.
    variance : numpy.ndarray
        Of each coordinate, arcsec², shape (k, exposures).
    minutes : numpy.ndarray
        min, shape (exposures,).
    rate : numpy.ndarray
        About, arcsec/min, for `bend`; shape (k,).
    """
    there = np.isfinite(place[..., 0])
    weights = np.where(there, 1 / variance, 0.0)
    place = np.where(there[..., None], place, 0.0)
    weight = weights.sum(axis=1)
    minute = weights @ np.nan_to_num(minutes) / weight
    since = np.where(there, minutes - minute[:, None], 0.0)
    lever = (weights * since**2).sum(axis=1)
    middle = (weights[..., None] * place).sum(axis=1) / weight[:, None]
    velocity = ((weights * since)[..., None] * place).sum(axis=1) / lever[:, None]
    apart = place - middle[:, None] - velocity[:, None] * since[..., None]
    half = since**2 / 2
    line = np.column_stack([(weights * half).sum(axis=1) / weight, (weights * half * since).sum(axis=1) / lever])
    bent = np.where(there, half - line[:, :1] - line[:, 1:] * since, 0.0)
    change_variance = 1 / ((weights * bent**2).sum(axis=1) + 1 / bend(rate))
    pull = ((weights * bent)[..., None] * apart).sum(axis=1)
    total = (weights * (apart**2).sum(axis=2)).sum(axis=1) - (pull**2).sum(axis=1) * change_variance
    change = pull * change_variance[:, None]
    number = there.sum(axis=1)
    return Motions(minute, middle, velocity, weight, lever, change, change_variance, line, total, number)
