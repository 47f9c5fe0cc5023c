"""CSV with a header line, as programs, spreadsheets and people write it.

Commas, semicolons or tabs; blanks after them; quotation marks; comments and empty lines; cells without a number; a
first column without a name, which pandas writes; a header behind a #, which NumPy writes; decimal commas, where values
are not separated by commas. What is written back are the lines that were there, each with its new cells at the end.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..console import warn_once
from ..errors import InputError
from .core import distinct
from .lines import BLANK, MARK, MISSING, Text, body, is_blank, is_comment, number_in, read_text, split
from .names import Names

DELIMITERS = (",", ";", "\t")

_EXPECTED = "CSV with a header line"
_NAME = re.compile(r"[A-Za-z_][^\s,;]*")
_HINT = re.compile(rf'{MARK}?"?sep=(.)"?\s*')  # the first line of what Excel writes
_NO_NAMES = tuple("<{[%")  # how pages, settings and programs begin, which have commas too
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?|[-+]?\d+,")
_TRUTH = {"true": 1.0, "false": 0.0}


class Head(NamedTuple):
    """Which line of a file (from 0) names the columns, what separates them, and their names."""

    line: int
    delimiter: str
    names: list[str]


class Row(NamedTuple):
    """The lines of a file (from 0) that a row is on, and its cells."""

    lines: range
    cells: list[str]


@dataclass(frozen=True)
class Original:
    """A file, and where its header and rows are in it."""

    text: Text
    head: Head
    rows: list[Row]
    decimal: str


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is CSV."""
    return _head(split(start.decode("utf-8", errors="replace"))) is not None


def read(path: Path, names: Names) -> tuple[Table, Original, dict[str, Any]]:
    """Return the table, and the lines it was read from."""
    text = read_text(path)
    head = _head(text.lines)
    if head is None:
        raise InputError(path, "has no line that names its columns", expected=_EXPECTED)
    try:
        rows = list(_rows(text.lines, head))
    except csv.Error as error:
        raise InputError(path, f"is not readable CSV ({error})", expected=_EXPECTED) from error
    for count, row in enumerate(rows, start=1):
        if len(row.cells) != len(head.names):
            raise _uneven(path, count, row, head)
    _say_left_out(path, text, head)
    columns = list(zip(*(row.cells for row in rows), strict=True)) or [()] * len(head.names)
    decimal = _decimal_mark(path, head, columns)
    table = Table({name: _typed(cells, decimal) for name, cells in zip(head.names, columns, strict=True)})
    return table, Original(text, head, rows, decimal), {}


def write_back(original: Original, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the original lines with a cell per added name at the end of each row."""
    delimiter = original.head.delimiter
    lines: list[str | None] = [*original.text.lines]

    def extend(line: int, cells: Sequence[str]) -> None:
        whole = original.text.lines[line]
        end = whole[len(body(whole)) :]
        lines[line] = body(whole) + "".join(delimiter + cell for cell in cells) + end

    extend(original.head.line, list(added))
    texts = [
        [str(value).replace(".", original.decimal) for value in np.asarray(values).tolist()]
        for values in added.values()
    ]
    for number, row in enumerate(original.rows):
        if keep[number]:
            extend(row.lines[-1], [column[number] for column in texts])
        else:
            lines[row.lines.start : row.lines.stop] = [None] * len(row.lines)
    original.text.write(path, [line for line in lines if line is not None])


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table of one-dimensional columns; the frame's header has no place in this format."""
    ((table, _),) = parts
    for name in table.colnames:
        if table[name].ndim != 1:
            raise InputError(path, f"column {name} is not one value per row", action="choose the format ECSV")
    columns = [
        np.ma.filled(table[name], np.nan) if hasattr(table[name], "mask") else table[name] for name in table.colnames
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.colnames)
        writer.writerows(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def _head(lines: Sequence[str]) -> Head | None:
    """Find the line that names the columns: the first that is no comment, or the comment before the first row."""
    before = list(takewhile(lambda line: is_blank(line) or is_comment(line) or _HINT.fullmatch(line), lines))
    hints = [match[1] for line in before if (match := _HINT.fullmatch(line))]
    delimiters = tuple(hints) or DELIMITERS
    first = len(before)
    cells: list[str] | None = None
    if first < len(lines) and not lines[first].strip(BLANK).startswith(_NO_NAMES):
        # A byte order mark before a quotation mark would make that one a letter of the first name.
        delimiter, cells = _cells(lines[first].removeprefix(MARK), delimiters)
        if len(cells) > 1 and any(map(_is_name, cells)) and not any(map(_is_number, cells)):
            return Head(first, delimiter, _named(cells))
    comments = [line for line, text in enumerate(before) if is_comment(text)]
    if not comments or (cells is not None and len(cells) < 2):
        return None
    delimiter, commented = _cells(lines[comments[-1]].strip(BLANK).lstrip("#"), delimiters)
    fits_rows = cells is None or (len(cells) == len(commented) and any(map(_is_number, cells)))
    if fits_rows and len(commented) > 1 and all(_NAME.fullmatch(name.strip()) for name in commented):
        return Head(comments[-1], delimiter, _named(commented))
    return None


def _cells(line: str, delimiters: Sequence[str]) -> tuple[str, list[str]]:
    """Return what separates the cells of a line, the one that gives the most, and the cells."""
    try:
        found = [(each, next(csv.reader([line], delimiter=each, skipinitialspace=True), [""])) for each in delimiters]
    except csv.Error:  # one cell is longer than any is
        return delimiters[0], [""]
    return max(found, key=lambda pair: len(pair[1]))


def _named(cells: Sequence[str]) -> list[str]:
    """Return names for all columns: pandas gives none to its index."""
    return distinct([cell.strip(BLANK) or f"COLUMN_{column}" for column, cell in enumerate(cells, start=1)])


def _is_name(cell: str) -> bool:
    return any(character.isalpha() for character in cell)


def _is_number(cell: str) -> bool:
    """Tell whether a cell is one of a row: a column may be called "none", but not "nan"."""
    word = cell.strip().lower()
    return word == "nan" or (word not in MISSING and any(_as_number(word, mark) is not None for mark in ".,"))


def _rows(lines: Sequence[str], head: Head) -> Iterator[Row]:
    """Yield the rows after the header; comments and empty lines between them are passed over."""
    place, begins = head.line + 1, True

    def each() -> Iterator[str]:
        nonlocal place, begins
        while place < len(lines):
            line = lines[place]
            place += 1
            if begins and (is_blank(line) or is_comment(line)):
                continue
            begins = False
            yield line

    reader = csv.reader(each(), delimiter=head.delimiter, skipinitialspace=True)
    read_before = 0
    for cells in reader:
        yield Row(range(place - (reader.line_num - read_before), place), cells)
        read_before, begins = reader.line_num, True


def _say_left_out(path: Path, text: Text, head: Head) -> None:
    """Warn of comments that could be rows: a detection whose first cell begins with # would be lost without a word."""
    could_be = [
        number
        for number, line in enumerate(text.lines[head.line + 1 :], start=head.line + 2)
        if is_comment(line) and len(_cells(line, (head.delimiter,))[1]) == len(head.names)
    ]
    if could_be:
        more = f" and {len(could_be) - 1} others" if len(could_be) > 1 else ""
        warn_once(
            "comments",
            f"{path}, line {could_be[0]}{more}: taken for a comment, as it begins with #, though it holds as many "
            "values as the header has names. Other catalogues with such lines are not named",
        )


def _uneven(path: Path, count: int, row: Row, head: Head) -> InputError:
    more = len(row.cells) > len(head.names)
    why = "more than there are names" if more else "the file may be cut off"
    if len(row.lines) > 1:
        why = f"it goes on to line {row.lines.stop}: a quotation mark may be missing"
    return InputError(
        path,
        f"has {len(row.cells)} values; {why}",
        row=count,
        expected=f"{len(head.names)} values, as the header has names",
        action=f"look at line {row.lines.start + 1} of the file",
    )


def _decimal_mark(path: Path, head: Head, columns: Sequence[Sequence[str]]) -> str:
    """Return what numbers have before their decimals.

    Raises
    ------
    InputError
        When it is a comma in some columns and a point in others: then no number is certain.
    """
    if head.delimiter == ",":
        return "."
    marks: dict[str, str] = {}
    for name, cells in zip(head.names, columns, strict=True):
        present = [cell.strip() for cell in cells if cell.strip().lower() not in MISSING]
        if any(map(_DECIMAL_COMMA.fullmatch, present)) and all(_as_number(cell, ",") is not None for cell in present):
            marks.setdefault(",", name)
        elif any("." in cell for cell in present) and all(_as_number(cell, ".") is not None for cell in present):
            marks.setdefault(".", name)
    if len(marks) > 1:
        problem = f"has numbers with a decimal comma in column {marks[',']} and with a point in column {marks['.']}"
        raise InputError(path, problem, expected="one of them", action="save it with decimal points")
    return next(iter(marks), ".")


def _as_number(cell: str, decimal: str) -> float | None:
    """Return the number in a cell, NaN where one is missing; None where it is none."""
    try:
        return number_in(cell if decimal == "." else cell.replace(".", "_").replace(",", "."))
    except ValueError:
        return None


def _typed(cells: Sequence[str], decimal: str) -> np.ndarray:
    """Return the values of a column: whole numbers, numbers, truth values, or text."""
    if decimal == "." and not any("_" in cell for cell in cells):  # the fast way for what most columns are
        with suppress(ValueError, OverflowError):
            return np.array([int(cell) for cell in cells], np.int64)
        with suppress(ValueError):
            return np.array([float(cell) for cell in cells], np.float64)
    numbers = [_as_number(cell, decimal) for cell in cells]
    if None not in numbers:
        return np.array(numbers, np.float64)
    lower = [cell.strip().lower() for cell in cells]
    truths = [math.nan if cell in MISSING else _TRUTH.get(cell) for cell in lower]
    if None in truths:
        return np.array(cells, np.str_)
    values = np.array(truths, np.float64)
    return values if np.isnan(values).any() else values.astype(bool)
