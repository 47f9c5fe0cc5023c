"""The detections of one exposure: its catalogue, checked against the header of its frame."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ..console import warn_once
from ..errors import InputError
from ..frames.headers.quantities import unit_is_told
from ..frames.info import FrameInfo
from ..frames.reading import FrameHeader, read_header
from ..frames.sky import to_pixels, to_sky
from . import (
    Catalogue,
    Names,
    check_against,
    column,
    drifted,
    find_catalogue,
    no_catalogue,
    positions,
    read_catalogue,
    rows_of,
    sky_positions,
    typical_width,
)

SEEING_LIMIT = 5.0
"""A seeing in a header that is more than this many times larger or smaller than the width of the detections is not one
(99 for unknown, another unit): with it as the radius, everything would be near something, or nothing near itself."""

WIDTHS_ALIKE = (0.6, 1.4)
"""A seeing in a header that is the width of the detections times a number between these may be their seeing; their
median is rather larger, because galaxies are among them and stars have wings. Where it is so in pixels and not in
arcsec, and its card does not name a unit, it is in pixels."""


class Detections(NamedTuple):
    """What is known of the detections of an exposure (of one CCD) without reading its pixels.

    ``x``, ``y`` (pixels from 1) and ``ra``, ``dec`` (deg) have shape (n,), float64; the latter are NaN where neither
    the catalogue nor the frame has them. ``info.seeing`` is that of the header, as far as the widths of the detections
    agree (`SEEING_LIMIT`, `WIDTHS_ALIKE`), else that of the catalogue. ``rows`` (n,) int64 are the rows of the
    catalogue's file, from 0, that these detections are; ``rejected`` (n,) bool says which have a flag that makes them
    unwanted.
    ``drifted`` is how many have a windowed position that is not theirs, and so their plain one (`places.drifted`).
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
    rejected: np.ndarray
    drifted: int = 0

    def column(self, name: str) -> np.ndarray | None:
        """Return `catalogues.column` for these detections: (n,) float64, or None where the catalogue has none."""
        values = column(self.catalogue, name)
        return None if values is None else values[self.rows]


def read_detections(
    frame: FrameHeader | FrameInfo | Path,
    catalogue: Catalogue | Path | None = None,
    *,
    reject_flags: int = 0,
    names: Names | None = None,
    catalogues: Path | None = None,
) -> Detections:
    """Read the catalogue of a frame and the frame's header.

    Parameters
    ----------
    frame : FrameHeader, FrameInfo or pathlib.Path
        A CCD; or a file with one.
    catalogue : Catalogue or pathlib.Path, optional
        Its catalogue, or that of all CCDs of its file; by default the one that `find_catalogue` finds.
    reject_flags : int
        Bits of FLAGS; detections with any of them are rejected (`rules.Rules.reject_flags`).
    names : Names, optional
        What the columns of a catalogue that is read are called.
    catalogues : pathlib.Path, optional
        The folder that `find_catalogue` looks in.

    Raises
    ------
    InputError
        When the frame or its catalogue is missing or cannot be used, or the catalogue is of another frame.
    """
    # The name of its field may be that which the other exposures show (`same_sky`), and not that of its header.
    field = frame.field if isinstance(frame, FrameInfo) else None
    if isinstance(frame, FrameInfo):
        frame = read_header(frame.path, frame.hdu, frame.camera)
    elif not isinstance(frame, FrameHeader):
        frame = read_header(frame)
    info, header, wcs = frame
    info = info if field is None else dataclasses.replace(info, field=field)
    catalogue = catalogue or find_catalogue(info.path, catalogues)
    if catalogue is None:
        raise no_catalogue(info.path, catalogues)
    if not isinstance(catalogue, Catalogue):
        catalogue = read_catalogue(catalogue, names)
    rows = rows_of(catalogue, info)
    check_against(catalogue, info, wcs, rows)
    x, y = (values[rows] for values in positions(catalogue, info.camera.origin))
    ra, dec = _sky(catalogue, rows, x, y, wcs)
    _fill_drifted(x, y, ra, dec, drifted(catalogue)[rows] & np.isnan(x), wcs)
    info = dataclasses.replace(info, seeing=_seeing(info, header, catalogue, rows))
    rejected = _rejected(catalogue, rows, reject_flags)
    return Detections(x, y, ra, dec, info, catalogue, wcs, header, rows, rejected, _count_drifted(catalogue, rows))


def _count_drifted(catalogue: Catalogue, rows: np.ndarray) -> int:
    """Return how many rows have a windowed position that is not theirs; say so of the first catalogue that has any."""
    if number := int(drifted(catalogue)[rows].sum()):
        warn_once(
            "windowed positions",
            f"{catalogue.path}: {number} of {len(rows)} detections have windowed positions (XWIN_IMAGE ...) that are "
            "farther from the plain ones (X_IMAGE ...) than they are wide: those of a neighbour. The plain ones are "
            "used for them. Other catalogues in which it is so are not named",
        )
    return number


def _fill_drifted(
    x: np.ndarray, y: np.ndarray, ra: np.ndarray, dec: np.ndarray, lacking: np.ndarray, wcs: WCS | None
) -> None:
    """Fill in the plain positions that a catalogue has on the sky only, as far from the frame's as those of others."""
    if wcs is None or not lacking.any():
        return
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    for own, there in zip((x, y), to_pixels(wcs, ra[known], dec[known]), strict=True):
        apart = there - own[known]
        apart = apart[np.isfinite(apart)]
        filled = lacking[known]
        own[known[filled]] = there[filled] - (np.median(apart) if apart.size else 0.0)


def _sky(
    catalogue: Catalogue, rows: np.ndarray, x: np.ndarray, y: np.ndarray, wcs: WCS | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the catalogue's sky positions, and the frame's coordinates where a row has none."""
    known = sky_positions(catalogue)
    ra, dec = (np.full(len(x), np.nan), np.full(len(x), np.nan)) if known is None else (each[rows] for each in known)
    lacking = np.isnan(ra) & np.isfinite(x)
    if wcs is not None and lacking.any():
        ra[lacking], dec[lacking] = to_sky(wcs, x[lacking], y[lacking])
    return ra, dec


def _seeing(info: FrameInfo, header: fits.Header, catalogue: Catalogue, rows: np.ndarray) -> float:
    """Return the seeing (arcsec) of a header, or what the widths of the detections say it should be."""
    pixels = typical_width(catalogue, rows)
    width = pixels * info.pixel_scale
    if math.isnan(info.seeing) or math.isnan(width):
        return width if math.isnan(info.seeing) else info.seeing
    origin = next((reading.origin for reading in info.readings if reading.quantity == "seeing"), "")
    told = unit_is_told(header, "seeing", origin, info.camera)
    if not told and _alike(info.seeing, pixels) and not _alike(info.seeing, width):
        seeing, why = info.seeing * info.pixel_scale, "it is in pixels, which its card does not say"
    elif info.seeing > SEEING_LIMIT * width or info.seeing * SEEING_LIMIT < width:
        seeing, why = width, "it is not the seeing, and their width is used"
    else:
        return info.seeing
    warn_once(
        f"seeing: {why}",
        f'{info.place}: its header says a seeing of {info.seeing:.3g}", and its detections are {width:.3g}" wide '
        f"(FWHM, {pixels:.3g} pixels in {catalogue.path.name}): {why}. Other frames of which this is so are not named",
    )
    return seeing


def _alike(seeing: float, width: float) -> bool:
    return WIDTHS_ALIKE[0] * width < seeing < WIDTHS_ALIKE[1] * width


def _rejected(catalogue: Catalogue, rows: np.ndarray, bits: int) -> np.ndarray:
    """Tell which detections have one of some bits in FLAGS; a flag that is not known rejects nothing."""
    if not bits:
        return np.zeros(len(rows), bool)
    flags = column(catalogue, "FLAGS")
    if flags is None:
        raise InputError(
            catalogue.path,
            "has no column FLAGS",
            expected=f"one, because detections with the flags {bits} are to be rejected",
            action="add FLAGS to SExtractor's PARAMETERS_NAME file, or name its column with --columns flags=NAME",
        )
    known = np.isfinite(flags) & (flags >= 0)
    return (np.where(known, flags, 0).astype(np.int64)[rows] & bits) != 0
