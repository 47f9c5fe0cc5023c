"""Observations in a table with column names: CSV, ECSV, or another that astropy recognises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy.table import Table

from .found import Found, UnusableError, without_no_names

COLUMNS = ("designation", "mjd", "ra", "dec")
OPTIONAL = ("magnitude", "rate", "position_angle", "validated", "observatory")

UNITS = {"mjd": "d", "ra": "deg", "dec": "deg", "rate": "arcsec / min", "position_angle": "deg"}
"""Of columns; what a table says that it has in another unit is converted."""

EXPECTED = "CSV or ECSV with a header line"
LONGEST_LINE = 10_000
"""Characters: telling the format of a file of one endless line takes astropy hours."""


def tells(text: str) -> bool:
    """Tell whether a text may be a table: any may."""
    return True


def rows(text: str) -> Iterator[Found]:
    """Yield the rows of a table.

    Raises
    ------
    UnusableError
        When it is no table, or lacks a column.
    """
    table = _read(text)
    known = {name.lower(): name for name in table.colnames} | {name: name for name in table.colnames}
    if missing := [name for name in COLUMNS if name not in known]:
        raise UnusableError(
            f"has no column {', '.join(missing)} (its columns: {', '.join(table.colnames)})",
            f"{', '.join(COLUMNS)} and optionally {', '.join(OPTIONAL)}; or MPC 80-column, ADES PSV or ADES XML",
        )
    names = [name for name in (*COLUMNS, *OPTIONAL) if name in known]
    columns = [_texts(name, table[known[name]]) for name in names]
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        yield Found(number, without_no_names(dict(zip(names, values, strict=True))))


def _read(text: str) -> Table:
    from astropy.io import ascii as ascii_tables

    if "\n" not in text.strip():  # astropy would take a single line for the name of a file, or an address
        raise UnusableError("has no rows", EXPECTED)
    if max(map(len, text.split("\n"))) > LONGEST_LINE:
        raise UnusableError("is no table (its lines are too long)", EXPECTED)
    header = text.lstrip("\n").split("\n", 1)[0]
    read_as = {}
    if text.startswith("# %ECSV"):
        read_as = {"format": "ecsv"}
    elif not header.startswith("#") and (mark := next((mark for mark in ",;" if mark in header), "")):
        # A row that was commented out would be an object. Where semicolons part columns, numbers have decimal commas.
        read_as = {"format": "csv", "delimiter": mark, "comment": "#"}
        text = text if mark == "," else text.replace(",", ".")
    try:
        # As text, where no type is declared: as numbers, the names 12E3 and 12000 would be one, and 433 were 433.0.
        return ascii_tables.read(text.split("\n"), converters={"*": str}, **read_as)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        # Where it had to guess, astropy lists what it tried, and that says nothing of the file.
        raise UnusableError(f"is no table ({reason})" if read_as else "is in no format known here", EXPECTED) from error


def _texts(name: str, column: Any) -> list[str]:
    """Return the texts of a column, which may be times or have a unit of its own (ECSV).

    Raises
    ------
    UnusableError
        When its unit is none of what it is.
    """
    from astropy.time import Time
    from astropy.units import Unit

    try:
        if isinstance(column, Time):
            column = column.utc.mjd
        unit = getattr(column, "unit", None)
        factor = 1.0 if unit is None or name not in UNITS else Unit(unit).to(UNITS[name])
    except (ValueError, TypeError) as error:  # units' and scales' are both
        raise UnusableError(f"has a column {name} that cannot be converted ({error})", UNITS.get(name)) from error
    missing = np.broadcast_to(np.asarray(getattr(column, "mask", False)), len(column))
    values = np.asarray(getattr(column, "unmasked", column))
    values = values if factor == 1 else values * factor
    return ["" if absent else str(value) for value, absent in zip(values.tolist(), missing, strict=True)]
