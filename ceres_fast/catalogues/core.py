"""A catalogue of detections, and its columns of numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Column, Table

from ..errors import InputError
from .lines import number_in
from .names import Names
from .unknown import without_unknown

EXT_NUMBER = "EXT_NUMBER"
"""SExtractor's column with the number of the CCD in its file, from 1."""

COPY = "_COPY"
"""What comes after the name of a column that has the name of another."""

_ANGLES = ((units.deg, 1.0), (units.hour, 15.0))
"""Units of positions on the sky, and how many degrees they are; an hour of time stands for one of right ascension."""

LARGEST = 2**31
"""Whole numbers, as of CCDs and flags, are less than this."""


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


def column(catalogue: Catalogue, name: str) -> np.ndarray | None:
    """Return a column as float64, with NaN for what is not known; None where it is not there.

    This is how every column of numbers is read: values that stand for "not known" (`unknown`) are NaN, as missing ones
    are, and positions on the sky are in deg where the table says another unit. What is written back is not changed by
    it.

    Parameters
    ----------
    catalogue : Catalogue
        The detections.
    name : str
        As SExtractor names it, in whatever case it is; where the user gave another name (`Catalogue.names`), that one
        is read. Of vectors, as MAG_APER may be, it is the first number, which has the plain name in ASCII_HEAD.

    Raises
    ------
    InputError
        When the column holds no numbers, is there twice with different values, or was named by the user and is not
        there.
    """
    own = catalogue.names.own(name)
    there = _called(catalogue.table, own)
    if not there:
        if own in catalogue.names.given():
            expected = f"one of {', '.join(catalogue.table.colnames)}"
            raise InputError(catalogue.path, f"has no column {own}", expected=expected)
        return None
    values = [without_unknown(name, _numbers(catalogue, each) * _factor(catalogue.table[each], name)) for each in there]
    if not all(np.array_equal(values[0], other, equal_nan=True) for other in values[1:]):
        raise InputError(
            catalogue.path,
            f"has {len(there)} columns {own}, which differ",
            expected="one of each name",
            action="rename one of them, or leave it out",
        )
    return values[0]


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of columns that are all different: the second of a name gets `COPY` and its number.

    FITS and other formats allow several columns of one name. Most are never read here, so that they are no reason to
    refuse a catalogue; `column` refuses those that are, where they differ.
    """
    result: list[str] = []
    for name in names:
        number = 1
        while (unique := name if number == 1 else f"{name}{COPY}{number}") in result:
            number += 1
        result.append(unique)
    return result


def _called(table: Table, wanted: str) -> list[str]:
    """Return the columns of a name: those that have just this one, else those that have it in another case."""
    original = {name: re.sub(rf"{COPY}\d+$", "", name) for name in table.colnames}
    exact = [name for name, own in original.items() if wanted in (name, own)]
    return exact or [name for name, own in original.items() if own.upper() == wanted.upper()]


def _numbers(catalogue: Catalogue, name: str) -> np.ndarray:
    values = np.ma.asarray(catalogue.table[name])
    if values.ndim > 1:
        if values.dtype.kind == "b" or 0 in values.shape[1:]:
            problem = f"holds {math.prod(values.shape[1:])} bits or values per row"
            raise InputError(catalogue.path, problem, row=f"column {name}", expected="a number per row")
        values = values.reshape(len(values), math.prod(values.shape[1:]))[:, 0]
    if values.dtype.kind in "biuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    result = np.full(len(values), np.nan)
    for row, value in enumerate(values.tolist()):
        try:
            result[row] = math.nan if value is None else number_in(str(value))
        except ValueError as error:
            problem = f"does not hold numbers: {str(value)[:40]!r} in row {row + 1}"
            raise InputError(catalogue.path, problem, row=f"column {name}", expected="a number per row") from error
    return result


def _factor(values: Column, name: str) -> float:
    """Return what makes the usual unit of a column of that which it says: 1 where it says none, NaN for another kind.

    Positions on the sky come in hours and radians too, and a width in arcsec is none in pixels.
    """
    unit = getattr(values, "unit", None)
    if unit is None:
        return 1.0
    if name.upper().startswith(("ALPHA", "DELTA", "FWHM_WORLD")):
        known = next((factor * unit.to(usual) for usual, factor in _ANGLES if unit.is_equivalent(usual)), 1.0)
        return float(known)
    return math.nan if name.upper() == "FWHM_IMAGE" and unit.is_equivalent(units.deg) else 1.0


def _part_by_number(catalogue: Catalogue) -> np.ndarray:
    numbers = column(catalogue, EXT_NUMBER)
    if numbers is None:
        return np.zeros(len(catalogue.table), np.int64)
    return np.where(np.abs(numbers) < LARGEST, numbers, 0).astype(np.int64) - 1
