"""Which points of two sets are near each other, by a grid: no tree, and no library for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_FARTHEST = 1e9
_MOST_CELLS = 1e6
_AT_ONCE = 2_000_000
"""Pairs that are looked at together; bounds the memory where thousands of points are near each place."""


def pairs_within(first: np.ndarray, second: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of points nearer to each other than a radius.

    Parameters
    ----------
    first, second : numpy.ndarray
        Points in a plane, shapes (n, 2) and (m, 2); points with NaN have no pairs.
    radius : float
        In the unit of the points; a distance equal to it counts as near.

    Returns
    -------
    i, j : numpy.ndarray
        Rows of `first` and `second`, shape (pairs,), int64.
    distance : numpy.ndarray
        Shape (pairs,), float64.
    """
    return Grid(second, radius).pairs(first)


class Grid:
    """Points in a plane, sorted so that those near a place are found quickly.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, 2); points with NaN are near nothing.
    radius : float
        How far away the farthest is that is looked for, in the unit of the points.
    """

    def __init__(self, points: np.ndarray, radius: float) -> None:
        others = _usable(points)
        points = points[others]
        self._radius, self._origin = radius, points.min(axis=0, initial=np.inf)
        extent = (points.max(axis=0, initial=-np.inf) - self._origin) if len(points) else np.zeros(2)
        self._cell = max(radius, extent.max() / _MOST_CELLS) or 1.0
        # Places outside what the points span are put into cells that have none with points around them.
        self._last = np.floor(extent / self._cell) + 3
        self._stride = int(self._last[1]) + 2
        cells = self._cells(points)
        keys = cells[:, 0] * self._stride + cells[:, 1]
        order = np.argsort(keys, kind="stable")
        self._keys, self._points, self._rows = keys[order], points[order], others[order]

    def pairs(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pairs of `pairs_within` for places, shape (n, 2), and the points."""
        nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        i, j, distance = (np.concatenate(parts) for parts in zip(nothing, *self.pieces(places), strict=True))
        return i, j, distance

    def pieces(self, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the pairs of some of the places at a time."""
        rows, start, stop = self._ranges(places)
        size = (stop - start).sum(axis=0)
        piece = np.cumsum(size) // _AT_ONCE
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(piece)) + 1):
            number, j = _ranges(start[:, part].ravel(), stop[:, part].ravel())
            i = rows[part[number % max(len(part), 1)]]
            distance = np.hypot(*(places[i] - self._points[j]).T)
            near = distance <= self._radius
            yield i[near], self._rows[j[near]], distance[near]

    def may_be_near(self, places: np.ndarray) -> np.ndarray:
        """Return the places, by number, that have points in the cells around them."""
        rows, start, stop = self._ranges(places)
        return rows[(stop > start).any(axis=0)]

    def _ranges(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places that can be compared, by number, and where the points around each are: (3, n) twice."""
        rows = _usable(places) if len(self._points) else np.empty(0, np.int64)
        cells = self._cells(places[rows])
        # The three cells of a column of the grid follow each other in the sorted keys.
        middle = (cells[:, 0] + np.array([[-1], [0], [1]])) * self._stride + cells[:, 1]
        return rows, np.searchsorted(self._keys, middle - 1, "left"), np.searchsorted(self._keys, middle + 1, "right")

    def _cells(self, places: np.ndarray) -> np.ndarray:
        cells = np.floor((places - self._origin) / self._cell) + 1
        return np.clip(cells, -1, self._last).astype(np.int64)


class Points:
    """Points of several sets in one plane, to be asked which sets have one near a place.

    Parameters
    ----------
    sets : sequence of numpy.ndarray
        Shapes (n, 2). Points that are repeated are kept once: a broken catalogue may hold thousands at one place.
    radius : float
        The largest of the radii that will be asked for.
    """

    def __init__(self, sets: Sequence[np.ndarray], radius: float) -> None:
        unique = [np.unique(points, axis=0) for points in sets]
        points = np.concatenate([np.empty((0, 2)), *unique])
        self._set = np.repeat(np.arange(len(unique)), [len(each) for each in unique])
        self._sets = len(unique)
        # One of the points of a set in half a radius speaks for them; the others are asked where it is not enough.
        first = _first_in_cells(points, self._set, radius / 2)
        self._first, self._of_first = Grid(points[first], radius), self._set[first]
        rest, of_rest = points[~first], self._set[~first]
        self._all_rest = Grid(rest, radius)
        self._rest = {int(number): Grid(rest[of_rest == number], radius) for number in np.unique(of_rest)}

    def shown(self, places: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """Return which sets have a point near each place.

        Parameters
        ----------
        places : numpy.ndarray
            Shape (m, 2); NaN is near nothing.
        radii : numpy.ndarray
            How near, for each set, at most `radius`, shape (sets,).

        Returns
        -------
        numpy.ndarray
            Shape (m, sets), bool.
        """
        found = np.zeros((len(places), self._sets), bool)
        for i, j, distance in self._first.pieces(places):
            near = distance <= radii[self._of_first[j]]
            found[i[near], self._of_first[j[near]]] = True
        asked = self._all_rest.may_be_near(places)
        for number, grid in self._rest.items():
            rows = asked[~found[asked, number]]
            for i, _, distance in grid.pieces(places[rows]):
                found[rows[i[distance <= radii[number]]], number] = True
        return found


def _first_in_cells(points: np.ndarray, of: np.ndarray, size: float) -> np.ndarray:
    """Tell which points are the first of their set in a square cell of a size; all where there are no cells."""
    if not 0 < size < np.inf:
        return np.ones(len(points), bool)
    first = np.zeros(len(points), bool)
    usable = _usable(points)
    keys = np.column_stack([of[usable], np.floor(points[usable] / size)])
    first[usable[np.unique(keys, axis=0, return_index=True)[1]]] = True
    return first


def _usable(points: np.ndarray) -> np.ndarray:
    """Return which points can be compared: not those with NaN, nor the absurd ones of a broken catalogue."""
    return np.flatnonzero((np.abs(points) < _FARTHEST).all(axis=1))


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each of n ranges, its number repeated and the whole numbers in it."""
    length = stop - start
    number = np.repeat(np.arange(len(start)), length)
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return number, start[number] + within


def nearest_other(points: np.ndarray) -> np.ndarray:
    """Return the distance of each point to the nearest other one, shape (n,); NaN where there is none.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, 2).
    """
    result = np.full(len(points), np.nan)
    usable = _usable(points)
    if len(usable) < 2:
        return result
    places, place, count = np.unique(points[usable], axis=0, return_inverse=True, return_counts=True)
    distance = np.zeros(len(places))
    if len(places) > 1:
        distance[count == 1] = _nearest_other_place(places)[count == 1]
    result[usable] = distance[place.ravel()]
    return result


def _nearest_other_place(points: np.ndarray) -> np.ndarray:
    """Return the distance of each of two or more finite points, none of them repeated, to the nearest other one."""
    result = np.full(len(points), np.nan)
    waiting = np.arange(len(points))
    extent = float(np.ptp(points[waiting], axis=0).max()) or 1.0
    radius = extent / np.sqrt(len(waiting))
    while len(waiting):
        i, j, distance = pairs_within(points[waiting], points, radius)
        other = waiting[i] != j
        nearest = np.full(len(waiting), np.inf)
        np.minimum.at(nearest, i[other], distance[other])
        found = np.isfinite(nearest)
        result[waiting[found]] = nearest[found]
        waiting, radius = waiting[~found], radius * 2
    return result


def tangent_plane(ra: np.ndarray, dec: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """Project positions on the plane that touches the sky at a centre (gnomonic).

    Parameters
    ----------
    ra, dec : numpy.ndarray
        deg, shape (n,).
    centre : tuple of float
        ra, dec of the point of contact, deg.

    Returns
    -------
    numpy.ndarray
        Offsets to the east and north, arcsec, shape (n, 2); NaN for positions 90 degrees away or more.
    """
    ra, dec = np.radians(np.asarray(ra, np.float64) - centre[0]), np.radians(np.asarray(dec, np.float64))
    dec0 = np.radians(centre[1])
    cosine = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra)
    cosine = np.where(cosine > 1e-6, cosine, np.nan)
    east = np.cos(dec) * np.sin(ra) / cosine
    north = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra)) / cosine
    return np.degrees(np.stack([east, north], axis=1)) * 3600


def sky_centre(ra: np.ndarray, dec: np.ndarray) -> tuple[float, float]:
    """Return the middle of positions on the sky, deg, also across right ascension 0; (0, 0) where there are none."""
    good = np.isfinite(ra) & np.isfinite(dec)
    ra, dec = np.radians(np.asarray(ra)[good]), np.radians(np.asarray(dec)[good])
    x, y, z = (np.cos(dec) * np.cos(ra)).sum(), (np.cos(dec) * np.sin(ra)).sum(), np.sin(dec).sum()
    return float(np.degrees(np.arctan2(y, x))) % 360, float(np.degrees(np.arctan2(z, np.hypot(x, y))))
