"""A catalogue of detections, and where its detections are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from ...errors import InputError
from ..fits_files import frame_stem
from ..frame_info import FrameInfo

PIXEL_COLUMNS = (("XWIN_IMAGE", "YWIN_IMAGE"), ("X_IMAGE", "Y_IMAGE"))
SKY_COLUMNS = (
    ("ALPHAWIN_J2000", "DELTAWIN_J2000"),
    ("ALPHA_J2000", "DELTA_J2000"),
    ("ALPHAWIN_SKY", "DELTAWIN_SKY"),
    ("ALPHA_SKY", "DELTA_SKY"),
)

ENDINGS = (".cat", ".ldac", ".cat.fits", ".csv", ".ecsv")
"""How the name of a frame's catalogue ends."""

OUTSIDE_PIXELS = 16
OUTSIDE_SHARE = 0.1
"""A catalogue belongs to another frame when more than this share of it is this far outside the frame, or when the
median distance between its sky positions and the frame's coordinates is larger."""


@dataclass(frozen=True)
class Catalogue:
    """The detections of a frame.

    Parameters
    ----------
    path : pathlib.Path
        The file it was read from.
    format : str
        "ASCII_HEAD", "FITS_LDAC", "CSV" or "ECSV".
    table : astropy.table.Table
        One row per detection, columns as SExtractor names them; vectors are numbered ``NAME``, ``NAME_1`` ….
    original : object
        What its format needs to write it back unchanged.
    """

    path: Path
    format: str
    table: Table
    original: Any = field(repr=False)


def column(catalogue: Catalogue, *names: str) -> np.ndarray | None:
    """Return the first of some columns that is there (whatever its case), as float64, missing values NaN; else None."""
    known = {name.upper(): name for name in reversed(catalogue.table.colnames)}
    name = next((known[name.upper()] for name in names if name.upper() in known), None)
    if name is None:
        return None
    try:
        return np.ma.filled(np.ma.asarray(catalogue.table[name], dtype=np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            catalogue.path, "does not hold numbers", row=f"column {name}", expected="a number per row"
        ) from error


def positions(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of detections in their frame.

    Returns
    -------
    x, y : numpy.ndarray
        Shape (n,), float64, pixels counted from 1; of XWIN_IMAGE, YWIN_IMAGE, else of X_IMAGE, Y_IMAGE. NaN where
        the catalogue has no value.

    Raises
    ------
    InputError
        When the catalogue has neither pair of columns.
    """
    found = _pair(catalogue, PIXEL_COLUMNS)
    if found is None:
        raise InputError(
            catalogue.path,
            f"has no positions (its columns: {', '.join(catalogue.table.colnames) or 'none'})",
            expected=" or ".join(f"columns {x}, {y}" for x, y in reversed(PIXEL_COLUMNS)),
            action="add them to SExtractor's PARAMETERS_NAME file and run it again",
        )
    return found


def sky_positions(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray] | None:
    """Return right ascension and declination (deg, J2000), each (n,) float64, or None where the catalogue has none.

    Rows at exactly (0, 0), or off the sphere, are NaN: so programs say that they know no coordinates. Taken for a
    place, every detection would seem to stay there.
    """
    found = _pair(catalogue, SKY_COLUMNS)
    if found is None:
        return None
    ra, dec = found
    known = np.isfinite(ra) & (np.abs(dec) <= 90) & ((ra != 0) | (dec != 0))
    return (np.where(known, ra, np.nan), np.where(known, dec, np.nan)) if known.any() else None


def check_against(catalogue: Catalogue, info: FrameInfo, wcs: WCS | None) -> None:
    """Make sure a catalogue was made from a frame.

    Raises
    ------
    InputError
        When it has no positions, or they are those of another frame (`OUTSIDE_SHARE`, `OUTSIDE_PIXELS`).
    """
    x, y = positions(catalogue)
    given = np.isfinite(x) & np.isfinite(y)  # a row without a position is not one of another frame
    if not given.any():
        return
    action = f"find the catalogue of {info.path.name}, or run detect on it"
    ny, nx = info.shape
    off = OUTSIDE_PIXELS
    inside = (x > 0.5 - off) & (x < nx + 0.5 + off) & (y > 0.5 - off) & (y < ny + 0.5 + off)
    if inside[given].mean() < 1 - OUTSIDE_SHARE:
        problem = f"{(given & ~inside).sum()} of its {given.sum()} positions are outside the frame {info.path}"
        raise InputError(catalogue.path, problem, expected=f"positions in {nx}x{ny} pixels", action=action)
    if wcs is None or (sky := sky_positions(catalogue)) is None:
        return
    predicted = wcs.all_world2pix(*_only_finite(sky), 1, quiet=True)
    distance = np.hypot(predicted[0] - x, predicted[1] - y)
    distance = distance[np.isfinite(sky[0]) & np.isfinite(x)]
    typical = np.inf if not np.isfinite(distance).any() else float(np.nanmedian(distance))
    if distance.size and typical > off:
        problem = f"its sky positions are {typical:.0f} pixels (median) from where the frame {info.path} has them"
        raise InputError(catalogue.path, problem, expected=f"less than {off} pixels", action=action)


def find_catalogue(frame_path: Path) -> Path | None:
    """Return the catalogue of a frame, or None.

    Looked for as NEARBY keeps it, ``../sextractor_cat/<stem>.cat``, then beside the frame; see `ENDINGS`.
    """
    return next((path for path in catalogue_places(frame_path) if path.is_file()), None)


def catalogue_places(frame_path: Path) -> list[Path]:
    """Return where the catalogue of a frame is looked for, the first that is there wins."""
    folders = (frame_path.parent.parent / "sextractor_cat", frame_path.parent)
    return [folder / f"{frame_stem(frame_path)}{ending}" for folder in folders for ending in ENDINGS]


def _pair(catalogue: Catalogue, names: tuple[tuple[str, str], ...]) -> tuple[np.ndarray, np.ndarray] | None:
    pairs = ((column(catalogue, first), column(catalogue, second)) for first, second in names)
    return next(((first, second) for first, second in pairs if first is not None and second is not None), None)


def _only_finite(sky: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(sky[0]) & np.isfinite(sky[1])
    return np.where(good, sky[0], 0.0), np.where(good, sky[1], 0.0)
