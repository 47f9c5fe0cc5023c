"""Which rows of a catalogue belong to which CCD of a mosaic."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ..frame_info import FrameInfo
from .core import EXT_NUMBER, Catalogue, column


def rows_of(catalogue: Catalogue, info: FrameInfo) -> np.ndarray:
    """Return the rows (from 0) of a catalogue that belong to a CCD, int64.

    Raises
    ------
    InputError
        When the catalogue does not say which rows are whose, or is of another number of CCDs.
    """
    tables, parts = len(catalogue.headers), info.parts
    there = np.unique(catalogue.part)
    if parts == 1:
        if len(there) > 1 or tables > 1:
            problem = f"holds the catalogues of {max(len(there), tables)} CCDs"
            raise InputError(catalogue.path, problem, expected=f"that of the one CCD of {info.path}")
        return np.arange(len(catalogue.part))
    if tables > 1 or len(there) == 0:
        if tables > 1 and tables != parts:
            problem = f"holds the catalogues of {tables} CCDs"
            raise InputError(catalogue.path, problem, expected=f"those of the {parts} CCDs of {info.path}")
    elif column(catalogue, EXT_NUMBER) is None:
        raise InputError(
            catalogue.path,
            f"does not say to which of the {parts} CCDs of {info.path} its rows belong",
            expected=f"a column {EXT_NUMBER}, or FITS_LDAC with a table for each CCD",
            action=f"add {EXT_NUMBER} to SExtractor's PARAMETERS_NAME file and run it again",
        )
    elif there[0] < 0 or there[-1] >= parts:
        wrong = there[0] if there[0] < 0 else there[-1]
        problem = f"{EXT_NUMBER} is {wrong + 1}"
        row = int(np.flatnonzero(catalogue.part == wrong)[0]) + 1
        raise InputError(catalogue.path, problem, row=row, expected=f"1 to {parts}, as {info.path} has CCDs")
    _check_header(catalogue, info)
    return np.flatnonzero(catalogue.part == info.part)


def _check_header(catalogue: Catalogue, info: FrameInfo) -> None:
    """Make sure that the header which the catalogue keeps for a CCD is that of the CCD."""
    if len(catalogue.headers) <= info.part:
        return
    header = catalogue.headers[info.part]
    shape = (header.get("NAXIS2"), header.get("NAXIS1")) if header.get("NAXIS") == 2 else info.shape
    name = str(header.get("EXTNAME", "")).strip()
    if shape != info.shape or (name and info.extension and name.upper() != info.extension.upper()):
        problem = f"its part {info.part + 1} is of {name or 'an image'}, {shape[1]}x{shape[0]} pixels"
        expected = f"{info.extension or 'an image'}, {info.shape[1]}x{info.shape[0]} pixels, as {info.place} is"
        raise InputError(catalogue.path, problem, expected=expected, action=f"find the catalogue of {info.path.name}")
