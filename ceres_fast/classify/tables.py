"""Catalogues classified in memory: what `ceres_fast.classify_table` does; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import overload

import numpy as np
from astropy import units
from astropy.table import Table

from ..catalogues import Catalogue, Names
from ..catalogues.names import PIXEL_COLUMNS, SKY_COLUMNS
from ..engines import Engine, load
from ..errors import CeresFastError, InputError
from ..files import StrPath, as_paths
from ..frames.camera import Camera
from ..frames.exposures import without_no_sky
from ..frames.headers.cards import say_doubts
from ..frames.info import FrameInfo
from ..frames.profiles import load_camera
from ..frames.reading import read_headers
from ..settings.classifier import ClassifyOptions
from ..settings.option import check_arguments, only
from ..settings.shared import Shared
from .account import ClassifyRun
from .catalogue_job import CatalogueJob
from .checks import check_camera, check_scale, read_known_sky, read_static_sources, rules_of
from .exposures import classify_exposures
from .scores import Scores

OPTIONS = {**only(ClassifyOptions, "slowest", "forced_limit"), **only(Shared, "forced")}
"""What arguments may be."""

_UNITS = {units.pix: (*chain(*PIXEL_COLUMNS), "FWHM_IMAGE"), units.deg: (*chain(*SKY_COLUMNS),)}
"""The unit in which columns are read; others are numbers without one, or in one that decides nothing here."""


@overload
def classify_table(
    frame: StrPath,
    catalogue: StrPath | Table,
    classifier: StrPath | Engine,
    *,
    names: Names | None = None,
    slowest: float | None = None,
    static: StrPath | None = None,
    camera: StrPath | Camera | None = None,
    forced_limit: float | None = None,
    forced: bool = False,
    template: StrPath | None = None,
) -> Table: ...


@overload
def classify_table(
    frame: Sequence[StrPath],
    catalogue: Sequence[StrPath | Table],
    classifier: StrPath | Engine,
    *,
    names: Names | None = None,
    slowest: float | None = None,
    static: StrPath | None = None,
    camera: StrPath | Camera | None = None,
    forced_limit: float | None = None,
    forced: bool = False,
    template: StrPath | None = None,
) -> list[Table]: ...


def classify_table(
    frame: StrPath | Sequence[StrPath],
    catalogue: StrPath | Table | Sequence[StrPath | Table],
    classifier: StrPath | Engine,
    *,
    names: Names | None = None,
    slowest: float | None = None,
    static: StrPath | None = None,
    camera: StrPath | Camera | None = None,
    forced_limit: float | None = None,
    forced: bool = False,
    template: StrPath | None = None,
) -> Table | list[Table]:
    """Return the catalogue of a frame with the probability of each detection, in memory.

    The columns and values are those that `classify` writes for the same frames. Stationary detections are found by
    comparing exposures, so give all exposures of a field together: of a single one nothing can be called stationary.

    Parameters
    ----------
    frame : path or sequence of paths
        One FITS frame, or the frames of one or several fields.
    catalogue : path, astropy.table.Table, or a sequence of them
        The detections of each frame, in the order of the frames; columns as SExtractor names them. The quantities of
        a ``QTable`` are in pixels and degrees.
    classifier : path or Engine
        A run folder, an exported file, or what `ceres_fast.load` returned.
    names : Names, optional
        What the columns of the catalogues are called; by default as SExtractor calls them.
    slowest : float, optional
        Rate of the slowest asteroid that is wanted, arcsec/min, instead of that of the classifier's rules.
    static : path, optional
        A table of fixed sources (`catalogues.static_sources.read_static`).
    camera : str, path or Camera, optional
        How frames are read (`frames.profiles.load_camera`); as in `classify`.
    forced_limit, forced, template
        What is measured in other exposures, and what of it; as in `classify`.

    Returns
    -------
    astropy.table.Table, or list of them
        A table for one frame, a list for a sequence of frames, in their order. Rows are those of the catalogue, with
        ``PROB_ASTEROID`` (float64; NaN where it was not scored, 0 where it is stationary or elsewhere) and
        ``CERES_FLAGS`` (int32, the bits that `classify` lists), ``TRACKLET`` (int32) and ``PROB_TRACKLET`` (float64)
        added, and the columns of forced fluxes where they are measured. What was given is not changed.

    Raises
    ------
    InputError
        For a frame, catalogue or classifier that cannot be used, and for a frame that is given twice; it names the
        file and the row.
    CeresFastError
        When the numbers of frames and catalogues differ.

    Examples
    --------
    >>> table = ceres_fast.classify_table("night/F0001-1.fits", "night/F0001-1.cat", "runs/latest")
    >>> table.colnames[-4:]
    ['PROB_ASTEROID', 'CERES_FLAGS', 'TRACKLET', 'PROB_TRACKLET']

    All exposures of a field, so that stationary detections are found:

    >>> frames = ["night/F0001-1.fits", "night/F0001-2.fits", "night/F0001-3.fits"]
    >>> catalogues = ["night/F0001-1.cat", "night/F0001-2.cat", "night/F0001-3.cat"]
    >>> tables = ceres_fast.classify_table(frames, catalogues, "runs/latest")
    >>> [int((table["PROB_ASTEROID"] > 0.5).sum()) for table in tables]
    [1, 1, 1]
    """
    frames = as_paths(frame)
    catalogues = [catalogue] if isinstance(catalogue, str | PathLike | Table) else list(catalogue)
    if len(frames) != len(catalogues):
        raise CeresFastError(f"{len(frames)} frames and {len(catalogues)} catalogues: give one catalogue per frame.")
    _check_once(frames)
    check_arguments(OPTIONS, slowest=slowest, forced_limit=forced_limit, forced=forced)
    engine = load(Path(classifier)) if isinstance(classifier, str | PathLike) else classifier
    profile = load_camera(camera)
    check_camera(profile, engine.classifier, engine.path)
    rules = rules_of(engine.classifier, engine.path, slowest, forced_limit)
    run = ClassifyRun(engine=engine, rules=rules, names=names or Names(), forced=forced)
    read_static_sources(static, run)
    read_known_sky(template, profile, run)
    ccds = [[header.info for header in read_headers(path, profile)] for path in frames]
    infos, _ = without_no_sky(chain(*ccds), "not classified")
    jobs = [_table_job(*parts) for parts in zip(frames, catalogues, ccds, strict=True)]
    say_doubts((info.place, info.doubts) for info in infos)
    check_scale(infos, engine.classifier)
    classify_exposures([job for job in jobs if job.infos], run)
    for job in jobs:
        if not job.infos:
            job.go_on(run)
    tables = [job.result for job in jobs]
    return tables[0] if isinstance(frame, str | PathLike) else tables


def _check_once(frames: Iterable[Path]) -> None:
    """Refuse a frame that is given twice: its exposures would be compared with themselves."""
    named: dict[Path, Path] = {}
    for frame in frames:
        if (other := named.setdefault(frame.resolve(), frame)) is not frame:
            spelt = "" if str(other) == str(frame) else f", as {other} before"
            raise InputError(frame, f"is given twice{spelt}", expected="each frame once", action="leave one out")


def _table_job(frame: Path, catalogue: StrPath | Table, ccds: Sequence[FrameInfo]) -> TableJob:
    infos = [info for info in ccds if not info.no_sky]
    if isinstance(catalogue, Table):
        named = frame.with_name(f"the table given for {frame.name}")  # which errors name
        return TableJob(frame, named, frame, infos, given=catalogue)
    return TableJob(frame, Path(catalogue), frame, infos)


@dataclass
class TableJob(CatalogueJob):
    """A catalogue whose table stays in memory: `table`, once all CCDs of its frame are done.

    Parameters
    ----------
    given : astropy.table.Table, optional
        The detections, where they are not to be read from the file `catalogue`.
    """

    given: Table | None = None
    table: Table | None = field(default=None, init=False)

    @property
    def result(self) -> Table:
        """`table`, which is there when all exposures are classified: a bad input has raised by then."""
        if self.table is None:
            raise AssertionError(f"this is a fault of ceres-fast, please report it: {self.frame} has got no table")
        return self.table

    def _open(self, run: ClassifyRun) -> Catalogue:
        if self.given is None:
            return super()._open(run)
        return Catalogue(self.catalogue, "", _numbers(self.catalogue, self.given, run.names), None, names=run.names)

    def _write_without_scores(self, run: ClassifyRun) -> None:
        catalogue = self._open(run)
        self._write(catalogue, Scores.none(len(catalogue.table), run.measures, linked=True), None, run)

    def _write(self, catalogue: Catalogue, scores: Scores, keep: np.ndarray | None, run: ClassifyRun) -> None:
        self.table = (catalogue.table if self.given is None else self.given).copy()
        for name, values in scores.columns().items():
            self.table[name] = values


def _numbers(path: Path, table: Table, names: Names) -> Table:
    """Return a table of numbers for one that may hold quantities, once these are in the units that are read."""
    for unit, columns in _UNITS.items():
        read = {names.own(name).upper() for name in columns}
        given = [name for name in table.colnames if name.upper() in read and isinstance(table[name], units.Quantity)]
        for name in given:
            if table[name].unit not in (unit, units.dimensionless_unscaled):
                problem, expected = f"is in {table[name].unit}", f"{unit.long_names[0]}s, or no unit"
                raise InputError(path, problem, row=f"column {name}", expected=expected)
    return Table(table, copy=False)
