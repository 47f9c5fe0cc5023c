"""Which detections of a field's exposures are of one thing that moves at a constant rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np
from scipy.spatial import cKDTree

from ..catalogues.detections import Detections
from .apart import matching_radii
from .linking import LEAST, Linker
from .measured import measure
from .motions import Motions, worst
from .rules import Rules
from .stationary import SEED
from .track_cost import FASTEST

SHUFFLES = 4
"""Orders of the exposures in time in which chance is counted, at most."""

DRAWN = 1_000
"""Orders among which these are chosen, where there are more."""


@dataclass(frozen=True)
class Tracklets:
    """Detections that fit one motion at a constant rate, the best first; a detection is in one tracklet at most.

    The best have the smallest chance, then most members, then the smallest rate and residual. What fits several goes
    to the best; the others keep the rest where that is still enough for a tracklet, and what is said of them is of all
    that fitted.

    Parameters
    ----------
    members : numpy.ndarray
        The detection of each exposure, from 0, shape (k, exposures), int64; -1 where there is none.
    released : numpy.ndarray
        Members that had been called stationary and lie inside the error ellipse of the motion, which is not fitted to
        them; shape (k, exposures), bool.
    rate : numpy.ndarray
        arcsec/min, shape (k,).
    position_angle : numpy.ndarray
        deg from north through east, from 0 to 360, shape (k,).
    residual : numpy.ndarray
        Square root of chi2 over its degrees of freedom, shape (k,); NaN for two members, which any motion fits.
    chance : numpy.ndarray
        How many tracklets with at least as many members, released ones not counted, that are no faster and have no
        larger residual, are expected by chance in this field; shape (k,). How many are no faster is counted in
        up to `SHUFFLES` other orders of the exposures in time; the share of these with no larger residual is
        `Motions.share`. 0 where none is as slow in these orders. For pairs, from the density of the detections.
    """

    members: np.ndarray
    released: np.ndarray
    rate: np.ndarray
    position_angle: np.ndarray
    residual: np.ndarray
    chance: np.ndarray

    @property
    def exposures(self) -> np.ndarray:
        """In how many exposures each is seen, released members included; shape (k,), int64."""
        return (self.members >= 0).sum(axis=1)

    def number(self, e: int, n: int) -> np.ndarray:
        """Return the number (from 1) of the tracklet of each of the n detections of an exposure, 0 for none; int64."""
        numbers = np.zeros(n, np.int64)
        inside = np.flatnonzero(self.members[:, e] >= 0)
        numbers[self.members[inside, e]] = inside + 1
        return numbers

    def blended(self, e: int, n: int) -> np.ndarray:
        """Return which of the n detections of an exposure are released, (n,) bool."""
        return np.isin(np.arange(n), self.members[self.released[:, e], e])


def find_tracklets(
    exposures: Sequence[Detections],
    moving: Sequence[np.ndarray],
    stationary: Sequence[np.ndarray],
    rules: Rules,
    *,
    fastest: float = FASTEST,
    minutes: np.ndarray | None = None,
) -> Tracklets:
    """Find the tracklets of the exposures of one field and CCD in one night.

    A tracklet has members in three exposures at different times, at least, or in two where no more can have any. They
    fit one motion within their errors, and no single place; its rate is one that is wanted; none is fainter than the
    others by more than `Rules.flux_limit` and the errors, no more than half are so much brighter, as what is blended
    with a star is, and no more than half are drawn out otherwise than by the motion. What a catalogue does not say
    agrees with everything.

    Parameters
    ----------
    exposures : sequence of Detections
        Those whose time is not known have no members.
    moving : sequence of numpy.ndarray
        For each exposure what may be a member, (n,) bool.
    stationary : sequence of numpy.ndarray
        For each exposure what may be released, (n,) bool.
    rules : Rules
        For `slowest`, `position_error`, `flux_limit` and `timing_error`.
    fastest : float
        arcsec/min; by default the fastest asteroids with which the rules are tried, whose trail is as long as a stamp.
    minutes : numpy.ndarray, optional
        Times to be believed instead of those of the exposures, min, shape (exposures,): what is found with times in a
        wrong order is found by chance.

    Returns
    -------
    Tracklets
    """
    infos = [exposure.info for exposure in exposures]
    minutes = np.array([info.mjd for info in infos], float) * 1440 if minutes is None else np.asarray(minutes, float)
    if not np.isfinite(minutes).any():
        return _nothing(len(exposures))
    minutes = minutes - np.nanmin(minutes)
    measured = measure(exposures, stationary, rules)
    known = np.isfinite(minutes)
    rows = [each if ok else each[:0] for each, ok in zip(measured.rows(moving), known, strict=True)]
    lengths = np.array([info.exposure for info in infos], float) / 60
    widths = np.diag(matching_radii(infos, rules)) / rules.stationary_radius
    linker = Linker(measured, rows, minutes, lengths, widths, rules, fastest)
    found, motions = linker.find()
    chance = _chance(linker, found, motions)
    number = motions.number
    residual = np.sqrt(motions.chi2 / np.where(number > 2, 2 * number - 4, np.nan))
    order = np.lexsort((np.nan_to_num(residual), motions.rate, -number, chance))
    owned = _owned(found[order], linker)
    kept = (owned != linker.none).any(axis=1)
    order, owned = order[kept], owned[kept]
    fixed = [each if ok else each[:0] for each, ok in zip(measured.rows(stationary), known, strict=True)]
    released = _released(linker, found[order], motions.of(order), fixed)
    members = np.where(released != linker.none, released, owned)
    east, north = motions.velocity[order].T
    return Tracklets(
        np.where(members != linker.none, members - measured.start[:-1], -1),
        released != linker.none,
        motions.rate[order],
        np.degrees(np.arctan2(east, north)) % 360,
        residual[order],
        chance[order],
    )


def _nothing(exposures: int) -> Tracklets:
    members, none = np.empty((0, exposures), np.int64), np.empty(0)
    return Tracklets(members, members.astype(bool), none, none, none, none)


def _owned(members: np.ndarray, linker: Linker) -> np.ndarray:
    """Return the members that each of some tracklets keeps, the best first: those that no better one has."""
    owned, taken = members.copy(), np.zeros(linker.none + 1, bool)
    for own in owned:
        own[taken[own]] = linker.none
        if (own != linker.none).sum() >= linker.needed:
            taken[own[own != linker.none]] = True
        else:
            own[:] = linker.none
    return owned


def _released(linker: Linker, fitted: np.ndarray, motions: Motions, stationary: Sequence[np.ndarray]) -> np.ndarray:
    """Return the stationary detections that tracklets release, the best first, rows (k, exposures).

    In exposures in which nothing else fits, what is inside the error ellipse and not much fainter than the rest: with a
    star, an asteroid is brighter than alone.
    """
    released = np.full_like(fitted, linker.none)
    for e, rows in enumerate(stationary):
        k = np.flatnonzero(fitted[:, e] == linker.none)
        if not len(rows) or not len(k):
            continue
        near, chi2 = linker.near(motions.of(k), e, cKDTree(linker.measured.place[rows]), rows)
        chi2 = np.where(linker.differ(near, fitted[k]) > 0, np.inf, chi2)
        best, every = chi2.argmin(axis=1), np.arange(len(k))
        inside = chi2[every, best] <= worst(2)
        row, first = np.unique(near[every, best][inside], return_index=True)
        released[k[inside][first], e] = row
    return released


def _chance(linker: Linker, members: np.ndarray, motions: Motions) -> np.ndarray:
    """Return how many tracklets as good as each are expected by chance, (k,)."""
    if linker.times == 2:
        return _chance_of_pairs(linker, members, motions)
    if not len(members):
        return np.empty(0)
    # What is in four exposures and in most is not there by chance; in a wrong order its detections, which are near
    # each other, would make tracklets that nothing else makes.
    many = motions.number > max(LEAST, len(linker.usable) / 2)
    real = np.unique(members[many])
    others = replace(linker, rows=[np.setdiff1d(rows, real) for rows in linker.rows])
    numbers, rates = [np.empty(0)], [np.empty(0)]
    orders = _orders(linker.minutes[linker.usable])
    for order in orders:
        minutes = linker.minutes.copy()
        minutes[linker.usable] = minutes[linker.usable[order]]
        found, shuffled = replace(others, minutes=minutes).find(linker.needed)
        order = np.lexsort((shuffled.rate, -shuffled.number))
        kept = (_owned(found[order], linker) != linker.none).any(axis=1)
        numbers.append(shuffled.number[order[kept]])
        rates.append(shuffled.rate[order[kept]])
    number, rate = np.concatenate(numbers), np.concatenate(rates)
    chance = np.empty(len(members))
    for own in np.unique(motions.number):
        chosen = motions.number == own
        chance[chosen] = np.searchsorted(np.sort(rate[number >= own]), motions.rate[chosen], "right") / len(orders)
    return chance * motions.share()


def _chance_of_pairs(linker: Linker, members: np.ndarray, motions: Motions) -> np.ndarray:
    """Return how many pairs no farther apart than each are expected where no detection has to do with another, (k,)."""
    places = linker.measured.place[np.concatenate(linker.rows)]
    area = max(float(np.prod(np.ptp(places, axis=0))), 1e-9) if len(places) else 1.0
    taken = linker.minutes[linker.usable]
    sizes = [sum(len(linker.rows[e]) for e in linker.usable[taken == minute]) for minute in np.unique(taken)]
    return math.prod(sizes) * (np.pi * (motions.rate * np.ptp(taken)) ** 2 / area).clip(0, 1)


def _orders(minutes: np.ndarray) -> np.ndarray:
    """Return orders of exposures in which few three are in the order of time or its reverse; (k, exposures).

    Three of a real asteroid that are in one of these may fit a motion, too: of up to four exposures, which have orders
    without such threes, these are all. Of an order and the one in which time runs backwards, one is enough: at equal
    intervals they have the same tracklets. The numbers that are put in an order are those of the exposures by time; of
    many orders some are drawn, the same in every run.
    """
    number, random = len(minutes), np.random.default_rng(SEED)
    if math.factorial(min(number, 10)) <= DRAWN:
        every = np.array(list(permutations(range(number))))
    else:
        every = random.permuted(np.tile(np.arange(number), (DRAWN, 1)), axis=1)
    every = every[every.argmin(axis=1) < every.argmax(axis=1)]
    three = np.array(list(combinations(range(number), 3)))
    three = three[random.permutation(len(three))[:DRAWN]]
    steps = np.sign(np.diff(minutes[every][:, three], axis=2))
    kept = (steps[..., 0] == steps[..., 1]).sum(axis=1)
    without, fewer = (kept == 0).sum(), (kept < len(three)).sum()
    return every[np.argsort(kept, kind="stable")][: min(SHUFFLES, without or fewer)]
