"""Which points of two sets are near each other, by a grid: no tree, and no library for one."""

from __future__ import annotations

import numpy as np

_FARTHEST = 1e9
_MOST_CELLS = 1e6


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
    rows, others = _usable(first), _usable(second)
    if len(rows) == 0 or len(others) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    first, second = first[rows], second[others]
    origin = np.minimum(first.min(axis=0), second.min(axis=0))
    extent = np.maximum(first.max(axis=0), second.max(axis=0)) - origin
    cell = max(radius, extent.max() / _MOST_CELLS)
    cells, other_cells = (np.floor((points - origin) / cell).astype(np.int64) + 1 for points in (first, second))
    stride = max(cells[:, 1].max(), other_cells[:, 1].max()) + 2
    keys = other_cells[:, 0] * stride + other_cells[:, 1]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]

    found = []
    for shift in (-1, 0, 1):  # the three cells of a column of the grid follow each other in the sorted keys
        middle = (cells[:, 0] + shift) * stride + cells[:, 1]
        start, stop = np.searchsorted(keys, middle - 1, "left"), np.searchsorted(keys, middle + 1, "right")
        found.append(_ranges(start, stop))
    i, j = (np.concatenate(parts) for parts in zip(*found, strict=True))
    j = order[j]
    distance = np.hypot(*(first[i] - second[j]).T)
    near = distance <= radius
    return rows[i[near]], others[j[near]], distance[near]


def have_near(first: np.ndarray, second: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which points of each of two sets have a point of the other within a radius, shapes (n,) and (m,), bool.

    Points that are repeated are compared once: a broken catalogue may hold thousands at one place.
    """
    (one, of_one), (two, of_two) = (np.unique(points, axis=0, return_inverse=True) for points in (first, second))
    i, j, _ = pairs_within(one, two, radius)
    return np.isin(of_one.ravel(), i), np.isin(of_two.ravel(), j)


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
