"""McNemar's exact test: do two classifiers, on the same things, err about as often?"""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest


def discordant(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Return how often only the first, and only the second, is right; bool (n,) each."""
    return int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))


def exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value that both are right equally often, given where they differ; 1 where they never do.

    McNemar 1947, Psychometrika 12, 153, with the binomial distribution in the place of its approximation.
    """
    different = only_first + only_second
    return float(binomtest(only_first, different).pvalue) if different else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values, (k,), adjusted for there being k of them.

    Holm 1979, Scandinavian Journal of Statistics 6, 65: below 0.05, the chance that any of them is so by accident is
    below 0.05 too.
    """
    order = np.argsort(p)
    rising = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(rising, 1)
    return adjusted
