"""SExtractor's ASCII_HEAD: a line ``#  n NAME  description [unit]`` per column, then a line per detection.

Source: SExtractor manual, "Output catalog", CATALOG_TYPE ASCII_HEAD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.units import Unit

from ..errors import InputError

_HEADER_LINE = re.compile(r"#\s*(\d+)\s+(\S+)\s*(.*?)\s*(?:\[([^\]]*)\])?\s*$")

WHOLE_NUMBERS = ("NUMBER", "FLAGS", "FLAGS_WEIGHT", "FLAGS_WIN", "EXT_NUMBER", "CERES_FLAGS")
"""Columns that hold whole numbers."""

PRECISION = (("J2000", ".7f"), ("SKY", ".7f"), ("_IMAGE", ".4f"), ("MAG", ".4f"), ("PROB", ".6f"), ("", ".7g"))
"""How numbers of new columns are written, by the first of these that is in the column's name."""


@dataclass(frozen=True)
class Lines:
    """The lines of a catalogue, and how many columns they have."""

    head: list[str]
    rows: list[str]
    columns: int


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is ASCII_HEAD."""
    return re.match(rb"#\s*1\s+[A-Za-z]", start) is not None


def read(path: Path) -> tuple[Table, Lines, dict[str, Any]]:
    """Return the table, and the lines it was read from."""
    # latin-1: any byte survives reading and writing; splitlines would also split at some of them
    lines = path.read_text(encoding="latin-1").split("\n")
    head = [line for line in lines if line.startswith("#")]
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    parsed = [match.groups() for line in head if (match := _HEADER_LINE.match(line))]
    starts = [int(number) - 1 for number, *_ in parsed]
    values = _values(path, rows) if rows else np.empty((0, starts[-1] + 1))
    width = values.shape[1]
    if starts != sorted(set(starts)) or starts[0] != 0 or width <= starts[-1]:
        problem = f"its header counts columns up to {starts[-1] + 1} and its rows have {width}"
        raise InputError(path, problem, expected="one header line per column, in order", action="run SExtractor again")
    table = Table()
    for (_, name, description, unit), start, stop in zip(parsed, starts, [*starts[1:], width], strict=True):
        for number in range(start, stop):
            numbered = name if number == start else f"{name}_{number - start}"
            table[numbered] = values[:, number]
            if name in WHOLE_NUMBERS and np.isfinite(values[:, number]).all():
                table[numbered] = table[numbered].astype(np.int64)
            table[numbered].description = description or None
            table[numbered].unit = Unit(unit, parse_strict="silent") if unit else None
    return table, Lines(head, rows, width), {}


def write_back(original: Lines, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the original lines with a column per added name at their end, and its header line after the others."""
    last = max(number for number, line in enumerate(original.head) if _HEADER_LINE.match(line)) + 1
    new = [_header_line(original.columns + number, name, added[name]) for number, name in enumerate(added, start=1)]
    texts = [_texts(name, values) for name, values in added.items()]
    rows = ["".join(cells) for cells in zip(original.rows, *texts, strict=True)]
    _write(path, [*original.head[:last], *new, *original.head[last:]], [rows[row] for row in np.flatnonzero(keep)])


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table of one-dimensional columns of numbers; the frame's header has no place in this format."""
    ((table, _),) = parts
    for name in table.colnames:
        if table[name].ndim != 1 or table[name].dtype.kind not in "biuf":
            raise InputError(path, f"column {name} is not one number per row", action="choose the format ECSV")
    head = [_header_line(number, name, table[name]) for number, name in enumerate(table.colnames, start=1)]
    texts = [_texts(name, table[name]) for name in table.colnames]
    _write(path, head, ["".join(cells) for cells in zip(*texts, strict=True)])


def _values(path: Path, rows: list[str]) -> np.ndarray:
    try:
        return np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise _bad_row(path, rows) from error


def _bad_row(path: Path, rows: list[str]) -> InputError:
    width = len(rows[0].split())
    for number, row in enumerate(rows, start=1):
        cells = row.split()
        if len(cells) != width:
            problem = f"has {len(cells)} values where the first row has {width}; the file may be cut off"
            return InputError(path, problem, row=number, expected=f"{width} numbers", action="run SExtractor again")
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                return InputError(path, f"{cell!r} is not a number", row=number, expected=f"{width} numbers")
    return InputError(path, "its rows cannot be read", expected="numbers separated by blanks")


def _header_line(number: int, name: str, values: np.ndarray) -> str:
    description = getattr(values, "description", None) or ""
    unit = getattr(values, "unit", None)
    return f"# {number:3d} {name:<22} {description:<58} {f'[{unit}]' if unit else ''}".rstrip()


def _texts(name: str, values: np.ndarray) -> list[str]:
    values = np.ma.filled(np.ma.asarray(values), np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
    precision = "d" if values.dtype.kind in "biu" else next(form for part, form in PRECISION if part in name)
    return [f" {value:>12{precision}}" for value in values.tolist()]


def _write(path: Path, head: list[str], rows: list[str]) -> None:
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="latin-1")
