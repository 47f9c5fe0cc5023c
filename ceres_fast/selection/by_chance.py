"""How often something happens by chance, and how many exposures must show it so that it is rare enough."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Counts = tuple[np.ndarray, np.ndarray]
"""For each place in how many exposures something is seen, and how many looked."""

LEAST_PLACES = 2_000
"""So many random places are needed to decide how many exposures must show something; places that fewer exposures cover
are put together until there are so many."""

LEAST = 1e-16
"""Smaller probabilities are all given as this one: below it, 1 less the rest is rounding."""

_MOST = 1000
"""Larger numbers count as this one: where fewer are expected, all of them are as good as impossible."""


def needed_by_chance(by_chance: Sequence[Counts], most: int, chance: float) -> np.ndarray:
    """Return in how many exposures something must be seen, by how many looked, so that chance is rare enough.

    Parameters
    ----------
    by_chance : sequence of (seen, looked)
        For each exposure what is counted at random places: in how many others something is seen, and how many looked.
    most : int
        How many may look at a place.
    chance : float
        What share of the places may seem to be occupied (`smallest`).

    Returns
    -------
    numpy.ndarray
        Shape (most + 1,), int: in how many it must be seen, by the number of those that looked; at least 1 and at most
        all. Numbers that few random places have are taken together with smaller ones, and one that none has takes
        at least what holds where more looked.
    """
    seen, looked = (np.concatenate(parts) for parts in zip(*by_chance, strict=True))
    needed = np.zeros(most + 1, int)
    waiting: list[int] = []
    for number in range(most, 0, -1):
        waiting.append(number)
        places = np.isin(looked, waiting)
        if places.sum() >= LEAST_PLACES:
            needed[waiting] = smallest(seen[places], max(waiting), chance)
            waiting = []
    if waiting:
        there = np.flatnonzero(needed)
        places = np.isin(looked, waiting)
        needed[waiting] = needed[there[0]] if len(there) else smallest(seen[places], max(waiting), chance)
    # Where no random place has been covered so often: no fewer than where more exposures looked.
    for number in np.setdiff1d(np.arange(1, most), looked)[::-1]:
        needed[number] = max(needed[number], needed[number + 1])
    return np.clip(needed, 1, np.maximum(np.arange(most + 1), 1))


def smallest(seen: np.ndarray, most: int, chance: float) -> int:
    """Return the smallest number, from 1 to `most`, that no more than a share of counts reach; else `most`.

    The error of that share (1 sigma) is on the asteroids' side.
    """
    for number in range(1, most):
        hits = int((seen >= number).sum())
        if hits + math.sqrt(hits) <= chance * len(seen):
            return number
    return most


def poisson_tail(least: np.ndarray | int, mean: np.ndarray) -> np.ndarray:
    """Return the probability of at least so many events where some are expected (Poisson).

    Parameters
    ----------
    least : numpy.ndarray or int
        Shape (n,), or one for all.
    mean : numpy.ndarray
        Expected number, shape (n,), float64.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, from `LEAST` to 1.
    """
    asked = np.minimum(np.broadcast_to(least, np.shape(mean)), _MOST)
    term = np.exp(-np.asarray(mean, np.float64))
    fewer = np.zeros_like(term)
    for number in range(int(asked.max(initial=0))):
        fewer += np.where(number < asked, term, 0)
        term = term * mean / (number + 1)
    return np.clip(1 - fewer, LEAST, 1)
