"""Ways to tell asteroids apart, compared at equal numbers of asteroids kept, with intervals by field."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ceres_fast.records.tolerance import allowed

NEEDS = 3
"""Exposures of a night in which an asteroid must be kept."""

KEPT_AT = (0.95, 0.98, 0.99)
"""Shares of the asteroids that the reference could keep, at which others are compared with it."""

RESAMPLES = 1000
"""Bootstrap samples of the fields."""

NOBODY = "nobody looked"
"""Kind of what no other exposure can tell anything of: figures are given without these rows, too."""

DROPPED, ALWAYS = -np.inf, np.inf
"""Scores of what no threshold keeps, and of what every threshold keeps."""


@dataclass(frozen=True)
class Rows:
    """Rows of the catalogues of some nights, arrays of n: field; the asteroid, "" for others; what the others are.

    What is set aside has neither.
    """

    field: np.ndarray
    asteroid: np.ndarray
    kind: np.ndarray

    @property
    def other(self) -> np.ndarray:
        """Which rows are no asteroids, bool (n,)."""
        return self.kind != ""

    def __add__(self, more: Rows) -> Rows:
        return Rows(*(np.concatenate(pair) for pair in zip(vars(self).values(), vars(more).values(), strict=True)))


@dataclass(frozen=True)
class Way:
    """What a way to tell asteroids apart says of `Rows`.

    Attributes
    ----------
    field, critical : numpy.ndarray
        Field (its number) of each asteroid that is in `NEEDS` rows, and the highest threshold that leaves it there.
    other_field, other_kind, other_score : numpy.ndarray
        Of each row that is no asteroid.
    """

    field: np.ndarray
    critical: np.ndarray
    other_field: np.ndarray
    other_kind: np.ndarray
    other_score: np.ndarray

    @classmethod
    def of(cls, rows: Rows, score: np.ndarray) -> Way:
        """Take the scores of rows, (n,); none is NaN."""
        here = np.flatnonzero(rows.asteroid != "")
        names, of = np.unique(rows.asteroid[here], return_inverse=True)
        order = np.lexsort((-score[here], of))
        exposures = np.bincount(of, minlength=len(names))
        at = (np.cumsum(exposures) - exposures)[exposures >= NEEDS] + NEEDS - 1
        chosen = here[order[at]]
        field = np.unique(rows.field, return_inverse=True)[1]
        return cls(field[chosen], score[chosen], field[rows.other], rows.kind[rows.other], score[rows.other])

    @property
    def could_keep(self) -> int:
        """How many asteroids the lowest threshold keeps."""
        return int((self.critical > DROPPED).sum())

    def threshold(self, wanted: float, weight: np.ndarray | None = None) -> float:
        """Return the highest threshold that keeps so many asteroids, each counted so often; NaN where none does."""
        order = np.argsort(-self.critical, kind="stable")
        kept = np.cumsum(np.ones(len(order)) if weight is None else weight[order])
        at = int(np.searchsorted(kept, wanted - 1e-9))
        return float(self.critical[order[at]]) if at < len(order) and self.critical[order[at]] > DROPPED else np.nan

    def at_share(self, share: float, reference: Way, weight: np.ndarray | None = None) -> float:
        """Return `threshold` for a share of the asteroids that a reference could keep, where fields count so often."""
        if weight is None:
            return self.threshold(np.ceil(share * reference.could_keep - 1e-9))
        could_keep = weight[reference.field[reference.critical > DROPPED]].sum()
        return self.threshold(np.ceil(share * could_keep - 1e-9), weight[self.field])

    def calibrated(self, max_loss: float, confidence: float) -> float:
        """Return the threshold that `ceres-fast calibrate` would choose by these asteroids."""
        lost = allowed(len(self.critical), max_loss, confidence)
        if lost is None:
            raise SystemExit(f"{len(self.critical)} asteroids are too few to calibrate with.")
        return float(np.sort(self.critical)[lost])

    def kept(self, threshold: float) -> int:
        """How many asteroids a threshold keeps."""
        return int(((self.critical >= threshold) & (self.critical > DROPPED)).sum())

    def left(self, threshold: float) -> np.ndarray:
        """Which of the others a threshold leaves, bool."""
        return (self.other_score >= threshold) & (self.other_score > DROPPED)


def compared(rows: Rows, ways: dict[str, Way], own: dict[str, float], seed: int) -> dict[str, Any]:
    """Compare ways with the first of them.

    Parameters
    ----------
    rows : Rows
        What was classified.
    ways : dict
        By name; the first is the reference.
    own : dict
        The threshold of each that was chosen elsewhere.
    seed : int
        Of the bootstrap samples.

    Returns
    -------
    dict
        Numbers of rows, asteroids and others; and for each way by ``"95 %"`` … and ``"own threshold"``: the threshold,
        asteroids kept, non-asteroids left, those of 1,000 rows, by kind, and how many times as many the reference
        leaves at the same point (``factor``), with its 95 % interval over fields; the same of what others looked at
        (not `NOBODY`). None where a way cannot keep so many.
    """
    reference, fields = next(iter(ways.values())), len(np.unique(rows.field))
    # The first sample is the night itself.
    weights = np.vstack(
        [
            np.ones(fields),
            np.random.default_rng(seed).multinomial(fields, np.full(fields, 1 / fields), RESAMPLES),
        ]
    )
    found: dict[str, Any] = {
        "rows": len(rows.field),
        "fields": fields,
        "asteroids": len(reference.critical),
        "reference_could_keep": reference.could_keep,
        "others": dict(Counter(rows.kind[rows.other].tolist())),
        "ways": {},
    }
    for name, way in ways.items():
        cells: dict[str, Any] = {"could_keep": way.could_keep}
        for share in KEPT_AT:
            chosen = [[each.at_share(share, reference, weight) for each in (reference, way)] for weight in weights]
            cells[f"{100 * share:g} %"] = _cell(rows, reference, way, np.array(chosen), weights)
        pair = [own[next(iter(ways))], own[name]]
        cells["own threshold"] = _cell(rows, reference, way, np.tile(pair, (len(weights), 1)), weights)
        found["ways"][name] = cells
    return found


def _cell(rows: Rows, reference: Way, way: Way, thresholds: np.ndarray, weights: np.ndarray) -> dict[str, Any] | None:
    """Return the figures of a way; the thresholds of the reference and of it are one pair per weighting of fields."""
    own = float(thresholds[0, 1])
    if np.isnan(thresholds[0]).any():
        return None
    left = way.left(own)
    return {
        "threshold": own if np.isfinite(own) else str(own),
        "kept": way.kept(own),
        "left": int(left.sum()),
        "left_per_1000": 1000 * int(left.sum()) / len(rows.field),
        "by_kind": dict(Counter(way.other_kind[left].tolist())),
        **_factor(reference, way, thresholds, weights, np.ones(len(way.other_kind), bool)),
        "where_looked": _factor(reference, way, thresholds, weights, way.other_kind != NOBODY),
    }


def _factor(reference: Way, way: Way, thresholds: np.ndarray, weights: np.ndarray, of: np.ndarray) -> dict[str, float]:
    """Return how many times as many of some of the others the reference leaves, and the interval over weightings."""
    ratios = []
    for pair, weight in zip(thresholds, weights, strict=True):
        left = [
            float(weight[each.other_field[each.left(threshold) & of]].sum())
            for each, threshold in zip((reference, way), pair, strict=True)
        ]
        ratios.append(np.nan if np.isnan(pair).any() else left[0] / max(left[1], 1.0))
    low, high = np.nanquantile(ratios[1:], (0.025, 0.975))
    return {"factor": float(ratios[0]), "low": float(low), "high": float(high)}
