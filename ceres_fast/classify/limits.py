"""Which rows of a table stay, and why: what `classify --drop` and `--keep-above` leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..artifact.classifier import Classifier
from ..artifact.tracklet_model import tracklet_threshold
from ..console import say
from ..engines.batches import guarantee
from ..errors import CeresFastError, InputError
from .scores import (
    DRIFTED,
    ELSEWHERE,
    FEW_PIXELS,
    NEAR_EDGE,
    NO_TEMPLATE,
    PROBABILITY_OF_TRACKLET,
    PROVISIONAL,
    STATIONARY,
    TRACKLET,
    Scores,
)


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
    promised : bool
        Whether they are for what is like the calibration: what is not (`scores.DRIFTED`) then stays, whatever its
        probability.
    """

    detection: float
    tracklet: float | None = None
    linked_only: bool = False
    promised: bool = True


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
        return None if keep_above is None else Limits(keep_above, promised=False)
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
    if classifier.conditions is None:
        say("whether tonight is like what it was calibrated on is not watched: it does not say what that was")
    return limits


def kept_rows(scores: Scores, limits: Limits | None) -> np.ndarray | None:
    """Return which rows stay, bool (n,), or None for all.

    What is below the limit, stationary or elsewhere goes; NaN, provisional and near the edge stay, and what may move in
    a field that is not like those that a promise is for.
    """
    if limits is None:
        return None
    may_move = ~_has(scores, STATIONARY | ELSEWHERE)
    stays = _judged(scores, limits) | _unscored(scores) | _unpromised(scores, limits)
    return _has(scores, PROVISIONAL) | (may_move & stays)


def _judged(scores: Scores, limits: Limits) -> np.ndarray:
    """Tell which rows their tracklet, or else their own probability, keeps, (n,) bool."""
    near_edge = _has(scores, NEAR_EDGE)
    alone = (near_edge | (scores.probability >= limits.detection)) & (not limits.linked_only)
    if limits.tracklet is None or not scores.linked:
        return alone
    in_a_good_one = near_edge | ~(scores.linked[PROBABILITY_OF_TRACKLET] < limits.tracklet)
    return np.where(_by_tracklet(scores, limits), in_a_good_one, alone)


def _unpromised(scores: Scores, limits: Limits) -> np.ndarray:
    """Tell of which rows nothing is promised, because their field is not like those of calibration, (n,) bool."""
    return _has(scores, DRIFTED) & limits.promised


def _spared(scores: Scores, limits: Limits) -> np.ndarray:
    """Tell which of the rows that stay do so for that alone, (n,) bool."""
    return _unpromised(scores, limits) & ~_judged(scores, limits) & ~_has(scores, PROVISIONAL) & ~_unscored(scores)


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
    "kept: in a tracklet": lambda scores, kept, limits: (
        kept & ~_unscored(scores) & _by_tracklet(scores, limits) & ~_spared(scores, limits)
    ),
    "kept: not as calibrated": lambda scores, kept, limits: kept & _spared(scores, limits),
    "kept: P ≥ {limits.detection:g}": lambda scores, kept, limits: (
        kept & ~_by_tracklet(scores, limits) & (scores.probability >= limits.detection) & ~_spared(scores, limits)
    ),
    "kept: provisional": lambda scores, kept, limits: (
        kept & ~_by_tracklet(scores, limits) & (scores.probability < limits.detection) & _has(scores, PROVISIONAL)
    ),
    "kept: near the edge": lambda scores, kept, limits: (
        kept
        & ~_by_tracklet(scores, limits)
        & (scores.probability < limits.detection)
        & ~_has(scores, PROVISIONAL)
        & ~_spared(scores, limits)
    ),
}
"""Reasons why a row goes or stays, each with the rows it holds for, (n,) bool; for each row exactly one does."""


def reasons(scores: Scores, limits: Limits | None) -> Counter[str]:
    """Count rows by why they go or stay (`WHY`); none where every row is kept."""
    kept = kept_rows(scores, limits)
    if kept is None or limits is None:
        return Counter()
    return Counter({why: int(holds(scores, kept, limits).sum()) for why, holds in WHY.items()})
