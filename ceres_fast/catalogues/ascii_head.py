"""SExtractor's ASCII_HEAD: a line ``#  n NAME  description [unit]`` per column, then a line per detection.

Source: SExtractor manual, "Output catalog", CATALOG_TYPE ASCII_HEAD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.units import Unit

from ..errors import InputError
from .core import LARGEST, distinct
from .lines import BLANK, Text, body, is_blank, is_comment, number_in, read_text, split
from .names import Names

_HEADER_LINE = re.compile(r"#\s*(\d{1,5})\s+(\S+)\s*(.*?)\s*(?:\[([^\]]*)\])?\s*$")
_FIRST = re.compile(r"\s*#\s*1\s+[A-Za-z]")

WHOLE_NUMBERS = (
    *("NUMBER", "FLAGS", "FLAGS_WEIGHT", "FLAGS_WIN", "EXT_NUMBER"),
    *("CERES_FLAGS", "FORCED_SEEN", "FORCED_LOOKED"),
)
"""Columns that hold whole numbers."""

PRECISION = (("J2000", ".7f"), ("SKY", ".7f"), ("_IMAGE", ".4f"), ("MAG", ".4f"), ("PROB", ".6f"), ("", ".7g"))
"""How numbers of new columns are written, by the first of these that is in the column's name."""


@dataclass(frozen=True)
class Original:
    """A file, which of its lines (from 0) is the last that names a column, which are rows, and how many columns."""

    text: Text
    last: int
    rows: list[int]
    columns: int


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is ASCII_HEAD: a line that names column 1, among those with a #."""
    lines = split(start.decode("latin-1").removeprefix("ï»¿"))
    head = [body(line) for line in takewhile(lambda line: is_blank(line) or is_comment(line), lines)]
    after = lines[len(head) : len(head) + 1]
    return any(map(_FIRST.match, head)) and not any("," in line or ";" in line for line in after)


def read(path: Path, names: Names) -> tuple[Table, Original, dict[str, Any]]:
    """Return the table, and the lines it was read from."""
    text = read_text(path)
    rows = [number for number, line in enumerate(text.lines) if not is_blank(line) and not is_comment(line)]
    above = rows[0] if rows else len(text.lines)
    named = [
        (number, match.groups())
        for number, line in enumerate(text.lines[:above])
        if (match := _HEADER_LINE.match(body(line).lstrip(BLANK)))
    ]
    if again := [number for number, line in enumerate(text.lines[above:], start=above + 1) if _FIRST.match(line)]:
        problem, action = "names its columns again: two catalogues are in it", "give each frame its own catalogue"
        raise InputError(path, problem, row=f"line {again[0]}", expected="one header", action=action)
    if not named:
        raise InputError(path, "has no line that names a column", expected="one header line per column")
    starts = [int(column) - 1 for _, (column, *_) in named]
    values = _values(path, text, rows) if rows else np.empty((0, starts[-1] + 1))
    width = values.shape[1]
    if starts != sorted(set(starts)) or starts[0] != 0 or width <= starts[-1]:
        problem = f"its header counts columns up to {starts[-1] + 1} and its rows have {width}"
        raise InputError(path, problem, expected="one header line per column, in order", action="run SExtractor again")
    table = Table()
    unique = distinct([name for _, (_, name, *_) in named])
    spans = zip(unique, starts, [*starts[1:], width], strict=True)
    for (_, (_, name, description, unit)), (called, start, stop) in zip(named, spans, strict=True):
        for number in range(start, stop):
            numbered = called if number == start else f"{called}_{number - start}"
            column = values[:, number]
            is_whole = name in WHOLE_NUMBERS and (np.abs(column) < LARGEST).all()
            table[numbered] = column.astype(np.int64) if is_whole else column
            table[numbered].description = description or None
            table[numbered].unit = Unit(unit, parse_strict="silent") if unit else None
    return table, Original(text, named[-1][0], rows, width), {}


def write_back(original: Original, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the original lines with a column per added name at their end, and its header line after the others."""
    lines: list[str | None] = [*original.text.lines]
    texts = [_texts(name, values) for name, values in added.items()]
    for number, row in enumerate(original.rows):
        line = original.text.lines[row]
        whole = body(line)
        longer = "".join([whole, *(column[number] for column in texts), line[len(whole) :]])
        lines[row] = longer if keep[number] else None
    new = [_header_line(original.columns + number, name, added[name]) for number, name in enumerate(added, start=1)]
    lines[original.last + 1 : original.last + 1] = [line + original.text.end for line in new]
    original.text.write(path, [line for line in lines if line is not None])


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table of one-dimensional columns of numbers; the frame's header has no place in this format."""
    ((table, _),) = parts
    for name in table.colnames:
        if table[name].ndim != 1 or table[name].dtype.kind not in "biuf":
            raise InputError(path, f"column {name} is not one number per row", action="choose the format ECSV")
    head = [_header_line(number, name, table[name]) for number, name in enumerate(table.colnames, start=1)]
    texts = [_texts(name, table[name]) for name in table.colnames]
    rows = ["".join(cells) for cells in zip(*texts, strict=True)]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8", newline="\n")


def _values(path: Path, text: Text, rows: list[int]) -> np.ndarray:
    """Return the numbers of all rows, NaN where one is missing."""
    lines = [text.lines[row] for row in rows]
    with suppress(ValueError):  # the fast way: nothing is missing but as NaN
        return np.loadtxt(lines, dtype=np.float64, ndmin=2, comments=None)
    cells = [line.strip(BLANK).split() for line in lines]
    width = len(cells[0])
    for count, (row, line) in enumerate(zip(cells, rows, strict=True), start=1):
        if len(row) != width:
            problem = f"has {len(row)} values where the first row has {width}; the file may be cut off"
            raise _bad_row(path, problem, count, width, line)
        for cell in row:
            try:
                number_in(cell)
            except ValueError:
                raise _bad_row(path, f"{cell[:40]!r} is not a number", count, width, line) from None
    return np.array([[number_in(cell) for cell in row] for row in cells])


def _bad_row(path: Path, problem: str, count: int, width: int, line: int) -> InputError:
    action = f"look at line {line + 1} of the file, or run SExtractor again"
    return InputError(path, problem, row=count, expected=f"{width} numbers", action=action)


def _header_line(number: int, name: str, values: np.ndarray) -> str:
    description = getattr(values, "description", None) or ""
    unit = getattr(values, "unit", None)
    return f"# {number:3d} {name:<22} {description:<58} {f'[{unit}]' if unit else ''}".rstrip()


def _texts(name: str, values: np.ndarray) -> list[str]:
    values = np.ma.filled(np.ma.asarray(values), np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
    precision = "d" if values.dtype.kind in "biu" else next(form for part, form in PRECISION if part in name)
    return [f" {value:>12{precision}}" for value in values.tolist()]
