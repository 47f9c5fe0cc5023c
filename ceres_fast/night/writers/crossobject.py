"""The filtered catalogues for what searches trajectories after SExtractor, as NEARBY's CrossObject does.

Each catalogue as SExtractor wrote it, under the name it had, without the rows that were left out and without a column
more: what reads the catalogues reads these. CrossObject itself is not public; that it does could not be tried.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from ...catalogues import Catalogue, column, read_catalogue, write_catalogue
from ...classify.outputs import dropped_path
from ...errors import InputError
from ..record import ExposureRecord
from .order import Files, Order

FOLDER = "crossobject"


def files(order: Order) -> Files:
    """Return what writes a file for each exposure."""
    detections = order.night.detections
    frame = np.asarray(detections["frame"], str)
    gone = ~np.asarray(detections["kept"], bool) & (order.meant == "")
    left_out = {name: np.asarray(detections["row"])[gone & (frame == name)] for name in np.unique(frame).tolist()}
    result: Files = {}
    for exposure in order.exposures():
        name = (Path(FOLDER) / exposure.table).with_name(Path(exposure.catalogue).name).as_posix()
        rows = left_out.get(exposure.frame, np.array([], int))
        result[name] = partial(_write, exposure, dropped_path(order.night.output / exposure.table), rows)
    return result


def _write(exposure: ExposureRecord, dropped: Path, left_out: np.ndarray, path: Path) -> None:
    """Write the catalogue of an exposure without some of the rows, numbered from 1, that are in the table `dropped`."""
    source = Path(exposure.catalogue)
    if not len(left_out):
        try:
            path.write_bytes(source.read_bytes())
        except FileNotFoundError as error:
            raise InputError(source, "is not there any more", expected="the catalogue that was classified") from error
        return
    catalogue, beside = read_catalogue(source), read_catalogue(dropped)
    names = [name for name in catalogue.table.colnames if _is_number(catalogue, name) and _is_number(beside, name)]
    gone = Counter(_rows(beside, names)[number - 1] for number in left_out.tolist())
    keep = np.ones(len(catalogue.table), bool)
    for number, row in enumerate(_rows(catalogue, names)):
        keep[number] = gone[row] == 0
        gone[row] -= not keep[number]
    if not names or gone.total():
        raise InputError(
            source,
            f"has not all of the rows that were left out ({dropped})",
            expected="the catalogue as it was classified",
            action="classify the night again",
        )
    write_catalogue(catalogue, path, keep=keep)


def _is_number(catalogue: Catalogue, name: str) -> bool:
    table = catalogue.table
    return name in table.colnames and table[name].dtype.kind in "iuf" and table[name].ndim == 1


def _rows(catalogue: Catalogue, names: list[str]) -> list[bytes]:
    """Return the numbers of each row as bytes, of the digits that every format keeps."""
    columns = [values for name in names if (values := column(catalogue, name)) is not None]
    with np.errstate(over="ignore"):
        return [row.tobytes() for row in np.column_stack(columns).astype(np.float32)] if columns else []
