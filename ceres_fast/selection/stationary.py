"""Which detections are stationary between the exposures of a field: stars, galaxies, hot pixels; not asteroids.

A slow asteroid is seen at one place in exposures that are near each other in time, as a star is. What tells them apart
is time: exposures are compared where the slowest asteroid that is wanted would have left its place between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..catalogues.detections import Detections
from .apart import matching_radii, minutes_needed
from .by_chance import Counts, needed_by_chance, smallest
from .footprints import plane_of
from .neighbours import Points
from .pointings import SHARE_OF_CHANCE, Pointings
from .rules import Rules

RANDOM_PLACES = 20_000
"""Random places of a field at which the rule is tried to know what chance does: 0.5 % of them are 100 +- 10."""

SEED = 27_182_818
"""Of the random places: one that no simulated field is made from, whose stars would be at them."""

SAME_DEPTH = 0.8
"""An exposure with this share of the repeated detections of another one is as deep."""


@dataclass(frozen=True)
class Stationary:
    """What a comparison of exposures says; lists are by exposure, in the order given.

    Parameters
    ----------
    stays : list of numpy.ndarray
        Which detections are stationary, shape (n,), bool.
    compared : list of numpy.ndarray
        At which detections the rule could be applied, shape (n,), bool: exposures far enough away in time looked there.
        The rest may be stationary or not: no such exposure covers their place.
    """

    stays: list[np.ndarray]
    compared: list[np.ndarray]


class RandomPlaces(NamedTuple):
    """What the rule says of random places in a field.

    ``compared`` is the number of places at which it could be applied; of these ``by_chance`` are called stationary with
    no known source there, and ``on_sources`` because of a persistent or static one. An asteroid that passes a source
    is lost in that exposure.
    """

    compared: int
    by_chance: int
    on_sources: int

    @property
    def chance(self) -> float:
        """Share of the places that are called stationary by chance; 0 where there is none."""
        return self.by_chance / self.compared if self.compared else 0.0


class Comparison:
    """The exposures of one field and CCD in one night, and what is stationary in them.

    Two exposures are compared where an asteroid of the rate `Rules.slowest` moves by more than the radius of matching
    and the error of positions between them. A detection is stationary when enough of the others show something at its
    place. Enough is the smallest number, at least 1 and at most all, for which no more than the share `Rules.chance`
    of random places would be called stationary, places of persistent sources not counted. Persistent is what is seen
    in most of the exposures that are deep enough for it: an asteroid that passes such a source is lost in that
    exposure, and that cost is counted apart. Exposures that are near each other in time show the same slow asteroid or
    ghost at one place; such places are among the random ones, so that what they prove is not overrated.

    An exposure in the middle of a night may be too near in time to all others, or only be far enough from bad ones. So
    what is at a place that is stationary before and after is stationary, too. What stays on the detector is found by
    `Pointings`.

    Parameters
    ----------
    exposures : sequence of Detections
        Their times, in ``info.mjd``, must be known for them to be compared.
    rules : Rules
        `remove_stationary` is not looked at: see `find_stationary`.
    static : numpy.ndarray, optional
        Fixed sources: ra, dec in deg, shape (m, 2). What is within the radius of one is stationary at any time.

    Attributes
    ----------
    found : Stationary
        What the detections are.
    plane : Plane
        Where they are.
    minutes : numpy.ndarray
        When the exposures were taken, min, shape (exposures,).
    radii : numpy.ndarray
        Radius of matching of each pair, arcsec, shape (exposures, exposures).
    minutes_needed : numpy.ndarray
        How far apart each pair must be in time to be compared, shape (exposures, exposures).
    partners : numpy.ndarray
        Which pairs are, bool, shape (exposures, exposures).
    needed : numpy.ndarray
        In how many other exposures something must be seen, by the number of those that looked, shape (exposures + 1,).
    random : RandomPlaces
        What is called stationary at random places.
    """

    def __init__(self, exposures: Sequence[Detections], rules: Rules, static: np.ndarray | None = None) -> None:
        infos = [exposure.info for exposure in exposures]
        self.rules, self.plane = rules, plane_of(exposures)
        self.minutes = np.array([info.mjd for info in infos]) * 1440
        self.radii = matching_radii(infos, rules)
        self.minutes_needed = minutes_needed(infos, rules)
        self.partners = np.abs(self.minutes[:, None] - self.minutes) >= self.minutes_needed
        np.fill_diagonal(self.partners, False)
        self.pointings = Pointings(self.plane, self.minutes, self.partners, self.radii, rules)
        self._static = None
        if static is not None and len(static) and self.plane.on_sky:
            widest = float(self.radii.max())
            self._static = Points([self.plane.put(static, widest)], widest)
        self._all = self._points(self.plane.places)
        counts = self._count_detections()
        random = self._random_places()
        counts_there, persistent = self._count_random(random)
        self._choose(random, counts_there, persistent, counts)
        self.found = self._apply(self.plane.places, counts)
        self.random = self._apply_to_random(random, counts_there, persistent)

    def _count_detections(self) -> list[Counts]:
        """Count what is seen at the place of each detection; and how deep each exposure is: `_depth`."""
        counts, depth = [], []
        for e, places in enumerate(self.plane.places):  # one at a time: (n, exposures) of many exposures is a lot
            seen = self.shown(e, places)
            counts.append(self._counts(e, places, seen))
            depth.append((seen.sum(axis=1) > 1).sum())
        self._depth = np.array(depth, float)
        return counts

    def _count_random(self, random: Sequence[np.ndarray]) -> tuple[list[Counts], list[np.ndarray]]:
        """Count what is seen at random places, and find which of them are at persistent sources."""
        counts, persistent = [], []
        for e, places in enumerate(random):
            seen = self.shown(e, places)
            counts.append(self._counts(e, places, seen))
            persistent.append(self._persistent(places, seen))
        return counts, persistent

    def _choose(
        self,
        random: Sequence[np.ndarray],
        counts_there: Sequence[Counts],
        persistent: Sequence[np.ndarray],
        counts: Sequence[Counts],
    ) -> None:
        """Choose in how many exposures something must be seen for chance to be rare: `needed`, `_needed_both_sides`."""
        self.pointings.choose(self._pixels(random))
        on_sky = (1 - SHARE_OF_CHANCE * self.pointings.differ) * self.rules.chance
        # At persistent sources something is seen because it is there, not by chance. An asteroid that passes one is
        # lost in that exposure however many must show it, so these places say nothing about how many that should be.
        by_chance = [
            (number[~mask], looked[~mask]) for (number, looked), mask in zip(counts_there, persistent, strict=True)
        ]
        self.needed = needed_by_chance(by_chance, len(self.minutes), on_sky)
        # The second test is of what lies between two stationary detections in time; its number is chosen at the random
        # places that the first test leaves, so that both together stay within `Rules.chance`.
        first = [self._enough(*each) for each in counts]
        self._flagged = self._points([each[mask] for each, mask in zip(self.plane.places, first, strict=True)])
        self._in_once = [~mask for mask in first]
        sides = [
            np.where(
                self._enough(*by_chance[e]),
                len(self.minutes),
                self._both_sides(e, self._flagged.shown(each[~mask], self.radii[e])),
            )
            for e, (each, mask) in enumerate(zip(random, persistent, strict=True))
        ]
        self._needed_both_sides = smallest(np.concatenate(sides), len(self.minutes), on_sky)

    def apply(self, places: Sequence[np.ndarray], own: Sequence[np.ndarray]) -> Stationary:
        """Apply the rule to objects that are not in the catalogues, as if they were.

        Parameters
        ----------
        places : sequence of numpy.ndarray
            For each exposure where n objects are seen, arcsec, shape (n, 2); NaN for one that is not.
        own : sequence of numpy.ndarray
            For each exposure which ones show the object itself within the radius of its place in this one: shape
            (n, exposures), bool.
        """
        shown = [self.shown(e, each) | own[e] for e, each in enumerate(places)]
        counts = [self._counts(e, *each) for e, each in enumerate(zip(places, shown, strict=True))]
        return self._apply(places, counts, own)

    @property
    def typical_minutes(self) -> float:
        """How far apart in time exposures must be to be compared: median of all pairs; NaN without a pair."""
        pairs = self.minutes_needed[~np.eye(len(self.minutes), dtype=bool)]
        return float(np.median(pairs)) if len(pairs) else math.nan

    def _points(self, sets: Sequence[np.ndarray]) -> Points:
        return Points(sets, float(self.radii.max()))

    def shown(self, e: int, places: np.ndarray) -> np.ndarray:
        """Return which exposures show something within the radius of places of exposure `e`, (n, exposures) bool."""
        return self._all.shown(places, self.radii[e])

    def looked(self, places: np.ndarray) -> np.ndarray:
        """Return which exposures looked at each place, (n, exposures) bool."""
        looked = np.zeros((len(places), len(self.minutes)), bool)
        for e, footprint in enumerate(self.plane.footprints):
            if footprint is not None:
                looked[:, e] = footprint.covers(places)
        return looked

    def _persistent(self, places: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Tell which places are occupied in two exposures and in most of those that are deep enough for what is there.

        An exposure is as deep as the number of its detections that another one shows, too.
        """
        least = np.where(seen, self._depth, np.inf).min(axis=1, initial=np.inf)
        deep = (self.looked(places) | seen) & (self._depth >= SAME_DEPTH * least[:, None])
        return (seen.sum(axis=1) > 1) & (2 * (seen & deep).sum(axis=1) > deep.sum(axis=1))

    def _counts(self, e: int, places: np.ndarray, seen: np.ndarray) -> Counts:
        """Return in how many of the exposures that `e` is compared with something is seen, and how many looked."""
        partners = self.partners[e]
        return (seen & partners).sum(axis=1), ((self.looked(places) | seen) & partners).sum(axis=1)

    def _enough(self, number: np.ndarray, looked: np.ndarray) -> np.ndarray:
        """Tell which places are occupied in enough of the exposures that looked, (n,) bool."""
        return (looked > 0) & (number >= self.needed[looked])

    def _apply(
        self,
        places: Sequence[np.ndarray],
        counts: Sequence[Counts],
        own: Sequence[np.ndarray] | None = None,
    ) -> Stationary:
        stays = [self._enough(*each) for each in counts]
        compared = [looked > 0 for _, looked in counts]
        own_stays = np.stack(stays, axis=1) if own is not None else None
        for e, each in enumerate(places):
            shown = self._flagged.shown(each, self.radii[e])
            if own is not None:
                shown |= own[e] & own_stays
            stays[e] = stays[e] | (self._both_sides(e, shown) >= self._needed_both_sides)
            compared[e] = compared[e] | (
                self._both_sides(e, self.looked(each) & self.partners.any(axis=1)) >= self._needed_both_sides
            )
        pixels = self._pixels(places)
        columns = self._bad_columns(pixels)
        for e, each in enumerate(places):
            stays[e] = stays[e] | columns[e] | self.pointings.hot(e, pixels[e]) | self._on_static(e, each)
        return Stationary(stays, [known | mask for known, mask in zip(compared, stays, strict=True)])

    def _both_sides(self, e: int, shown: np.ndarray) -> np.ndarray:
        """Return in how many exposures before and after `e` something is shown, the lower of the two numbers."""
        before, after = self.minutes < self.minutes[e], self.minutes > self.minutes[e]
        return np.minimum((shown & before).sum(axis=1), (shown & after).sum(axis=1))

    def _on_static(self, e: int, places: np.ndarray) -> np.ndarray:
        if self._static is None:
            return np.zeros(len(places), bool)
        return self._static.shown(places, self.radii[e, e : e + 1])[:, 0]

    def _pixels(self, places: Sequence[np.ndarray]) -> list[np.ndarray]:
        if places is self.plane.places:
            return self.plane.pixels
        return [
            np.full_like(each, np.nan) if footprint is None else footprint.pixels(each)
            for each, footprint in zip(places, self.plane.footprints, strict=True)
        ]

    def _bad_columns(self, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what is in bad columns of the detector, which the detections that are seen once prove."""
        if pixels is self.plane.pixels:
            return self.pointings.bad_columns(pixels, self._in_once)
        both = [np.concatenate(pair) for pair in zip(self.plane.pixels, pixels, strict=True)]
        once = [np.append(mask, np.zeros(len(each), bool)) for mask, each in zip(self._in_once, pixels, strict=True)]
        found = self.pointings.bad_columns(both, once)
        return [mask[len(points) :] for mask, points in zip(found, self.plane.pixels, strict=True)]

    def _random_places(self) -> list[np.ndarray]:
        """Return random places in each exposure, arcsec; the same in every run."""
        random = np.random.default_rng(SEED)
        number = -(-RANDOM_PLACES // len(self.minutes))
        return [
            np.empty((0, 2))
            if each is None
            else each.places(random.uniform(each.low - 0.5, each.high + 0.5, (number, 2)))
            for each in self.plane.footprints
        ]

    def _apply_to_random(
        self, random: Sequence[np.ndarray], counts: Sequence[Counts], persistent: Sequence[np.ndarray]
    ) -> RandomPlaces:
        found = self._apply(random, counts)
        # Fixed sources from a catalogue are known at any place, whether or not an exposure covers it.
        stays, compared = np.concatenate(found.stays), np.concatenate(found.compared) | (self._static is not None)
        known = np.concatenate(
            [mask | self._on_static(e, each) for e, (mask, each) in enumerate(zip(persistent, random, strict=True))]
        )
        return RandomPlaces(int(compared.sum()), int((stays & ~known).sum()), int((stays & known).sum()))


def find_stationary(
    exposures: Sequence[Detections], rules: Rules, static: np.ndarray | None = None
) -> tuple[Stationary, Comparison | None]:
    """Find the stationary detections of the exposures of one field and CCD in one night.

    Parameters
    ----------
    exposures, rules, static
        As in `Comparison`. With `Rules.remove_stationary` false nothing is stationary, and nothing is left to compare.

    Returns
    -------
    Stationary
        What was found.
    Comparison or None
        How; None where the rule is not applied.
    """
    if not rules.remove_stationary or not exposures:
        sizes = [len(exposure.x) for exposure in exposures]
        return Stationary([np.zeros(n, bool) for n in sizes], [np.ones(n, bool) for n in sizes]), None
    comparison = Comparison(exposures, rules, static)
    return comparison.found, comparison
