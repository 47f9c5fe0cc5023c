"""SExtractor's FITS_LDAC: LDAC_IMHEAD holds the frame's header as text, LDAC_OBJECTS a row per detection.

A mosaic has such a pair for each CCD, in the order of the CCDs. FITS_1.0 has no LDAC_IMHEAD; its table is OBJECTS.
Source: Leiden Data Analysis Center format, as SExtractor (CATALOG_TYPE FITS_LDAC) and SCAMP write it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack

from ..errors import InputError
from ..frames.fits_files import check_whole, each_hdu, open_fits, readable_header, writable_header

HEADER = "LDAC_IMHEAD"
OBJECTS = ("LDAC_OBJECTS", "OBJECTS")
"""Names of the extension that holds the detections; the second is SExtractor's FITS_1.0."""

_CARD = 80


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is FITS."""
    return start.startswith(b"SIMPLE  =")


def read(path: Path) -> tuple[Table, list[fits.PrimaryHDU], dict[str, Any]]:
    """Return the table of all CCDs, all parts of the file, and the header and rows of each CCD."""
    with open_fits(path) as opened:
        hdus = [hdu.copy() for hdu in each_hdu(opened)]
        check_whole(path, opened)
    numbers = [number for number, hdu in enumerate(hdus) if _is_objects(hdu)]
    if not numbers:
        raise InputError(path, "has no extension LDAC_OBJECTS", expected="SExtractor's FITS_LDAC or FITS_1.0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = [Table.read(hdus[number], mask_invalid=False) for number in numbers]
    for number, table in zip(numbers, tables, strict=True):
        if table.colnames != tables[0].colnames:
            raise InputError(path, "has other columns than the first table", row=f"extension {number}")
    headers = [_header_before(hdus, number) for number in numbers]
    if len(tables) == 1:
        return tables[0], hdus, {"headers": headers}
    part = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return vstack(tables, metadata_conflicts="silent"), hdus, {"headers": headers, "part": part}


def write_back(original: list[fits.PrimaryHDU], path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write all parts as they were, with a column per added name in the tables of detections."""
    parts, start = [], 0
    for hdu in original:
        if _is_objects(hdu):
            rows = slice(start, start + len(hdu.data))
            hdu = _extended(hdu, {name: values[rows] for name, values in added.items()}, keep[rows])
            start = rows.stop
        parts.append(hdu)
    _write(parts, path)


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write the table of each CCD and the header of its frame."""
    hdus = [fits.PrimaryHDU()]
    for table, header in parts:
        objects = fits.table_to_hdu(table)
        objects.name = OBJECTS[0]
        hdus += [_image_header(writable_header(header, path)), objects]
    _write(hdus, path)


def _write(hdus: list[fits.PrimaryHDU], path: Path) -> None:
    """Write the parts of a file; the cards in LDAC_IMHEAD end in blanks, as in FITS headers: astropy writes NULs."""
    fits.HDUList(hdus).writeto(path, overwrite=True)
    with open_fits(path) as written, path.open("r+b") as stream:
        for hdu in written:
            if hdu.name == HEADER:
                stream.seek(hdu.fileinfo()["datLoc"])
                cards = stream.read(hdu.header["NAXIS1"] * hdu.header["NAXIS2"])
                stream.seek(hdu.fileinfo()["datLoc"])
                stream.write(cards.replace(b"\0", b" "))


def _is_objects(hdu: fits.PrimaryHDU) -> bool:
    return isinstance(hdu, fits.BinTableHDU) and hdu.name in OBJECTS


def _header_before(hdus: list[fits.PrimaryHDU], number: int) -> fits.Header:
    """Return the header of the image that a table was made from; empty where it is not there or cannot be read."""
    before = hdus[number - 1]
    if before.name != HEADER or not isinstance(before, fits.BinTableHDU) or not len(before.data):
        return fits.Header()
    cards = np.atleast_1d(before.data[0][0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that break the standard, which frames may have
        return readable_header(fits.Header.fromstring("".join(f"{card!s:<{_CARD}}" for card in cards)))


def _image_header(header: fits.Header) -> fits.BinTableHDU:
    text = header.tostring(sep="", endcard=True, padding=False).encode("ascii")
    cards = len(text) // _CARD
    column = fits.Column(
        "Field Header Card",
        f"{len(text)}A",
        dim=f"({_CARD},{cards})",
        array=[np.array([text[start : start + _CARD] for start in range(0, len(text), _CARD)])],
    )
    return fits.BinTableHDU.from_columns([column], name=HEADER)


def _extended(hdu: fits.BinTableHDU, added: Mapping[str, np.ndarray], keep: np.ndarray) -> fits.BinTableHDU:
    new = Table({name: np.asarray(values) for name, values in added.items()})
    new_columns = fits.table_to_hdu(new).columns if added else []
    result = fits.BinTableHDU.from_columns([*hdu.columns, *new_columns], header=hdu.header)
    result.data = result.data[keep]
    return result
