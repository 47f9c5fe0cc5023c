"""Classify FITS stamps: one table with a row per file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..console import progress
from ..errors import InputError
from ..files import atomic_file
from ..survey.stamp_folders import read_stamp
from ..survey.stamp_table import STAMP_SIZE
from .account import CLASSIFIED, PASSED_ON
from .scores import CHUNK, Scores, score
from .task import Task

FORMATS = {"CSV": "ascii.csv", "ECSV": "ascii.ecsv"}
"""Formats of the table of stamps, and astropy's names for them."""


def classify_stamps(files: Sequence[Path], target: Path, task: Task) -> None:
    """Write a table of the stamps in `files`: ``file``, ``PROB_ASTEROID`` and ``CERES_FLAGS``.

    Missing pixels are filled and flagged. A file that is no stamp, or has no picture in it, stops the work, or is
    kept with NaN where bad inputs are skipped.

    Raises
    ------
    InputError
        For the first bad file, unless bad inputs are skipped.
    CeresFastError
        When the table cannot be written.
    """
    scores = Scores.none(len(files))
    with progress() as bar:
        shown = bar.add_task("stamps", total=len(files))
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            scores.put(slice(start, start + len(chunk)), _score_chunk(chunk, task))
            bar.advance(shown, len(chunk))
        table = Table({"file": np.array([file.as_posix() for file in files], str), **scores.columns()})

        def write(path: Path, rows: np.ndarray | None) -> None:
            with atomic_file(path) as temporary:
                chosen = table if rows is None else table[rows]
                chosen.write(temporary, format=FORMATS[task.table_format or "CSV"], overwrite=True)

        task.write(write, target, scores.kept(task.keep_above))
    task.count_field("stamps", scores)
    task.done("stamps", scores, target)


def _score_chunk(files: Sequence[Path], task: Task) -> Scores:
    stamps = np.full((len(files), STAMP_SIZE, STAMP_SIZE), np.nan, np.float32)
    filled = np.zeros(len(files), np.int64)
    bad: set[Path] = set()
    for row, file in enumerate(files):
        try:
            stamps[row], _, filled[row] = read_stamp(file, nan="fill")
        except InputError as error:
            task.failed(file, error, "Kept without a probability.")
            bad.add(file)
    for file in files:
        task.result.account.put(file, PASSED_ON if file in bad else CLASSIFIED)
    return score(task.engine, stamps, np.zeros(len(files), np.int64), filled)
