"""Classify the detections of frames: their catalogues with the probability of each added."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..console import progress, warn
from ..errors import InputError
from ..files import atomic_file
from ..survey.catalogues import read_catalogue, write_catalogue
from ..survey.detections import Detections, read_detections
from ..survey.exposures import group_exposures
from ..survey.frames import FrameInfo, read_frame
from ..survey.stamps import cut_stamps
from ..survey.stationary import stationary
from .outputs import TableFormat
from .scores import CHUNK, NOT_SCORED, STATIONARY, Scores, score
from .task import Task


@dataclass(frozen=True)
class Exposure:
    """A frame, its catalogue and the table to write; `info` only has the path where the frame cannot be read."""

    info: FrameInfo
    catalogue: Path
    target: Path

    @property
    def path(self) -> Path:
        """The frame."""
        return self.info.path


def classify_exposures(exposures: Sequence[Exposure], table_format: TableFormat | None, task: Task) -> None:
    """Write the table of each exposure; exposures of one field, CCD and night are looked at together.

    One frame at a time is in memory, and the catalogues of one field.

    Raises
    ------
    InputError
        For the first exposure that cannot be classified, unless such are passed on without probabilities.
    CeresFastError
        When a table cannot be written.
    """
    with progress() as bar:
        shown = bar.add_task("exposures", total=len(exposures))
        groups = _groups(exposures, task)
        _warn_of_single(groups, task)
        for group in groups:
            for exposure, detections, in_place in _in_place(group, task):
                try:
                    scores = _score(detections, in_place, task)
                except InputError as error:
                    pass_on(exposure, error, task)
                    continue
                kept = scores.kept(task.keep_above)
                added = scores.columns()
                write_catalogue(detections.catalogue, exposure.target, added=added, keep=kept, format=table_format)
                task.done(str(exposure.path), scores, exposure.target)
            bar.advance(shown, len(group))


def _groups(exposures: Sequence[Exposure], task: Task) -> list[list[Exposure]]:
    by_path = {exposure.path: exposure for exposure in exposures}
    infos = [exposure.info for exposure in exposures]
    while True:
        try:
            return [[by_path[info.path] for info in group] for group in group_exposures(infos)]
        except InputError as error:
            copy = next(info for info in infos if str(info.path) == error.path)
            pass_on(by_path[copy.path], error, task)
            infos.remove(copy)


def _warn_of_single(groups: Sequence[Sequence[Exposure]], task: Task) -> None:
    if not task.rules.remove_stationary:
        return
    single = [group[0] for group in groups if len(group) < task.rules.stationary_exposures]
    if single:
        more = f" and {len(single) - 1} more" if len(single) > 1 else ""
        warn(
            f"{single[0].path}{more}: no other exposure of the same field, CCD and night was given, so nothing can be "
            "seen to stay in place. The classifier was trained without such detections: expect stars among the "
            "asteroids. Give all exposures of a field together"
        )


def _in_place(group: Sequence[Exposure], task: Task) -> list[tuple[Exposure, Detections, np.ndarray]]:
    """Read the catalogues of a field; return each with which of its detections stay in place, (n,) bool."""
    read = []
    for exposure in group:
        try:
            read.append((exposure, read_detections(exposure.path, exposure.catalogue)))
        except InputError as error:
            pass_on(exposure, error, task)
    masks = stationary([detections for _, detections in read], task.rules)
    return [(*each, mask) for each, mask in zip(read, masks, strict=True)]


def _score(detections: Detections, in_place: np.ndarray, task: Task) -> Scores:
    """Score what moves, a chunk at a time; what stays in place is no asteroid, as in training."""
    image = read_frame(detections.info.path).data
    scores = Scores(np.zeros(len(in_place)), np.where(in_place, STATIONARY, 0).astype(np.int32))
    moving = np.flatnonzero(~in_place)
    for start in range(0, len(moving), CHUNK):
        rows = moving[start : start + CHUNK]
        stamps, padded, filled = cut_stamps(image, detections.x[rows], detections.y[rows])
        scores.put(rows, score(task.engine, stamps, padded, filled))
    _warn_of_unscored(detections, scores)
    return scores


def _warn_of_unscored(detections: Detections, scores: Scores) -> None:
    rows = np.flatnonzero(scores.flags & NOT_SCORED)
    if len(rows):
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        warn(
            f"{detections.catalogue.path}, row {rows[0] + 1}{more}: no picture in {detections.info.path} "
            "(no position, outside the frame, or all pixels the same or missing). Kept, with NaN as its probability"
        )


def pass_on(exposure: Exposure, error: InputError, task: Task) -> None:
    """Write the catalogue of an exposure that cannot be classified, unfiltered and loudly.

    Its own rows and columns, without probabilities; or a copy of the file, where it cannot be read.

    Raises
    ------
    InputError
        `error`, unless bad inputs are skipped.
    """
    task.failed(exposure.path, error, f"Passed on unfiltered as {exposure.target}.")
    try:
        catalogue = read_catalogue(exposure.catalogue)
        scores = Scores.none(len(catalogue.table))
        write_catalogue(catalogue, exposure.target, added=scores.columns())
    except InputError:
        with atomic_file(exposure.target) as temporary:
            shutil.copyfile(exposure.catalogue, temporary)
        scores = Scores.none(0)
    task.done(str(exposure.path), scores, exposure.target)
