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

    Places are measured along the motion and across it, where their errors differ: what is fast is a trail, of which a
    piece may be all that is detected. On each of these axes the place is p + v t + a q(t) at the time t from the
    middle, where q(t) is t² / 2 less the straight line that fits it best at the times of the members, and a is 0 with
    the error that `bend` gives before anything is seen. All but the last three have the shape (k, 2), axes (along,
    across).

    Parameters
    ----------
    minute : numpy.ndarray
        Middle of the members' times, weighted, min.
    place, speed : numpy.ndarray
        Where it was then, arcsec, and v, arcsec/min.
    weight, lever : numpy.ndarray
        Sum of the members' weights, arcsec⁻², and of these times their squared times from the middle.
    change, change_variance : numpy.ndarray
        Of the rate, a, arcsec/min², and its variance.
    height, slope : numpy.ndarray
        Of the straight line in q, min² and min.
    direction : numpy.ndarray
        Of the axis along the motion, axes (east, north), of length 1, shape (k, 2).
    chi2 : numpy.ndarray
        With that of the change of the rate, so that it has 2 degrees of freedom per member less 4; shape (k,).
    number : numpy.ndarray
        Members, shape (k,), int64.
    """

    minute: np.ndarray
    place: np.ndarray
    speed: np.ndarray
    weight: np.ndarray
    lever: np.ndarray
    change: np.ndarray
    change_variance: np.ndarray
    height: np.ndarray
    slope: np.ndarray
    direction: np.ndarray
    chi2: np.ndarray
    number: np.ndarray

    @property
    def velocity(self) -> np.ndarray:
        """arcsec/min to the east and north, shape (k, 2)."""
        return turned_back(self.speed, self.direction)

    @property
    def rate(self) -> np.ndarray:
        """arcsec/min, shape (k,)."""
        return np.hypot(*self.speed.T)

    @property
    def rate_error(self) -> np.ndarray:
        """arcsec/min, 1 sigma, shape (k,)."""
        return 1 / np.sqrt(self.lever[:, 0])

    def at(self, minute: float) -> tuple[np.ndarray, np.ndarray]:
        """Return places (k, 2), axes (east, north), at a time, and their variances (k, 2), axes (along, across)."""
        since = minute - self.minute
        bent = since**2 / 2 - self.height - self.slope * since
        place = self.place + self.speed * since + self.change * bent
        variance = 1 / self.weight + since**2 / self.lever + bent**2 * self.change_variance
        return turned_back(place, self.direction), variance

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
        return self.chi2 + (self.speed**2 * self.lever).sum(axis=1) > worst(2 * self.number - 2)


def worst(degrees: np.ndarray | int) -> np.ndarray:
    """Return the largest chi2 of so many degrees of freedom that is believed; a rounding error for none."""
    return _worst(max(int(np.max(degrees, initial=1)), 1))[np.maximum(degrees, 0)]


@cache
def _worst(most: int) -> np.ndarray:
    return np.append(1e-6, chi2.isf(LEAST_P, np.arange(1, most + 1)))


def bend(rate: np.ndarray | float) -> np.ndarray:
    """Return the variance of each coordinate of the change of a rate (arcsec/min), arcsec²/min⁴."""
    return np.asarray(BEND**2 + (BEND_OF_RATE * rate) ** 2)


def turned(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return vectors (..., 2), axes (east, north), on the axes (along, across) a direction (..., 2)."""
    east, north = direction[..., 0], direction[..., 1]
    along = vectors[..., 0] * east + vectors[..., 1] * north
    return np.stack([along, vectors[..., 1] * east - vectors[..., 0] * north], axis=-1)


def turned_back(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return vectors (..., 2), axes (along, across) a direction (..., 2), on the axes (east, north)."""
    return turned(vectors, direction * [1, -1])


def fit(
    place: np.ndarray, variance: np.ndarray, minutes: np.ndarray, rate: np.ndarray, direction: np.ndarray
) -> Motions:
    """Fit motions.

    Parameters
    ----------
    place : numpy.ndarray
        arcsec, shape (k, exposures, 2), axes (east, north); NaN where there is no member. Two members at different
        times at least.
    variance : numpy.ndarray
        Of the places along and across the motion, arcsec², shape (k, exposures, 2).
    minutes : numpy.ndarray
        min, shape (exposures,).
    rate : numpy.ndarray
        About, arcsec/min, for `bend`; shape (k,).
    direction : numpy.ndarray
        About, axes (east, north), of length 1; shape (k, 2).
    """
    there = np.isfinite(place[..., :1])
    weights = np.where(there, 1 / variance, 0.0)
    place = np.where(there, turned(place, direction[:, None]), 0.0)
    weight = weights.sum(axis=1)
    minute = (weights * np.nan_to_num(minutes)[:, None]).sum(axis=1) / weight
    since = np.where(there, minutes[:, None] - minute[:, None], 0.0)
    lever = (weights * since**2).sum(axis=1)
    middle = (weights * place).sum(axis=1) / weight
    speed = (weights * since * place).sum(axis=1) / lever
    apart = place - middle[:, None] - speed[:, None] * since
    apart = np.where(there, apart, 0.0)
    half = since**2 / 2
    height, slope = (weights * half).sum(axis=1) / weight, (weights * half * since).sum(axis=1) / lever
    bent = np.where(there, half - height[:, None] - slope[:, None] * since, 0.0)
    change_variance = 1 / ((weights * bent**2).sum(axis=1) + 1 / bend(rate)[:, None])
    pull = (weights * bent * apart).sum(axis=1)
    total = (weights * apart**2).sum(axis=(1, 2)) - (pull**2 * change_variance).sum(axis=1)
    change, number = pull * change_variance, there.sum(axis=(1, 2))
    return Motions(
        minute, middle, speed, weight, lever, change, change_variance, height, slope, direction, total, number
    )


def polar(velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rates (...) and directions (..., 2) of velocities (..., 2)."""
    rate = np.hypot(velocity[..., 0], velocity[..., 1])
    still = np.where((rate > 0)[..., None], velocity, [1.0, 0.0])
    return rate, still / np.where(rate > 0, rate, 1.0)[..., None]


def ahead(
    share: np.ndarray | float,
    minutes: float,
    rate: np.ndarray | float,
    first: np.ndarray | float,
    second: np.ndarray | float,
) -> np.ndarray:
    """Return the variance of a place that is predicted from two.

    Parameters
    ----------
    share : float or numpy.ndarray
        When it is: 0 at the time of the first, 1 at that of the second.
    minutes : float
        Between the two.
    rate : float or numpy.ndarray
        arcsec/min.
    first, second : float or numpy.ndarray
        Their variances, arcsec².
    """
    bent = (minutes**2 * share * (share - 1) / 2) ** 2 * bend(rate)
    return np.asarray(first * (1 - share) ** 2 + second * share**2 + bent)


def span(place: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Return velocities (arcsec/min), (k, 2), from the first to the last of members in time; places (k, e, 2)."""
    order = np.argsort(minutes, kind="stable")
    there = np.isfinite(place[:, order, 0])
    first, last = order[there.argmax(axis=1)], order[::-1][there[:, ::-1].argmax(axis=1)]
    every = np.arange(len(place))
    between = minutes[last] - minutes[first]
    way: np.ndarray = (place[every, last] - place[every, first]) / np.where(between > 0, between, np.inf)[:, None]
    return way
