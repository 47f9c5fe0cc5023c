"""Where `classify` writes its tables, and what it never overwrites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..errors import CeresFastError, InputError
from ..survey.catalogues import SUFFIXES, Catalogue, column, read_catalogue
from ..survey.fits_files import frame_stem
from .scores import PROBABILITY

TableFormat = Literal["CSV", "ECSV"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

_BY_SUFFIX: dict[str, TableFormat] = {".csv": "CSV", ".ecsv": "ECSV"}
_FILE_SUFFIXES = (*_BY_SUFFIX, ".cat", ".ldac", ".fits", ".txt")


def is_file(output: Path) -> bool:
    """Tell whether the output is to be a file, by its suffix; a folder that is there is a folder."""
    return output.suffix.lower() in _FILE_SUFFIXES and not output.is_dir()


def format_of(output: Path, wanted: TableFormat | None) -> TableFormat | None:
    """Return the format that was asked for, by name or by the output's suffix; None for the catalogue's own."""
    return wanted or (_BY_SUFFIX.get(output.suffix.lower()) if is_file(output) else None)


def frame_target(
    frame: Path, catalogue: Path, inputs: Sequence[Path], output: Path, wanted: TableFormat | None
) -> Path:
    """Return where a frame's table goes: in a folder, to its catalogue's place relative to the input folder."""
    if is_file(output):
        return output
    place = output / _relative(catalogue, inputs)
    return place if wanted is None else place.with_name(frame_stem(frame) + SUFFIXES[wanted])


def stamps_target(output: Path, wanted: TableFormat | None) -> Path:
    """Return where the table of all stamps goes."""
    return output if is_file(output) else output / f"stamps{SUFFIXES[wanted or 'CSV']}"


def check_targets(targets: Sequence[Path], kept: Iterable[Path], places: Iterable[Path], overwrite: bool) -> None:
    """Make sure, before any work, that tables have names of their own and replace nothing they may not.

    Raises
    ------
    CeresFastError
        When two tables would have one name, one would replace an input (one of `kept`), one would be taken for the
        catalogue of a frame from then on (one of `places`), or one exists and `overwrite` is false.
    """
    inputs, catalogues = ({path.resolve() for path in paths} for paths in (kept, places))
    seen: set[Path] = set()
    for target in targets:
        place = target.resolve()
        if place in seen:
            raise CeresFastError(
                f"{target}: two tables would be written there. Choose a folder as the output, or give the inputs "
                "one folder above, so that they keep their places."
            )
        if place in inputs:
            raise CeresFastError(f"{target}: is an input, which is never overwritten. Choose another output.")
        if place in catalogues:
            raise CeresFastError(
                f"{target}: would be taken for the catalogue of a frame from then on. Choose another output."
            )
        seen.add(place)
    there = [target for target in targets if target.exists()]
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise CeresFastError(f"{there[0]}{more}: exists already. Choose another output, or pass --overwrite.")


def scored_rows(table: Path, catalogue: Path) -> int:
    """Return how many rows with a probability a table has; 0 where it is not a table of just these detections.

    A table of which rows were left out is one of these detections when it was written after their catalogue.

    Parameters
    ----------
    table : pathlib.Path
        What an earlier run may have written.
    catalogue : pathlib.Path
        The detections.
    """
    try:
        there, detections = read_catalogue(table), read_catalogue(catalogue)
    except InputError:
        return 0
    probability = column(there, PROBABILITY)
    names = [name for name in detections.table.colnames if _is_number(detections, name) and _is_number(there, name)]
    if probability is None or not names:
        return 0
    rows, all_rows = _rows(there, names), _rows(detections, names)
    newer = table.stat().st_mtime_ns >= catalogue.stat().st_mtime_ns
    return int(np.isfinite(probability).sum()) if rows == all_rows or (newer and rows <= all_rows) else 0


def _is_number(catalogue: Catalogue, name: str) -> bool:
    table = catalogue.table
    return name in table.colnames and table[name].dtype.kind in "iuf" and table[name].ndim == 1


def _rows(catalogue: Catalogue, names: Sequence[str]) -> Counter[bytes]:
    """Return the rows of some columns of numbers, as every format of table gives them."""
    columns = [values for name in names if (values := column(catalogue, name)) is not None]
    with np.errstate(over="ignore"):
        return Counter(row.tobytes() for row in np.column_stack(columns).astype(np.float32))


def _relative(path: Path, inputs: Sequence[Path]) -> Path:
    place = path.resolve()
    folders = (source.resolve() for source in inputs if source.is_dir())
    return next((place.relative_to(folder) for folder in folders if place.is_relative_to(folder)), Path(path.name))
