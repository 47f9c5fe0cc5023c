"""One catalogue on its way: read once, scored CCD by CCD, written when all CCDs of its frame are done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..catalogues import Catalogue, check_free, read_catalogue, write_catalogue
from ..catalogues.detections import Detections, read_detections
from ..console import warn
from ..errors import InputError
from ..files import copy_file
from ..frames.reading import FrameInfo
from .account import CLASSIFIED, KEPT, PASSED_ON
from .dry_run import field_of
from .outputs import scored_rows
from .scores import FLAGS, PROBABILITY, Scores
from .task import Task


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
