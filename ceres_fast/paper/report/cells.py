"""What a table of the report is made of, and how runs are named in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean, stdev
from typing import Any, Literal

from ...evaluation.formatting import NONE, decimals, is_number
from .results import Row

RANDOM = "random weights"
"""What every table and picture says of a run that began so: it is not what the paper did."""


@dataclass(frozen=True)
class Link:
    """A word that leads to `href`, relative to the report."""

    text: str
    href: str


Cell = str | Sequence[Link]


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes
    ----------
    heads : tuple of str
        Its first cells, which say what the line is about.
    cells : tuple of Cell
        Its values.
    kind : str
        How it is marked: ``published`` for figures of the paper, ``problem`` for what has failed.
    text : str
        In the place of `cells`: why there are none.
    """

    heads: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    kind: Literal["", "published", "problem"] = ""
    text: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes
    ----------
    caption : str
        What it shows.
    heads : tuple of str
        Names of the columns that say what a line is about.
    columns : tuple of (str, str)
        Group ("" for none) and name of each other column.
    lines : sequence of Line
        Each with as many heads, and as many cells or none.
    notes : tuple of str
        What has to be known to read it.
    words : bool
        Whether the cells are words, not numbers.
    """

    caption: str
    heads: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    lines: Sequence[Line]
    notes: tuple[str, ...] = field(default=())
    words: bool = False

    @property
    def spans(self) -> list[tuple[str, int]]:
        """What is above the names of columns: each group and how many columns it has, and (name, 0) of those in none.

        Empty where no column is in a group.
        """
        found: list[tuple[str, int]] = []
        for group, columns in groupby(self.columns, key=lambda column: column[0]):
            names = [name for _, name in columns]
            found += [(group, len(names))] if group else [(name, 0) for name in names]
        return found if any(count for _, count in found) else []


def spread(values: Iterable[Any], digits: int = 3) -> str:
    """Return the mean of the values, and ± their sample standard deviation where there are several."""
    known = [value for value in values if is_number(value)]
    if not known:
        return NONE
    mean = decimals(fmean(known), digits)
    return f"{mean} ±\N{NO-BREAK SPACE}{decimals(stdev(known), digits)}" if len(known) > 1 else mean


def named(rows: Sequence[Row]) -> str:
    """Return the experiment of rows that differ in their seeds, and whether they began with random weights."""
    return f"{rows[0].experiment}, {RANDOM}" if any(row.random for row in rows) else str(rows[0].experiment)


def finished(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that have scores."""
    return [row for row in rows if row.finished]


def whose(rows: Sequence[Row]) -> str:
    """Return the words for "measured here", with the number of seeds where there are several."""
    if len(rows) == 1:
        return "here"
    done = len(finished(rows))
    return f"here, {len(rows)} seeds" if done == len(rows) else f"here, {done} of {len(rows)} seeds"


def state(row: Row) -> str:
    """Return what has become of a row."""
    if row.problem is not None:
        return f"failed: {row.problem}"
    return "finished" if row.finished else "not finished"


def unfinished(rows: Sequence[Row]) -> str:
    """Return why there are no figures of rows of which none is finished."""
    return "; ".join(dict.fromkeys(map(state, rows)))
