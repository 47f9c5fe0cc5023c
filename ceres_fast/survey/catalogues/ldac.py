"""SExtractor's FITS_LDAC: LDAC_IMHEAD holds the frame's header as text, LDAC_OBJECTS a row per detection.

Source: Leiden Data Analysis Center format, as SExtractor (CATALOG_TYPE FITS_LDAC) and SCAMP write it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ...errors import InputError
from ..fits_files import open_fits

OBJECTS = ("LDAC_OBJECTS", "OBJECTS")
"""Names of the extension that holds the detections; the second is SExtractor's FITS_1.0."""

_CARD = 80


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is FITS."""
    return start.startswith(b"SIMPLE  =")


def read(path: Path) -> tuple[Table, list[fits.PrimaryHDU]]:
    """Return the table, and all parts of the file."""
    with open_fits(path) as opened:
        hdus = [hdu.copy() for hdu in opened]
    tables = [hdu for hdu in hdus if hdu.name in OBJECTS and isinstance(hdu, fits.BinTableHDU)]
    if len(tables) != 1:
        problem = f"holds the catalogues of {len(tables)} CCDs" if tables else "has no extension LDAC_OBJECTS"
        raise InputError(path, problem, expected="the catalogue of one CCD", action="write one catalogue per CCD")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Table.read(tables[0], mask_invalid=False), hdus


def write_back(original: list[fits.PrimaryHDU], path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write all parts as they were, with a column per added name in the table of detections."""
    parts = [_extended(hdu, added, keep) if hdu.name in OBJECTS else hdu for hdu in original]
    _write(parts, path)


def write_new(table: Table, path: Path, header: fits.Header) -> None:
    """Write a table and the header of its frame."""
    objects = fits.table_to_hdu(table)
    objects.name = "LDAC_OBJECTS"
    _write([fits.PrimaryHDU(), _image_header(header), objects], path)


def _write(hdus: list[fits.PrimaryHDU], path: Path) -> None:
    """Write the parts of a file; the cards in LDAC_IMHEAD end in blanks, as in FITS headers: astropy writes NULs."""
    fits.HDUList(hdus).writeto(path, overwrite=True)
    with open_fits(path) as written, path.open("r+b") as stream:
        for hdu in written:
            if hdu.name == "LDAC_IMHEAD":
                stream.seek(hdu.fileinfo()["datLoc"])
                cards = stream.read(hdu.header["NAXIS1"] * hdu.header["NAXIS2"])
                stream.seek(hdu.fileinfo()["datLoc"])
                stream.write(cards.replace(b"\0", b" "))


def _image_header(header: fits.Header) -> fits.BinTableHDU:
    text = header.tostring(sep="", endcard=True, padding=False).encode("ascii", errors="replace")
    cards = len(text) // _CARD
    column = fits.Column(
        "Field Header Card",
        f"{len(text)}A",
        dim=f"({_CARD},{cards})",
        array=[np.array([text[start : start + _CARD] for start in range(0, len(text), _CARD)])],
    )
    return fits.BinTableHDU.from_columns([column], name="LDAC_IMHEAD")


def _extended(hdu: fits.BinTableHDU, added: Mapping[str, np.ndarray], keep: np.ndarray) -> fits.BinTableHDU:
    new = Table({name: np.asarray(values) for name, values in added.items()})
    new_columns = fits.table_to_hdu(new).columns if added else []
    result = fits.BinTableHDU.from_columns([*hdu.columns, *new_columns], header=hdu.header)
    result.data = result.data[keep]
    return result
