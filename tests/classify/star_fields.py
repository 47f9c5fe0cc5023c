"""Small exposures of a field with stars enough to compare them by, one of them faint, and an asteroid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import write_table

from ..survey_files import ASTEROID, STEP, catalogue, header, pixels

STARS = np.stack(np.meshgrid(np.arange(22.0, 190, 38), np.arange(22.0, 190, 38)), axis=-1).reshape(-1, 2)
STARS = STARS + np.random.default_rng(3).uniform(-6, 6, STARS.shape)
"""1-based x, y; in every exposure and catalogue."""

FAINT = np.array([128.3, 120.6])
"""A faint star, in every exposure, and only in some catalogues."""

MOVING, HIDDEN = len(STARS), len(STARS) + 1
"""The rows of the asteroid, and of the faint star where it is detected."""

FAINT_PEAK = 60.0


def image(number: int, asteroid: bool = True, faint: bool = True) -> np.ndarray:
    """Return the pixels of an exposure, counted from 0; each has its own noise."""
    places = np.vstack([STARS, ASTEROID + STEP * number]) if asteroid else STARS
    stars = pixels(places, number)
    return stars + (pixels(FAINT[None], 0, FAINT_PEAK) - pixels(FAINT[:0], 0)) * np.float32(faint)


def detections(number: int, faint: bool) -> Table:
    """Return the catalogue of an exposure."""
    return catalogue(np.vstack([STARS, ASTEROID + STEP * number, *([FAINT] if faint else [])]))


def write_field(
    folder: Path,
    exposures: int = 3,
    *,
    faint_in: Sequence[int] = (0,),
    table_format: str = "ASCII_HEAD",
    field: str = "F0001",
    **cards: object,
) -> list[Path]:
    """Write exposures 14 min apart with their catalogues beside them; some of these have the faint star."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for number in range(exposures):
        frame = folder / f"{field}-{number + 1}.fits"
        head = header(number, field)
        head.update({"SEEING": 1.55, **cards})
        fits.PrimaryHDU(image(number), head).writeto(frame)
        write_table(detections(number, number in faint_in), frame.with_suffix(".cat"), table_format)
        frames.append(frame)
    return frames


def write_template(path: Path, number: int = 77, **cards: object) -> Path:
    """Write a frame of the same sky a month before, without the asteroid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = header(0)
    head.update({"SEEING": 1.55, "MJD-OBS": 59970.0, **cards})
    fits.PrimaryHDU(image(number, asteroid=False), head).writeto(path)
    return path
