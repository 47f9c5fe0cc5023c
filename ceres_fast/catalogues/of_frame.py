"""Whether a catalogue, and which of its rows, are those of a frame."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from ..console import warn_once
from ..errors import InputError
from ..frames.info import FrameInfo
from ..frames.sky import to_pixels
from .core import EXT_NUMBER, Catalogue, column
from .places import positions, sky_positions

OUTSIDE_PIXELS = 16
OUTSIDE_SHARE = 0.1
"""A catalogue belongs to another frame when more than this share of it is this far outside the frame, or when the
median distance between its sky positions and the frame's coordinates is larger."""


def far_outside(x: np.ndarray, y: np.ndarray, info: FrameInfo) -> np.ndarray:
    """Tell which 1-based positions, (n,), are more than `OUTSIDE_PIXELS` outside a frame; NaN is nowhere."""
    ny, nx = info.shape
    low, off = 0.5 - OUTSIDE_PIXELS, OUTSIDE_PIXELS + 0.5
    return (x < low) | (x >= nx + off) | (y < low) | (y >= ny + off)


def check_against(
    catalogue: Catalogue, info: FrameInfo, wcs: WCS | None, rows: np.ndarray | slice = slice(None)
) -> None:
    """Make sure a catalogue, or those of its rows that belong to a CCD, was made from a frame.

    Raises
    ------
    InputError
        When it has no positions, or they are those of another frame (`OUTSIDE_SHARE`, `OUTSIDE_PIXELS`).
    """
    x, y = (values[rows] for values in positions(catalogue, info.camera.origin))
    given = np.isfinite(x) & np.isfinite(y)  # a row without a position is not one of another frame
    if not given.any():
        return
    action = f"find the catalogue of {info.path.name}, or run detect on it"
    ny, nx = info.shape
    off = OUTSIDE_PIXELS
    outside = far_outside(x, y, info)
    if outside[given].mean() > OUTSIDE_SHARE:
        problem = f"{(given & outside).sum()} of its {given.sum()} positions are outside the frame {info.place}"
        raise InputError(catalogue.path, problem, expected=f"positions in {nx}x{ny} pixels", action=action)
    if wcs is None or (everywhere := sky_positions(catalogue)) is None:
        return
    sky = everywhere[0][rows], everywhere[1][rows]
    predicted = to_pixels(wcs, *_only_finite(sky))
    distance = np.hypot(predicted[0] - x, predicted[1] - y)
    distance = distance[np.isfinite(sky[0]) & np.isfinite(x)]
    typical = np.inf if not np.isfinite(distance).any() else float(np.nanmedian(distance))
    if distance.size and typical > off:
        far = f"{typical:.0f} pixels (median)" if np.isfinite(typical) else "far"
        problem = f"its sky positions are {far} from where the frame {info.place} has them"
        expected = f"less than {off} pixels, of right ascension and declination in deg"
        raise InputError(catalogue.path, problem, expected=expected, action=action)
    shift = [np.nanmedian(there - here) for there, here in zip(predicted, (x, y), strict=True)] if distance.size else []
    origin, other = info.camera.origin, 1 - info.camera.origin
    if shift and np.allclose(shift, origin - other, atol=0.2):
        warn_once(
            "origin",
            f"{catalogue.path}: its positions were read as counted from {origin}, and are one pixel in x and in y from "
            f"where the frame {info.place} has its places on the sky, as if they were counted from {other}. Say so in "
            f"a camera's profile (--camera, origin = {other}). Other catalogues of which it is so are not named",
        )


def _only_finite(sky: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(sky[0]) & np.isfinite(sky[1])
    return np.where(good, sky[0], 0.0), np.where(good, sky[1], 0.0)


def rows_of(catalogue: Catalogue, info: FrameInfo) -> np.ndarray:
    """Return the rows (from 0) of a catalogue that belong to a CCD, int64.

    SExtractor numbers all images of a file, masks and weights too; `detect` and others number the CCDs. Which it
    was follows from how many there are.

    Raises
    ------
    InputError
        When the catalogue does not say which rows are whose, or is of another number of CCDs.
    """
    own = _own_table(catalogue, info) if len(catalogue.headers) > 1 else _own_number(catalogue, info)
    if own is None:
        return np.arange(len(catalogue.part))
    _check_header(catalogue, info, own)
    return np.flatnonzero(catalogue.part == own)


def _own_table(catalogue: Catalogue, info: FrameInfo) -> int:
    """Return which of a file's tables is that of a CCD."""
    tables = len(catalogue.headers)
    if tables not in (info.parts, info.images):
        expected = f"those of the {info.parts} CCDs of {info.path}" if info.parts > 1 else f"that of {info.path}"
        raise InputError(catalogue.path, f"holds the catalogues of {tables} CCDs", expected=expected)
    return info.part if tables == info.parts else info.order[info.part]


def _own_number(catalogue: Catalogue, info: FrameInfo) -> int | None:
    """Return which number in the only table is that of a CCD; None where all rows are."""
    there = set(np.unique(catalogue.part).tolist())
    if len(there) == 0 or (len(there) == 1 and info.parts == 1):
        return None
    if column(catalogue, EXT_NUMBER) is None:
        raise InputError(
            catalogue.path,
            f"does not say to which of the {info.parts} CCDs of {info.path} its rows belong",
            expected=f"a column {EXT_NUMBER}, or FITS_LDAC with a table for each CCD",
            action=f"add {EXT_NUMBER} to SExtractor's PARAMETERS_NAME file and run it again",
        )
    if there <= set(info.order):
        return info.order[info.part]
    if there <= set(range(info.parts)):
        return info.part
    if there <= set(range(info.images)):
        return info.order[info.part]
    if info.parts == 1:
        raise InputError(catalogue.path, f"holds the catalogues of {len(there)} CCDs", expected=f"that of {info.path}")
    wrong = next(number for number in sorted(there) if not 0 <= number < info.images)
    row = int(np.flatnonzero(catalogue.part == wrong)[0]) + 1
    expected = f"1 to {info.parts}, as {info.path} has CCDs"
    raise InputError(catalogue.path, f"{EXT_NUMBER} is {wrong + 1}", row=row, expected=expected)


def _check_header(catalogue: Catalogue, info: FrameInfo, table: int) -> None:
    """Make sure that the header which the catalogue keeps for a table is that of a CCD."""
    if len(catalogue.headers) <= table:
        return
    header = catalogue.headers[table]
    shape = (header.get("NAXIS2"), header.get("NAXIS1")) if header.get("NAXIS") == 2 else info.shape
    name = str(header.get("EXTNAME", "")).strip()
    if shape != info.shape or (name and info.extension and name.upper() != info.extension.upper()):
        problem = f"its table {table + 1} is of {name or 'an image'}, {shape[1]}x{shape[0]} pixels"
        expected = f"{info.extension or 'an image'}, {info.shape[1]}x{info.shape[0]} pixels, as {info.place} is"
        raise InputError(catalogue.path, problem, expected=expected, action=f"find the catalogue of {info.path.name}")
