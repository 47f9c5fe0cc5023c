"""What `classify` adds to a table, the probability of each detection and what happened to it, and which rows stay."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from astropy.table import Column

from ..engines import Engine
from ..frames.cut import too_few_pixels
from ..stamps import near_edge

PROBABILITY = "PROB_ASTEROID"
"""Probability that the detection is an asteroid; NaN where it was not scored, 0 where it is stationary or elsewhere."""

FLAGS = "CERES_FLAGS"
"""Sum of the bits below.

What is rejected, has too few pixels (`frames.cut.MostMissing`), or has no template where the classifier takes one, is
not scored either. A score is provisional where the detection may be stationary: no exposure far enough away in time
covers its place. Elsewhere is what the other exposures have too, by `Rules.forced_limit`. Blended is what the rule for
stationary detections had found, and a tracklet passes (`selection.tracklets`): it is scored as what moves is. Near the
edge is what never goes for its score alone (`stamps.near_edge`). Drifted is what was scored in a field that is not like
those that the classifier was calibrated on (`drift`)."""

(
    PADDED,
    FILLED,
    STATIONARY,
    NOT_SCORED,
    REJECTED,
    PROVISIONAL,
    FEW_PIXELS,
    ELSEWHERE,
    NO_TEMPLATE,
    BLENDED,
    NEAR_EDGE,
    DRIFTED,
) = (2**bit for bit in range(12))

TRACKLET = "TRACKLET"
"""Number of the tracklet that a detection is in, from 1 in its field and night; 0 where it is in none."""

PROBABILITY_OF_TRACKLET = "PROB_TRACKLET"
"""Probability that the tracklet is an asteroid; NaN where there is none, or the classifier has no model of any."""

NOT_MEASURED = -1
"""How many other exposures have looked, or seen something, where that was not measured."""

FORCED = {
    "FORCED_MIN": "Least flux here in another exposure, over the own (NaN: none could tell)",
    "FORCED_MAX": "Largest flux here in another exposure, over the own (NaN: none could tell)",
    "FORCED_SEEN": "Other exposures with a source here, 3 sigma (-1: not measured)",
    "FORCED_LOOKED": "Other exposures that have looked here (-1: not measured)",
}
"""The columns of forced fluxes, and what they are: of `others.forced.Forced.columns`, in this order."""


_OF_TRACKLETS = {
    TRACKLET: "Number of its tracklet in the field and night (0: none)",
    PROBABILITY_OF_TRACKLET: "Probability that its tracklet is an asteroid (NaN: none)",
}

CHUNK = 2048
"""Stamps cut and scored at a time; with the engine's batch this bounds the memory (8 MiB of pixels for each plane)."""


@dataclass
class Scores:
    """The columns that are added, one value per row, shape (n,).

    `probability` is float64 and `flags` int32. `forced`, by the names of `FORCED`, float64, and int32 for numbers of
    exposures, is empty where forced fluxes are not asked for; `linked`, the number of a row's tracklet, int32, and that
    tracklet's probability, float64, is empty where there are no exposures to link. `noise` is no column: that of the
    sky of each stamp, ADU, float64, NaN where none was cut; empty where it is not asked for.
    """

    probability: np.ndarray
    flags: np.ndarray
    forced: dict[str, np.ndarray] = field(default_factory=dict)
    linked: dict[str, np.ndarray] = field(default_factory=dict)
    noise: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def none(cls, n: int, forced: bool = False, linked: bool = False) -> Scores:
        """Return the scores of n rows that were not scored; `forced`, `linked`: with these columns, nothing in them."""
        fluxes = [np.full(n, np.nan) for _ in range(2)]
        numbers = [np.full(n, NOT_MEASURED, np.int32) for _ in range(2)]
        columns = dict(zip(FORCED, fluxes + numbers, strict=True)) if forced else {}
        in_none = {TRACKLET: np.zeros(n, np.int32), PROBABILITY_OF_TRACKLET: np.full(n, np.nan)} if linked else {}
        return cls(np.full(n, np.nan), np.full(n, NOT_SCORED, np.int32), columns, in_none, np.full(n, np.nan))

    def put(self, rows: np.ndarray | slice, other: Scores) -> None:
        """Put the scores of some rows in their places."""
        self.probability[rows], self.flags[rows] = other.probability, other.flags
        for mine, theirs in ((self.forced, other.forced), (self.linked, other.linked)):
            for name, values in theirs.items():
                mine[name][rows] = values

    def of(self, rows: np.ndarray) -> Scores:
        """Return the scores of some rows."""
        forced, linked = ({name: values[rows] for name, values in each.items()} for each in (self.forced, self.linked))
        return Scores(self.probability[rows], self.flags[rows], forced, linked)

    def columns(self) -> dict[str, Column]:
        """Return the columns by their names."""
        flags = "1 at edge, 2 filled, 4 stationary, 8 not scored, 16 rejected, 32 provisional, 64 too few pixels"
        if self.forced:
            flags += ", 128 elsewhere, 256 no template"
        if self.linked:
            flags += ", 512 blended, 1024 near the edge, 2048 not as calibrated"
        return {
            PROBABILITY: Column(self.probability, description="Probability of being an asteroid (NaN: not scored)"),
            FLAGS: Column(self.flags, description=flags),
            **{name: Column(values, description=_OF_TRACKLETS[name]) for name, values in self.linked.items()},
            **{name: Column(values, description=FORCED[name]) for name, values in self.forced.items()},
        }

    @property
    def scored(self) -> int:
        """How many rows have a probability."""
        return int(np.isfinite(self.probability).sum())

    def count(self, threshold: float, kept: np.ndarray | None) -> Counter[str]:
        """Count rows by what happened to them; `kept`, (n,) bool, are those that stay, None: all."""
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
            linked=int((self.linked[TRACKLET] > 0).sum()) if self.linked else 0,
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
    flags += NEAR_EDGE * near_edge(padded)
    flags += FEW_PIXELS * (too_few_pixels(science, padded) & (padded + filled > 0))
    flags += NO_TEMPLATE * (np.isnan(others).any(axis=(1, 2, 3)) & ~np.isnan(science[:, 0, 0]) & ~same)
    return Scores(probability, flags.astype(np.int32))
