"""Classify the detections of frames: their catalogues with the probability of each added.

A catalogue is read once, scored CCD by CCD, and written when all CCDs of its frame are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from ..catalogues import Catalogue, check_free, read_catalogue, write_catalogue
from ..catalogues.detections import Detections, read_detections
from ..console import progress, warn, warn_once
from ..errors import InputError
from ..files import copy_file
from ..frames.cut import cut_stamps
from ..frames.exposures import group_exposures
from ..frames.reading import FrameInfo, read_frame
from ..selection.single import warn_of_single
from ..selection.stationary import Stationary, find_stationary
from ..selection.stationary_checks import check_field, why_not_compared
from ..selection.track_cost import track_cost
from .account import CLASSIFIED, KEPT, PASSED_ON, ClassifyRun
from .outputs import scored_rows
from .scores import (
    CHUNK,
    FEW_PIXELS,
    FLAGS,
    NOT_SCORED,
    PROBABILITY,
    PROVISIONAL,
    REJECTED,
    STATIONARY,
    Scores,
    score,
)

_MJD_ZERO = date(1858, 11, 17)


@dataclass
class CatalogueJob:
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
    _incomplete: bool = field(default=False, init=False)
    _rows_of_fields: list[tuple[str, np.ndarray]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        # The CCDs of a mosaic are scored one after another, each with its own field: the table waits for the last.
        self._waiting = {info.hdu for info in self.infos}

    def detections(self, info: FrameInfo, run: ClassifyRun) -> Detections | None:
        """Return the detections of a CCD; None where its catalogue could not be read, which is then in the account.

        Raises
        ------
        InputError
            Unless bad inputs are skipped.
        """
        if not self._waiting:
            return None
        try:
            if self._read is None:
                catalogue = self._open(run)
                check_free(catalogue, (PROBABILITY, FLAGS))
                self._read, self._scores = catalogue, Scores.none(len(catalogue.table))
        except InputError as error:
            self.pass_on_unfiltered(error, run)
            return None
        try:
            return read_detections(info, self._read, reject_flags=run.rules.reject_flags)
        except InputError as error:
            self.leave_unscored(info, error, run)
            return None

    def add_scores(self, detections: Detections, scores: Scores, run: ClassifyRun) -> None:
        """Enter the scores of a CCD's detections; write the table when it was the last CCD."""
        assert self._scores is not None
        self._scores.put(detections.rows, scores)
        self._rows_of_fields.append((field_of(detections.info), detections.rows))
        self._done(detections.info, run)

    def leave_unscored(self, info: FrameInfo, error: InputError, run: ClassifyRun) -> None:
        """Leave the detections of a CCD without probabilities, loudly.

        Raises
        ------
        InputError
            `error`, unless bad inputs are skipped.
        """
        if info.parts == 1:
            self.pass_on_unfiltered(error, run)
            return
        instead = f"The detections of this CCD are passed on without probabilities in {self.target}."
        run.failed(Path(info.place), error, instead)
        self._incomplete = True
        self._done(info, run)

    def pass_on_unfiltered(self, error: InputError, run: ClassifyRun) -> None:
        """Write the catalogue without probabilities, loudly: its own rows and columns, or a copy of the file.

        What an earlier run made of the same detections stays, because it is better.

        Raises
        ------
        InputError
            `error`, unless bad inputs are skipped.
        """
        self._waiting.clear()
        self._rows_of_fields.clear()
        # A search for tracks downstream removes what does not move, but cannot bring back what is missing here.
        if scored_rows(self.target, self.catalogue):
            run.failed(self.frame, error, f"{self.target}, as an earlier run classified it, is kept.")
            self._finish(KEPT, run)
            return
        run.failed(self.frame, error, f"Passed on unfiltered as {self.target}.")
        self._write_without_scores(run)

    def go_on(self, run: ClassifyRun) -> None:
        """Write the catalogue without probabilities: its frame is no exposure of the sky, which was said."""
        self._waiting.clear()
        self._write_without_scores(run)

    def _open(self, run: ClassifyRun) -> Catalogue:
        return read_catalogue(self.catalogue, run.names)

    def _done(self, info: FrameInfo, run: ClassifyRun) -> None:
        self._waiting.discard(info.hdu)
        if self._waiting:
            return
        if self._incomplete and scored_rows(self.target, self.catalogue) > (self._scores.scored if self._scores else 0):
            warn(f"{self.target}: has more probabilities, as an earlier run classified it, and is kept")
            self._finish(KEPT, run)
            return
        if self._read is None or self._scores is None:  # no CCD came as far as the catalogue
            self._write_without_scores(run)
            return
        self._write(self._read, self._scores, self._scores.kept(run.keep_above), run)
        self._count(self._scores, run)
        self._finish(PASSED_ON if self._incomplete else CLASSIFIED, run)

    def _write(self, catalogue: Catalogue, scores: Scores, keep: np.ndarray | None, run: ClassifyRun) -> None:
        taken = {name.upper() for name in catalogue.table.colnames}
        added = {name: values for name, values in scores.columns().items() if name not in taken}
        run.write(
            lambda path, rows: write_catalogue(catalogue, path, added=added, keep=rows, format=run.table_format),
            self.target,
            keep,
        )

    def _write_without_scores(self, run: ClassifyRun) -> None:
        try:
            catalogue = read_catalogue(self.catalogue)
            scores = Scores.none(len(catalogue.table))
            self._write(catalogue, scores, None, run)
        except InputError:
            run.write(lambda path, rows: copy_file(self.catalogue, path), self.target)
            scores = Scores.none(0)
        self._count(scores, run)
        self._finish(PASSED_ON, run)

    def _count(self, scores: Scores, run: ClassifyRun) -> None:
        """Note what was written, and count the rows of each field; those of no CCD that was scored are of the first."""
        field = np.full(len(scores.flags), field_of(self.infos[0]) if self.infos else self.frame.name, object)
        for name, rows in self._rows_of_fields:
            field[rows] = name
        for name in np.unique(field).tolist():
            rows = field == name
            run.count_field(name, Scores(scores.probability[rows], scores.flags[rows]))
        run.done(str(self.frame), scores, self.target)

    def _finish(self, fate: str, run: ClassifyRun) -> None:
        run.result.account.put(self.frame, fate)
        self._read = self._scores = None
        self._rows_of_fields.clear()


def field_of(info: FrameInfo) -> str:
    """Return how a field and night are called; a frame that does not say its field is one of its own."""
    night = "" if info.night < 0 else f", {(_MJD_ZERO + timedelta(days=info.night)).isoformat()}"
    return f"{info.field or info.frame}{night}"


def classify_exposures(jobs: Sequence[CatalogueJob], run: ClassifyRun) -> None:
    """Write the table of each catalogue; exposures of one field, CCD and night are compared.

    One CCD at a time is in memory, and the catalogues of one field.

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
            for job, detections, stationary, compared in _compare(group, job_of, run):
                try:
                    scores = _score(detections, stationary, compared, run)
                except InputError as error:
                    job.leave_unscored(detections.info, error, run)
                    continue
                job.add_scores(detections, scores, run)
            bar.advance(shown, len(group))


def _warn_of_single(single: Sequence[Sequence[FrameInfo]], run: ClassifyRun) -> None:
    if not run.rules.remove_stationary or not single:
        return
    scores = f", and the scores are provisional (CERES_FLAGS {PROVISIONAL}): expect stars among the asteroids"
    warn_of_single(single, run.static, scores)
    if run.keep_above is not None:
        run.result.provisional += [group[0].path for group in single]


def _compare(
    group: Sequence[FrameInfo], job_of: dict[str, CatalogueJob], run: ClassifyRun
) -> list[tuple[CatalogueJob, Detections, np.ndarray, np.ndarray]]:
    """Read the catalogues of a field and compare its exposures.

    Returns each with two masks, (n,) bool: which of its detections are stationary, and which could be compared at all.
    """
    pairs = [(job_of[info.place], job_of[info.place].detections(info, run)) for info in group]
    read = [(job, detections) for job, detections in pairs if detections is not None]
    with_rows = [detections.info for _, detections in read if len(detections.x)]
    if len(with_rows) == 1 < len(group):
        _warn_of_single([with_rows], run)
    exposures = [detections for _, detections in read]
    found = _find_stationary(exposures, run)
    masks = zip(found.stays, found.compared, strict=True)
    return [(job, detections, *both) for (job, detections), both in zip(read, masks, strict=True)]


def _find_stationary(exposures: Sequence[Detections], run: ClassifyRun) -> Stationary:
    """Find the stationary detections of a field. Where exposures cannot be compared, none is, with a warning."""
    found, comparison = find_stationary(exposures, run.rules, run.static)
    why = why_not_compared(exposures, found, comparison)
    try:
        check_field(exposures, found, comparison)
    except InputError as error:
        if run.on_error == "stop":
            raise
        why = str(error)
        nothing = [np.zeros(len(exposure.x), bool) for exposure in exposures]
        found = Stationary(nothing, nothing)
    if why:
        run.result.provisional += [exposure.info.path for exposure in exposures]
        stationary = sum(int(mask.sum()) for mask in found.stays)
        called = f"{stationary} detections are" if stationary else "nothing is"
        warn(
            f"{exposures[0].info.place} and the {len(exposures) - 1} other exposures of its field: {called} called "
            f"stationary: {why}. The scores of the rest are provisional (CERES_FLAGS {PROVISIONAL}), and no such row "
            "is dropped"
        )
    elif comparison is not None:
        run.result.cost += track_cost(comparison, run.needs)
        run.result.random.append(comparison.random)
    return found


def _score(detections: Detections, stationary: np.ndarray, compared: np.ndarray, run: ClassifyRun) -> Scores:
    """Score what is not stationary, a chunk at a time; what is stationary is no asteroid, as in training."""
    rejected = detections.rejected
    scores = Scores.none(len(stationary))
    scores.flags[rejected] |= REJECTED
    scores.put(stationary & ~rejected, Scores(np.zeros(1), np.full(1, STATIONARY, np.int32)))
    moving = np.flatnonzero(~stationary & ~rejected)
    if not len(moving):  # a dead CCD has no detections, and is no reason to stop
        return scores
    image = read_frame(detections.info.path, detections.info.hdu, detections.info.camera).data
    for start in range(0, len(moving), CHUNK):
        rows = moving[start : start + CHUNK]
        stamps, padded, filled = cut_stamps(image, detections.x[rows], detections.y[rows], run.rules.missing)
        scores.put(rows, score(run.engine, stamps, padded, filled))
    scores.flags[moving[~compared[moving]]] |= PROVISIONAL
    _warn_of_unscored(detections, scores, run)
    return scores


def _warn_of_unscored(detections: Detections, scores: Scores, run: ClassifyRun) -> None:
    unscored, place = scores.flags & (NOT_SCORED | REJECTED | FEW_PIXELS), detections.info.place
    kept = "Kept, with NaN as its probability"
    if rows := _some_rows(detections, unscored == NOT_SCORED):
        warn(f"{rows}: no picture in {place} (no position, outside the frame, or all pixels the same). {kept}")
    if rows := _some_rows(detections, unscored == NOT_SCORED | FEW_PIXELS):
        # Once: of a camera with gaps or bad columns, every exposure has some. The summary has their number.
        warn_once(
            "few pixels",
            f"{rows}: in {place} more than {run.rules.most_missing:.0%} of the stamp is missing, or what is around the "
            f"detection, so that nothing can be told of it (CERES_FLAGS {FEW_PIXELS}). {kept}",
        )


def _some_rows(detections: Detections, chosen: np.ndarray) -> str:
    """Return the first of the chosen rows, and how many more there are, in words; "" where there is none."""
    rows = detections.rows[chosen]
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    return f"{detections.catalogue.path}, row {rows[0] + 1}{more}" if len(rows) else ""
