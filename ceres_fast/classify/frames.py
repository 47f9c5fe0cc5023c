"""Classify the detections of frames: their catalogues with the probability of each added."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..catalogues.detections import Detections
from ..console import progress, warn
from ..errors import InputError
from ..frames.cut import cut_stamps
from ..frames.exposures import group_exposures
from ..frames.reading import FrameInfo, read_frame
from ..selection.stationary import Stationary, find_stationary
from ..selection.stationary_checks import check_field, why_not_compared
from ..selection.track_cost import track_cost
from .jobs import Job
from .scores import CHUNK, NOT_SCORED, PROVISIONAL, REJECTED, STATIONARY, Scores, score
from .task import Task

_NO_OTHER = "no other exposure of the same field, CCD and night was given"


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
        _warn_of_single([group for group in groups if len(group) == 1], task)
        for group in groups:
            for job, detections, stays, compared in _compared(group, of, task):
                try:
                    scores = _score(detections, stays, compared, task)
                except InputError as error:
                    job.leave(detections.info, error, task)
                    continue
                job.put(detections, scores, task)
            bar.advance(shown, len(group))


def _warn_of_single(single: Sequence[Sequence[FrameInfo]], task: Task) -> None:
    if not task.rules.remove_stationary or not single:
        return
    info = single[0][0]
    more = f" and {len(single) - 1} more" if len(single) > 1 else ""
    nothing = "nothing" if task.static is None else "nothing but the fixed sources of --static"
    warn(
        f"{info.place}{more}: {_why_alone(info)}, so {nothing} can be called stationary, and the scores are "
        f"provisional (CERES_FLAGS {PROVISIONAL}): expect stars among the asteroids. Give all exposures of a field "
        "together"
    )
    if task.keep_above is not None:
        task.result.provisional += [group[0].path for group in single]


def _why_alone(info: FrameInfo) -> str:
    known = {"field (OBJECT)": bool(info.field), "time (MJD-OBS or DATE-OBS)": not math.isnan(info.mjd)}
    unknown = " and ".join(name for name, is_known in known.items() if not is_known)
    return f"its header does not say its {unknown}" if unknown else _NO_OTHER


def _compared(
    group: Sequence[FrameInfo], of: dict[str, Job], task: Task
) -> list[tuple[Job, Detections, np.ndarray, np.ndarray]]:
    """Read the catalogues of a field and compare its exposures.

    Returns each with which of its detections are stationary, and of which that could be told: (n,) bool.
    """
    pairs = [(of[info.place], of[info.place].detections(info, task)) for info in group]
    read = [(job, detections) for job, detections in pairs if detections is not None]
    with_rows = [detections.info for _, detections in read if len(detections.x)]
    if len(with_rows) == 1 < len(group):
        _warn_of_single([with_rows], task)
    exposures = [detections for _, detections in read]
    found = _stationary(exposures, task)
    masks = zip(found.stays, found.compared, strict=True)
    return [(job, detections, *both) for (job, detections), both in zip(read, masks, strict=True)]


def _stationary(exposures: Sequence[Detections], task: Task) -> Stationary:
    """Find the stationary detections of a field. Where they cannot be told, none is, and that is said."""
    found, comparison = find_stationary(exposures, task.rules, task.static)
    why = why_not_compared(exposures, found, comparison)
    try:
        check_field(exposures, found, comparison)
    except InputError as error:
        if task.on_error == "stop":
            raise
        why = str(error)
        nothing = [np.zeros(len(exposure.x), bool) for exposure in exposures]
        found = Stationary(nothing, nothing)
    if why:
        task.result.provisional += [exposure.info.path for exposure in exposures]
        stationary = sum(int(mask.sum()) for mask in found.stays)
        called = f"{stationary} detections are" if stationary else "nothing is"
        warn(
            f"{exposures[0].info.place} and the {len(exposures) - 1} other exposures of its field: {called} called "
            f"stationary: {why}. The scores of the rest are provisional (CERES_FLAGS {PROVISIONAL}), and no such row "
            "is dropped"
        )
    elif comparison is not None:
        task.result.cost += track_cost(comparison, task.needs)
        task.result.random.append(comparison.random)
    return found


def _score(detections: Detections, stays: np.ndarray, compared: np.ndarray, task: Task) -> Scores:
    """Score what is not stationary, a chunk at a time; what is stationary is no asteroid, as in training."""
    rejected = detections.rejected
    scores = Scores.none(len(stays))
    scores.flags[rejected] |= REJECTED
    scores.put(stays & ~rejected, Scores(np.zeros(1), np.full(1, STATIONARY, np.int32)))
    moving = np.flatnonzero(~stays & ~rejected)
    if not len(moving):  # a dead CCD has no detections, and is no reason to stop
        return scores
    image = read_frame(detections.info.path, detections.info.hdu).data
    for start in range(0, len(moving), CHUNK):
        rows = moving[start : start + CHUNK]
        stamps, padded, filled = cut_stamps(image, detections.x[rows], detections.y[rows])
        scores.put(rows, score(task.engine, stamps, padded, filled))
    scores.flags[moving[~compared[moving]]] |= PROVISIONAL
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
