"""Classify the detections of frames: their catalogues with the probability of each added."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..console import progress, warn
from ..errors import InputError
from ..survey.detections import Detections
from ..survey.exposures import group_exposures
from ..survey.frames import FrameInfo, read_frame
from ..survey.stamps import cut_stamps
from ..survey.stationary import lacks_sky, slowest_seen, stationary
from .jobs import Job
from .scores import CHUNK, NOT_SCORED, REJECTED, STATIONARY, Scores, score
from .task import Task

_NO_OTHER = "no other exposure of the same field, CCD and night was given"

_MANY = 20
"""Detections of a field of which some should move, or be noise that is seen once."""


def classify_exposures(jobs: Sequence[Job], task: Task) -> None:
    """Write the table of each catalogue; exposures of one field, CCD and night are looked at together.

    One CCD at a time is in memory, and the catalogues of one field.

    Raises
    ------
    InputError
        For the first exposure that cannot be classified, unless such are passed on without probabilities.
    CeresFastError
        When a table cannot be written.
    """
    of = {info.place: job for job in jobs for info in job.infos}
    with progress() as bar:
        shown = bar.add_task("exposures", total=len(of))
        infos = [info for job in jobs for info in job.infos]
        groups = group_exposures(infos, lambda info, error: of[info.place].leave(info, error, task))
        _warn_of_single(groups, task)
        for group in groups:
            for job, detections, in_place in _in_place(group, of, task):
                try:
                    scores = _score(detections, in_place, task)
                except InputError as error:
                    job.leave(detections.info, error, task)
                    continue
                job.put(detections, scores, task)
            bar.advance(shown, len(group))


def _warn_of_single(groups: Sequence[Sequence[FrameInfo]], task: Task) -> None:
    if not task.rules.remove_stationary:
        return
    single = [group[0] for group in groups if len(group) < task.rules.stationary_exposures]
    if single:
        more = f" and {len(single) - 1} more" if len(single) > 1 else ""
        warn(
            f"{single[0].place}{more}: {_why_alone(single[0])}, so nothing can be seen to stay in place. The "
            "classifier was trained without such detections: expect stars among the asteroids. Give all exposures of a "
            "field together"
        )


def _why_alone(info: FrameInfo) -> str:
    known = {"field (OBJECT)": bool(info.field), "time (MJD-OBS or DATE-OBS)": not math.isnan(info.mjd)}
    unknown = " and ".join(name for name, is_known in known.items() if not is_known)
    return f"its header does not say its {unknown}" if unknown else _NO_OTHER


def _in_place(group: Sequence[FrameInfo], of: dict[str, Job], task: Task) -> list[tuple[Job, Detections, np.ndarray]]:
    """Read the catalogues of a field; return each with which of its detections stay in place, (n,) bool."""
    pairs = [(of[info.place], of[info.place].detections(info, task)) for info in group]
    read = [(job, detections) for job, detections in pairs if detections is not None]
    if len(read) < len(group) and read:
        _warn_of_single([[detections.info for _, detections in read]], task)
    exposures = [detections for _, detections in read]
    if task.rules.remove_stationary and lacks_sky(exposures):
        warn(
            f"{group[0].place} and the other exposures of its field: neither a catalogue nor a header has sky "
            "positions for all of them, so what stays in place is looked for on the detector only. If they are "
            "dithered, every star seems to move: expect stars among the asteroids"
        )
    masks = stationary(exposures, task.rules)
    task.result.slowest = float(np.fmax(task.result.slowest, slowest_seen([each.info for _, each in read], task.rules)))
    _warn_of_nothing_moving(group, masks)
    return [(*each, mask) for each, mask in zip(read, masks, strict=True)]


def _warn_of_nothing_moving(group: Sequence[FrameInfo], masks: Sequence[np.ndarray]) -> None:
    if sum(map(len, masks)) >= _MANY and all(mask.all() for mask in masks):
        warn(
            f"{group[0].place} and the {len(group) - 1} other exposures of its field: every detection stays in place, "
            "so none is called an asteroid. Look for an exposure given twice, or a wrong seeing or WCS in the headers"
        )


def _score(detections: Detections, in_place: np.ndarray, task: Task) -> Scores:
    """Score what moves, a chunk at a time; what stays in place is no asteroid, as in training."""
    rejected = detections.rejected
    scores = Scores.none(len(in_place))
    scores.flags[rejected] |= REJECTED
    scores.put(in_place & ~rejected, Scores(np.zeros(1), np.full(1, STATIONARY, np.int32)))
    moving = np.flatnonzero(~in_place & ~rejected)
    if not len(moving):  # a dead CCD has no detections, and is no reason to stop
        return scores
    image = read_frame(detections.info.path, detections.info.hdu).data
    for start in range(0, len(moving), CHUNK):
        rows = moving[start : start + CHUNK]
        stamps, padded, filled = cut_stamps(image, detections.x[rows], detections.y[rows])
        scores.put(rows, score(task.engine, stamps, padded, filled))
    _warn_of_unscored(detections, scores)
    return scores


def _warn_of_unscored(detections: Detections, scores: Scores) -> None:
    rows = detections.rows[(scores.flags & (NOT_SCORED | REJECTED)) == NOT_SCORED]
    if len(rows):
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        warn(
            f"{detections.catalogue.path}, row {rows[0] + 1}{more}: no picture in {detections.info.place} "
            "(no position, outside the frame, or all pixels the same or missing). Kept, with NaN as its probability"
        )
