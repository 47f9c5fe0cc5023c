"""A catalogue of detections, and where its detections are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from ..errors import InputError
from ..frames.info import FrameInfo
from .names import PIXEL_COLUMNS, SKY_COLUMNS, Names

EXT_NUMBER = "EXT_NUMBER"
"""SExtractor's column with the number of the CCD in its file, from 1."""

OUTSIDE_PIXELS = 16
OUTSIDE_SHARE = 0.1
"""A catalogue belongs to another frame when more than this share of it is this far outside the frame, or when the
median distance between its sky positions and the frame's coordinates is larger."""


@dataclass(frozen=True)
class Catalogue:
    """The detections of a frame, or of all CCDs of a mosaic.

    Parameters
    ----------
    path : pathlib.Path
        The file it was read from.
    format : str
        One of `formats.FORMATS`.
    table : astropy.table.Table
        One row per detection in the order of the file, columns as SExtractor names them; vectors are numbered
        ``NAME``, ``NAME_1`` ….
    original : object
        What its format needs to write it back unchanged.
    headers : sequence of astropy.io.fits.Header
        For FITS: the header of each CCD's image as the catalogue keeps it (LDAC_IMHEAD), empty where it does not.
        Their number is that of the tables in the file.
    part : numpy.ndarray
        Shape (n,), int64: which CCD of the file each row belongs to, from 0; by the table it is in, else by
        EXT_NUMBER, else 0.
    names : Names
        What its columns are called.
    """

    path: Path
    format: str
    table: Table
    original: Any = field(repr=False)
    headers: Sequence[fits.Header] = field(default=(), repr=False)
    part: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    names: Names = field(default_factory=Names)

    def __post_init__(self) -> None:
        if len(self.part) != len(self.table):
            object.__setattr__(self, "part", _part_by_number(self))


def column(catalogue: Catalogue, *names: str) -> np.ndarray | None:
    """Return the first of some columns that is there (whatever its case), as float64, missing values NaN; else None.

    Columns are named as SExtractor names them; where the user gave another name (`Catalogue.names`), that one is read.

    Raises
    ------
    InputError
        When the column holds no numbers, or one that the user named is not there.
    """
    known = {name.upper(): name for name in reversed(catalogue.table.colnames)}
    own = [catalogue.names.own(name) for name in names]
    name = next((known[name.upper()] for name in own if name.upper() in known), None)
    if name is None:
        if lacking := [name for name in own if name in catalogue.names.given()]:
            there = ", ".join(catalogue.table.colnames)
            raise InputError(catalogue.path, f"has no column {lacking[0]}", expected=f"one of {there}")
        return None
    try:
        return np.ma.filled(np.ma.asarray(catalogue.table[name], dtype=np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            catalogue.path, "does not hold numbers", row=f"column {name}", expected="a number per row"
        ) from error


def _part_by_number(catalogue: Catalogue) -> np.ndarray:
    numbers = column(catalogue, EXT_NUMBER)
    if numbers is None:
        return np.zeros(len(catalogue.table), np.int64)
    return np.where(np.isfinite(numbers), numbers, 0).astype(np.int64) - 1


def positions(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of detections in their frame.

    Returns
    -------
    x, y : numpy.ndarray
        Shape (n,), float64, pixels counted from 1; of XWIN_IMAGE, YWIN_IMAGE, and of X_IMAGE, Y_IMAGE where a row
        has no windowed ones. NaN where the catalogue has no value.

    Raises
    ------
    InputError
        When the catalogue has neither pair of columns.
    """
    found = _first_known(_pairs(catalogue, PIXEL_COLUMNS), lambda x, y: np.isfinite(x) & np.isfinite(y))
    if found is None:
        raise InputError(
            catalogue.path,
            f"has no positions (its columns: {', '.join(catalogue.table.colnames) or 'none'})",
            expected=" or ".join(f"columns {x}, {y}" for x, y in reversed(PIXEL_COLUMNS)),
            action="add them to SExtractor's PARAMETERS_NAME file and run it again, or say with --columns how its "
            "columns are called",
        )
    return found


def sky_positions(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray] | None:
    """Return right ascension and declination (deg, J2000), each (n,) float64, or None where the catalogue has none.

    A row has the first of `SKY_COLUMNS` that it knows. Rows at exactly (0, 0), or off the sphere, are NaN: so
    programs say that they know no coordinates. Taken for a place, every detection would seem to stay there.
    """
    found = _first_known(_pairs(catalogue, SKY_COLUMNS), _on_sphere)
    return found if found is not None and np.isfinite(found[0]).any() else None


def _on_sphere(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    return np.isfinite(ra) & (np.abs(dec) <= 90) & ((ra != 0) | (dec != 0))


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
    x, y = (values[rows] for values in positions(catalogue))
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
    predicted = wcs.all_world2pix(*_only_finite(sky), 1, quiet=True)
    distance = np.hypot(predicted[0] - x, predicted[1] - y)
    distance = distance[np.isfinite(sky[0]) & np.isfinite(x)]
    typical = np.inf if not np.isfinite(distance).any() else float(np.nanmedian(distance))
    if distance.size and typical > off:
        problem = f"its sky positions are {typical:.0f} pixels (median) from where the frame {info.place} has them"
        raise InputError(catalogue.path, problem, expected=f"less than {off} pixels", action=action)


def _pairs(catalogue: Catalogue, names: Iterable[tuple[str, str]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of columns of which the catalogue has both."""
    for pair in names:
        first, second = (column(catalogue, name) for name in pair)
        if first is not None and second is not None:
            yield first, second


def _first_known(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], is_known: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return for each row the first pair of values that is known, NaN where none is; None without any columns."""
    result = None
    for first, second in pairs:
        known = is_known(first, second)
        if result is None:
            result = np.where(known, first, np.nan), np.where(known, second, np.nan)
        else:
            known &= np.isnan(result[0])
            result = np.where(known, first, result[0]), np.where(known, second, result[1])
    return result


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
