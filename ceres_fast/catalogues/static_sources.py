"""Fixed sources from other nights or a survey: a table with ra and dec (``--static``)."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..console import warn
from ..errors import InputError
from . import ascii_head, csv_text
from .formats import START, format_of
from .ldac import is_table, table_of
from .names import Names
from .unknown import on_sphere
from .votable import read_whole

PAIRS = (
    ("ra", "dec"),
    ("ra_icrs", "de_icrs"),
    ("raj2000", "dej2000"),
    ("_raj2000", "_dej2000"),
    ("ramean", "decmean"),
    ("alpha_j2000", "delta_j2000"),
)
"""What the columns may be called, whatever their case; the first pair that is there is taken. Gaia, VizieR,
Pan-STARRS, SExtractor."""

FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".vot": "votable", ".xml": "votable"}
"""Formats of what is not recognised by its content, by suffix; anything else is a table of text in a format that is
guessed."""

_FITS = b"SIMPLE  ="
_BY_CONTENT = {"ECSV": "ascii.ecsv", "VOTABLE": "votable"}
_TEXT = {"ASCII_HEAD": ascii_head.read, "CSV": csv_text.read}


def read_static(path: Path) -> np.ndarray:
    """Read a table of fixed sources.

    Parameters
    ----------
    path : pathlib.Path
        FITS (the first table with such columns: FITS_LDAC is one), VOTable, ECSV, CSV, ASCII_HEAD or another table of
        text, with columns called as a row of `PAIRS`, in deg (or in the unit that the column names).

    Returns
    -------
    numpy.ndarray
        ra, dec in deg, shape (m, 2). Rows without a position, or with one that stands for none (`unknown.on_sphere`),
        are left out, which is said.

    Raises
    ------
    InputError
        When the file is missing, no table, has no such columns, or none of its rows has a position on the sky.
    """
    if not path.is_file():
        raise InputError(path, "does not exist", expected="a table of fixed sources, with columns ra and dec")
    state = path.stat()
    return _read(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, size: int, modified: int) -> np.ndarray:
    tables = _tables(path)
    named = [(table, {name.lower(): name for name in reversed(table.colnames)}) for table in tables]
    found = [(table, columns, pair) for table, columns in named for pair in PAIRS if set(pair) <= columns.keys()]
    if not found:
        names = [name for table in tables for name in table.colnames]
        raise InputError(
            path,
            f"has the columns {', '.join(names[:12])}" if names else "is empty",
            expected=f"positions in deg in columns called {' or '.join('/'.join(pair) for pair in PAIRS)}",
            action="rename its columns to ra and dec",
        )
    table, columns, pair = found[0]
    ra, dec = (_degrees(table[columns[name]], path) for name in pair)
    good = on_sphere(ra, dec)
    if not good.any():
        raise InputError(path, f"none of its {len(table)} rows has a position", expected="ra and dec in deg")
    if not good.all():
        warn(f"{path}: {int((~good).sum())} of {len(good)} rows have no position, and are left out")
    return np.stack([ra[good] % 360, dec[good]], axis=1)


def _tables(path: Path) -> list[Table]:
    """Return the tables in a file."""
    try:
        with path.open("rb") as stream:
            start = stream.read(START)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units and headers of columns that are not used
            if start.startswith(_FITS) or path.name.lower().endswith((".fits", ".fit", ".fits.gz")):
                return _fits_tables(path)
            if (name := format_of(start)) in _TEXT:
                return [_TEXT[name](path, Names())[0]]
            format_ = _BY_CONTENT.get(name or "", FORMATS.get(path.suffix.lower(), "ascii"))
            return [read_whole(path.read_bytes()) if format_ == "votable" else Table.read(path, format=format_)]
    except InputError:
        raise
    except Exception as error:  # each format raises its own types, and that of text lists all that it has tried
        lines = (str(error).strip() or repr(error)).splitlines()
        why = "no format of text fits" if len(lines) > 9 else lines[0]
        raise InputError(
            path, f"cannot be read as a table ({why})", expected="FITS, VOTable, ECSV or CSV with columns ra and dec"
        ) from error


def _fits_tables(path: Path) -> list[Table]:
    with fits.open(path) as hdus:
        return [table_of(hdu) for hdu in hdus if is_table(hdu)]


def _degrees(column: object, path: Path) -> np.ndarray:
    unit = getattr(column, "unit", None)
    try:
        values = np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
        return values if unit is None else (values * unit).to_value("deg")
    except Exception as error:  # text, or a unit that is no angle
        name = getattr(column, "name", "?")
        raise InputError(path, f"column {name} cannot be read as an angle ({error})", expected="deg") from error
