"""Which exposures show the same piece of sky, and whether stationary detections can be told in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..frames.info import FrameInfo
from ..selection.apart import minutes_needed
from ..selection.rules import Rules


@dataclass(frozen=True)
class Exposures:
    """The exposures of one field and CCD in one night.

    Attributes
    ----------
    infos : tuple of FrameInfo
        In the order of time.
    minutes : tuple of float
        From each to the next; empty for a single one.
    needed : float
        How far apart two must be for stationary detections to be told, min: the most that any two of them need. NaN
        for a single one.
    compared : int
        How many of them have another that is far enough away in time.
    """

    infos: tuple[FrameInfo, ...]
    minutes: tuple[float, ...]
    needed: float
    compared: int


def exposures_of(infos: Sequence[FrameInfo], rules: Rules) -> Exposures:
    """Say of the exposures of a field which can be compared by the rule for stationary detections."""
    minutes = np.array([info.mjd for info in infos]) * 1440
    needed = minutes_needed(infos, rules)
    apart = np.abs(minutes[:, None] - minutes) >= needed
    np.fill_diagonal(apart, False)
    others = ~np.eye(len(infos), dtype=bool)
    return Exposures(
        infos=tuple(infos),
        minutes=tuple(float(later - earlier) for earlier, later in pairwise(minutes)),
        needed=float(needed[others].max()) if len(infos) > 1 else float("nan"),
        compared=int(apart.any(axis=1).sum()),
    )
