"""Simulated fields that are catalogues of positions, not frames: stars around the limit of detection, and noise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.special import erf

from ceres_fast.catalogues.detections import Detections
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.sky import to_sky

SHAPE, SCALE, SEEING = (4100, 2048), 0.33, 1.2
"""A CCD of the INT's camera: (ny, nx), arcsec per pixel, FWHM in arcsec."""

DITHER = 15.0
"""Pixels by which pointings differ, at most, on each axis."""

NOISE = 0.3
"""Share of the detections that are noise, seen once."""

DEEPEST, FAINT = 1.5, 0.3
"""Stars reach so many magnitudes below the limit, where half are found; completeness falls over so many."""

LIMIT_SNR = 5.0
"""Signal-to-noise ratio at the limit: what the errors of positions follow from."""


def simulated(
    minutes: tuple[float, ...], density: int, dithered: bool, seed: int
) -> tuple[list[Detections], list[Any]]:
    """Return the exposures of a field, and for each the star that a detection is, -1 for noise."""
    random = np.random.default_rng([seed, density, len(minutes), dithered])
    ny, nx = SHAPE
    below = np.log(random.uniform(size=20 * density)) / math.log(10) / 0.3  # 10^(0.3 m), m below the deepest
    magnitude = below + DEEPEST
    found = 0.5 * (1 - erf(magnitude / FAINT / math.sqrt(2)))
    number = int((1 - NOISE) * density / found.mean())
    magnitude, found = magnitude[:number], found[:number]
    margin = 2 * DITHER
    stars = random.uniform((1 - margin, 1 - margin), (nx + margin, ny + margin), (number, 2))
    sigma = SEEING / SCALE / 2.355 / (LIMIT_SNR * 10 ** (-0.4 * magnitude)) + 0.02
    exposures, which = [], []
    for minute in minutes:
        shift = random.uniform(-DITHER, DITHER, 2) if dithered else np.zeros(2)
        seen = np.flatnonzero(random.uniform(size=number) < found)
        points = stars[seen] + shift + random.normal(0, 1, (len(seen), 2)) * sigma[seen, None]
        inside = ((points >= 0.5) & (points <= (nx + 0.5, ny + 0.5))).all(axis=1)
        noise = random.uniform(0.5, (nx + 0.5, ny + 0.5), (random.poisson(NOISE * density), 2))
        x, y = np.concatenate([points[inside], noise]).T
        header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0})
        header.update({"CRPIX1": nx / 2 + shift[0], "CRPIX2": ny / 2 + shift[1], "CD1_2": 0.0, "CD2_1": 0.0})
        header.update({"CD1_1": -SCALE / 3600, "CD2_2": SCALE / 3600})
        wcs = WCS(header)
        ra, dec = to_sky(wcs, x, y)
        info = FrameInfo(Path("f"), "f", "F", mjd=60000 + minute / 1440, pixel_scale=SCALE, seeing=SEEING, shape=SHAPE)
        exposures.append(detections(x, y, ra, dec, info, wcs))
        which.append(np.append(seen[inside], np.full(len(noise), -1)))
    return exposures, which


def detections(x: Any, y: Any, ra: Any, dec: Any, info: FrameInfo, wcs: WCS | None = None) -> Detections:
    rows, none = np.arange(len(x)), np.zeros(len(x), bool)
    return Detections(x, y, ra, dec, info, None, wcs, fits.Header(), rows, none)  # type: ignore[arg-type]
