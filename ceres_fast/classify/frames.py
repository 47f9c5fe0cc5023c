"""Classify the detections of frames: their catalogues with the probability of each added."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..console import progress, warn
from ..errors import InputError
from ..files import atomic_file
from ..survey.catalogues import check_free, read_catalogue, write_catalogue
from ..survey.detections import Detections, read_detections
from ..survey.exposures import group_exposures
from ..survey.frames import FrameInfo, read_frame
from ..survey.stamps import cut_stamps
from ..survey.stationary import slowest_seen, stationary
from .scores import CHUNK, FLAGS, NOT_SCORED, PROBABILITY, STATIONARY, Scores, score
from .task import Task

_NO_OTHER = "no other exposure of the same field, CCD and night was given"

_MANY = 20
"""Detections of a field of which some should move, or be noise that is seen once."""


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


def classify_exposures(exposures: Sequence[Exposure], task: Task) -> None:
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
                    check_free(detections.catalogue, (PROBABILITY, FLAGS))
                    scores = _score(detections, in_place, task)
                except InputError as error:
                    pass_on(exposure, error, task)
                    continue
                kept = scores.kept(task.keep_above)
                added = scores.columns()
                write_catalogue(detections.catalogue, exposure.target, added=added, keep=kept, format=task.table_format)
                task.done(str(exposure.path), scores, exposure.target)
            bar.advance(shown, len(group))


def _groups(exposures: Sequence[Exposure], task: Task) -> list[list[Exposure]]:
    by_path = {exposure.path: exposure for exposure in exposures}
    infos = [exposure.info for exposure in exposures]
    groups = group_exposures(infos, lambda info, error: pass_on(by_path[info.path], error, task))
    return [[by_path[info.path] for info in group] for group in groups]


def _warn_of_single(groups: Sequence[Sequence[Exposure]], task: Task) -> None:
    if not task.rules.remove_stationary:
        return
    single = [group[0] for group in groups if len(group) < task.rules.stationary_exposures]
    if single:
        more = f" and {len(single) - 1} more" if len(single) > 1 else ""
        warn(
            f"{single[0].path}{more}: {_why_alone(single[0].info)}, so nothing can be seen to stay in place. The "
            "classifier was trained without such detections: expect stars among the asteroids. Give all exposures of a "
            "field together"
        )


def _why_alone(info: FrameInfo) -> str:
    known = {"field (OBJECT)": bool(info.field), "time (MJD-OBS or DATE-OBS)": not math.isnan(info.mjd)}
    unknown = " and ".join(name for name, is_known in known.items() if not is_known)
    return f"its header does not say its {unknown}" if unknown else _NO_OTHER


def _in_place(group: Sequence[Exposure], task: Task) -> list[tuple[Exposure, Detections, np.ndarray]]:
    """Read the catalogues of a field; return each with which of its detections stay in place, (n,) bool."""
    read = []
    for exposure in group:
        try:
            read.append((exposure, read_detections(exposure.path, exposure.catalogue)))
        except InputError as error:
            pass_on(exposure, error, task)
    if len(read) < len(group) and read:
        _warn_of_single([[exposure for exposure, _ in read]], task)
    masks = stationary([detections for _, detections in read], task.rules)
    task.result.slowest = float(np.fmax(task.result.slowest, slowest_seen([each.info for _, each in read], task.rules)))
    _warn_of_nothing_moving(group, masks)
    return [(*each, mask) for each, mask in zip(read, masks, strict=True)]


def _warn_of_nothing_moving(group: Sequence[Exposure], masks: Sequence[np.ndarray]) -> None:
    if sum(map(len, masks)) >= _MANY and all(mask.all() for mask in masks):
        warn(
            f"{group[0].path} and the {len(group) - 1} other exposures of its field: every detection stays in place, "
            "so none is called an asteroid. Look for an exposure given twice, or a wrong seeing or WCS in the headers"
        )


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
        taken = {name.upper() for name in catalogue.table.colnames}
        added = {name: values for name, values in scores.columns().items() if name not in taken}
        write_catalogue(catalogue, exposure.target, added=added, format=task.table_format)
    except InputError:
        with atomic_file(exposure.target) as temporary:
            shutil.copyfile(exposure.catalogue, temporary)
        scores = Scores.none(0)
    task.done(str(exposure.path), scores, exposure.target)
