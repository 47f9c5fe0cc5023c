"""Where `classify` writes its tables, and what it never overwrites."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np

from ..catalogues import ENDINGS, SUFFIXES, Catalogue, column, read_catalogue
from ..errors import CeresFastError, InputError
from ..file_names import fitting
from ..files import StrPath
from ..frames.fits_files import frame_stem
from ..settings.classifier import TableFormat
from .scores import PROBABILITY

_BY_SUFFIX: dict[str, TableFormat] = {".csv": "CSV", ".ecsv": "ECSV"}
_FILE_SUFFIXES = (*_BY_SUFFIX, ".cat", ".ldac", ".fits", ".txt")


def is_file(output: Path) -> bool:
    """Tell whether the output is to be a file, by its suffix; a folder that is there is a folder."""
    return output.suffix.lower() in _FILE_SUFFIXES and not output.is_dir()


def format_of(output: Path, wanted: TableFormat | None) -> TableFormat | None:
    """Return the format that was asked for, by name or by the output's suffix; None for the catalogue's own."""
    return wanted or (_BY_SUFFIX.get(output.suffix.lower()) if is_file(output) else None)


def frame_target(
    frame: Path,
    catalogue: Path,
    inputs: Sequence[Path],
    output: Path,
    wanted: TableFormat | None,
    whole_name: bool = False,
) -> Path:
    """Return where a frame's table goes: in a folder, to its catalogue's place relative to the input folder.

    In another format it has the frame's name, or, with `whole_name`, that of the catalogue before the format's ending.
    """
    if is_file(output):
        return output
    place = output / _relative(catalogue, inputs)
    stem = catalogue.name if whole_name else frame_stem(frame)
    return place if wanted is None else place.with_name(fitting(stem, SUFFIXES[wanted]))


def night_folders(night: Path, catalogues: StrPath | None) -> list[Path]:
    """Return what the places of a night's tables are relative to, for `frame_target`.

    What is linked into the night from elsewhere has its whole path: its name alone another one may have too.
    """
    return [night] if catalogues is not None else [night, Path(night.absolute().anchor)]


def stamps_target(output: Path, wanted: TableFormat | None) -> Path:
    """Return where the table of all stamps goes."""
    return output if is_file(output) else output / f"stamps{SUFFIXES[wanted or 'CSV']}"


def dropped_path(target: Path) -> Path:
    """Return where the rows go that are left out of a table: beside it, ``NAME.dropped.cat`` for ``NAME.cat``.

    No frame is called so, so that it is never taken for a catalogue to be classified.
    """
    name = target.name
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), target.suffix)
    cut = len(name) - len(ending)
    return target.with_name(fitting(name[:cut], f".dropped{name[cut:]}"))


def write_divided(
    write: Callable[[Path, np.ndarray | None], None], target: Path, keep: np.ndarray | None, discard: bool = False
) -> None:
    """Write a table, and beside it what is left out of it, so that at any moment no row is in neither.

    What an earlier run left out gives way to what this one leaves out.

    Parameters
    ----------
    write : callable
        Given a path and which rows to write there, (n,) bool, or None for all; it replaces what is there.
    target : pathlib.Path
        The table.
    keep : numpy.ndarray or None
        Which rows are in it, (n,) bool; None for all.
    discard : bool
        Whether what is left out is not kept.
    """
    beside = dropped_path(target)
    earlier = beside.exists()
    left_out = None if keep is None or discard else ~keep
    if left_out is not None:
        # What an earlier run left out may be in this one's table, which is not there yet: then everything goes there.
        write(beside, None if earlier else left_out)
    write(target, keep)
    if earlier and left_out is not None:
        write(beside, left_out)
    elif earlier:
        beside.unlink()


def check_targets(targets: Sequence[Path], kept: Iterable[Path], places: Iterable[Path], overwrite: bool) -> None:
    """Make sure, before any work, that tables have names of their own and replace nothing they may not.

    Raises
    ------
    CeresFastError
        When two tables would have one name, one would replace an input (one of `kept`), one would be taken for the
        catalogue of a frame from then on (one of `places`), or one exists and `overwrite` is false.
    """
    targets = [*targets, *map(dropped_path, targets)]
    # os.path, as pathlib raises where a link leads to itself
    inputs, catalogues = ({Path(os.path.realpath(path)) for path in paths} for paths in (kept, places))
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

    What was left out of it counts, where it is beside it; else the table is one of these detections when all its rows
    are and it was written after their catalogue.

    Parameters
    ----------
    table : pathlib.Path
        What an earlier run may have written.
    catalogue : pathlib.Path
        The detections.
    """
    if not table.is_file():
        return 0
    try:
        detections = read_catalogue(catalogue)
        there = [read_catalogue(path) for path in (table, dropped_path(table)) if path.exists()]
    except InputError:
        return 0
    names = [name for name in detections.table.colnames if all(_is_number(each, name) for each in (detections, *there))]
    probabilities = [column(each, PROBABILITY) for each in there]
    scored = sum(int(np.isfinite(each).sum()) for each in probabilities if each is not None)
    if not scored or not names:
        return 0
    rows, all_rows = reduce(or_, (_rows(each, names) for each in there)), _rows(detections, names)
    newer = table.stat().st_mtime_ns >= catalogue.stat().st_mtime_ns
    return scored if rows == all_rows or (newer and rows <= all_rows) else 0


def _is_number(catalogue: Catalogue, name: str) -> bool:
    table = catalogue.table
    return name in table.colnames and table[name].dtype.kind in "iuf" and table[name].ndim == 1


def _rows(catalogue: Catalogue, names: Sequence[str]) -> Counter[bytes]:
    """Return the rows of some columns of numbers, as every format of table gives them."""
    columns = [values for name in names if (values := column(catalogue, name)) is not None]
    with np.errstate(over="ignore"):
        return Counter(row.tobytes() for row in np.column_stack(columns).astype(np.float32))


def _relative(path: Path, inputs: Sequence[Path]) -> Path:
    places = (Path(os.path.realpath(path.parent)) / path.name, path.resolve())  # a link has its own place, if any
    folders = [source.resolve() for source in inputs if source.is_dir()]
    pairs = ((place, folder) for folder in folders for place in places)
    return next((place.relative_to(folder) for place, folder in pairs if place.is_relative_to(folder)), Path(path.name))
