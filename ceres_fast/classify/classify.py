"""Give every detection its probability of being an asteroid: `ceres-fast classify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..artifact.latest import resolve
from ..catalogues import Names, catalogue_places, column, read_catalogue
from ..console import progress, say, warn
from ..engines import AUTO, Engine, load
from ..errors import CeresFastError, InputError, OnError
from ..file_names import written
from ..files import StrPath, as_paths, atomic_file
from ..frames.camera import Camera
from ..frames.profiles import load_camera
from ..frames.stamp_folders import read_stamp
from ..interrupts import Written, noting
from ..settings.classifier import ClassifyOptions, TableFormat
from ..settings.guarantee import NEEDS
from ..settings.option import check_arguments, only, options_of
from ..settings.shared import Shared
from ..stamps import STAMP_SIZE
from .account import CLASSIFIED, KEPT, PASSED_ON, ClassifyRun, Result, say_fields
from .checks import check_camera, check_planes, check_scale, read_static_sources, rules_of
from .exposures import CatalogueJob, classify_exposures
from .inputs import Inputs, find_inputs
from .outputs import check_targets, dropped_path, format_of, frame_target, stamps_target
from .scores import CHUNK, PROBABILITY, Scores, lowest_kept, score

OPTIONS = {**options_of(ClassifyOptions), **only(Shared, "needs", "on_error")}
"""What arguments may be."""

FORMATS = {"CSV": "ascii.csv", "ECSV": "ascii.ecsv"}
"""Formats of the table of stamps, and astropy's names for them."""


def classify(
    inputs: StrPath | Sequence[StrPath],
    model: StrPath | Engine,
    *,
    catalogue: StrPath | None = None,
    catalogues: StrPath | None = None,
    output: StrPath,
    format: TableFormat | None = None,
    drop: bool = False,
    keep_above: float | None = None,
    discard: bool = False,
    on_error: OnError = "stop",
    overwrite: bool = False,
    dry_run: bool = False,
    names: Names | None = None,
    provider: str = AUTO,
    rebuild: bool = False,
    slowest: float | None = None,
    static: StrPath | None = None,
    needs: int = NEEDS,
    camera: StrPath | Camera | None = None,
) -> Result:
    """Add the probability of being an asteroid to catalogues of frames, or list it for FITS stamps.

    Every row and column is kept, and two columns are added. ``PROB_ASTEROID`` is NaN where a detection was not scored,
    and 0 where it is stationary. ``CERES_FLAGS`` is a sum of bits: 1 padded at the edge of the frame, 2 missing pixels
    filled, 4 stationary, 8 not scored, 16 has one of SExtractor's flags that the classifier's rules reject, 32
    provisional: it may be stationary, and no exposure covers its place at another time, 64 too few pixels to be scored:
    more than half of the stamp is missing, or one of the nine pixels around the detection.

    Stationary detections are found by comparing the frames of one field, CCD and night, by the rules that the
    classifier was trained with. A mosaic has one catalogue, and gets one table, for all its CCDs.

    Parameters
    ----------
    inputs : path or sequence of paths
        FITS stamps (32x32 pixels) or frames, or folders with them. A frame's catalogue is looked for beside it and
        in ``../sextractor_cat``.
    model : path or Engine
        The exported classifier (an ONNX or an engine file), or its run folder; or what `ceres_fast.load` returned.
    catalogue : path, optional
        The catalogue of the one frame given.
    catalogues : path, optional
        The folder that holds the catalogues of all frames, as ``ceres-fast detect --output`` writes it.
    output : path
        A folder, where tables keep their places relative to the input folders; or a file name for the only table.
    format : {"CSV", "ECSV"}, optional
        Format of the tables; without it the suffix of a file name says, or it is the catalogue's own (CSV for stamps).
    drop : bool
        Leave out rows below the classifier's operating point and stationary ones; NaN and provisional are always kept.
    keep_above : float, optional
        As `drop`, but below this probability, for which no guarantee applies.
    discard : bool
        Whether rows that are left out are not kept beside the table, in ``NAME.dropped.<suffix>``.
    on_error : {"stop", "skip"}
        Whether an input that cannot be classified ends the work, or is passed on without probabilities and counted.
    overwrite : bool
        Replace tables of an earlier run. Inputs are never replaced.
    dry_run : bool
        Write nothing, and print for each field what would be left out, and why.
    names : Names, optional
        What the columns of the catalogues are called; by default as SExtractor calls them.
    provider, rebuild
        What runs the classifier; as in `engines.load`.
    slowest : float, optional
        Rate of the slowest asteroid that is wanted, arcsec/min, instead of that of the classifier's rules.
    static : path, optional
        A table of fixed sources (`catalogues.static_sources.read_static`).
    needs : int
        Exposures in which a synthetic asteroid must be left by the rule for stationary detections.
    camera : str, path or Camera, optional
        How frames are read: a profile that ships with the package, or a TOML file (`frames.profiles.load_camera`). A
        warning says where it is not that of the classifier's training frames.

    Returns
    -------
    Result
        The tables written, the counts, what could not be classified and the time it took.

    Raises
    ------
    CeresFastError, InputError
        For wrong options and bad inputs, naming the file and the row. Tables written before stay.

    Examples
    --------
    >>> result = ceres_fast.classify("night", "runs/latest", output="scored")
    >>> result.total["rows"], result.total["asteroids"]
    (15, 3)
    """
    check_arguments(
        OPTIONS, format=format, on_error=on_error, provider=provider, slowest=slowest, needs=needs, rebuild=rebuild
    )
    profile = load_camera(camera)
    inputs, output, catalogue = as_paths(inputs), Path(output), None if catalogue is None else Path(catalogue)
    engine = load(Path(model), provider=provider, rebuild=rebuild) if isinstance(model, str | PathLike) else model
    model = Path(model) if isinstance(model, str | PathLike) else engine.path
    keep_above = lowest_kept(engine.classifier, model, drop, keep_above)
    if catalogue is not None and catalogues is not None:
        raise CeresFastError("--catalogue and --catalogues both say where the catalogue is; give one of them.")
    if discard and keep_above is None:
        raise CeresFastError("--discard is about rows that are left out: give it with --drop or --keep-above.")
    check_planes(engine.classifier, model)
    wanted = format_of(output, format)
    run = ClassifyRun(
        engine=engine,
        rules=rules_of(engine.classifier, model, slowest),
        keep_above=keep_above,
        on_error=on_error,
        table_format=wanted,
        names=names or Names(),
        needs=needs,
        discard=discard,
        dry_run=dry_run,
    )
    read_static_sources(static, run)
    catalogues = None if catalogues is None else Path(catalogues)
    tables = Written([])
    with noting(lambda: "a dry run: nothing is written" if dry_run else tables.told("tables")):
        with run.timed():
            found = find_inputs(inputs, catalogue, run, catalogues, profile)
            jobs = {
                frame: CatalogueJob(
                    frame, table, frame_target(frame, table, inputs, output, wanted, frame in found.several), infos
                )
                for frame, (infos, table) in found.frames.items()
            }
            stamps = stamps_target(output, wanted)
            targets = [job.target for job in jobs.values()] + [stamps] * bool(found.stamps)
            originals = [*found.stamps, *jobs, *(job.catalogue for job in jobs.values()), model]
            folders = (None,) if catalogues is None else (None, catalogues)
            places = (place for frame in jobs for folder in folders for place in catalogue_places(frame, folder))
            check_targets(targets, originals, places, overwrite or dry_run)
            check_scale(found.infos, engine.classifier)
            if found.frames:
                check_camera(profile, engine.classifier, model)
            tables = Written(targets)
            _classify_found(found, jobs, stamps, run)
        run.summary()
        if dry_run:
            say_fields(run.result.fields, keep_above)
            say("a dry run: nothing is written")
        elif not discard and (left_out := run.result.total["rows"] - run.result.total["written"]):
            say(f"{left_out} rows were left out; they are kept beside the tables, in files called *.dropped.*")
        say(str(run.result.account))
        run.result.account.check()
    return run.result


def _classify_found(found: Inputs, jobs: Mapping[Path, CatalogueJob], stamps: Path, run: ClassifyRun) -> None:
    """Write a table of all stamps, and the table of each frame."""
    if found.stamps:
        classify_stamps(found.stamps, stamps, run)
    for frame, error in found.broken.items():
        jobs[frame].pass_on_unfiltered(error, run)
    for frame in found.no_sky:
        jobs[frame].go_on(run)
    whole = [job for frame, job in jobs.items() if frame not in found.broken and frame not in found.no_sky]
    if whole:
        classify_exposures(whole, run)


def scorer(
    model: Path,
    on_error: OnError = "stop",
    slowest: float | None = None,
    camera: StrPath | Camera | None = None,
) -> Callable[[Path, Path], float]:
    """Return a function that classifies the frames in a folder and returns the classifier's threshold.

    Parameters
    ----------
    model : pathlib.Path
        The exported classifier, or its run folder.
    on_error, slowest, camera
        As in `classify`; but catalogues there are those of `detect`, which counts pixels from 1.

    Raises
    ------
    CeresFastError
        When the classifier cannot be used: now, and not after hours of injecting.
    """
    model = resolve(model)  # once: `latest` may name another run by then
    threshold = load(model).classifier.threshold
    profile = replace(load_camera(camera), origin=1)

    def score(frames: Path, tables: Path) -> float:
        classify([frames], model, output=tables, on_error=on_error, slowest=slowest, camera=profile)
        return threshold

    return score


def slowest_of(model: Path) -> float | None:
    """Return the least rate that a classifier's rules do not call stationary, arcsec/min; None without rules."""
    return load(model).classifier.rules.get("slowest")


def classify_stamps(files: Sequence[Path], target: Path, run: ClassifyRun) -> None:
    """Write a table of the stamps in `files`: ``file`` (see `file_names`), ``PROB_ASTEROID`` and ``CERES_FLAGS``.

    Missing pixels are filled and flagged; a stamp with too few others is kept with NaN. A file that is no stamp, or has
    no picture in it, stops the work, or is kept with NaN where bad inputs are skipped; a table of an earlier run with
    more probabilities of the same files stays.

    Raises
    ------
    InputError
        For the first bad file, unless bad inputs are skipped.
    CeresFastError
        When the table cannot be written.
    """
    scores, bad = Scores.none(len(files)), set[Path]()
    with progress() as bar:
        shown = bar.add_task("stamps", total=len(files))
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            scores.put(slice(start, start + len(chunk)), _score_chunk(chunk, bad, run))
            bar.advance(shown, len(chunk))
    keep_earlier = bool(bad) and _scored_earlier(target, files) > scores.scored
    for file in files:
        run.result.account.put(file, KEPT if keep_earlier else PASSED_ON if file in bad else CLASSIFIED)
    if keep_earlier:
        warn(f"{target}: has more probabilities, as an earlier run classified these stamps, and is kept")
        return
    table = Table({"file": np.array([written(file) for file in files], str), **scores.columns()})

    def write(path: Path, rows: np.ndarray | None) -> None:
        with atomic_file(path) as temporary:
            chosen = table if rows is None else table[rows]
            chosen.write(temporary, format=FORMATS[run.table_format or "CSV"], overwrite=True)

    run.write(write, target, scores.kept(run.keep_above))
    run.count_field("stamps", scores)
    run.done("stamps", scores, target)


def _scored_earlier(target: Path, files: Sequence[Path]) -> int:
    """Return how many rows with a probability a table has; 0 where it is not one of these stamps as they are now."""
    if not target.is_file():
        return 0
    try:
        there = [read_catalogue(path) for path in (target, dropped_path(target)) if path.is_file()]
        names = {str(name) for each in there for name in each.table["file"]}
        if names != {written(file) for file in files} or any(_newer(file, target) for file in files):
            return 0
    except (InputError, KeyError):
        return 0
    probabilities = [column(each, PROBABILITY) for each in there]
    return sum(int(np.isfinite(each).sum()) for each in probabilities if each is not None)


def _newer(file: Path, target: Path) -> bool:
    return file.exists() and file.stat().st_mtime_ns > target.stat().st_mtime_ns


def _score_chunk(files: Sequence[Path], bad: set[Path], run: ClassifyRun) -> Scores:
    """Score some stamps; add those that cannot be to `bad`."""
    stamps = np.full((len(files), STAMP_SIZE, STAMP_SIZE), np.nan, np.float32)
    filled = np.zeros(len(files), np.int64)
    for row, file in enumerate(files):
        try:
            stamps[row], _, filled[row] = read_stamp(file, nan="fill", most=run.rules.missing)
        except InputError as error:
            run.failed(file, error, "Kept without a probability.")
            bad.add(file)
    return score(run.engine, stamps, np.zeros(len(files), np.int64), filled)
