"""CSV with a header line; the text of every cell is written back as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..errors import InputError


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is CSV: a header line of names with a comma."""
    line = next(iter(start.decode("utf-8-sig", errors="replace").strip().splitlines()), "")
    return "," in line and not line.startswith("#") and any(character.isalpha() for character in line.split(",")[0])


def read(path: Path) -> tuple[Table, list[list[str]], dict[str, Any]]:
    """Return the table, and the text of its cells, the header's first."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "is not text in UTF-8", expected="CSV with a header line") from error
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise InputError(path, f"is not readable CSV ({error})", expected="CSV with a header line") from error
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise InputError(path, "has two columns of one name", row="the header", expected="a name per column")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            problem = f"has {len(row)} values; the file may be cut off"
            raise InputError(path, problem, row=number, expected=f"{len(names)} values, as the header has names")
    cells = list(zip(*rows[1:], strict=True)) if len(rows) > 1 else [()] * len(names)
    return Table({name: _typed(column) for name, column in zip(names, cells, strict=True)}), rows, {}


def write_back(original: list[list[str]], path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the original cells with a column per added name at their end."""
    new = zip(*(np.asarray(values).tolist() for values in added.values()), strict=True) if added else [()] * len(keep)
    rows = [[*row, *cells] for row, cells, kept in zip(original[1:], new, keep, strict=True) if kept]
    _write(path, [[*original[0], *added], *rows])


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table of one-dimensional columns; the frame's header has no place in this format."""
    ((table, _),) = parts
    for name in table.colnames:
        if table[name].ndim != 1:
            raise InputError(path, f"column {name} is not one value per row", action="choose the format ECSV")
    columns = [
        np.ma.filled(table[name], np.nan) if hasattr(table[name], "mask") else table[name] for name in table.colnames
    ]
    _write(path, [table.colnames, *zip(*(np.asarray(column).tolist() for column in columns), strict=True)])


def _typed(cells: tuple[str, ...]) -> np.ndarray:
    try:
        return np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells], np.float64)
    except ValueError:
        return np.array(cells, np.str_)


def _write(path: Path, rows: list) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
