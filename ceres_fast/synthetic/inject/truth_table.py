"""Writing the truth table of injected frames."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from astropy.table import Table

from ...errors import InputError
from ...files import atomic_file
from ...truth import read_truth
from ..simulate.survey import TRUTH_COLUMNS

TRUTH_FILE = "asteroids.csv"

_FORMATS = {"mjd": ".8f", "ra": ".7f", "dec": ".7f", "magnitude": ".3f", "rate": ".4f", "position_angle": ".2f"}


def read_known(path: Path | None) -> Table | None:
    """Read the truth table of real asteroids that is to be handed on.

    Raises
    ------
    InputError
        As `read_truth`, and when it holds synthetic asteroids.
    """
    if path is None:
        return None
    known = read_truth(path)
    if made := next((name for name in known["designation"] if is_synthetic(name)), None):
        raise InputError(path, f"names {made}, which was injected", expected="real asteroids")
    return known


def designation(number: int) -> str:
    """Return the name of a synthetic asteroid, counted from 1."""
    return f"INJ{number:05d}"


def is_synthetic(name: str) -> bool:
    """Tell whether a name is one that `designation` gives."""
    return name.startswith("INJ") and name[3:].isdigit()


def write_truth(path: Path, injected: Table, known: Table | None) -> None:
    """Write a truth table that `read_truth` reads: asteroids that were injected, then those that were known."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for table in (injected, known):
            writer.writerows(_lines(table) if table is not None else ())


def _lines(table: Table) -> Iterator[list[str]]:
    for row in table:
        numbers = [format(float(row[name]), form) for name, form in _FORMATS.items()]
        field = str(row["field"]) if "field" in table.colnames else ""
        yield [
            str(row["designation"]),
            *("" if text == "nan" else text for text in numbers),
            f"{row['validated']:d}",
            field,
        ]
