"""In how many exposures something must be seen at a place, so that chance puts it there rarely enough."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Counts = tuple[np.ndarray, np.ndarray]
"""For each place in how many exposures something is seen, and how many looked."""

LEAST_PLACES = 2_000
"""So many of them decide how many exposures are asked for; places at which fewer exposures looked are put together."""


def needed_by_chance(by_chance: Sequence[Counts], chance: float) -> dict[int, int]:
    """Return in how many exposures something must be seen, by how many looked, so that chance is rare enough.

    Parameters
    ----------
    by_chance : sequence of (seen, looked)
        For each exposure what is counted at random places: in how many others something is seen, and how many looked.
    chance : float
        What share of the places may be taken for occupied (`smallest`).

    Returns
    -------
    dict of int to int
        In how many it must be seen, at least 1 and at most all, by the number of those that looked.
    """
    seen, looked = (np.concatenate(parts) for parts in zip(*by_chance, strict=True))
    needed: dict[int, int] = {}
    waiting: list[int] = []
    for number in np.unique(looked[looked > 0])[::-1]:
        waiting.append(int(number))
        places = np.isin(looked, waiting)
        last = number == looked[looked > 0].min()
        if places.sum() < LEAST_PLACES and not (last and not needed):
            continue
        k = smallest(seen[places], max(waiting), chance)
        needed.update({each: min(k, each) for each in waiting})
        waiting = []
    # Few places are left: what holds where more exposures looked is more than enough there.
    most = needed[min(needed)] if needed else 1
    return needed | {number: min(most, number) for number in waiting}


def smallest(seen: np.ndarray, most: int, chance: float) -> int:
    """Return the smallest number, from 1 to `most`, that no more than a share of counts reach; else `most`.

    The error of that share (1 sigma) is on the asteroids' side.
    """
    for number in range(1, most):
        hits = int((seen >= number).sum())
        if hits + math.sqrt(hits) <= chance * len(seen):
            return number
    return most
