"""Records of few stamps that anything can tell apart: a source in the middle, or only noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

FIELDS, PER_FIELD, ASTEROIDS = 12, 8, 3


def stamp(asteroid: bool, random: np.random.Generator) -> np.ndarray:
    """Return a stamp (32, 32), float32 ADU: noise of 10 around 1000, and a source of 2000 for an asteroid."""
    y, x = np.mgrid[-16:16, -16:16]
    source = 2000 * np.exp(-(x**2 + y**2) / 8) if asteroid else 0
    return (random.normal(1000, 10, (32, 32)) + source).astype(np.float32)


def write_stamps(folder: Path, fields_with_asteroids: int = FIELDS) -> Path:
    """Write a folder of FITS stamps per class: 8 stamps of each of 12 fields, the first 3 of one asteroid."""
    random = np.random.default_rng(5)
    for number in range(FIELDS * PER_FIELD):
        field, place = divmod(number, PER_FIELD)
        asteroid = place < ASTEROIDS and field < fields_with_asteroids
        header = fits.Header()
        header["FIELD"], header["RCID"], header["PIXSCALE"] = f"F{field:02d}", 1, 0.5
        header["RA"], header["DEC"], header["MJD-OBS"] = 10.0 + field, 5.0 + place / 10, 60000.25 + place / 1000
        if asteroid:
            header["SSNAME"] = f"2020 A{field}"
        path = folder / ("asteroid" if asteroid else "non_asteroid") / f"s{number:03d}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.writeto(path, stamp(asteroid, random), header)
    return folder
