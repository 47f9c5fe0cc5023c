"""Pairs of exposures and of detections from which tracklets are started, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

PIECE, MOST = 200_000, 4_000_000
"""Pairs that are looked at together, and among which these are looked for; bounds the memory."""


def within_groups(exposures: np.ndarray, number: int) -> list[tuple[int, int]]:
    """Return the pairs of exposures, in the order of time, that are in one of so many groups.

    Of any `number` + 1 exposures two are in one group, and there is no smaller set of pairs of which that is true
    (Mantel for two groups, Turán for more). Groups are of neighbours in time, so that the pairs are close.
    """
    groups = np.array_split(exposures, max(number, 1))
    return [(int(first), int(second)) for group in groups for first, second in combinations(group, 2)]


def together(parts: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Yield arrays, several of them as one, of so many rows or more but for the last; without what is there twice."""
    waiting: list[np.ndarray] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= rows:
            yield np.unique(np.concatenate(waiting), axis=0)
            waiting = []
    if waiting:
        yield np.unique(np.concatenate(waiting), axis=0)


def within(tree: cKDTree, places: np.ndarray, radius: np.ndarray | float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs of a place and a point of a tree within a radius, by number, some at a time."""
    radius = np.broadcast_to(radius, len(places))
    order = np.argsort(radius, kind="stable")  # places together that need about the same radius
    size = max(1, MOST // tree.n)
    for rows in (order[start : start + size] for start in range(0, len(order), size)):
        # Two trees are compared at once: a query for each place takes twice as long.
        here = cKDTree(places[rows], balanced_tree=False, compact_nodes=False)
        found = here.sparse_distance_matrix(tree, radius[rows[-1]], output_type="ndarray")
        found = found[found["v"] <= radius[rows[found["i"]]]]
        for some in (found[start : start + PIECE] for start in range(0, len(found), PIECE)):
            yield rows[some["i"]], some["j"]
