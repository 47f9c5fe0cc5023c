"""Small frames with catalogues on disk, for tests of classifying: stars that stay, an asteroid that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import write_table

SCALE = 0.33 / 3600
SIDE = 200
STARS = np.array([[60.0, 60.0], [140.0, 60.0], [100.0, 150.0], [5.0, 100.0]])
"""1-based x, y; the last is at the edge."""

ASTEROID = np.array([100.0, 80.0])
STEP = np.array([9.0, 4.0])
"""The asteroid's place in the first exposure, and how far it moves to the next, in pixels."""


def pixels(places: np.ndarray, seed: int, peak: float = 400.0) -> np.ndarray:
    """Return a frame (200, 200), float32: noise on a sky of 500 ADU, a point source at each 1-based (x, y)."""
    y, x = np.mgrid[1 : SIDE + 1, 1 : SIDE + 1]
    image = np.random.default_rng(seed).normal(500, 3, (SIDE, SIDE))
    for place in places:
        image += peak * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 8)
    return image.astype(np.float32)


def header(exposure: int, field: str = "F0001") -> fits.Header:
    """Return the header of an exposure of a field, as the simulation writes it."""
    cards = {
        "OBJECT": field,
        "CCDNAME": "A1",
        "MJD-OBS": 60000.1 + exposure * 0.01,
        "EXPTIME": 60.0,
        "FILTER": "r",
        "SEEING": 1.2,
        "GAIN": 1.4,
        "SATURATE": 60000.0,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 150.0,
        "CRVAL2": 2.0,
        "CRPIX1": 100.5,
        "CRPIX2": 100.5,
        "CD1_1": -SCALE,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": SCALE,
    }
    return fits.Header(cards)


def catalogue(places: np.ndarray) -> Table:
    """Return a catalogue of detections at 1-based (x, y), shape (n, 2)."""
    n = len(places)
    return Table(
        {
            "NUMBER": np.arange(1, n + 1),
            "X_IMAGE": places[:, 0],
            "Y_IMAGE": places[:, 1],
            "MAG_AUTO": np.linspace(18, 21, n),
            "FLAGS": np.zeros(n, np.int64),
        }
    )


def write_exposure(folder: Path, exposure: int, *, field: str = "F0001", table_format: str = "ASCII_HEAD") -> Path:
    """Write one exposure and its catalogue as NEARBY keeps them; return the frame's path."""
    places = np.vstack([STARS, ASTEROID + STEP * exposure])
    frame = folder / field / "resamp" / f"{field}-{exposure + 1}.fits"
    frame.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(pixels(places, exposure), header(exposure, field)).writeto(frame)
    table = folder / field / "sextractor_cat" / f"{frame.stem}.cat"
    table.parent.mkdir(exist_ok=True)
    write_table(catalogue(places), table, table_format)
    return frame


def write_field(
    folder: Path, exposures: int = 3, *, field: str = "F0001", table_format: str = "ASCII_HEAD"
) -> list[Path]:
    """Write the exposures of a field; the last row of each catalogue is the asteroid."""
    return [write_exposure(folder, number, field=field, table_format=table_format) for number in range(exposures)]


def write_stamp(path: Path, image: np.ndarray) -> Path:
    """Write a FITS stamp."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(image).writeto(path)
    return path
