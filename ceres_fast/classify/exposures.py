"""Classify the detections of frames: what is stationary in a field, and the probabilities of the rest.

A catalogue is read once, scored CCD by CCD, and written when all CCDs of its frame are done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..artifact.conditions import noise_of
from ..catalogues.detections import Detections
from ..console import progress, warn, warn_once
from ..errors import InputError
from ..frames.cut import cut_stamps
from ..frames.exposures import group_exposures
from ..frames.reading import FrameInfo, read_frame
from ..selection.linked import tracklets_of
from ..selection.others.exposures import OtherExposures
from ..selection.others.forced import Forced
from ..selection.single import warn_of_single
from ..selection.stationary import Comparison, Stationary, find_stationary
from ..selection.stationary_checks import check_field, why_not_compared
from ..selection.track_cost import track_cost
from .account import ClassifyRun
from .catalogue_job import CatalogueJob, field_of
from .drift import watch
from .other_exposures import put_forced, with_planes
from .scores import (
    CHUNK,
    FEW_PIXELS,
    NO_TEMPLATE,
    NOT_SCORED,
    PROVISIONAL,
    REJECTED,
    STATIONARY,
    Scores,
    score,
)
from .tracklets import put_tracklets


class Compared(NamedTuple):
    """The exposures of one field, CCD and night whose catalogues could be read, and what they say of each other.

    Parameters
    ----------
    jobs : list of CatalogueJob
    exposures : list of Detections
        Of each job, its detections.
    found : Stationary
        Which of these are stationary.
    comparison : Comparison or None
        How that was found; None where it was not, or is not believed.
    others : OtherExposures or None
        What the exposures show at the places of each other's detections; None where that is not asked, or they
        contradict each other.
    """

    jobs: list[CatalogueJob]
    exposures: list[Detections]
    found: Stationary
    comparison: Comparison | None
    others: OtherExposures | None


def classify_exposures(jobs: Sequence[CatalogueJob], run: ClassifyRun) -> None:
    """Write the table of each catalogue; exposures of one field, CCD and night are compared.

    One CCD at a time is in memory, or, where what they show is measured, its exposures; and the catalogues of one
    field.

    Raises
    ------
    InputError
        For the first exposure that cannot be classified, unless such are passed on without probabilities.
    CeresFastError
        When a table cannot be written.
    """
    job_of = {info.place: job for job in jobs for info in job.infos}
    with progress() as bar:
        shown = bar.add_task("exposures", total=len(job_of))
        infos = [info for job in jobs for info in job.infos]
        groups = group_exposures(infos, lambda info, error: job_of[info.place].leave_unscored(info, error, run))
        _warn_of_single([group for group in groups if len(group) == 1], run)
        for group in groups:
            _classify_field(group, job_of, run)
            bar.advance(shown, len(group))


def _classify_field(group: Sequence[FrameInfo], job_of: dict[str, CatalogueJob], run: ClassifyRun) -> None:
    """Classify the exposures of a field; when it returns, nothing holds their pixels any more."""
    field = _compare(group, job_of, run)
    errors: dict[int, InputError] = {}
    asked = [_may_move(field, e) for e in range(len(field.jobs))]
    forced = [_forced(field, e, run, errors) for e in range(len(field.jobs))]
    elsewhere = [_elsewhere(field, e, shown, run) for e, shown in enumerate(forced)]
    tracklets = tracklets_of(field.exposures, field.found.stays, elsewhere, field.comparison, run.rules)
    if tracklets is not None:
        stays = [each & ~tracklets.blended(e, len(each)) for e, each in enumerate(field.found.stays)]
        field = field._replace(found=Stationary(stays, field.found.compared))
    scores: list[Scores | None] = []
    for e, shown in enumerate(forced):
        scores.append(_score(field, e, shown, asked[e], run, errors))
        if e in errors and run.on_error == "stop":
            break  # the exposures before it are written
    if tracklets is not None:
        name = field_of(field.exposures[0].info)
        put_tracklets(scores, tracklets, run.engine.classifier.tracklets, run.result.tracklets[name] + 1)
        run.result.tracklets[name] += len(tracklets.rate)
    watch(field.exposures, scores, run)
    for e, made in enumerate(scores):
        if made is None:
            field.jobs[e].leave_unscored(field.exposures[e].info, errors[e], run)
        else:
            field.jobs[e].add_scores(field.exposures[e], made, run)
    if field.comparison is not None:
        run.result.cost += _cost(field.comparison, field.others, run)
        run.result.random.append(field.comparison.random)


def _cost(comparison: Comparison, others: OtherExposures | None, run: ClassifyRun) -> Counter[str]:
    try:
        return track_cost(comparison, run.needs, others)
    except InputError:  # said in its turn: of an exposure without pixels nobody knows what forced fluxes would do to it
        return track_cost(comparison, run.needs)


def _warn_of_single(single: Sequence[Sequence[FrameInfo]], run: ClassifyRun) -> None:
    if not run.rules.remove_stationary or not single:
        return
    scores = f", and the scores are provisional (CERES_FLAGS {PROVISIONAL}): expect stars among the asteroids"
    if not run.partial:  # else the others may still come
        warn_of_single(single, run.static, scores)
    if run.result.limits is not None:
        run.result.provisional += [group[0].path for group in single]


def _compare(group: Sequence[FrameInfo], job_of: dict[str, CatalogueJob], run: ClassifyRun) -> Compared:
    """Read the catalogues of a field and compare its exposures."""
    with run.step("read"):
        pairs = [(job_of[info.place], job_of[info.place].detections(info, run)) for info in group]
    read = [(job, detections) for job, detections in pairs if detections is not None]
    exposures = [detections for _, detections in read]
    with_rows = [detections.info for detections in exposures if len(detections.x)]
    if len(with_rows) == 1 < len(group):
        _warn_of_single([with_rows], run)
    return Compared([job for job, _ in read], exposures, *_find_stationary(exposures, run))


def _find_stationary(
    exposures: Sequence[Detections], run: ClassifyRun
) -> tuple[Stationary, Comparison | None, OtherExposures | None]:
    """Find the stationary detections of a field. Where exposures cannot be compared, none is, with a warning."""
    found, comparison = find_stationary(exposures, run.rules, run.static)
    others = OtherExposures(exposures, run.rules, run.templates) if run.measures and exposures else None
    why = why_not_compared(exposures, found, comparison)
    try:
        check_field(exposures, found, comparison)
    except InputError as error:
        if run.on_error == "stop":
            raise
        why = str(error)
        nothing = [np.zeros(len(exposure.x), bool) for exposure in exposures]
        # Of exposures that are given twice, one shows all the other does: nothing that they say is believed.
        found, others = Stationary(nothing, nothing), None
    if why:
        run.result.provisional += [exposure.info.path for exposure in exposures]
        stationary = sum(int(mask.sum()) for mask in found.stays)
        called = f"{stationary} detections are" if stationary else "nothing is"
        warn(
            f"{exposures[0].info.place} and the {len(exposures) - 1} other exposures of its field: {called} called "
            f"stationary: {why}. The scores of the rest are provisional (CERES_FLAGS {PROVISIONAL}), and no such row "
            "is dropped"
        )
        comparison = None
    return found, comparison, others


def _forced(field: Compared, e: int, run: ClassifyRun, errors: dict[int, InputError]) -> Forced | None:
    """Measure what the others show at the places of what may move; None where that is not asked, or an error."""
    if field.others is None:
        return None
    try:
        return field.others.forced(e, _may_move(field, e))
    except InputError as error:
        errors[e] = error
        return None


def _may_move(field: Compared, e: int) -> np.ndarray:
    return np.flatnonzero(~field.found.stays[e] & ~field.exposures[e].rejected)


def _elsewhere(field: Compared, e: int, forced: Forced | None, run: ClassifyRun) -> np.ndarray:
    """Tell which detections the others show too, (n,) bool."""
    elsewhere = np.zeros(len(field.exposures[e].x), bool)
    if forced is not None:
        elsewhere[_may_move(field, e)] = forced.elsewhere(run.rules.forced_limit)
    return elsewhere


def _score(
    field: Compared,
    e: int,
    forced: Forced | None,
    before: np.ndarray,
    run: ClassifyRun,
    errors: dict[int, InputError],
) -> Scores | None:
    """Score what is not stationary; what is stationary is no asteroid, as in training. None where that is an error."""
    if e in errors:
        return None
    try:
        return _score_exposure(field, e, forced, before, run)
    except InputError as error:
        errors[e] = error
        return None


def _score_exposure(field: Compared, e: int, forced: Forced | None, before: np.ndarray, run: ClassifyRun) -> Scores:
    detections, stationary = field.exposures[e], field.found.stays[e]
    rejected = detections.rejected
    scores = Scores.none(len(stationary), run.measures, linked=True)
    scores.flags[rejected] |= REJECTED
    scores.put(stationary & ~rejected, Scores(np.zeros(1), np.full(1, STATIONARY, np.int32)))
    moving = _may_move(field, e)
    if not len(moving):  # a dead CCD has no detections, and is no reason to stop
        return scores
    if forced is not None:
        moving = np.setdiff1d(moving, put_forced(scores, forced, before, run.rules.forced_limit))
    _score_moving(scores, field, e, moving, run)
    scores.flags[moving[~field.found.compared[e][moving]]] |= PROVISIONAL
    _warn_of_unscored(detections, scores, run)
    return scores


def _score_moving(scores: Scores, field: Compared, e: int, moving: np.ndarray, run: ClassifyRun) -> None:
    """Enter the scores of some detections of an exposure; those that an earlier call has made are not made again."""
    info = field.exposures[e].info
    one_plane = len(run.engine.classifier.planes) == 1
    earlier = run.remembered.read(field.exposures[e]) if run.remembered is not None and one_plane else None
    if earlier is not None:
        there = earlier.known(moving)
        scores.probability[there], scores.flags[there] = earlier.probability[there], earlier.flags[there]
        scores.noise[there] = earlier.noise[there]
        moving = np.setdiff1d(moving, there)
    if not len(moving):
        return
    with run.step("read"):
        image = read_frame(info.path, info.hdu, info.camera).data
    for start in range(0, len(moving), CHUNK):
        rows = moving[start : start + CHUNK]
        with run.step("cut"):
            x, y = field.exposures[e].x[rows], field.exposures[e].y[rows]
            stamps, padded, filled = cut_stamps(image, x, y, run.rules.missing)
            scores.noise[rows] = noise_of(stamps)
            stamps = with_planes(stamps, run.engine.classifier.planes, field.others, e, rows)
        with run.step("infer"):
            made = score(run.engine, stamps, padded, filled)
        scores.probability[rows], scores.flags[rows] = made.probability, made.flags
    if earlier is not None and run.remembered is not None:
        run.remembered.add(earlier, moving, scores)


def _warn_of_unscored(detections: Detections, scores: Scores, run: ClassifyRun) -> None:
    unscored = scores.flags & (NOT_SCORED | REJECTED | FEW_PIXELS | NO_TEMPLATE)
    place, kept = detections.info.place, "Kept, with NaN as its probability"
    if rows := _some_rows(detections, unscored == NOT_SCORED):
        warn(f"{rows}: no picture in {place} (no position, outside the frame, or all pixels the same). {kept}")
    if rows := _some_rows(detections, unscored == NOT_SCORED | FEW_PIXELS):
        # Once: of a camera with gaps or bad columns, every exposure has some. The summary has their number.
        warn_once(
            "few pixels",
            f"{rows}: in {place} more than {run.rules.most_missing:.0%} of the stamp is missing, or what is around the "
            f"detection, so that nothing can be told of it (CERES_FLAGS {FEW_PIXELS}). {kept}",
        )
    if rows := _some_rows(detections, unscored == NOT_SCORED | NO_TEMPLATE):
        warn_once(
            "no template",
            f"{rows}: no other exposure, far enough from {place} in time and with stars to compare it by, shows enough "
            "of what is around the detection to be the template that the classifier takes "
            f"(CERES_FLAGS {NO_TEMPLATE}). {kept}",
        )


def _some_rows(detections: Detections, chosen: np.ndarray) -> str:
    """Return the first of the chosen rows, and how many more there are, in words; "" where there is none."""
    rows = detections.rows[chosen]
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    return f"{detections.catalogue.path}, row {rows[0] + 1}{more}" if len(rows) else ""
