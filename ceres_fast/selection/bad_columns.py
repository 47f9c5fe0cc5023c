"""Which detections are strung along a column or a row of the detector, in several exposures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .by_chance import poisson_tail
from .rules import Rules

LENGTH = 512.0
"""Pieces of a column of this many pixels are looked at by themselves: bad columns begin somewhere."""

LEAST_EXPOSURES = 2
"""A column is bad when so many exposures show it."""

MOST_EXPOSURES = 12
"""So many of a field's exposures, spread over it, are asked for a column; more would not find others."""

AROUND = (10, 100)
"""How many times wider than a column the strips around it are that say how many detections to expect, the fuller one:
the narrow one knows the halo of a bright star, the wide one is the better mean elsewhere."""


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
        orders = [np.argsort(key) for key in keys]  # numbers that are asked for in order are found much faster
        counted = [key[order][mask[order]] for key, order, mask in zip(keys, orders, moving, strict=True)]
        counted = [key[np.isfinite(key)] for key in counted]
        for number, order in enumerate(orders):
            key, times = keys[number][order], np.zeros(len(order), int)
            for other in asked:
                there, itself = counted[other], moving[number][order] if other == number else 0
                near = _within(key, there, rules.bad_column_radius) - itself
                rings = [(_within(key, there, rules.bad_column_radius * size) - itself, size) for size in AROUND]
                # one more than there are, lest nothing around proves much
                expected = np.maximum.reduce([(count - near + 1) / (size - 1) for count, size in rings])
                times += poisson_tail(near, expected) < rules.bad_column_alarm
            excess[number][axis][order] = times
    return [counts.max(axis=0) >= LEAST_EXPOSURES for counts in excess]


def _keys(points: np.ndarray, axis: int) -> np.ndarray:
    """Return numbers whose differences are those across the columns, and huge between different pieces of them."""
    return points[:, axis] + 1e6 * np.floor(points[:, 1 - axis] / LENGTH)


def _within(keys: np.ndarray, others: np.ndarray, radius: float) -> np.ndarray:
    return np.searchsorted(others, keys + radius, "right") - np.searchsorted(others, keys - radius, "left")
