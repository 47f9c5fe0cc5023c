"""From which probability on a detection stays: what was asked for, or what the classifier promises something of."""

from __future__ import annotations

from pathlib import Path

from ..artifact.classifier import Classifier
from ..console import say
from ..errors import CeresFastError, InputError


def limit(classifier: Classifier, model: Path, drop: bool, keep_above: float | None) -> float | None:
    """Return the probability below which rows are left out; None where every row is kept.

    Parameters
    ----------
    classifier : Classifier
        Whose operating point is meant.
    model : pathlib.Path
        Where it comes from: what an error names.
    drop : bool
        Whether its operating point is the limit; the promise is then said.
    keep_above : float or None
        A limit of which nothing is promised.

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
    say(
        f"rows below {point['threshold']:g} and stationary ones are dropped: with a confidence of "
        f"{point['confidence']:g}, at most {point['max_loss']:g} of the asteroids that are detected in "
        f"{point['needs']} exposures of a night or more are lost"
    )
    return float(point["threshold"])
