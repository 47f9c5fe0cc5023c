"""Simulated calibration asteroids of which the true loss is known, and rules that choose a threshold from them.

The logit of P(asteroid) is normal: of asteroids with mean 3 and deviation 2, of non-asteroids with mean -3 and
deviation 2, so that each class is recognised in 93 % of its stamps at 0.5. The exposures of an asteroid are correlated
by a Gaussian copula, and those of asteroids of one field may be as well. Everything here is in deviations from the
mean of asteroids, because thresholds and losses depend on the order of probabilities alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import bdtr
from scipy.stats import binomtest, norm

from ceres_fast.records.tolerance import allowed

MEAN, DEVIATION = 3.0, 2.0


@dataclass(frozen=True)
class Population:
    """Asteroids, and how the exposures of each depend on each other.

    Attributes
    ----------
    exposures, needs : int
        Exposures of each asteroid, and how many must survive.
    correlation : float
        Of two exposures of an asteroid, from 0 to below 1.
    fields : int or None
        Over how many fields calibration asteroids are spread evenly; None: no two share one.
    shared : float
        Correlation of two asteroids of one field; not above `correlation` where there are several exposures.
    """

    exposures: int = 1
    needs: int = 1
    correlation: float = 0.0
    fields: int | None = None
    shared: float = 0.0

    @property
    def name(self) -> str:
        """What it is, in words."""
        text = f"{self.needs} of {self.exposures}"
        if self.exposures > 1:
            text += f", correlation {self.correlation:g}"
        return text + (f", {self.fields} fields share {self.shared:g}" if self.fields else "")

    def draw(self, draws: int, asteroids: int, random: np.random.Generator) -> np.ndarray:
        """Return the exposures of calibration asteroids: (draws, asteroids, exposures), standard normal each."""
        correlation = max(self.correlation, self.shared)
        exposures = np.sqrt(1 - correlation) * random.standard_normal((draws, asteroids, self.exposures))
        exposures += np.sqrt(correlation - self.shared) * random.standard_normal((draws, asteroids, 1))
        if self.fields:
            field = random.standard_normal((draws, self.fields, 1))
            exposures += np.sqrt(self.shared) * field[:, np.arange(asteroids) % self.fields]
        return exposures

    def critical(self, exposures: np.ndarray) -> np.ndarray:
        """Return the needs-th largest exposure of each asteroid: (draws, asteroids)."""
        return np.sort(exposures, axis=2)[:, :, self.exposures - self.needs]

    def loss(self, thresholds: np.ndarray) -> np.ndarray:
        """Return the share of all asteroids, of all fields, that each threshold loses."""
        return np.interp(thresholds, *_losses(self.exposures, self.needs, max(self.correlation, self.shared)))


@cache
def _losses(exposures: int, needs: int, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and the loss of each: the probability that fewer than `needs` exposures are above it.

    Given what an asteroid's exposures have in common they are independent; the rest is an integral over that, which
    the trapezoidal rule gives to all digits.
    """
    thresholds, common = np.linspace(-8, 4, 4801), np.linspace(-8, 8, 401)
    weights = norm.pdf(common) * (common[1] - common[0])
    survives = norm.sf((thresholds[:, None] - np.sqrt(correlation) * common) / np.sqrt(1 - correlation))
    return thresholds, bdtr(needs - 1, exposures, survives) @ weights


def non_asteroids_left(thresholds: np.ndarray) -> np.ndarray:
    """Return the share of the non-asteroids that each threshold leaves."""
    return norm.sf(thresholds + 2 * MEAN / DEVIATION)


def outcome(
    true_loss: Callable[[np.ndarray], np.ndarray], thresholds: np.ndarray, max_loss: np.ndarray | float
) -> dict[str, Any]:
    """Return how many of the thresholds truly lose more than `max_loss`, with 95 % (Clopper-Pearson), and the cost."""
    loss = true_loss(thresholds)
    exceeds = int(np.count_nonzero(loss > max_loss))
    low, high = binomtest(exceeds, len(loss)).proportion_ci(0.95, method="exact")
    return {
        "exceeds": exceeds,
        "share": exceeds / len(loss),
        "low": float(low),
        "high": float(high),
        "mean_loss": float(loss.mean()),
        "largest_loss": float(loss.max()),
        "non_asteroids_left": float(non_asteroids_left(thresholds).mean()),
    }


def _smallest(values: np.ndarray, lost: int | None) -> np.ndarray:
    assert lost is not None
    return np.partition(values, lost, axis=1)[:, lost]


Rule = Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]

RULES: dict[str, Rule] = {
    "asteroids": lambda critical, stamps, max_loss, confidence: _smallest(
        critical, allowed(critical.shape[1], max_loss, confidence)
    ),
    "stamps": lambda critical, stamps, max_loss, confidence: _smallest(
        stamps, allowed(stamps.shape[1], max_loss, confidence)
    ),
    "quantile": lambda critical, stamps, max_loss, confidence: _smallest(
        critical, int(max_loss * critical.shape[1] + 1e-9)
    ),
    "0.5": lambda critical, stamps, max_loss, confidence: np.full(len(critical), -MEAN / DEVIATION),
}
"""Thresholds (draws,) from critical values (draws, asteroids), all stamps (draws, stamps), max_loss and confidence.

``asteroids`` is what `ceres_fast.evaluation.operating_point.choose` does; ``stamps`` is the same bound, taking every
stamp for an asteroid of its own; ``quantile`` loses `max_loss` of the calibration asteroids, without any confidence.
"""
