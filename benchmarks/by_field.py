"""Guarantees by asteroid and by field where asteroids of one field depend on each other, for `benchmarks.guarantee`.

Many calibrations are simulated at once, each with its fields, so that a threshold is an array here. What
`ceres-fast calibrate` chooses by field is *field*: by bets on the share of each field that is lost, or where fields are
few by one asteroid of each. *one draw* is the latter with any number of fields. *twice the mean p-value* is another
rule that holds whatever the asteroids of a field have in common: the p-value of one draw, in the mean of all possible
draws, doubled (Rüschendorf 1982, Adv. Appl. Probab. 14, 623; Vovk & Wang 2020, Biometrika 107, 791).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import binom

from benchmarks.calibration_draws import Population, outcome
from ceres_fast.console import table
from ceres_fast.evaluation.dependence import intraclass, upper_limit
from ceres_fast.evaluation.threshold import all_count, log_won
from ceres_fast.records.tolerance import allowed, needed

FIELDS = (30, 60, 150, 300)
MAX_LOSSES = (0.1, 0.05, 0.02)
MEAN_SIZE = 10
"""Asteroids a field."""

OF_ONE = Population(4, 3, 0.5)
"""What each asteroid is: a share of its correlation belongs to its field."""

VALUES = 2_000_000
"""Asteroids drawn at a time."""

SIZES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "Poisson": lambda random, shape: np.maximum(random.poisson(MEAN_SIZE, shape), 1),
    "unequal": lambda random, shape: random.geometric(1 / MEAN_SIZE, shape),
}
"""Numbers of asteroids of fields. The unequal ones deviate from their mean by as much as it is."""


@dataclass(frozen=True)
class Fields:
    """What asteroids of one field have in common.

    Attributes
    ----------
    sizes : str
        A key of `SIZES`.
    shared : float
        Share of the variance of the logits that belongs to the field.
    spoilt : float
        Share of the fields in which all asteroids are `DEEPER` deviations below the others.
    """

    sizes: str = "Poisson"
    shared: float = 0.0
    spoilt: float = 0.0

    @property
    def name(self) -> str:
        """What they are, in words."""
        return f"{self.sizes}, {f'{self.spoilt:g} of fields spoilt' if self.spoilt else f'{self.shared:g} shared'}"

    def draw(self, draws: int, fields: int, random: np.random.Generator) -> Drawn:
        """Return so many calibrations."""
        sizes = SIZES[self.sizes](random, (draws, fields))
        field = np.repeat(np.arange(sizes.size), sizes.ravel())
        of_field = np.sqrt(self.shared) * random.standard_normal(sizes.size)
        of_field -= DEEPER * (random.random(sizes.size) < self.spoilt)
        common = of_field[field] + np.sqrt(OF_ONE.correlation - self.shared) * random.standard_normal(len(field))
        own = np.sqrt(1 - OF_ONE.correlation) * random.standard_normal((1, len(field), OF_ONE.exposures))
        return Drawn(sizes, field, OF_ONE.critical(common[:, None] + own)[0])

    def loss(self, thresholds: np.ndarray) -> np.ndarray:
        """Return what each threshold loses of all asteroids and, as sizes say nothing of it, in the mean of fields."""
        return (1 - self.spoilt) * OF_ONE.loss(thresholds) + self.spoilt * OF_ONE.loss(thresholds + DEEPER)


DEEPER = 3.0
POPULATIONS = tuple(
    Fields(sizes, **what) for sizes in SIZES for what in ({}, {"shared": 0.05}, {"shared": 0.2}, {"spoilt": 0.02})
)


@dataclass(frozen=True)
class Drawn:
    """Calibrations: the numbers of asteroids (draws, fields), and field and critical value of each asteroid."""

    sizes: np.ndarray
    field: np.ndarray
    critical: np.ndarray

    @cached_property
    def ends(self) -> np.ndarray:
        """Where the asteroids of each calibration begin, and the last ends."""
        return np.append(0, np.cumsum(self.sizes.sum(axis=1)))

    @cached_property
    def calibration(self) -> np.ndarray:
        """Of each asteroid."""
        return self.field // self.sizes.shape[1]

    @cached_property
    def rising(self) -> np.ndarray:
        """The critical values, rising within each calibration."""
        return self.critical[np.lexsort((self.critical, self.calibration))]

    def shares(self, thresholds: np.ndarray) -> np.ndarray:
        """Return the share of each field that is lost at the threshold of its calibration, (draws, fields)."""
        lost = self.critical < thresholds[self.calibration]
        return np.bincount(self.field, weights=lost, minlength=self.sizes.size).reshape(self.sizes.shape) / self.sizes

    def highest(self, passes: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the highest threshold of each calibration of which `passes` of the shares lost is true."""
        low, high = self.ends[:-1], self.ends[1:]  # the first passes, what is beyond the last does not
        while (high - low > 1).any():
            middle = (low + high) // 2
            good = passes(self.shares(self.rising[middle]))
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        return self.rising[low]

    def correlations(self, thresholds: np.ndarray) -> np.ndarray:
        """Return the intraclass correlation that would be estimated in each calibration of these thresholds."""
        order = np.lexsort((self.critical, self.calibration))
        ranks = np.empty(len(order))
        ranks[order] = np.arange(len(order)) - (self.ends[:-1] + self.ends[1:] - 1)[self.calibration] / 2
        lost = self.critical < thresholds[self.calibration]
        return np.fmax(self._intraclass(ranks), self._intraclass(lost))

    def _intraclass(self, values: np.ndarray) -> np.ndarray:
        shape = self.sizes.shape
        sums, squares = (np.bincount(self.field, weights=each).reshape(shape) for each in (values, values**2))
        of_field = (self.sizes, self.sizes**2, sums, sums**2 / self.sizes, squares)
        return intraclass(np.column_stack([each.sum(axis=1) for each in of_field]), shape[1])


_allowed = cache(allowed)


def lost_of_asteroids(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray:
    """Return how many asteroids each calibration may lose if they are independent, float64; NaN: there are too few."""
    lost = [_allowed(int(number), max_loss, confidence) for number in np.diff(drawn.ends)]
    return np.array([np.nan if each is None else each for each in lost])


def by_asteroid(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray:
    """Return the threshold of each calibration that holds for independent asteroids; NaN where they are too few."""
    lost = lost_of_asteroids(drawn, max_loss, confidence)
    thresholds = drawn.rising[drawn.ends[:-1] + np.nan_to_num(lost).astype(np.int64)]
    return np.where(np.isnan(lost), np.nan, thresholds)


def by_field(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray:
    """Return the threshold of each calibration that `threshold_for` chooses by field."""
    if not all_count(drawn.sizes.shape[1], max_loss, confidence):
        return one_draw(drawn, max_loss, confidence)
    return drawn.highest(lambda shares: log_won(shares, max_loss) >= -np.log1p(-confidence))


def one_draw(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray:
    """Return the threshold that holds for one asteroid of each field; all are alike here, so it is the first."""
    lost = _allowed(drawn.sizes.shape[1], max_loss, confidence)
    assert lost is not None
    first = np.cumsum(drawn.sizes.ravel()) - drawn.sizes.ravel()
    return np.sort(drawn.critical[first].reshape(drawn.sizes.shape), axis=1)[:, lost]


def by_mean(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray | None:
    """Return the threshold by twice the mean p-value of all draws; None where fields are too few for it."""
    doubled = (1 + confidence) / 2
    if drawn.sizes.shape[1] < needed(max_loss, doubled):
        return None
    return drawn.highest(lambda shares: mean_p_value(shares, max_loss) <= 1 - doubled)


def mean_p_value(shares: np.ndarray, max_loss: float) -> np.ndarray:
    """Return the mean, over all draws of one asteroid of each field, of the p-value of "more than `max_loss` is lost".

    Parameters
    ----------
    shares : numpy.ndarray
        Share of the asteroids of each field that is lost, float64 (..., F).
    max_loss : float
        Share that may be lost.

    Returns
    -------
    numpy.ndarray
        Float64 (...): the mean of P(X <= k), X binomial(F, `max_loss`), over k, the Poisson-binomial number of lost
        ones. It is exact, but for numbers k so large that the p-value is 1 to 15 digits.
    """
    fields = shares.shape[-1]
    if not ((shares > 0) & (shares < 1)).any():  # every draw is the same
        return np.asarray(binom.cdf(np.sum(shares, axis=-1), fields, max_loss))
    many = int(binom.isf(1e-15, fields, max_loss)) + 1
    chance = np.zeros((*shares.shape[:-1], many + 1))  # of 0, 1 … and of `many` or more
    chance[..., 0] = 1
    for share in np.moveaxis(shares, -1, 0):
        more = chance * share[..., None]
        chance -= more
        chance[..., 1:] += more[..., :-1]
        chance[..., -1] += more[..., -1]
    p_values = binom.cdf(np.arange(many + 1), fields, max_loss)
    p_values[-1] = 1
    return np.asarray(chance @ p_values)


RULES: dict[str, Callable[[Drawn, float, float], np.ndarray | None]] = {
    "asteroid": by_asteroid,
    "field": by_field,
    "one draw": one_draw,
    "twice the mean p-value": by_mean,
}
OF_FIELDS = tuple(RULES)[1:]
"""Rules that need `needed` fields."""


def measure(
    of_fields: Fields, fields: int, confidence: float, draws: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Return a row per `--max-loss`: how often each rule truly loses more, and what it leaves (None: it refuses)."""
    chosen: dict[tuple[float, str], list[np.ndarray | None]] = {each: [] for each in product(MAX_LOSSES, RULES)}
    estimates: dict[float, list[np.ndarray]] = {max_loss: [] for max_loss in MAX_LOSSES}
    step = max(1, VALUES // (fields * MEAN_SIZE))
    for start in range(0, draws, step):
        drawn = of_fields.draw(min(step, draws - start), fields, random)
        for (max_loss, rule), thresholds in chosen.items():
            refused = rule in OF_FIELDS and fields < needed(max_loss, confidence)
            thresholds.append(None if refused else RULES[rule](drawn, max_loss, confidence))
        for max_loss, found in estimates.items():
            found.append(_estimate(drawn, max_loss, confidence))
    return [
        {
            "fields": fields,
            "population": of_fields.name,
            **asdict(of_fields),
            "max_loss": max_loss,
            "drawn": "all" if all_count(fields, max_loss, confidence) else "one",
            "rules": {rule: _outcome(of_fields, chosen[max_loss, rule], max_loss) for rule in RULES},
            "correlation": float(np.nanmedian(correlations)),
            "estimate": _outcome(of_fields, chosen[max_loss, "asteroid"], limits),
        }
        for max_loss, found in estimates.items()
        for correlations, limits in [np.concatenate(found, axis=1)]
    ]


def _estimate(drawn: Drawn, max_loss: float, confidence: float) -> np.ndarray:
    """Return what is estimated where asteroids are taken for independent: correlation and limit, (2, draws); NaN."""
    thresholds = by_asteroid(drawn, max_loss, confidence)
    correlations, number = drawn.correlations(thresholds), np.diff(drawn.ends)
    n_eff = number / (1 + ((drawn.sizes**2).sum(axis=1) / number - 1) * correlations)
    share = lost_of_asteroids(drawn, max_loss, confidence) / number
    return np.array([correlations, upper_limit(share, n_eff, confidence)])


def _outcome(of_fields: Fields, thresholds: list[np.ndarray | None], max_loss: Any) -> dict[str, Any] | None:
    """Return `outcome` of the calibrations that were not refused, and how many these are."""
    found = np.concatenate([each for each in thresholds if each is not None] or [np.zeros(0)])
    chosen = ~np.isnan(found)
    if not chosen.any():
        return None
    of_each = max_loss[chosen] if np.ndim(max_loss) else max_loss
    return {"draws": int(chosen.sum()), **outcome(of_fields.loss, found[chosen], of_each)}


def measure_all(confidence: float, draws: int, seed: int) -> list[dict[str, Any]]:
    """Return the rows of all populations and numbers of fields."""
    return [
        row
        for number, (of_fields, fields) in enumerate(product(POPULATIONS, FIELDS))
        for row in measure(of_fields, fields, confidence, draws, np.random.default_rng([seed, number]))
    ]


def show(rows: list[dict[str, Any]], confidence: float) -> None:
    """Print a table per `--max-loss`."""
    for max_loss in MAX_LOSSES:
        here = [row for row in rows if row["max_loss"] == max_loss]
        table(
            f"Calibrations (share) that truly lose more than {max_loss:g} (promised: at most {1 - confidence:.3g}) / "
            "share of non-asteroids left",
            ("asteroids a field", "fields", *RULES, "correlation", "more lost than estimated"),
            [
                (
                    row["population"],
                    str(row["fields"]),
                    *(_cell(row["rules"][rule]) for rule in RULES),
                    f"{row['correlation']:.3f}",
                    f"{row['estimate']['share']:.3f}",
                )
                for row in here
            ],
        )


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "refused"
    return f"{found['share']:.3f} ({found['low']:.3f} to {found['high']:.3f}) / {found['non_asteroids_left']:.3f}"
