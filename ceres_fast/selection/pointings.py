"""What stays on the detector while the telescope points elsewhere: hot pixels, and bad columns and rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .by_chance import needed_by_chance, poisson_tail
from .footprints import Plane
from .neighbours import Points
from .rules import Rules

OTHER_POINTINGS = 2
"""A hot pixel must be seen in so many other pointings, where there are as many: an asteroid may happen to have moved as
the telescope did between two."""

OFF_LINE = 0.05
"""A telescope that follows an asteroid may leave a straight line by this share of its way: orbits are curved."""

SHARE_OF_CHANCE = 0.1
"""Of what chance may do (`Rules.chance`), the detector gets this share; the sky has the rest. Hot pixels are seen at
nearly every pointing, so that asking for more of them costs little."""

COLUMN_PIECE = 512.0
"""Pixels: a column is examined in pieces of this length, because a bad one begins somewhere on the detector."""

LEAST_EXPOSURES = 2
"""A column is bad when so many exposures show it."""

MOST_EXPOSURES = 12
"""At most so many of a field's exposures, spread over the night, are searched for bad columns: more find no others."""

STRIPS = (10, 100)
"""How many times wider than a column the two strips around it are that say how many detections to expect. The fuller of
the two decides: the narrow one knows the halo of a bright star, the wide one is the better mean elsewhere."""


class Pointings:
    """The exposures of a field that can be compared on the detector.

    Two exposures are compared on the detector where they are compared on the sky, too, and where they point to places
    that differ by more than the radius of matching: otherwise everything on the sky is at its pixel. (A WCS may be
    off by more than that. What is seen at one pixel at two times is then a star, or an asteroid that has not left its
    place yet.)

    No exposures are compared where the telescope may have followed an asteroid, which then stays on its pixel: where
    all pointings drift at one rate (with two exposures this cannot be excluded). Where the telescope followed an
    asteroid and was dithered or set anew between, the asteroid stays on its pixel in some of the exposures. So what
    is seen in three or more exposures whose pointings move at one rate, and in few others, is not called a hot pixel.

    Parameters
    ----------
    plane : Plane
        The detections.
    minutes : numpy.ndarray
        When the exposures were taken, shape (exposures,).
    partners : numpy.ndarray
        Which pairs are far enough apart in time to be compared, bool, shape (exposures, exposures).
    radii : numpy.ndarray
        Radius of matching of each pair, arcsec, shape (exposures, exposures).
    rules : Rules
        Radius of hot pixels and what makes a column bad.
    """

    def __init__(
        self, plane: Plane, minutes: np.ndarray, partners: np.ndarray, radii: np.ndarray, rules: Rules
    ) -> None:
        number = len(plane.footprints)
        self._plane, self._partners, self._rules = plane, partners, rules
        self._points = Points(plane.pixels, rules.hot_pixel_radius)
        self._needed = np.ones(number + 1, int)
        self._label = np.zeros(number, int)
        self._centres, self._minutes = np.full((number, 2), np.nan), minutes
        known = [e for e, footprint in enumerate(plane.footprints) if footprint is not None]
        if not plane.on_sky or len(known) < 3:
            return
        for e in known:
            self._centres[e] = plane.footprints[e].centre  # type: ignore[union-attr]
        if _drifts(self._centres[known], minutes[known], float(radii.max())):
            return
        self._label = _labels(plane, self._centres, radii, rules.hot_pixel_radius)

    @property
    def differ(self) -> bool:
        """Whether any two exposures are compared."""
        return any(self._others(e).any() for e in range(len(self._label)))

    def choose(self, random: Sequence[np.ndarray]) -> None:
        """Choose in how many other pointings a hot pixel must be seen, by random pixels (n, 2) of each exposure."""
        others = [self._pointings(self._in_others(e, pixels)) for e, pixels in enumerate(random)]
        self._needed = needed_by_chance(
            [(each, np.full(len(each), self._number(e))) for e, each in enumerate(others)],
            len(self._label),
            SHARE_OF_CHANCE * self._rules.chance,
        )

    def hot(self, e: int, pixels: np.ndarray) -> np.ndarray:
        """Tell at which pixels (n, 2) of exposure `e` something is seen in enough other pointings: (n,) bool."""
        number = self._number(e)
        if not number:
            return np.zeros(len(pixels), bool)
        shown = self._in_others(e, pixels)
        needed = max(int(self._needed[number]), min(OTHER_POINTINGS, number))
        found = self._pointings(shown) >= needed
        found[found] = ~self._followed(e, shown[found], needed)
        return found

    def _number(self, e: int) -> int:
        """Return the number of pointings that `e` is compared with."""
        return len(np.unique(self._label[self._others(e)]))

    def _others(self, e: int) -> np.ndarray:
        """Return which exposures `e` is compared with, (exposures,) bool."""
        return self._partners[e] & (self._label >= 0) & (self._label != self._label[e]) & (self._label[e] >= 0)

    def _in_others(self, e: int, pixels: np.ndarray) -> np.ndarray:
        """Return which exposures that `e` is compared with show something at pixels: (n, exposures) bool."""
        others = self._others(e)
        if not others.any():
            return np.zeros((len(pixels), len(others)), bool)
        return self._points.shown(pixels, np.full(len(others), self._rules.hot_pixel_radius)) & others

    def _pointings(self, shown: np.ndarray) -> np.ndarray:
        """Return in how many pointings something is shown, of (n, exposures) bool: (n,) int."""
        labels = np.unique(self._label[self._label >= 0])
        number = np.zeros(len(shown), int)
        for label in labels:
            number += shown[:, self._label == label].any(axis=1)
        return number

    def _followed(self, e: int, shown: np.ndarray, needed: int) -> np.ndarray:
        """Tell what may be an asteroid that the telescope followed: (n,) bool of (n, exposures) bool.

        With `e`, two or more of the exposures that show it move at one rate, and the rest may be chance.
        """
        if not len(shown):
            return np.zeros(0, bool)
        line = self._on_line(e)
        on_line = np.where(shown, shown.astype(float) @ line.T, 0)
        rest = shown & ~line[on_line.argmax(axis=1)]
        number = self._number(e)
        left = number - self._pointings(shown & ~rest)
        needed_of_left = np.maximum(np.ceil(needed * left / number), np.minimum(OTHER_POINTINGS, left))
        return (on_line.max(axis=1) > 1) & ((self._pointings(rest) < needed_of_left) | (left < 1))

    def _on_line(self, e: int) -> np.ndarray:
        """Return whether pointing g is where one that moves from `e` to f at a constant rate would be: (f, g) bool."""
        footprint = self._plane.footprints[e]
        assert footprint is not None
        way, step = self._centres - self._centres[e], self._minutes - self._minutes[e]
        with np.errstate(all="ignore"):  # another at the time of `e` is on no line
            off = np.hypot(*(way - (way / step[:, None])[:, None] * step[:, None]).transpose(2, 0, 1))
        # Two detections at the pixel are that far from each other at most.
        error = 2 * self._rules.hot_pixel_radius * np.sqrt(abs(np.linalg.det(footprint.matrix)))
        return off <= error + OFF_LINE * np.hypot(*way.T)

    def bad_columns(self, pixels: Sequence[np.ndarray], moving: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return which detections are in a bad column (`in_bad_columns`); none where all point alike."""
        if not self.differ:
            return [np.zeros(len(points), bool) for points in pixels]
        return in_bad_columns(pixels, moving, self._rules)


def _labels(plane: Plane, centres: np.ndarray, radii: np.ndarray, least: float) -> np.ndarray:
    """Return a number for each exposure, the same for those that point alike; −1 where that is not known."""
    labels = np.full(len(centres), -1)
    first: list[int] = []
    for e, footprint in enumerate(plane.footprints):
        if footprint is None:
            continue
        scale = np.sqrt(abs(np.linalg.det(footprint.matrix)))
        same = [
            label
            for label, other in enumerate(first)
            if np.hypot(*(centres[e] - centres[other])) <= max(float(radii[e, other]), least * scale)
        ]
        if not same:
            first.append(e)
        labels[e] = same[0] if same else len(first) - 1
    return labels


def _drifts(centres: np.ndarray, minutes: np.ndarray, radius: float) -> bool:
    """Tell whether pointings (n, 2) move at one rate, to within a radius: the telescope may follow an asteroid."""
    time = minutes - minutes.mean()
    if not np.isfinite(time).all():
        return True
    rate = (time @ (centres - centres.mean(axis=0))) / max(float(time @ time), 1e-12)
    rest = centres - centres.mean(axis=0) - time[:, None] * rate
    return bool(np.hypot(*rest.T).max() <= radius)


def in_bad_columns(places: Sequence[np.ndarray], moving: Sequence[np.ndarray], rules: Rules) -> list[np.ndarray]:
    """Find the detections in columns or rows that have far more detections than those around them.

    A bad column is cut into detections at other rows in each exposure, as the noise has it: comparing places
    does not find them. A piece of a column is bad when `LEAST_EXPOSURES` exposures or more have more
    detections within `Rules.bad_column_radius` of it than `Rules.bad_column_alarm` allows by chance. A satellite's
    trail along a column, seen once, is not a bad column.

    Parameters
    ----------
    places : sequence of numpy.ndarray
        For each exposure the positions on the detector, pixels, shape (n, 2), axes (x, y).
    moving : sequence of numpy.ndarray
        Shape (n,), bool: which detections are counted, those seen at their place once.
    rules : Rules
        The rules.

    Returns
    -------
    list of numpy.ndarray
        For each exposure a mask of shape (n,), bool.
    """
    excess = [np.zeros((2, len(points)), int) for points in places]
    asked = sorted({round(number) for number in np.linspace(0, len(places) - 1, MOST_EXPOSURES)} if places else set())
    for axis in (0, 1):
        keys = [_keys(points, axis) for points in places]
        orders = [np.argsort(key) for key in keys]  # searchsorted is much faster for sorted numbers
        counted = [key[order][mask[order]] for key, order, mask in zip(keys, orders, moving, strict=True)]
        counted = [key[np.isfinite(key)] for key in counted]
        for number, order in enumerate(orders):
            key, times = keys[number][order], np.zeros(len(order), int)
            for other in asked:
                there, itself = counted[other], moving[number][order] if other == number else 0
                near = _within(key, there, rules.bad_column_radius) - itself
                rings = [(_within(key, there, rules.bad_column_radius * size) - itself, size) for size in STRIPS]
                # One more than there are: nothing around a column of two detections would otherwise make it bad.
                expected = np.maximum.reduce([(count - near + 1) / (size - 1) for count, size in rings])
                times += poisson_tail(near, expected) < rules.bad_column_alarm
            excess[number][axis][order] = times
    return [counts.max(axis=0) >= LEAST_EXPOSURES for counts in excess]


def _keys(points: np.ndarray, axis: int) -> np.ndarray:
    """Return numbers whose differences are those across the columns, and huge between different pieces of them."""
    return points[:, axis] + 1e6 * np.floor(points[:, 1 - axis] / COLUMN_PIECE)


def _within(keys: np.ndarray, others: np.ndarray, radius: float) -> np.ndarray:
    return np.searchsorted(others, keys + radius, "right") - np.searchsorted(others, keys - radius, "left")
