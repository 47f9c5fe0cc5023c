"""What `classify` adds to a table, the probability of each detection and what happened to it, and which rows stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Column

from ..artifact.classifier import Classifier
from ..artifact.tracklet_model import tracklet_threshold
from ..console import say
from ..engines import Engine
from ..engines.batches import guarantee
from ..errors import CeresFastError, InputError
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
edge is what never goes for its score alone (`stamps.near_edge`)."""

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
) = (2**bit for bit in range(11))

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


@dataclass(frozen=True)
class Limits:
    """Below which probabilities rows are left out.

    Attributes
    ----------
    detection : float
        Of a detection by itself.
    tracklet : float or None
        Of its tracklet, which decides where there is one; None where detections alone decide.
    linked_only : bool
        Whether what is in no tracklet is left out too, whatever its own probability.
    """

    detection: float
    tracklet: float | None = None
    linked_only: bool = False


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
    tracklet's probability, float64, is empty where there are no exposures to link.
    """

    probability: np.ndarray
    flags: np.ndarray
    forced: dict[str, np.ndarray] = field(default_factory=dict)
    linked: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def none(cls, n: int, forced: bool = False, linked: bool = False) -> Scores:
        """Return the scores of n rows that were not scored; `forced`, `linked`: with these columns, nothing in them."""
        fluxes = [np.full(n, np.nan) for _ in range(2)]
        numbers = [np.full(n, NOT_MEASURED, np.int32) for _ in range(2)]
        columns = dict(zip(FORCED, fluxes + numbers, strict=True)) if forced else {}
        in_none = {TRACKLET: np.zeros(n, np.int32), PROBABILITY_OF_TRACKLET: np.full(n, np.nan)} if linked else {}
        return cls(np.full(n, np.nan), np.full(n, NOT_SCORED, np.int32), columns, in_none)

    def put(self, rows: np.ndarray | slice, other: Scores) -> None:
        """Put the scores of some rows in their places."""
        self.probability[rows], self.flags[rows] = other.probability, other.flags
        for mine, theirs in ((self.forced, other.forced), (self.linked, other.linked)):
            for name, values in theirs.items():
                mine[name][rows] = values

    def of(self, rows: np.ndarray) -> Scores:
        """Return the scores of some rows."""
        columns = [{name: values[rows] for name, values in each.items()} for each in (self.forced, self.linked)]
        return Scores(self.probability[rows], self.flags[rows], *columns)

    def columns(self) -> dict[str, Column]:
        """Return the columns by their names."""
        flags = "1 at edge, 2 filled, 4 stationary, 8 not scored, 16 rejected, 32 provisional, 64 too few pixels"
        if self.forced:
            flags += ", 128 elsewhere, 256 no template"
        if self.linked:
            flags += ", 512 blended, 1024 near the edge"
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

    def kept(self, limits: Limits | None) -> np.ndarray | None:
        """Return which rows stay, bool (n,), or None for all.

        What is below the limit, stationary or elsewhere goes; NaN, provisional and near the edge stay.
        """
        if limits is None:
            return None
        may_move = self.flags & (STATIONARY | ELSEWHERE) == 0
        return _has(self, PROVISIONAL) | (may_move & (self._judged(limits) | np.isnan(self.probability)))

    def _judged(self, limits: Limits) -> np.ndarray:
        """Tell which rows their tracklet, or else their own probability, keeps, (n,) bool."""
        near_edge = _has(self, NEAR_EDGE)
        alone = near_edge | (self.probability >= limits.detection)
        if limits.tracklet is None or not self.linked:
            return alone & (not limits.linked_only)
        in_a_good_one = near_edge | ~(self.linked[PROBABILITY_OF_TRACKLET] < limits.tracklet)
        return np.where(_by_tracklet(self, limits), in_a_good_one, alone & (not limits.linked_only))

    def count(self, threshold: float, limits: Limits | None) -> Counter[str]:
        """Count rows by what happened to them."""
        kept = self.kept(limits)
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


def limits_of(
    classifier: Classifier,
    model: Path,
    drop: bool,
    keep_above: float | None,
    *,
    linked_only: bool = False,
    forced_limit: float | None = None,
) -> Limits | None:
    """Return below which probabilities rows are left out; None where every row is kept.

    Parameters
    ----------
    classifier : Classifier
        Whose operating point is meant.
    model : pathlib.Path
        Where it comes from: what an error names.
    drop : bool
        Whether its operating points are the limits; what is guaranteed is then printed.
    keep_above : float or None
        A limit of detections for which no guarantee applies.
    linked_only : bool
        Whether what is in no tracklet is left out too.
    forced_limit : float or None
        That of the rules, by which rows are left out too.

    Raises
    ------
    CeresFastError
        When both are asked for, `keep_above` is no probability, or `linked_only` is asked for without `drop`.
    InputError
        When the operating point is asked for, and there is none.
    """
    if drop and keep_above is not None:
        raise CeresFastError("--drop and --keep-above each say which rows go: give one of them.")
    if keep_above is not None and not 0 <= keep_above <= 1:
        raise CeresFastError(f"--keep-above {keep_above:g}: expected a probability from 0 to 1.")
    if linked_only and not drop:
        raise CeresFastError("--linked-only leaves out what is in no tracklet: give it with --drop.")
    if not drop:
        return None if keep_above is None else Limits(keep_above)
    point = classifier.operating_point
    if point is None:
        raise InputError(
            model,
            "has no operating point, so that nobody knows how many asteroids --drop would lose",
            expected="a classifier that was calibrated",
            action="choose one with `ceres-fast calibrate` and use what is exported then, or leave out --drop: every "
            "row is then kept",
        )
    of_tracklets = tracklet_threshold(classifier.tracklets)
    if linked_only and of_tracklets is None:
        raise InputError(
            model,
            "has no threshold for tracklets, so that nobody knows how many asteroids --linked-only would lose",
            expected="a classifier that was calibrated on records with tracklets",
            action="build records of frames with this version, calibrate on them and export again, or leave out "
            "--linked-only",
        )
    limits = Limits(float(point["threshold"]), of_tracklets, linked_only)
    others = " and stationary ones"
    if forced_limit is not None:
        others = ", stationary ones and those that the other exposures have too"
    say(f"rows below {limits.detection:g}{others} are dropped: {guarantee(point)}")
    if of_tracklets is not None:
        assert classifier.tracklets is not None
        alone = "dropped" if linked_only else "judged by itself"
        say(
            f"of a row in a tracklet the tracklet decides, from {of_tracklets:g}; what is in none is {alone}. Through "
            f"the whole chain, {guarantee(classifier.tracklets['operating_point'])}"
        )
    return limits


def _has(scores: Scores, bits: int) -> np.ndarray:
    """Tell which rows have any of some flags, (n,) bool."""
    has: np.ndarray = scores.flags & bits > 0
    return has


def _by_tracklet(scores: Scores, limits: Limits) -> np.ndarray:
    """Tell of which rows their tracklet decides, (n,) bool."""
    if limits.tracklet is None or not scores.linked:
        return np.zeros(len(scores.flags), bool)
    in_one: np.ndarray = scores.linked[TRACKLET] > 0
    return in_one


def _unscored(scores: Scores) -> np.ndarray:
    return np.isnan(scores.probability)


WHY: dict[str, Callable[[Scores, np.ndarray, Limits], np.ndarray]] = {
    "dropped: stationary": lambda scores, kept, limits: ~kept & _has(scores, STATIONARY),
    "dropped: in the other exposures too": lambda scores, kept, limits: ~kept & _has(scores, ELSEWHERE),
    "dropped: P of its tracklet < {limits.tracklet:g}": lambda scores, kept, limits: (
        ~kept & ~_has(scores, STATIONARY | ELSEWHERE) & _by_tracklet(scores, limits)
    ),
    "dropped: in no tracklet": lambda scores, kept, limits: (
        ~kept
        & ~_has(scores, STATIONARY | ELSEWHERE)
        & ~_by_tracklet(scores, limits)
        & (_has(scores, NEAR_EDGE) | (scores.probability >= limits.detection))
    ),
    "dropped: P < {limits.detection:g}": lambda scores, kept, limits: (
        ~kept
        & ~_has(scores, STATIONARY | ELSEWHERE | NEAR_EDGE)
        & ~_by_tracklet(scores, limits)
        & (scores.probability < limits.detection)
    ),
    "kept: too few pixels": lambda scores, kept, limits: kept & _has(scores, FEW_PIXELS),
    "kept: no template": lambda scores, kept, limits: kept & _has(scores, NO_TEMPLATE),
    "kept: no P": lambda scores, kept, limits: kept & _unscored(scores) & ~_has(scores, FEW_PIXELS | NO_TEMPLATE),
    "kept: in a tracklet": lambda scores, kept, limits: kept & ~_unscored(scores) & _by_tracklet(scores, limits),
    "kept: P ≥ {limits.detection:g}": lambda scores, kept, limits: (
        kept & ~_by_tracklet(scores, limits) & (scores.probability >= limits.detection)
    ),
    "kept: near the edge": lambda scores, kept, limits: (
        kept & ~_by_tracklet(scores, limits) & (scores.probability < limits.detection) & _has(scores, NEAR_EDGE)
    ),
    "kept: provisional": lambda scores, kept, limits: (
        kept & ~_by_tracklet(scores, limits) & (scores.probability < limits.detection) & ~_has(scores, NEAR_EDGE)
    ),
}
"""Reasons why a row goes or stays, each with the rows it holds for, (n,) bool; for each row exactly one does."""


def reasons(scores: Scores, limits: Limits | None) -> Counter[str]:
    """Count rows by why they go or stay (`WHY`); none where every row is kept."""
    kept = scores.kept(limits)
    if kept is None or limits is None:
        return Counter()
    return Counter({why: int(holds(scores, kept, limits).sum()) for why, holds in WHY.items()})
