"""A night of four fields with explicit catalogues: stars, what is seen once, and asteroids that meet stars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from ceres_fast.catalogues import write_table
from ceres_fast.frames.reading import read_header
from ceres_fast.frames.sky import to_sky

from .survey_files import STEP, catalogue, header, pixels

FIELDS, EXPOSURES = 4, 4
FIRST = {"free": (100.0, 80.0), "blended": (91.0, 146.0), "hidden": (30.0, 170.0), "unseen": (150.0, 100.0)}
"""Where asteroids are in the first exposure; all move by `STEP` to the next."""

STARS = np.array([[60, 60], [140, 60], [100, 150], [30, 170], [39, 174], [20, 20], [170, 30], [180, 180]], float)
"""The third is where ``blended`` is in the second exposure, the fourth and fifth where ``hidden`` is in the first two.
"""

STRAY = 6
"""Detections of each exposure that no other shows."""


def detections(exposure: int, random: np.random.Generator) -> np.ndarray:
    """Return the 1-based places of the detections of an exposure, (n, 2); the asteroids come after the stars."""
    moving = np.array([place for name, place in FIRST.items() if name != "unseen"]) + exposure * STEP
    free = np.hypot(*(moving[:, None] - STARS).transpose(2, 0, 1)).min(axis=1) > 1
    return np.vstack([STARS, moving[free], random.uniform(10, 190, (STRAY, 2))])


def write_moving_night(folder: Path) -> Path:
    """Write frames, catalogues and ``asteroids.csv``, in which each field has asteroids of its own."""
    lines = ["designation,mjd,ra,dec,magnitude,validated"]
    for field in range(FIELDS):
        random = np.random.default_rng(field)
        for number in range(EXPOSURES):
            head = header(number, f"F{field}")
            head["CRVAL1"] = 150.0 + field
            places = detections(number, random)
            path = folder / f"F{field}" / f"F{field}-{number + 1}.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            fits.PrimaryHDU(pixels(places, number + 10 * field), head).writeto(path)
            write_table(catalogue(places), path.with_suffix(".cat"), "ASCII_HEAD")
            wcs = read_header(path).wcs
            for name, first in FIRST.items():
                ra, dec = to_sky(wcs, *(np.array(first) + number * STEP))
                mjd = head["MJD-OBS"] + head["EXPTIME"] / 2 / 86400
                lines.append(f"{name} {field},{mjd:.8f},{ra:.7f},{dec:.7f},20.5,1")
    (folder / "asteroids.csv").write_text("\n".join(lines) + "\n")
    return folder
