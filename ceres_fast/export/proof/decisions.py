"""What changes at a classifier's threshold when a product answers in its place: decisions, and the recall they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from ...artifact.scaling import published
from ...evaluation.shares import CONFIDENCE, Share, correlation, design_effect, share


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
    """Decide on each stamp as `ceres-fast classify` does, from P(asteroid) of both networks, unscaled, (n,) each."""
    return Decisions(asteroids, *(published(scaling, each) >= threshold for each in (before, after)))


@dataclass(frozen=True)
class Recall:
    """Asteroids before and after; shares with 95 % Wilson intervals that allow for exposures of one being alike.

    Attributes
    ----------
    of, lost, regained : int
        How many there are, how many were found only before, and only after.
    before, after : Share
        Found by the reference, and by the product.
    """

    of: int
    lost: int
    regained: int
    before: Share
    after: Share

    @property
    def loss(self) -> float:
        """Recall before less recall after."""
        return (self.lost - self.regained) / self.of


def recall_of(decisions: Decisions, owners: np.ndarray) -> Recall | None:
    """Return the recall of decisions, with `owners` as in `loss_interval`; None where there is no asteroid."""
    found = [each[decisions.asteroids] for each in (decisions.before, decisions.after)]
    before, after = (share(each, design_effect(owners, correlation(each, owners))) for each in found)
    if before is None or after is None:
        return None
    return Recall(before.of, int(decisions.lost.sum()), int(decisions.regained.sum()), before, after)


def loss_interval(
    lost: np.ndarray, regained: np.ndarray, owners: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of the loss of recall, from the stamps on which the two disagree.

    Parameters
    ----------
    lost, regained : numpy.ndarray of bool
        Stamps of asteroids, (n,), n above 0; never both.
    owners : numpy.ndarray of int
        Of which asteroid each is, 0 or more, (n,).
    confidence : float
        Such as 0.95.

    Returns
    -------
    low, high : float
        Negative where recall may have grown.

    Notes
    -----
    The loss is the share lost less the share regained. Each share has an exact interval (Clopper and Pearson 1934,
    Biometrika 26, 404), at half the error each, so that both hold together. Intervals that are conditional on the
    number of disagreements, or resampled, shrink to nothing where none is seen; these do not. The exposures of one
    asteroid count as the fewer independent ones that they are worth (Korn and Graubard 1998, Survey Methodology 24,
    193).
    """
    (lost_low, lost_high), (regained_low, regained_high) = (
        _exact(each, owners, (1 - confidence) / 4) for each in (lost, regained)
    )
    return lost_low - regained_high, lost_high - regained_low


def _exact(chosen: np.ndarray, owners: np.ndarray, tail: float) -> tuple[float, float]:
    """Return the exact interval of the share of `chosen`, with `tail` beyond each end."""
    effective = len(chosen) / design_effect(owners, correlation(chosen, owners))
    count = chosen.mean() * effective
    rest = effective - count
    # The beta distribution is not defined for a count of 0: the end of the interval is then that of all shares.
    low = beta.ppf(tail, count, rest + 1) if count > 0 else 0
    high = beta.ppf(1 - tail, count + 1, rest) if rest > 0 else 1
    return float(low), float(high)
