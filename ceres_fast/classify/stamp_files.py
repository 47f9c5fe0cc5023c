"""FITS stamps: a table with the probability of each file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..catalogues import column, read_catalogue
from ..console import progress, warn
from ..errors import InputError
from ..file_names import written
from ..files import atomic_file
from ..frames.stamp_folders import read_stamp
from ..stamps import STAMP_SIZE
from .account import CLASSIFIED, KEPT, PASSED_ON, ClassifyRun
from .checks import check_planes
from .limits import kept_rows
from .outputs import dropped_path
from .scores import CHUNK, PROBABILITY, Scores, score

FORMATS = {"CSV": "ascii.csv", "ECSV": "ascii.ecsv"}
"""Formats of the table of stamps, and astropy's names for them."""


def classify_stamps(files: Sequence[Path], target: Path, run: ClassifyRun) -> None:
    """Write a table of the stamps in `files`: ``file`` (see `file_names`), ``PROB_ASTEROID`` and ``CERES_FLAGS``.

    Missing pixels are filled and flagged; a stamp with too few others is kept with NaN. A file that is no stamp, or has
    no picture in it, stops the work, or is kept with NaN where bad inputs are skipped; a table of an earlier run with
    more probabilities of the same files stays.

    Raises
    ------
    InputError
        For the first bad file, unless bad inputs are skipped.
    CeresFastError
        When the table cannot be written.
    """
    scores, bad = Scores.none(len(files)), set[Path]()
    with progress() as bar:
        shown = bar.add_task("stamps", total=len(files))
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            scores.put(slice(start, start + len(chunk)), _score_chunk(chunk, bad, run))
            bar.advance(shown, len(chunk))
    keep_earlier = bool(bad) and _scored_earlier(target, files) > scores.scored
    for file in files:
        run.result.account.put(file, KEPT if keep_earlier else PASSED_ON if file in bad else CLASSIFIED)
    if keep_earlier:
        warn(f"{target}: has more probabilities, as an earlier run classified these stamps, and is kept")
        return
    table = Table({"file": np.array([written(file) for file in files], str), **scores.columns()})

    def write(path: Path, rows: np.ndarray | None) -> None:
        with atomic_file(path) as temporary:
            chosen = table if rows is None else table[rows]
            chosen.write(temporary, format=FORMATS[run.table_format or "CSV"], overwrite=True)

    run.write(write, target, kept_rows(scores, run.result.limits))
    run.count_field("stamps", scores)
    run.done("stamps", scores, target)


def _scored_earlier(target: Path, files: Sequence[Path]) -> int:
    """Return how many rows with a probability a table has; 0 where it is not one of these stamps as they are now."""
    if not target.is_file():
        return 0
    try:
        there = [read_catalogue(path) for path in (target, dropped_path(target)) if path.is_file()]
        names = {str(name) for each in there for name in each.table["file"]}
        if names != {written(file) for file in files} or any(_newer(file, target) for file in files):
            return 0
    except (InputError, KeyError):
        return 0
    probabilities = [column(each, PROBABILITY) for each in there]
    return sum(int(np.isfinite(each).sum()) for each in probabilities if each is not None)


def _newer(file: Path, target: Path) -> bool:
    return file.exists() and file.stat().st_mtime_ns > target.stat().st_mtime_ns


def _score_chunk(files: Sequence[Path], bad: set[Path], run: ClassifyRun) -> Scores:
    """Score some stamps; add those that cannot be to `bad`."""
    stamps = np.full((len(files), STAMP_SIZE, STAMP_SIZE), np.nan, np.float32)
    filled = np.zeros(len(files), np.int64)
    for row, file in enumerate(files):
        try:
            check_planes(run.engine.classifier, file)
            stamps[row], _, filled[row] = read_stamp(file, nan="fill", most=run.rules.missing)
        except InputError as error:
            run.failed(file, error, "Kept without a probability.")
            bad.add(file)
    if len(run.engine.classifier.planes) > 1:
        return Scores.none(len(files))
    return score(run.engine, stamps, np.zeros(len(files), np.int64), filled)
