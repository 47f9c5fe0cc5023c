"""What `classify` adds to a table, the probability of each detection and what happened to it, and which rows stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Column

from ..artifact.classifier import Classifier
from ..console import say
from ..engines import Engine
from ..engines.batches import guarantee
from ..errors import CeresFastError, InputError
from ..frames.cut import too_few_pixels

PROBABILITY = "PROB_ASTEROID"
"""Probability that the detection is an asteroid; NaN where it was not scored, 0 where it is stationary or elsewhere."""

FLAGS = "CERES_FLAGS"
"""Sum of `PADDED`, `FILLED`, `STATIONARY`, `NOT_SCORED`, `REJECTED`, `PROVISIONAL`, `FEW_PIXELS`, `ELSEWHERE` and
`NO_TEMPLATE`.

What is rejected, has too few pixels (`frames.cut.MostMissing`), or has no template where the classifier takes one, is
not scored either. A score is provisional where the detection may be stationary: no exposure far enough away in time
covers its place. Elsewhere is what the other exposures have too, by `Rules.forced_limit`."""

PADDED, FILLED, STATIONARY, NOT_SCORED, REJECTED, PROVISIONAL, FEW_PIXELS, ELSEWHERE, NO_TEMPLATE = (
    2**bit for bit in range(9)
)

NOT_MEASURED = -1
"""How many other exposures have looked, or seen something, where that was not measured."""

FORCED = {
    "FORCED_MIN": "Least flux here in another exposure, over the own (NaN: none could tell)",
    "FORCED_MAX": "Largest flux here in another exposure, over the own (NaN: none could tell)",
    "FORCED_SEEN": "Other exposures with a source here, 3 sigma (-1: not measured)",
    "FORCED_LOOKED": "Other exposures that have looked here (-1: not measured)",
}
"""The columns of forced fluxes, and what they are: of `others.forced.Forced.columns`, in this order."""

CHUNK = 2048
"""Stamps cut and scored at a time; with the engine's batch this bounds the memory (8 MiB of pixels for each plane)."""


@dataclass
class Scores:
    """The columns that are added, one value per row, shape (n,).

    `probability` is float64 and `flags` int32; `forced`, by the names of `FORCED`, float64, and int32 for numbers of
    exposures, is empty where forced fluxes are not asked for.
    """

    probability: np.ndarray
    flags: np.ndarray
    forced: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def none(cls, n: int, forced: bool = False) -> Scores:
        """Return the scores of n rows that were not scored; with `forced`, of which no forced flux was measured."""
        fluxes = [np.full(n, np.nan) for _ in range(2)]
        numbers = [np.full(n, NOT_MEASURED, np.int32) for _ in range(2)]
        columns = dict(zip(FORCED, fluxes + numbers, strict=True)) if forced else {}
        return cls(np.full(n, np.nan), np.full(n, NOT_SCORED, np.int32), columns)

    def put(self, rows: np.ndarray | slice, other: Scores) -> None:
        """Put the scores of some rows in their places."""
        self.probability[rows], self.flags[rows] = other.probability, other.flags
        for name, values in other.forced.items():
            self.forced[name][rows] = values

    def columns(self) -> dict[str, Column]:
        """Return the columns by their names."""
        flags = "1 at edge, 2 filled, 4 stationary, 8 not scored, 16 rejected, 32 provisional, 64 too few pixels"
        if self.forced:
            flags += ", 128 elsewhere, 256 no template"
        return {
            PROBABILITY: Column(self.probability, description="Probability of being an asteroid (NaN: not scored)"),
            FLAGS: Column(self.flags, description=flags),
            **{name: Column(values, description=FORCED[name]) for name, values in self.forced.items()},
        }

    @property
    def scored(self) -> int:
        """How many rows have a probability."""
        return int(np.isfinite(self.probability).sum())

    def kept(self, keep_above: float | None) -> np.ndarray | None:
        """Return which rows stay, bool (n,), or None for all.

        What is below the limit, stationary or elsewhere goes; NaN and provisional stay.
        """
        if keep_above is None:
            return None
        provisional = self.flags & PROVISIONAL > 0
        return provisional | (~(self.probability < keep_above) & (self.flags & (STATIONARY | ELSEWHERE) == 0))

    def count(self, threshold: float, keep_above: float | None) -> Counter[str]:
        """Count rows by what happened to them."""
        kept = self.kept(keep_above)
        return Counter(
            rows=len(self.flags),
            stationary=int((self.flags & STATIONARY > 0).sum()),
            padded=int((self.flags & PADDED > 0).sum()),
            filled=int((self.flags & FILLED > 0).sum()),
            rejected=int((self.flags & REJECTED > 0).sum()),
            not_scored=int((self.flags & NOT_SCORED > 0).sum()),
            few_pixels=int((self.flags & FEW_PIXELS > 0).sum()),
            elsewhere=int((self.flags & ELSEWHERE > 0).sum()),
            no_template=int((self.flags & NO_TEMPLATE > 0).sum()),
            provisional=int((self.flags & PROVISIONAL > 0).sum()),
            asteroids=int((self.probability >= threshold).sum()),
            written=len(self.flags) if kept is None else int(kept.sum()),
        )


def score(engine: Engine, stamps: np.ndarray, padded: np.ndarray, filled: np.ndarray) -> Scores:
    """Score stamps.

    Parameters
    ----------
    engine : Engine
        The classifier.
    stamps : numpy.ndarray
        float32, shape (n, 32, 32), axes (y, x), in ADU; all-NaN where there is no picture, or too little of it. Of
        several planes (n, 32, 32, planes), the first of which is the exposure's own.
    padded, filled : numpy.ndarray
        int, shape (n,): pixels outside the frame, and missing pixels inside it.

    Returns
    -------
    Scores
        NaN and `NOT_SCORED` where the engine gives NaN: a stamp has a missing pixel still, or all its pixels are the
        same. So has what has the same value all over the exposure's own plane, whatever the others show.
    """
    science, others = (stamps, stamps[..., None][..., 1:]) if stamps.ndim == 3 else (stamps[..., 0], stamps[..., 1:])
    same = science.min(axis=(1, 2)) == science.max(axis=(1, 2))
    probability = np.where(same, np.nan, engine.predict(stamps))
    at_edge = (padded > 0) & (padded < np.prod(science.shape[1:]))
    flags = PADDED * at_edge + FILLED * (filled > 0) + NOT_SCORED * np.isnan(probability)
    flags += FEW_PIXELS * (too_few_pixels(science, padded) & (padded + filled > 0))
    flags += NO_TEMPLATE * (np.isnan(others).any(axis=(1, 2, 3)) & ~np.isnan(science[:, 0, 0]) & ~same)
    return Scores(probability, flags.astype(np.int32))


def lowest_kept(
    classifier: Classifier, model: Path, drop: bool, keep_above: float | None, forced_limit: float | None = None
) -> float | None:
    """Return the probability below which rows are left out; None where every row is kept.

    Parameters
    ----------
    classifier : Classifier
        Whose operating point is meant.
    model : pathlib.Path
        Where it comes from: what an error names.
    drop : bool
        Whether its operating point is the limit; the guarantee is then printed.
    keep_above : float or None
        A limit for which no guarantee applies.
    forced_limit : float or None
        That of the rules, by which rows are left out too.

    Raises
    ------
    CeresFastError
        When both are asked for, or `keep_above` is no probability.
    InputError
        When the operating point is asked for, and there is none.
    """
    if drop and keep_above is not None:
        raise CeresFastError("--drop and --keep-above each say which rows go: give one of them.")
    if keep_above is not None and not 0 <= keep_above <= 1:
        raise CeresFastError(f"--keep-above {keep_above:g}: expected a probability from 0 to 1.")
    if not drop:
        return keep_above
    point = classifier.operating_point
    if point is None:
        raise InputError(
            model,
            "has no operating point, so that nobody knows how many asteroids --drop would lose",
            expected="a classifier that was calibrated",
            action="choose one with `ceres-fast calibrate` and use what is exported then, or leave out --drop: every "
            "row is then kept",
        )
    others = " and stationary ones"
    if forced_limit is not None:
        others = ", stationary ones and those that the other exposures have too"
    say(f"rows below {point['threshold']:g}{others} are dropped: {guarantee(point)}")
    return float(point["threshold"])


def _has(scores: Scores, bits: int) -> np.ndarray:
    """Tell which rows have any of some flags, (n,) bool."""
    has: np.ndarray = scores.flags & bits > 0
    return has


WHY: dict[str, Callable[[Scores, np.ndarray, float], np.ndarray]] = {
    "dropped: stationary": lambda scores, kept, limit: ~kept & _has(scores, STATIONARY),
    "dropped: in the other exposures too": lambda scores, kept, limit: ~kept & _has(scores, ELSEWHERE),
    "dropped: P < {limit:g}": lambda scores, kept, limit: ~kept & ~_has(scores, STATIONARY | ELSEWHERE),
    "kept: too few pixels": lambda scores, kept, limit: kept & _has(scores, FEW_PIXELS),
    "kept: no template": lambda scores, kept, limit: kept & _has(scores, NO_TEMPLATE),
    "kept: no P": lambda scores, kept, limit: (
        kept & np.isnan(scores.probability) & ~_has(scores, FEW_PIXELS | NO_TEMPLATE)
    ),
    "kept: provisional": lambda scores, kept, limit: kept & (scores.probability < limit),
    "kept: P ≥ {limit:g}": lambda scores, kept, limit: kept & (scores.probability >= limit),
}
"""Reasons why a row goes or stays, each with the rows it holds for, (n,) bool; for each row exactly one does."""


def reasons(scores: Scores, keep_above: float | None) -> Counter[str]:
    """Count rows by why they go or stay (`WHY`); none where every row is kept."""
    kept = scores.kept(keep_above)
    if kept is None or keep_above is None:
        return Counter()
    return Counter({why: int(holds(scores, kept, keep_above).sum()) for why, holds in WHY.items()})
