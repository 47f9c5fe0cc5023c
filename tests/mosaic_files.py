"""Small mosaics: three CCDs side by side in one file, in the ways that cameras write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from .tiny_field import SHAPE, make_header, make_image

CCDS = 3
GAP = 220
"""Columns from one CCD to the next."""

OF_THE_FILE = ("OBJECT", "MJD-OBS", "EXPTIME", "FILTER", "SEEING", "MAGZPT")


def ccd_header(part: int, number: int = 0, **other: object) -> fits.Header:
    """Return what only the extension of a CCD says."""
    header = make_header(number)
    for name in (*OF_THE_FILE, "CCDNAME"):
        del header[name]
    header["CRPIX1"] -= GAP * part
    header["GAIN"] = 2.0 + part
    header["SATURATE"] = 50000.0 + part
    header.update(other)
    return header


def primary_header(number: int = 0) -> fits.Header:
    """Return what the primary header says for all CCDs."""
    header = make_header(number)
    return fits.Header({name: header[name] for name in OF_THE_FILE} | {"DETECTOR": "whole camera", "GAIN": 9.0})


def pixels(part: int, number: int = 0) -> np.ndarray:
    """Return the pixels of a CCD, the same sky with other noise and level in each."""
    return (make_image(number) + 10 * part).astype(np.float32)


def write_mosaic(
    path: Path, number: int = 0, *, compressed: bool = False, maps: list[fits.ImageHDU] | None = None, **cards: object
) -> Path:
    """Write an exposure of three CCDs, and further extensions at its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fits.CompImageHDU if compressed else fits.ImageHDU
    ccds = [
        kind(pixels(part, number), ccd_header(part, number, **cards), name=f"CCD{part + 1}") for part in range(CCDS)
    ]
    fits.HDUList([fits.PrimaryHDU(header=primary_header(number)), *ccds, *(maps or [])]).writeto(path, overwrite=True)
    return path


def spot(row: int, column: int, value: float = 1, elsewhere: float = 0, dtype: type = np.uint8) -> np.ndarray:
    """Return a map that has one value in one pixel, and another elsewhere."""
    values = np.full(SHAPE, elsewhere, dtype)
    values[row, column] = value
    return values
