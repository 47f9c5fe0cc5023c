"""How many asteroids a guaranteed loss needs: one-sided tolerance limits, whatever the distribution.

Of n asteroids that are exchangeable with those to come, let the threshold be the (k + 1)-th smallest of the
probabilities at which each is lost. The share of all asteroids that is lost is then at most that of a
Beta(k + 1, n - k) variable (Wilks 1941, Ann. Math. Statist. 12, 91): it exceeds `max_loss` with probability
``binom.cdf(k, n, max_loss)``, or less where probabilities are equal. Read the other way round this is the upper limit
of Clopper and Pearson (1934, Biometrika 26, 404).
"""

from __future__ import annotations

import math

from scipy.stats import beta, binom

from ..errors import CeresFastError
from ..settings.guarantee import SMALLEST


def needed(max_loss: float, confidence: float) -> int:
    """Return how many asteroids the guarantee needs: 149 for 0.02 and 0.95.

    With fewer, all of them may by chance survive a threshold that loses more: (1 - max_loss)^n > 1 - confidence.

    Raises
    ------
    CeresFastError
        When `max_loss` or `confidence` is not from `SMALLEST` to below 1.
    """
    _check(max_loss, confidence)
    count = math.ceil(math.log1p(-confidence) / math.log1p(-max_loss))
    # The quotient of two rounded logarithms can miss a whole number by one.
    while allowed(count, max_loss, confidence) is None:
        count += 1
    while allowed(count - 1, max_loss, confidence) is not None:
        count -= 1
    return count


def allowed(asteroids: int, max_loss: float, confidence: float) -> int | None:
    """Return how many calibration asteroids a threshold may lose at most, or None where there are too few of them.

    The largest k with ``binom.cdf(k, asteroids, max_loss) <= 1 - confidence``.

    Raises
    ------
    CeresFastError
        When `max_loss` or `confidence` is not from `SMALLEST` to below 1.
    """
    _check(max_loss, confidence)
    k = int(binom.ppf(1 - confidence, asteroids, max_loss))
    while k >= 0 and binom.cdf(k, asteroids, max_loss) > 1 - confidence:
        k -= 1
    return k if k >= 0 else None


def least_max_loss(asteroids: int, confidence: float) -> float | None:
    """Return the smallest ``--max-loss``, in steps of 0.001, that so many asteroids are enough for.

    None where there are too few for any: without an asteroid nothing can be guaranteed.

    Raises
    ------
    CeresFastError
        When `confidence` is not from `SMALLEST` to below 1.
    """
    steps = math.ceil(1000 * upper_bound(0, asteroids, confidence))
    while steps < 1000 and allowed(asteroids, steps / 1000, confidence) is None:  # the bound is rounded
        steps += 1
    return steps / 1000 if steps < 1000 else None


def upper_bound(lost: int, asteroids: int, confidence: float) -> float:
    """Return the one-sided upper limit of the share lost where `lost` of so many asteroids are (Clopper-Pearson).

    Raises
    ------
    CeresFastError
        When `confidence` is not from `SMALLEST` to below 1.
    """
    _check(confidence=confidence)
    return float(beta.ppf(confidence, lost + 1, asteroids - lost)) if lost < asteroids else 1.0


def _check(max_loss: float = SMALLEST, confidence: float = SMALLEST) -> None:
    for name, value in (("--max-loss", max_loss), ("--confidence", confidence)):
        if not SMALLEST <= value < 1:
            raise CeresFastError(f"{name} is {value}; expected a share from {SMALLEST:f} to below 1.")
