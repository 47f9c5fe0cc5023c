"""Edges of bins that people can remember, with enough asteroids between them to say something."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

FEWEST = 20
"""Asteroids that a bin holds at least: with fewer, its interval is wider than what it could show."""

MOST = 12
"""Bins of a quantity at most."""

_QUANTILES = 4
_CANDIDATES, _MULTIPLE, _SMALLEST = 1000, 1e9, 1e-6
"""Round edges of a set at most, the largest multiple of a step, and the smallest decade: wilder values have no units
that anyone uses, and get quantiles."""

Ladder = Callable[[float, float], Iterator[np.ndarray]]
"""Gives sets of round edges, ascending, above a lowest and up to a highest value: the finest set first."""


def steps(*sizes: float) -> Ladder:
    """Return the ladder of multiples of each of these sizes."""

    def ladder(lowest: float, highest: float) -> Iterator[np.ndarray]:
        for size in sizes:
            if max(abs(lowest), abs(highest)) / size > _MULTIPLE:
                continue
            first, last = math.floor(lowest / size) + 1, math.floor(highest / size)
            if last - first < _CANDIDATES:
                # Divided by a whole number: 0.3, and not 0.30000000000000004.
                yield np.arange(first, last + 1) / round(1 / size) if size < 1 else np.arange(first, last + 1) * size

    return ladder


def decades(*digits: tuple[str, ...]) -> Ladder:
    """Return the ladder of these leading digits in every decade, for quantities above 0."""

    def ladder(lowest: float, highest: float) -> Iterator[np.ndarray]:
        if highest <= _SMALLEST:
            return
        exponents = range(math.floor(math.log10(max(lowest, _SMALLEST))), math.floor(math.log10(highest)) + 1)
        for set_of_digits in digits:
            edges = np.array([float(f"{digit}e{exponent}") for exponent in exponents for digit in set_of_digits])
            yield edges[(edges > lowest) & (edges <= highest)]

    return ladder


def choose_edges(values: np.ndarray, owners: np.ndarray, ladder: Ladder) -> list[float]:
    """Divide the values of asteroids into bins.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (n,), finite: one value for each stamp of an asteroid.
    owners : numpy.ndarray
        Shape (n,): of which asteroid a stamp is.
    ladder : Ladder
        Round edges.

    Returns
    -------
    list of float
        Edges between bins, ascending; a value on an edge belongs to the bin above it. The finest set of the ladder
        that gives 2 to `MOST` bins of `FEWEST` asteroids or more, or else quantiles with as few digits as keep them
        apart; none where there are too few asteroids, or all values are alike.
    """
    if not len(values) or values.min() == values.max():
        return []
    for candidates in ladder(float(values.min()), float(values.max())):
        edges = _with_enough(candidates, values, owners)
        if 0 < len(edges) < MOST:
            return edges
    return _quantiles(values, owners)


def _quantiles(values: np.ndarray, owners: np.ndarray) -> list[float]:
    count = min(_QUANTILES, len(np.unique(owners)) // FEWEST)
    # Values themselves: between two of them there may be no number (1e308 + 1e308).
    exact = np.unique(np.quantile(values, np.arange(1, count) / max(count, 1), method="higher"))
    wanted = _with_enough(exact, values, owners)
    for digits in range(1, 17):
        rounded = np.unique([float(f"{edge:.{digits}g}") for edge in exact])
        edges = _with_enough(rounded, values, owners)
        if len(edges) >= len(wanted):
            return edges
    return wanted


def _with_enough(candidates: np.ndarray, values: np.ndarray, owners: np.ndarray) -> list[float]:
    """Leave out edges, from below, until there are enough asteroids between any two of them."""
    cell = np.searchsorted(candidates, values, side="right")
    order = np.argsort(cell, kind="stable")
    cells = np.split(owners[order], np.searchsorted(cell[order], np.arange(1, len(candidates) + 1)))
    kept: list[float] = []
    here: set[int] = set()
    for edge, inside in zip(candidates, cells, strict=False):
        here.update(inside.tolist())
        if len(here) >= FEWEST:
            kept.append(float(edge))
            here = set()
    here.update(cells[-1].tolist())
    # What is left over at the upper end goes to the bin before it.
    return kept[:-1] if len(here) < FEWEST else kept
