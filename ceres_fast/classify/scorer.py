"""Classifying injected frames: what `survey.inject` is handed, because nothing in `survey/` imports an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..artifact.latest import resolve
from ..engines import load
from ..errors import OnError
from .classify import classify


def scorer(model: Path, on_error: OnError = "stop", slowest: float | None = None) -> Callable[[Path, Path], float]:
    """Return a function that classifies the frames in a folder and returns the classifier's threshold.

    Parameters
    ----------
    model : pathlib.Path
        The exported classifier, or its run folder.
    on_error, slowest
        As in `classify`.

    Raises
    ------
    CeresFastError
        When the classifier cannot be used: now, and not after hours of injecting.
    """
    model = resolve(model)  # once: `latest` may name another run by then
    threshold = load(model).classifier.threshold

    def score(frames: Path, tables: Path) -> float:
        classify([frames], model, output=tables, on_error=on_error, slowest=slowest)
        return threshold

    return score


def slowest_of(model: Path) -> float | None:
    """Return the slowest asteroid that a classifier tells from a star, arcsec/min; None where it does not say."""
    return load(model).classifier.rules.get("slowest")
