"""The formats of catalogues: which one a file is in, reading and writing it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table, vstack

from ..errors import CeresFastError, InputError
from ..files import atomic_file
from . import ascii_head, csv_text, ecsv, ldac, votable
from .core import EXT_NUMBER, Catalogue
from .names import Names

Parts = Sequence[tuple[Table, fits.Header]]
"""The detections of each CCD of a file, and the header of its image."""


@dataclass(frozen=True)
class Format:
    """How one format is recognised, read, written back with columns added, and written new.

    What is read is the table of all rows, what `write_back` needs, and, for FITS, the arguments of `Catalogue` that
    tell the CCDs apart; of several tables the names of columns tell which one is meant. `write_new` takes a table and
    header per CCD where the format keeps them apart, else one.
    """

    suffix: str
    recognises: Callable[[bytes], bool]
    read: Callable[[Path, Names], tuple[Table, Any, dict[str, Any]]]
    write_back: Callable[[Any, Path, Mapping[str, np.ndarray], np.ndarray], None]
    write_new: Callable[[Parts, Path], None]
    keeps_apart: bool = False


FORMATS = {
    "FITS_LDAC": Format(".cat", ldac.recognises, ldac.read, ldac.write_back, ldac.write_new, keeps_apart=True),
    "VOTABLE": Format(".vot", votable.recognises, votable.read, votable.write_back, votable.write_new),
    "ECSV": Format(".ecsv", ecsv.recognises, ecsv.read, ecsv.write_back, ecsv.write_new),
    "ASCII_HEAD": Format(".cat", ascii_head.recognises, ascii_head.read, ascii_head.write_back, ascii_head.write_new),
    "CSV": Format(".csv", csv_text.recognises, csv_text.read, csv_text.write_back, csv_text.write_new),
}
"""Formats by name, in the order in which a file's first bytes are compared with them."""

START = 2**16
"""How many bytes of a file tell its format: comments may come first."""

_OTHERS = {
    b"\x1f\x8b": ("is packed with gzip", "unpack it with gunzip"),
    b"PK\x03\x04": ("is a ZIP file, as spreadsheets are", "unpack it, or save the spreadsheet as CSV"),
    b"BZh": ("is packed with bzip2", "unpack it with bunzip2"),
    b"\xfd7zXZ": ("is packed with xz", "unpack it with unxz"),
    b"PAR1": ("is a Parquet file", "write it as CSV, ECSV or FITS"),
    b"\x89HDF": ("is an HDF5 file", "write it as CSV, ECSV or FITS"),
    b"\x93NUMPY": ("is an array of NumPy, whose columns have no names", "write it as CSV, ECSV or FITS"),
    b"\xff\xfe": ("is text in UTF-16", "save it in UTF-8"),
    b"\xfe\xff": ("is text in UTF-16", "save it in UTF-8"),
    b"version https://git-lfs": (
        "is a Git LFS pointer, which stands for the file",
        "fetch the file with `git lfs pull`",
    ),
}
"""What else a file may be, by its first bytes."""

_UNKNOWN = (
    "is in no known format",
    "set CATALOG_TYPE to ASCII_HEAD in SExtractor's configuration, or write it as CSV or ECSV; without a header its "
    "columns are not known",
)

SUFFIXES = {name: known.suffix for name, known in FORMATS.items()}
"""Suffix of the files of each format."""


def format_of(start: bytes) -> str | None:
    """Return which of `FORMATS` a file is in, by its first `START` bytes; None where it is in none."""
    return next((name for name, known in FORMATS.items() if known.recognises(start)), None)


def read_catalogue(path: Path, names: Names | None = None) -> Catalogue:
    """Read a catalogue; its format is recognised by its content.

    Parameters
    ----------
    path : pathlib.Path
        ASCII_HEAD, FITS_LDAC, FITS_1.0 or ASCII_VOTABLE as SExtractor writes them, CSV with a header line, ECSV, any
        VOTable, or any FITS file of which one table has positions.
    names : Names, optional
        What its columns are called; by default as SExtractor calls them. They also tell which of several tables is
        the catalogue.

    Returns
    -------
    Catalogue
        With one row per detection, of all CCDs; none is a valid number of rows.

    Raises
    ------
    InputError
        When the file is missing, empty, cut off, or in no known format.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(START)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected="a catalogue") from error
    expected = f"a catalogue in one of the formats {', '.join(FORMATS)}"
    if not start.strip():
        raise InputError(path, "is empty", expected=expected, action="run SExtractor or detect on the frame again")
    other = next((what for first, what in _OTHERS.items() if start.startswith(first)), None)
    name = format_of(start)
    if other or name is None:
        problem, action = other or _UNKNOWN
        raise InputError(path, problem, expected=expected, action=action)
    names = names or Names()
    table, original, more = FORMATS[name].read(path, names)
    return Catalogue(path, name, table, original, names=names, **more)


def write_catalogue(
    catalogue: Catalogue,
    path: Path,
    *,
    added: Mapping[str, np.ndarray] | None = None,
    keep: np.ndarray | None = None,
    format: str | None = None,
) -> None:
    """Write a catalogue with columns added, every other column as it was.

    Parameters
    ----------
    catalogue : Catalogue
        As `read_catalogue` gave it.
    path : pathlib.Path
        Written whole or not at all; an existing file is replaced.
    added : mapping of str to numpy.ndarray
        New columns, each of shape (n,); an astropy Column's description and unit are written too.
    keep : numpy.ndarray, optional
        Shape (n,), bool: which rows to write; all by default.
    format : str, optional
        One of `FORMATS`; by default the catalogue's own, in which what was there is written back unchanged: the
        bytes of ASCII_HEAD, CSV and FITS, the fields and cells of a VOTable.

    Raises
    ------
    CeresFastError
        When the catalogue has a column of an added name, the format cannot hold a column, or the disk refuses.
    """
    added = dict(added or {})
    keep = np.ones(len(catalogue.table), bool) if keep is None else np.asarray(keep, bool)
    _check_added(catalogue, added, keep)
    with atomic_file(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if format in (None, catalogue.format):
            FORMATS[catalogue.format].write_back(catalogue.original, temporary, added, keep)
            return
        table = _without_masks(catalogue.table)
        for name, values in added.items():
            table[name] = values
        rows, part = table[keep], catalogue.part[keep]
        if (known := _format(format)).keeps_apart:
            count = int(part.max(initial=0)) + 1
            parts = [(rows[part == number], fits.Header()) for number in range(count)]
        elif len(catalogue.headers) > 1:
            parts = [(_with_number(rows, part + 1), fits.Header())]
        else:
            parts = [(rows, fits.Header())]
        known.write_new(parts, temporary)


def write_table(table: Table, path: Path, format: str, header: fits.Header | None = None) -> None:
    """Write a new catalogue.

    Parameters
    ----------
    table : astropy.table.Table
        One row per detection.
    path : pathlib.Path
        Written whole or not at all.
    format : str
        One of `FORMATS`.
    header : astropy.io.fits.Header, optional
        Header of the frame, which FITS_LDAC keeps beside the table.
    """
    write_tables([(table, fits.Header() if header is None else header)], path, format)


def write_tables(parts: Parts, path: Path, format: str) -> None:
    """Write a new catalogue of all CCDs of a mosaic.

    Parameters
    ----------
    parts : sequence of (astropy.table.Table, astropy.io.fits.Header)
        The detections of each CCD, in the order of the CCDs in their file, and the header of its image.
    path, format
        As in `write_table`. FITS_LDAC has a pair of LDAC_IMHEAD and LDAC_OBJECTS for each CCD; the others have one
        table, where the column EXT_NUMBER (from 1) tells the CCDs apart.
    """
    known = _format(format)
    if len(parts) > 1 and not known.keeps_apart:
        numbered = [
            _with_number(table, np.full(len(table), number)) for number, (table, _) in enumerate(parts, start=1)
        ]
        parts = [(vstack(numbered, metadata_conflicts="silent"), fits.Header())]
    with atomic_file(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known.write_new(parts, temporary)


def _without_masks(table: Table) -> Table:
    """Return a copy of a table where missing numbers are NaN, because text has no masks."""
    table = table.copy()
    for name in table.colnames:
        values = table[name]
        if isinstance(values, MaskedColumn) and values.dtype.kind in "iuf":
            table[name] = values.astype(np.float64).filled(np.nan) if values.mask.any() else values.filled()
    return table


def _with_number(table: Table, number: np.ndarray) -> Table:
    table = table.copy()
    table[EXT_NUMBER] = Column(number.astype(np.int64), description="FITS extension number")
    return table


def _format(name: str | None) -> Format:
    if name not in FORMATS:
        raise CeresFastError(f"{name}: no such catalogue format; expected one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def check_free(catalogue: Catalogue, names: Iterable[str]) -> None:
    """Make sure that a catalogue has none of some columns, whatever their case; else raise an InputError."""
    taken = {name.upper() for name in catalogue.table.colnames}
    if there := sorted(name for name in names if name.upper() in taken):
        raise InputError(
            catalogue.path,
            f"has a column {there[0]} already",
            expected="a catalogue that was not classified before",
            action="give the original catalogue",
        )


def _check_added(catalogue: Catalogue, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    check_free(catalogue, added)
    for name, values in {"keep": keep, **added}.items():
        if np.shape(values) != (len(catalogue.table),):
            raise ValueError(f"{name} has shape {np.shape(values)}, not ({len(catalogue.table)},)")
