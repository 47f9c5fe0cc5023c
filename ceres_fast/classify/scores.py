"""What `classify` adds to a table, the probability of each detection and what happened to it, and which rows stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
"""Probability that the detection is an asteroid; NaN where it was not scored, 0 where it is stationary."""

FLAGS = "CERES_FLAGS"
"""Sum of `PADDED`, `FILLED`, `STATIONARY`, `NOT_SCORED`, `REJECTED`, `PROVISIONAL` and `FEW_PIXELS`.

What is rejected, or has too few pixels (`frames.cut.MostMissing`), is not scored either. A score is provisional where
the detection may be stationary: no exposure far enough away in time covers its place."""

PADDED, FILLED, STATIONARY, NOT_SCORED, REJECTED, PROVISIONAL, FEW_PIXELS = 1, 2, 4, 8, 16, 32, 64

CHUNK = 2048
"""Stamps cut and scored at a time; with the engine's batch this bounds the memory (8 MiB of pixels)."""


@dataclass
class Scores:
    """The columns that are added, one value per row: `probability` float64 and `flags` int32, shape (n,)."""

    probability: np.ndarray
    flags: np.ndarray

    @classmethod
    def none(cls, n: int) -> Scores:
        """Return the scores of n rows that were not scored."""
        return cls(np.full(n, np.nan), np.full(n, NOT_SCORED, np.int32))

    def put(self, rows: np.ndarray | slice, other: Scores) -> None:
        """Put the scores of some rows in their places."""
        self.probability[rows], self.flags[rows] = other.probability, other.flags

    def columns(self) -> dict[str, Column]:
        """Return the columns by their names."""
        return {
            PROBABILITY: Column(self.probability, description="Probability of being an asteroid (NaN: not scored)"),
            FLAGS: Column(
                self.flags,
                description="1 at edge, 2 filled, 4 stationary, 8 not scored, 16 rejected, 32 provisional, "
                "64 too few pixels",
            ),
        }

    @property
    def scored(self) -> int:
        """How many rows have a probability."""
        return int(np.isfinite(self.probability).sum())

    def kept(self, keep_above: float | None) -> np.ndarray | None:
        """Return which rows stay, bool (n,), or None for all.

        What is below the limit or stationary goes; NaN and provisional stay.
        """
        if keep_above is None:
            return None
        provisional = self.flags & PROVISIONAL > 0
        return provisional | (~(self.probability < keep_above) & (self.flags & STATIONARY == 0))

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
        float32, shape (n, 32, 32), axes (y, x), in ADU; all-NaN where there is no picture, or too little of it.
    padded, filled : numpy.ndarray
        int, shape (n,): pixels outside the frame, and missing pixels inside it.

    Returns
    -------
    Scores
        NaN and `NOT_SCORED` where the engine gives NaN: a stamp has a missing pixel still, or all its pixels are the
        same.
    """
    probability = engine.predict(stamps)
    at_edge = (padded > 0) & (padded < np.prod(stamps.shape[1:]))
    flags = PADDED * at_edge + FILLED * (filled > 0) + NOT_SCORED * np.isnan(probability)
    flags += FEW_PIXELS * (too_few_pixels(stamps, padded) & (padded + filled > 0))
    return Scores(probability, flags.astype(np.int32))


def lowest_kept(classifier: Classifier, model: Path, drop: bool, keep_above: float | None) -> float | None:
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
    say(f"rows below {point['threshold']:g} and stationary ones are dropped: {guarantee(point)}")
    return float(point["threshold"])


def _stationary(scores: Scores) -> np.ndarray:
    return scores.flags & STATIONARY > 0


def _few(scores: Scores) -> np.ndarray:
    return scores.flags & FEW_PIXELS > 0


WHY: dict[str, Callable[[Scores, np.ndarray, float], np.ndarray]] = {
    "dropped: stationary": lambda scores, kept, limit: ~kept & _stationary(scores),
    "dropped: P < {limit:g}": lambda scores, kept, limit: ~kept & ~_stationary(scores),
    "kept: too few pixels": lambda scores, kept, limit: kept & _few(scores),
    "kept: no P": lambda scores, kept, limit: kept & np.isnan(scores.probability) & ~_few(scores),
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
