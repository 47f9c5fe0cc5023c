"""The catalogue of a frame: where it is, and whether its positions are those of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..catalogues import find_catalogue, sky_positions
from ..catalogues.detections import Detections, read_detections
from ..errors import InputError
from ..frames.reading import FrameHeader
from ..frames.sky import to_pixels

FROM_ZERO = 0.2
"""Sky positions that are one pixel further along x and y than the pixel positions, to this many pixels, are those of a
catalogue that counts its pixels from 0."""


@dataclass(frozen=True)
class CatalogueLook:
    """What is known of the catalogue of a CCD.

    Attributes
    ----------
    path : pathlib.Path or None
        Where it was found.
    format : str
        One of `catalogues.FORMATS`.
    rows : int
        Those of this CCD.
    known, inside : int
        Rows with a position in pixels, and those whose position is in the frame.
    with_sky : int
        Rows with a position on the sky in the catalogue.
    offset : tuple of float
        Median of where the frame's coordinates have these less the positions in pixels, along x and y; NaN where that
        cannot be known.
    seeing : float
        FWHM of the stars, arcsec, as `read_detections` has it: of the header, or by the widths of the detections where
        it is not there or cannot be believed beside them.
    problem : str
        Why it cannot be used; empty where it can.
    x, y : numpy.ndarray
        Positions, pixels from 1, (rows,).
    """

    path: Path | None = None
    format: str = ""
    rows: int = 0
    known: int = 0
    inside: int = 0
    with_sky: int = 0
    offset: tuple[float, float] = (math.nan, math.nan)
    seeing: float = math.nan
    problem: str = ""
    x: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    y: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def doubt(self) -> str:
        """What its positions make one doubt; empty where nothing does."""
        dx, dy = self.offset
        if math.hypot(dx - 1, dy - 1) < FROM_ZERO:
            return "its positions seem to be counted from 0; a profile of the camera says so (origin = 0)"
        if math.hypot(dx, dy) > 1:
            return "its positions in pixels and on the sky do not agree by the coordinates of the frame"
        return ""


def look_at_catalogue(frame: FrameHeader, folder: Path | None = None) -> CatalogueLook:
    """Find the catalogue of a CCD and compare it with the frame; `folder` as in `find_catalogue`."""
    path = None
    try:
        path = find_catalogue(frame.info.path, folder)
        if path is None:
            return CatalogueLook()
        found = read_detections(frame, path)
    except InputError as error:
        return CatalogueLook(path, problem=str(error))
    ny, nx = frame.info.shape
    known = np.isfinite(found.x) & np.isfinite(found.y)
    inside = known & (found.x >= 0.5) & (found.x < nx + 0.5) & (found.y >= 0.5) & (found.y < ny + 0.5)
    offset, with_sky = _offset(found)
    return CatalogueLook(
        path,
        format=found.catalogue.format,
        rows=len(found.x),
        known=int(known.sum()),
        inside=int(inside.sum()),
        with_sky=with_sky,
        offset=offset,
        seeing=found.info.seeing,
        x=found.x[known],
        y=found.y[known],
    )


def _offset(found: Detections) -> tuple[tuple[float, float], int]:
    """Return the median offset (x, y) of the catalogue's own sky positions in pixels, and how many there are."""
    everywhere = sky_positions(found.catalogue)
    if everywhere is None:
        return (math.nan, math.nan), 0
    ra, dec = (each[found.rows] for each in everywhere)
    there = np.isfinite(ra) & np.isfinite(dec) & np.isfinite(found.x) & np.isfinite(found.y)
    number = int(there.sum())
    if found.wcs is None or not number:
        return (math.nan, math.nan), number
    x, y = to_pixels(found.wcs, ra[there], dec[there])
    apart = np.stack([x - found.x[there], y - found.y[there]])
    apart = apart[:, np.isfinite(apart).all(axis=0)]
    median = np.median(apart, axis=1) if apart.size else np.full(2, np.nan)
    return (float(median[0]), float(median[1])), number
