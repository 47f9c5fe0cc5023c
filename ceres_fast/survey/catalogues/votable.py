"""VOTable, the Virtual Observatory's XML (SExtractor's ASCII_VOTABLE); source: IVOA VOTable 1.1 to 1.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.votable import parse, tree
from astropy.table import Table

from ...errors import InputError


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is a VOTable."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<VOTABLE")) and b"VOTABLE" in start


def read(path: Path) -> tuple[Table, tree.VOTableFile, dict[str, Any]]:
    """Return the first table with fields, and the whole document."""
    try:
        document = parse(path, verify="ignore")
        table = _detections(document).to_table(use_names_over_ids=True)
    except Exception as error:  # expat, the cells and a missing table fail with unrelated types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(path, f"is not a readable VOTable ({reason})", expected="a whole VOTable") from error
    return table, document, {}


def write_back(original: tree.VOTableFile, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the document as it was, with a field per added name at the end of the table."""
    table = _detections(original)
    values, fields = table.array, list(table.fields)
    new = _detections(tree.VOTableFile.from_table(Table(dict(added)))) if added else None
    try:
        table.fields.extend(new.fields if new else [])
        table.create_arrays(int(keep.sum()))
        for name in values.dtype.names or ():
            table.array[name] = values[name][keep]
        for name, cells in added.items():
            table.array[name] = np.asarray(cells)[keep]
        original.to_xml(str(path))
    finally:
        table.fields[:] = fields
        table.array = values


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table; the frame's header has no place in this format."""
    ((table, _),) = parts
    tree.VOTableFile.from_table(table).to_xml(str(path))


def _detections(document: tree.VOTableFile) -> tree.TableElement:
    return next(table for table in document.iter_tables() if table.fields)
