"""Pairs of exposures and of detections from which tracklets are started, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations

import numpy as np
from scipy.spatial import cKDTree

PIECE = 200_000
"""Pairs that are looked at together; bounds the memory."""


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
    number = tree.query_ball_point(places, radius, return_length=True)
    there = np.flatnonzero(number)
    piece = np.cumsum(number[there]) // PIECE
    for rows in np.split(there, np.flatnonzero(np.diff(piece)) + 1) if len(there) else []:
        lists = tree.query_ball_point(places[rows], radius[rows])
        yield np.repeat(rows, number[rows]), np.fromiter(chain.from_iterable(lists), np.int64, number[rows].sum())
