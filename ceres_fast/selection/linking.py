"""Detections of a field's exposures that fit one motion at a constant rate: all of them, also where they share some."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from .measured import Measured
from .motions import SIGMAS, Motions, ahead, fit, polar, span, turned, worst
from .pairing import together, within, within_groups
from .rules import Rules

LEAST = 3
"""Exposures in which something must be seen to be linked; two where there are no more."""

MEMBERS = 1_000_000
"""Members, those that there are not included, of what is followed together; bounds the memory, too."""

MOST_WORK, FOLLOWED = 5_000_000, 30
"""Pairs that are looked for in a third exposure, and so many times the detections that are near enough there, at most.
Where there would be more it takes more exposures to be linked (`Linker.needed`), but no more than half of them: then
fewer pairs, and closer ones, are enough; and of many exposures, what is seen in three is there by chance."""

TRAIL = 3.0
"""FWHM: something longer than this has a direction, and something that moves by more than this is longer than wide."""

SOUGHT = 24
"""Of more exposures than these, tracklets are started in so many, evenly chosen in time, and extended to all: of a
hundred exposures, what is seen in a few that happen to be others is not what anybody waits for."""

_LATER = 1e12
"""min: longer than any night."""

CANDIDATES = 8
"""Of the detections nearest to a predicted place the best is taken."""


@dataclass(frozen=True)
class Linker:
    """What is linked, and how.

    Parameters
    ----------
    measured : Measured
        The detections of all exposures.
    rows : list of numpy.ndarray
        For each exposure the rows of those that may be members, int64; of exposures whose time is not known, none.
    minutes, lengths : numpy.ndarray
        When the exposures were taken, and how long they are, min, shape (exposures,); NaN where that is not known.
    widths : numpy.ndarray
        FWHM, arcsec, shape (exposures,).
    rules : Rules
        For `slowest`, `flux_limit` and `timing_error`.
    fastest : float
        arcsec/min.
    """

    measured: Measured
    rows: list[np.ndarray]
    minutes: np.ndarray
    lengths: np.ndarray
    widths: np.ndarray
    rules: Rules
    fastest: float

    def find(self, needed: int | None = None) -> tuple[np.ndarray, Motions]:
        """Return rows of all that fit one motion, each in as many exposures as it can be, and the motions.

        Parameters
        ----------
        needed : int, optional
            In how many exposures something must be seen, instead of `needed`.

        Returns
        -------
        members : numpy.ndarray
            Shape (k, exposures), int64: rows of `measured`; its last one where there is no member.
        motions : Motions
        """
        needed = self.needed if needed is None else needed
        found = [np.empty((0, len(self.rows)), np.int64)]
        for started in together(self._started(needed), MEMBERS // len(self.rows)):
            members = self._extended(started, needed) if self.times > 2 else started
            found.append(members[self._believed(members, needed)])
        members = np.unique(np.concatenate(found), axis=0)
        return members, self.fit(members)

    @cached_property
    def usable(self) -> np.ndarray:
        """Exposures with detections that may be members, by time."""
        usable = np.array([e for e, rows in enumerate(self.rows) if len(rows)], np.int64)
        return usable[np.argsort(self.minutes[usable], kind="stable")]

    @cached_property
    def sought(self) -> np.ndarray:
        """Those in which tracklets are started (`SOUGHT`)."""
        every = np.arange(len(self.usable))
        return self.usable[np.unique(np.linspace(0, len(every) - 1, min(SOUGHT, len(every))).round().astype(int))]

    @property
    def times(self) -> int:
        """At how many different times these were taken."""
        return len(np.unique(self.minutes[self.sought]))

    @cached_property
    def needed(self) -> int:
        """In how many of them, at different times, something must be seen to be linked."""
        least = min(LEAST, self.times)
        half = max(least, (self.times + 1) // 2)
        return next((each for each in range(least, half) if self._work(each) <= MOST_WORK), half)

    def _work(self, needed: int) -> float:
        """Return how much there is to do to find what is seen in so many exposures, about: see `MOST_WORK`."""
        taken, numbers, work = self.minutes[self.sought], np.array([len(self.rows[e]) for e in self.sought]), 0.0
        every = np.concatenate(self.rows)
        area = max(float(np.prod(np.ptp(self.measured.place[every], axis=0))), 1e-9)
        variance = np.median(self.measured.variance[every])
        for first, second in within_groups(self.sought, needed - 1):
            if (minutes := self.minutes[second] - self.minutes[first]) > 0:
                error = variance + ahead(
                    (taken - self.minutes[first]) / minutes, minutes, self.fastest / 2, variance, variance
                )
                near = numbers * (math.pi * worst(2) * error / area).clip(0, 1)
                reach = math.pi * (self.fastest * minutes) ** 2 / area
                work += len(self.rows[first]) * len(self.rows[second]) * min(1.0, reach) * (1 + FOLLOWED * near).sum()
        return work

    def fit(self, members: np.ndarray) -> Motions:
        """Fit motions to members, (k, exposures)."""
        pieces = np.array_split(members, 1 + members.size // MEMBERS)
        return Motions.joined([self._fit(each) for each in pieces])

    def _fit(self, members: np.ndarray) -> Motions:
        place = self.measured.place[members]
        velocity = span(place, self.minutes)
        rate, direction = polar(velocity)
        return fit(place, self._variance(members, velocity[:, None]), self.minutes, rate, direction)

    def near(self, motions: Motions, e: int, tree: cKDTree, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the detections of an exposure that are near where motions predict something, the nearest few.

        Parameters
        ----------
        motions : Motions
            k of them.
        e : int
            The exposure.
        tree : scipy.spatial.cKDTree
            Of the places of its detections.
        rows : numpy.ndarray
            The rows of these.

        Returns
        -------
        near : numpy.ndarray
            Shape (k, `CANDIDATES`), rows; the last row where there are fewer.
        chi2 : numpy.ndarray
            Of each, with two degrees of freedom; infinite where there are fewer.
        """
        place, variance = motions.at(self.minutes[e])
        farthest = math.sqrt(worst(2) * (variance + self._widest(rows, motions.rate)[:, None]).max(initial=0))
        distance, number = tree.query(place, k=CANDIDATES, distance_upper_bound=farthest)
        there = np.isfinite(distance)
        near = np.where(there, rows[np.where(there, number, 0)], self.none)
        own = np.where(there[..., None], self._variance(near, motions.velocity[:, None]), 0)
        apart = turned(self.measured.place[near] - place[:, None], motions.direction[:, None])
        return near, np.where(there, (apart**2 / (variance[:, None] + own)).sum(axis=2), np.inf)

    @property
    def none(self) -> int:
        """The row that is no detection."""
        return int(self.measured.start[-1])

    def differ(self, rows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return by how many mag more than is allowed rows (k, n) are fainter than members (k, m), below 0: brighter.

        They are compared with the median of the fainter half of the members: nothing but another source adds much
        light, so that what is brighter may be blended, and what is fainter is not.
        """
        values = -np.sort(-self.measured.magnitude[members], axis=1)  # the faintest first; what is not known, last
        half, every = (np.isfinite(values).sum(axis=1) + 1) // 2, np.arange(len(values))
        middle = (values[every, np.maximum(half - 1, 0) // 2] + values[every, half // 2]) / 2
        allowed = self.rules.flux_limit + SIGMAS * self.measured.magnitude_error[rows]
        fainter = self.measured.magnitude[rows] - middle[:, None]
        return np.nan_to_num(np.sign(fainter) * np.clip(np.abs(fainter) - allowed, 0, None))

    def _alike(self, members: np.ndarray) -> np.ndarray:
        """Tell which have no member that is too faint, and no more than half that are too bright; (k,) bool."""
        differ, number = self.differ(members, members), (members != self.none).sum(axis=1)
        return ~(differ > 0).any(axis=1) & (2 * (differ < 0).sum(axis=1) <= number)

    def _started(self, needed: int) -> Iterator[np.ndarray]:
        """Yield members of what is seen in three exposures of which every tracklet has two; or in two of two."""
        for first, second in within_groups(self.sought, needed - 1) if self.times > 1 else []:
            if self.minutes[second] > self.minutes[first]:
                for pairs in self._pairs(first, second):
                    if self.times == 2:
                        yield self._members([first, second], pairs)
                    else:
                        yield from self._triples(first, second, pairs)

    def _reach(self, first: int, second: int) -> float:
        """Return how far apart two detections of what moves may be, arcsec."""
        variance = sum(self._widest(self.rows[e], self.fastest).item() for e in (first, second))
        return self.fastest * abs(self.minutes[second] - self.minutes[first]) + math.sqrt(worst(2) * variance)

    def _variance(self, rows: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the variances of places along and across velocities (..., 2), arcsec², (..., 2).

        Along, times that are not known better are added, and what of a trail is not detected: the middle of a piece is
        anywhere on it. Of what moves by no more than the FWHM all is, and of what has no known shape.
        """
        rate, direction = polar(velocity)
        long = np.abs((self.measured.trail[rows] * direction).sum(axis=-1))
        own = self.measured.variance[rows]
        return np.stack([own + self._along(rows, rate, np.nan_to_num(long, nan=np.inf)), own], axis=-1)

    def _along(self, rows: np.ndarray, rate: np.ndarray | float, long: np.ndarray | float) -> np.ndarray:
        """Return the variance that is added along the motion, for detections that are so long (arcsec)."""
        missing = np.clip(rate * self._lengths[rows] - self._widths[rows] - long, 0, None)
        return (rate * self.rules.timing_error / 60) ** 2 + missing**2 / 12

    @cached_property
    def _lengths(self) -> np.ndarray:
        """The length of the exposure of each row, min, 0 where it is not known."""
        return np.append(np.repeat(np.nan_to_num(self.lengths), np.diff(self.measured.start)), 0.0)

    @cached_property
    def _widths(self) -> np.ndarray:
        """The FWHM of the exposure of each row, arcsec."""
        return np.append(np.repeat(self.widths, np.diff(self.measured.start)), 0.0)

    def _widest(self, rows: np.ndarray, rate: np.ndarray | float) -> np.ndarray:
        """Return the largest variance of some places of an exposure where things move at rates, arcsec²."""
        return np.asarray(self.measured.variance[rows].max(initial=0) + self._along(rows[0], rate, 0.0))

    def _pairs(self, first: int, second: int) -> Iterator[np.ndarray]:
        """Yield pairs of rows of two exposures that one motion may join, (n, 2), some at a time."""
        place, minutes = self.measured.place, self.minutes[second] - self.minutes[first]
        one, other = self.rows[first], self.rows[second]
        for i, j in within(self._tree(second), place[one], self._reach(first, second)):
            pairs = np.column_stack([one[i], other[j]])
            velocity = (place[pairs[:, 1]] - place[pairs[:, 0]]) / minutes
            rate = np.hypot(*velocity.T)
            variance = self._variance(pairs, velocity[:, None])[..., 0].sum(axis=1)
            error = np.sqrt(worst(2) * variance) / minutes
            apart = np.abs(np.diff(self.measured.magnitude[pairs], axis=1)[:, 0])
            alike = apart <= 2 * self.rules.flux_limit + SIGMAS * self.measured.magnitude_error[pairs].sum(axis=1)
            wanted = (rate - error <= self.fastest) & (rate + error >= self.rules.slowest)
            yield pairs[wanted & (alike | np.isnan(apart) | (self.times > 2))]

    def _triples(self, first: int, second: int, pairs: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the members of what fits pairs of rows and a row of a third exposure."""
        place = self.measured.place
        minutes = self.minutes[second] - self.minutes[first]
        way = place[pairs[:, 1]] - place[pairs[:, 0]]
        velocity = way / minutes
        rate, direction = polar(velocity)
        variance = self._variance(pairs, velocity[:, None])
        for third in self.sought:
            share = (self.minutes[third] - self.minutes[first]) / minutes
            if share in (0, 1) or not len(pairs):
                continue
            predicted = place[pairs[:, 0]] + share * way
            error = ahead(share, minutes, rate[:, None], variance[:, 0], variance[:, 1])
            rows = self.rows[third]
            radius = np.sqrt(worst(2) * (error.max(axis=1) + self._widest(rows, rate)))
            for i, j in within(self._tree(third), predicted, radius):
                apart = turned(place[rows[j]] - predicted[i], direction[i])
                off = (apart**2 / (error[i] + self._variance(rows[j], velocity[i]))).sum(axis=1)
                members = np.column_stack([pairs[i], rows[j]])[off <= worst(2)]
                members = self._members([first, second, int(third)], members)
                yield members[self._alike(members)]

    def _members(self, exposures: Sequence[int], rows: np.ndarray) -> np.ndarray:
        members = np.full((len(rows), len(self.rows)), self.none)
        members[:, exposures] = rows
        return members

    def _tree(self, e: int) -> cKDTree:
        return self._trees[int(e)]

    @cached_property
    def _trees(self) -> dict[int, cKDTree]:
        return {int(e): cKDTree(self.measured.place[self.rows[e]]) for e in self.usable}

    def _extended(self, members: np.ndarray, needed: int) -> np.ndarray:
        """Return members with those of all other exposures that fit, the nearest exposure in time first.

        Those in which tracklets are started come before the others, and what cannot be in enough of them is given up.
        """
        motions = self.fit(members)
        asked = np.zeros(members.shape, bool)
        asked[:, self.usable] = members[:, self.usable] == self.none
        later = np.where(np.isin(np.arange(len(self.rows)), self.sought), 0.0, _LATER)
        while asked.any():
            there = members[:, self.sought] != self.none
            asked[(there | asked[:, self.sought]).sum(axis=1) < needed] = False
            away = np.where(asked, np.abs(self.minutes - motions.minute[:, 1:]) + later, np.inf)
            nearest = away.argmin(axis=1)
            waiting = asked.any(axis=1)
            asked[np.arange(len(asked)), nearest] = False
            for e in np.unique(nearest[waiting]):
                k = np.flatnonzero(waiting & (nearest == e))
                near, chi2 = self.near(motions.of(k), int(e), self._tree(e), self.rows[e])
                chi2 = np.where(self.differ(near, members[k]) > 0, np.inf, chi2)
                best = chi2.argmin(axis=1)
                hit = np.flatnonzero(chi2[np.arange(len(k)), best] <= worst(2))
                k, more = k[hit], members[k[hit]]
                more[:, e] = near[hit, best[hit]]
                refit = self.fit(more)
                better = refit.fit_well()
                members[k[better]] = more[better]
                motions.put(k[better], refit.of(better))
        return members

    def _believed(self, members: np.ndarray, needed: int) -> np.ndarray:
        """Tell which fit well, move at a wanted rate, and do not look like something else; (k,) bool."""
        motions = self.fit(members)
        there = members != self.none
        times = np.unique(self.minutes[self.usable], return_inverse=True)[1]
        seen = np.zeros((len(members), times.max(initial=-1) + 1), bool)
        for time, e in zip(times, self.usable, strict=True):
            seen[:, time] |= there[:, e]
        rate, error = motions.rate, SIGMAS * motions.rate_error
        wanted = (rate + error >= self.rules.slowest) & (rate - error <= self.fastest)
        otherwise = self._drawn_out_otherwise(members, motions.velocity)
        enough = seen.sum(axis=1) >= needed
        likely = (2 * otherwise.sum(axis=1) <= there.sum(axis=1)) & self._alike(members)
        return enough & wanted & motions.fit_well() & motions.move() & likely

    def _drawn_out_otherwise(self, members: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Tell which members' shapes are not those of something that moves so; (k, exposures) bool.

        Something several FWHM long that lies across the motion; or that moves by several FWHM and is not a sixth as
        long in that direction: of a faint trail a piece may be all that is detected. One that is blended with a star
        may look like anything: of a tracklet no more than half may.
        """
        trail = self.measured.trail[members]
        length = np.hypot(trail[..., 0], trail[..., 1])
        rate = np.hypot(*velocity.T)[:, None]
        along = np.abs((trail * velocity[:, None]).sum(axis=2)) / np.where(rate > 0, rate, np.inf)
        across = along < length * math.sqrt(0.5)
        moved, limit = rate * np.nan_to_num(self.lengths), TRAIL * self.widths
        return ((length > limit) & across) | ((moved > limit) & (along < moved / 6))
