"""ECSV: a table with types, units and descriptions in a header; source: astropy APE 6."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..errors import InputError
from .core import distinct
from .names import Names

_COLUMN = re.compile(r"^#\s*-\s*\{?\s*name:\s*(\"[^\"]*\"|'[^']*'|[^,}\s]+)", re.MULTILINE)


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is ECSV."""
    return start.startswith(b"# %ECSV")


def read(path: Path, names: Names) -> tuple[Table, Table, dict[str, Any]]:
    """Return the table, twice: it is all that is needed to write it back."""
    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:  # the YAML header and the rows fail with unrelated types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(path, f"is not readable ECSV ({reason})", expected="a whole ECSV table") from error
    called = [name.strip("\"'") for name in _COLUMN.findall(path.read_text(encoding="utf-8", errors="replace"))]
    if len(set(called)) < len(called) == len(table.colnames):  # two of one name, of which astropy renames one
        table.rename_columns(table.colnames, distinct(called))
    return table, table, {}


def write_back(original: Table, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the table with a column per added name at its end."""
    table = original.copy()
    for name, values in added.items():
        table[name] = values
    write_new([(table[keep], fits.Header())], path)


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table; the frame's header has no place in this format."""
    ((table, _),) = parts
    table.write(path, format="ascii.ecsv", overwrite=True)
