"""The detections of one exposure: its catalogue, checked against the header of its frame."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ..errors import InputError
from .catalogues import Catalogue, check_against, column, find_catalogue, positions, read_catalogue, sky_positions
from .frame_info import FrameInfo
from .frames import celestial, info_from, read_header

SEEING_LIMIT = 5.0
"""A seeing in a header that is more than this many times the width of the detections is not one (99 for unknown,
another unit): with it as the radius, every asteroid would seem to stay in place."""


class Detections(NamedTuple):
    """What is known of the detections of an exposure without reading its pixels.

    ``x``, ``y`` (pixels from 1) and ``ra``, ``dec`` (deg) have shape (n,), float64; the latter are NaN where neither
    the catalogue nor the frame has them. ``info.seeing`` is that of the header, else (or where the header's is
    `SEEING_LIMIT` times larger) that of the catalogue. ``rows`` (n,), int64, are 0-based rows of the catalogue file.
    """

    x: np.ndarray
    y: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    info: FrameInfo
    catalogue: Catalogue
    wcs: WCS | None
    header: fits.Header
    rows: np.ndarray

    def column(self, *names: str) -> np.ndarray | None:
        """Return the first of some columns of the catalogue that is there, for these detections: (n,); else None."""
        values = column(self.catalogue, *names)
        return None if values is None else values[self.rows]


def read_detections(path: Path, catalogue: Path | None = None) -> Detections:
    """Read the catalogue of a frame and the frame's header.

    Parameters
    ----------
    path : pathlib.Path
        A frame.
    catalogue : pathlib.Path, optional
        Its catalogue; by default the one that `find_catalogue` finds.

    Raises
    ------
    InputError
        When the frame or its catalogue is missing or cannot be used, or the catalogue is of another frame.
    """
    header = read_header(path)
    wcs = celestial(header)
    info = info_from(path, header, wcs)
    catalogue = catalogue or find_catalogue(path)
    if catalogue is None:
        expected = f"{info.frame}.cat beside it or in ../sextractor_cat"
        raise InputError(
            path, "has no catalogue", expected=expected, action="run SExtractor or `ceres-fast detect` on it"
        )
    table = read_catalogue(catalogue)
    check_against(table, info, wcs)
    x, y = positions(table)
    ra, dec = _sky(table, x, y, wcs)
    info = dataclasses.replace(info, seeing=_seeing(info, table))
    return Detections(x, y, ra, dec, info, table, wcs, header, np.arange(len(x)))


def _sky(catalogue: Catalogue, x: np.ndarray, y: np.ndarray, wcs: WCS | None) -> tuple[np.ndarray, np.ndarray]:
    if (known := sky_positions(catalogue)) is not None:
        return known
    if wcs is None or len(x) == 0:
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    ra, dec = wcs.all_pix2world(x, y, 1)
    return ra, dec


def _seeing(info: FrameInfo, catalogue: Catalogue) -> float:
    width = _typical_width(catalogue) * info.pixel_scale
    return width if math.isnan(info.seeing) or info.seeing > SEEING_LIMIT * width else info.seeing


def _typical_width(catalogue: Catalogue) -> float:
    """Return the median FWHM (pixels) of detections without a flag, NaN where the catalogue does not say."""
    width, flags = column(catalogue, "FWHM_IMAGE"), column(catalogue, "FLAGS")
    if width is None:
        return math.nan
    clean = (width > 0) & (True if flags is None else flags == 0)
    return float(np.median(width[clean])) if clean.any() else math.nan
