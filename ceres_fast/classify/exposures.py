"""Classify the detections of frames: their catalogues with the probability of each added.

A catalogue is read once, scored CCD by CCD, and written when all CCDs of its frame are done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from ..catalogues import Catalogue, check_free, read_catalogue, write_catalogue
from ..catalogues.detections import Detections, read_detections
from ..console import progress, warn
from ..errors import InputError
from ..files import copy_file
from ..frames.cut import cut_stamps
from ..frames.exposures import group_exposures
from ..frames.reading import FrameInfo, read_frame
from ..selection.stationary import Stationary, find_stationary
from ..selection.stationary_checks import check_field, why_not_compared
from ..selection.track_cost import track_cost
from .account import CLASSIFIED, KEPT, PASSED_ON, Task
from .outputs import scored_rows
from .scores import CHUNK, FLAGS, NOT_SCORED, PROBABILITY, PROVISIONAL, REJECTED, STATIONARY, Scores, score

_MJD_ZERO = date(1858, 11, 17)

_NO_OTHER = "no other exposure of the same field, CCD and night was given"


@dataclass
class Job:
    """A frame's file, the catalogue of its CCD or CCDs, and the table to write.

    Parameters
    ----------
    frame, catalogue, target : pathlib.Path
        The three files; where the frame is not there, its catalogue is named in its place.
    infos : list of FrameInfo
        The CCDs; none where the frame cannot be read.
    """

    frame: Path
    catalogue: Path
    target: Path
    infos: list[FrameInfo] = field(default_factory=list)
    _waiting: set[int] = field(init=False)
    _read: Catalogue | None = field(default=None, init=False)
    _scores: Scores | None = field(default=None, init=False)
    _left: bool = field(default=False, init=False)
    _fields: list[tuple[str, np.ndarray]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._waiting = {info.hdu for info in self.infos}

    def detections(self, info: FrameInfo, task: Task) -> Detections | None:
        """Return the detections of a CCD; None where there is an error, which was dealt with.

        Raises
        ------
        InputError
            Unless bad inputs are skipped.
        """
        if not self._waiting:
            return None
        try:
            if self._read is None:
                catalogue = read_catalogue(self.catalogue, task.names)
                check_free(catalogue, (PROBABILITY, FLAGS))
                self._read, self._scores = catalogue, Scores.none(len(catalogue.table))
        except InputError as error:
            self.pass_on(error, task)
            return None
        try:
            return read_detections(info, self._read, reject_flags=task.rules.reject_flags)
        except InputError as error:
            self.leave(info, error, task)
            return None

    def put(self, detections: Detections, scores: Scores, task: Task) -> None:
        """Take the scores of a CCD's detections; write the table when it was the last CCD."""
        assert self._scores is not None
        self._scores.put(detections.rows, scores)
        self._fields.append((field_of(detections.info), detections.rows))
        self._done(detections.info, task)

    def leave(self, info: FrameInfo, error: InputError, task: Task) -> None:
        """Leave the detections of a CCD without probabilities, loudly.

        Raises
        ------
        InputError
            `error`, unless bad inputs are skipped.
        """
        if info.parts == 1:
            self.pass_on(error, task)
            return
        instead = f"The detections of this CCD are passed on without probabilities in {self.target}."
        task.failed(Path(info.place), error, instead)
        self._left = True
        self._done(info, task)

    def pass_on(self, error: InputError, task: Task) -> None:
        """Write the catalogue without probabilities, loudly: its own rows and columns, or a copy of the file.

        What an earlier run made of the same detections stays, because it is better.

        Raises
        ------
        InputError
            `error`, unless bad inputs are skipped.
        """
        self._waiting.clear()
        self._fields.clear()
        if scored_rows(self.target, self.catalogue):
            task.failed(self.frame, error, f"{self.target}, as an earlier run classified it, is kept.")
            self._end(KEPT, task)
            return
        task.failed(self.frame, error, f"Passed on unfiltered as {self.target}.")
        self._write_unscored(task)

    def _done(self, info: FrameInfo, task: Task) -> None:
        self._waiting.discard(info.hdu)
        if self._waiting:
            return
        if self._left and scored_rows(self.target, self.catalogue) > (self._scores.scored if self._scores else 0):
            warn(f"{self.target}: has more probabilities, as an earlier run classified it, and is kept")
            self._end(KEPT, task)
            return
        if self._read is None or self._scores is None:  # no CCD came as far as the catalogue
            self._write_unscored(task)
            return
        self._write(self._read, self._scores, self._scores.kept(task.keep_above), task)
        self._tell(self._scores, task)
        self._end(PASSED_ON if self._left else CLASSIFIED, task)

    def _write(self, catalogue: Catalogue, scores: Scores, keep: np.ndarray | None, task: Task) -> None:
        taken = {name.upper() for name in catalogue.table.colnames}
        added = {name: values for name, values in scores.columns().items() if name not in taken}
        task.write(
            lambda path, rows: write_catalogue(catalogue, path, added=added, keep=rows, format=task.table_format),
            self.target,
            keep,
        )

    def _write_unscored(self, task: Task) -> None:
        try:
            catalogue = read_catalogue(self.catalogue)
            scores = Scores.none(len(catalogue.table))
            self._write(catalogue, scores, None, task)
        except InputError:
            task.write(lambda path, rows: copy_file(self.catalogue, path), self.target)
            scores = Scores.none(0)
        self._tell(scores, task)
        self._end(PASSED_ON, task)

    def _tell(self, scores: Scores, task: Task) -> None:
        """Note what was written, and count the rows of each field; those of no CCD that was scored are of the first."""
        field = np.full(len(scores.flags), field_of(self.infos[0]) if self.infos else self.frame.name, object)
        for name, rows in self._fields:
            field[rows] = name
        for name in np.unique(field).tolist():
            rows = field == name
            task.count_field(name, Scores(scores.probability[rows], scores.flags[rows]))
        task.done(str(self.frame), scores, self.target)

    def _end(self, fate: str, task: Task) -> None:
        task.result.account.put(self.frame, fate)
        self._read = self._scores = None
        self._fields.clear()


def field_of(info: FrameInfo) -> str:
    """Return how a field and night are called; a frame that does not say its field is one of its own."""
    night = "" if info.night < 0 else f", {(_MJD_ZERO + timedelta(days=info.night)).isoformat()}"
    return f"{info.field or info.frame}{night}"


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
