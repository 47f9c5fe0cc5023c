"""A frame's catalogue on its way to a table: read once, given scores CCD by CCD, written when all CCDs have theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from ..catalogues import Catalogue, check_free, read_catalogue, write_catalogue
from ..catalogues.detections import Detections, read_detections
from ..console import warn
from ..errors import InputError
from ..files import copy_file
from ..frames.info import FrameInfo
from .account import CLASSIFIED, KEPT, PASSED_ON, ClassifyRun
from .limits import kept_rows
from .outputs import scored_rows
from .scores import Scores

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
                scores = Scores.none(len(catalogue.table), run.measures, linked=True)
                check_free(catalogue, scores.columns())
                self._read, self._scores = catalogue, scores
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
        self._write(self._read, self._scores, kept_rows(self._scores, run.result.limits), run)
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
            scores = Scores.none(len(catalogue.table), run.measures, linked=True)
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
            run.count_field(name, scores.of(rows))
        run.done(str(self.frame), scores, self.target)

    def _finish(self, fate: str, run: ClassifyRun) -> None:
        run.result.account.put(self.frame, fate)
        self._read = self._scores = None
        self._rows_of_fields.clear()


def field_of(info: FrameInfo) -> str:
    """Return how a field and night are called; a frame that does not say its field is one of its own."""
    night = "" if info.night < 0 else f", {(_MJD_ZERO + timedelta(days=info.night)).isoformat()}"
    return f"{info.field or info.frame}{night}"
