"""What changes at a classifier's threshold when other software answers in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...artifact.scaling import published


@dataclass(frozen=True)
class Decisions:
    """Which of the same stamps are kept as asteroids, before and after.

    Attributes
    ----------
    asteroids, before, after : numpy.ndarray of bool
        (n,): is one; was called one; is called one now. What has no probability (NaN) is not called one.
    """

    asteroids: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def changed(self) -> int:
        """How many decisions differ."""
        return int(np.count_nonzero(self.before != self.after))

    @property
    def lost(self) -> np.ndarray:
        """Of the asteroids' stamps, in their order: found before and not after, bool (asteroids,)."""
        return (self.before & ~self.after)[self.asteroids]

    @property
    def regained(self) -> np.ndarray:
        """Of the asteroids' stamps, in their order: found after and not before, bool (asteroids,)."""
        return (self.after & ~self.before)[self.asteroids]

    @property
    def recall_loss(self) -> float:
        """Recall before less recall after; 0 without asteroids."""
        return (int(self.lost.sum()) - int(self.regained.sum())) / max(len(self.lost), 1)


def decide(
    asteroids: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    threshold: float,
    scaling: Mapping[str, Any] | None,
) -> Decisions:
    """Decide on each stamp as `ceres-fast classify` does, by what the network said before and says now, (n,) each."""
    return Decisions(asteroids, *(published(scaling, each) >= threshold for each in (before, after)))
