"""SExtractor's FITS_LDAC: LDAC_IMHEAD holds the frame's header as text, LDAC_OBJECTS a row per detection.

A mosaic has such a pair for each CCD, in the order of the CCDs. FITS_1.0 has no LDAC_IMHEAD; its table is OBJECTS. Any
other FITS file is read where one of its tables alone has positions: astropy and TOPCAT give tables no name.
Source: Leiden Data Analysis Center format, as SExtractor (CATALOG_TYPE FITS_LDAC) and SCAMP write it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table, vstack

from ..errors import InputError
from ..frames.fits_files import check_whole, each_hdu, open_fits, readable_header, writable_header
from .core import distinct
from .fits_rows import Block, extended
from .names import Names

HEADER = "LDAC_IMHEAD"
OBJECTS = ("LDAC_OBJECTS", "OBJECTS")
"""Names of the extension that holds the detections; the second is SExtractor's FITS_1.0."""

_CARD = 80


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is FITS."""
    return start.startswith(b"SIMPLE  =")


def read(path: Path, names: Names) -> tuple[Table, list[Block], dict[str, Any]]:
    """Return the table of all CCDs, the bytes of all parts of the file, and the header and rows of each CCD."""
    content = path.read_bytes()
    with open_fits(path) as opened:
        hdus = list(each_hdu(opened))
        check_whole(path, opened)
        numbers = _of_objects(path, hdus, names)
        tables = [table_of(hdus[number]) for number in numbers]
        headers = [_header_before(hdus, number) for number in numbers]
        places = [hdu.fileinfo() for hdu in hdus]
    starts = [place["hdrLoc"] for place in places]
    blocks = [
        Block(content[start : place["datLoc"]], content[place["datLoc"] : end], number in numbers)
        for number, (place, (start, end)) in enumerate(zip(places, pairwise([*starts, len(content)]), strict=True))
    ]
    for number, table in zip(numbers, tables, strict=True):
        if table.colnames != tables[0].colnames:
            raise InputError(path, "has other columns than the first table", row=f"extension {number}")
    if len(tables) == 1:
        return tables[0], blocks, {"headers": headers}
    part = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return vstack(tables, metadata_conflicts="silent"), blocks, {"headers": headers, "part": part}


def write_back(original: list[Block], path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write all parts as they were, with a column per added name in the tables of detections."""
    start = 0
    with path.open("wb") as stream:
        for block in original:
            if block.is_objects:
                rows = slice(start, start + block.rows)
                block = extended(block, {name: values[rows] for name, values in added.items()}, keep[rows])
                start = rows.stop
            stream.write(block.header + block.data)


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write the table of each CCD and the header of its frame."""
    hdus = [fits.PrimaryHDU()]
    for table, header in parts:
        objects = fits.table_to_hdu(table)
        objects.name = OBJECTS[0]
        hdus += [_image_header(writable_header(header, path)), objects]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    with open_fits(path) as written, path.open("r+b") as stream:
        for hdu in written:
            if hdu.name == HEADER:  # the cards end in blanks, as in FITS headers: astropy writes bytes of 0
                stream.seek(hdu.fileinfo()["datLoc"])
                cards = stream.read(hdu.header["NAXIS1"] * hdu.header["NAXIS2"])
                stream.seek(hdu.fileinfo()["datLoc"])
                stream.write(cards.replace(b"\0", b" "))


def _of_objects(path: Path, hdus: Sequence[fits.PrimaryHDU], names: Names) -> list[int]:
    """Return which HDUs hold the detections: those with SExtractor's names, else the only table with positions."""
    tables = {number: hdu for number, hdu in enumerate(hdus) if is_table(hdu)}
    if named := [number for number, hdu in tables.items() if hdu.name.upper() in OBJECTS]:
        return named
    others = [number for number, hdu in tables.items() if hdu.name.upper() != HEADER]
    with_positions = [number for number in others if names.has_positions(_called(tables[number].header))]
    found = with_positions or others
    if len(found) == 1:
        return found
    there = ", ".join(f"{number} ({hdu.name or 'no name'})" for number, hdu in tables.items() if number in found)
    if not found:
        problem = "has no table"
    elif with_positions:
        problem = f"has {len(found)} tables with positions: extensions {there}"
    else:
        problem = f"has {len(found)} tables, none of which has positions: extensions {there}"
    raise InputError(
        path,
        problem,
        expected=f"one with X_IMAGE and Y_IMAGE, or tables that are called {OBJECTS[0]} (one for each CCD)",
        action=f"name the table {OBJECTS[0]}, or say with --columns how its columns are called",
    )


def is_table(hdu: fits.PrimaryHDU) -> bool:
    """Tell whether an HDU is a table; compressed images are kept in tables, too."""
    return isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and not isinstance(hdu, fits.CompImageHDU)


def _called(header: fits.Header) -> list[str]:
    return [str(header.get(f"TTYPE{number}", f"col{number}")).strip() for number in range(1, header["TFIELDS"] + 1)]


def table_of(hdu: fits.BinTableHDU | fits.TableHDU) -> Table:
    """Return the table of an HDU whose columns were not read before; astropy can read none with two of one name."""
    for number, (name, unique) in enumerate(zip(names := _called(hdu.header), distinct(names), strict=True), start=1):
        if name != unique:
            hdu.header[f"TTYPE{number}"] = unique
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(hdu, fits.BinTableHDU):
            return Table.read(hdu, mask_invalid=False)
        # astropy takes missing numbers of an ASCII table for 0, and gives up where it is to mask them.
        texts = np.asarray(hdu.data)
        missing = {each.name: np.strings.strip(texts[each.name]) == str(each.null).encode() for each in hdu.columns}
        return Table({name: MaskedColumn(hdu.data[name], mask=mask) for name, mask in missing.items()})


def _header_before(hdus: Sequence[fits.PrimaryHDU], number: int) -> fits.Header:
    """Return the header of the image that a table was made from; empty where it is not there or cannot be read."""
    before = hdus[number - 1]
    if before.name.upper() != HEADER or not isinstance(before, fits.BinTableHDU) or not len(before.data):
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
