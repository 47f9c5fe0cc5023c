"""What a classifier says of injected frames. It is handed in: nothing in `survey/` imports an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...catalogues import find_catalogue

PROBABILITY = "PROB_ASTEROID"
"""Column of `classify`: NaN where a detection could not be scored, 0 where it is stationary."""

Scorer = Callable[[Path, Path], float]
"""Classifies the frames in a folder, writes their catalogues with `PROBABILITY` to the same places in another folder,
and returns from what probability on a detection is called an asteroid."""


@dataclass(frozen=True)
class Scores:
    """From what probability on a detection is called an asteroid, and where the tables of which frames are."""

    threshold: float
    frames: Path
    tables: Path


def catalogue_of(frame: Path, scores: Scores) -> Path | None:
    """Return the table of a frame; None where it has none."""
    catalogue = find_catalogue(frame)
    return None if catalogue is None else scores.tables / catalogue.relative_to(scores.frames)
