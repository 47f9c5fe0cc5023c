"""Give every detection its probability of being an asteroid: `ceres-fast classify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ..artifact.latest import resolve
from ..catalogues import Names, catalogue_places
from ..console import say
from ..engines import AUTO, Engine, load
from ..errors import CeresFastError, OnError
from ..files import StrPath, as_paths
from ..frames.camera import Camera
from ..frames.profiles import load_camera
from ..machine.interrupts import Written, noting
from ..settings.classifier import ClassifyOptions, TableFormat
from ..settings.guarantee import NEEDS
from ..settings.option import check_arguments, only, options_of
from ..settings.shared import Shared
from .account import ClassifyRun, Result, say_fields
from .catalogue_job import CatalogueJob
from .checks import check_camera, check_scale, read_known_sky, read_static_sources, rules_of
from .exposures import classify_exposures
from .inputs import Inputs, find_inputs
from .limits import limits_of
from .outputs import check_targets, format_of, frame_target, night_folders, stamps_target
from .remembered import Remembered
from .stamp_files import classify_stamps

OPTIONS = {**options_of(ClassifyOptions), **only(Shared, "forced", "needs", "on_error")}
"""What arguments may be."""


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
    linked_only: bool = False,
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
    forced_limit: float | None = None,
    forced: bool = False,
    template: StrPath | None = None,
    below: StrPath | None = None,
    scores: StrPath | None = None,
) -> Result:
    """Add the probability of being an asteroid to catalogues of frames, or list it for FITS stamps.

    Every row and column is kept, and columns are added. ``PROB_ASTEROID`` is NaN where a detection was not scored, and
    0 where it is stationary or elsewhere. ``CERES_FLAGS`` is a sum of bits: 1 padded at the edge of the frame, 2
    missing pixels filled, 4 stationary, 8 not scored, 16 has one of SExtractor's flags that the classifier's rules
    reject, 32 provisional: it may be stationary, and no exposure covers its place at another time, 64 too few pixels to
    be scored: more than half of the stamp is missing, or one of the nine pixels around the detection, 128 elsewhere:
    the other exposures show it too, by `forced_limit`, 256 no template: none of them shows its place, and the
    classifier takes one, 512 blended: it was stationary, and a tracklet passes, 1024 near the edge of the frame, 2048
    scored in a field that is not like those that the classifier was calibrated on.

    Tables of frames have ``TRACKLET`` too, the number of the detections of a field that fit one motion with this one
    (int32, from 1 in a field and night; 0 in none), and ``PROB_TRACKLET``, the probability that they are an asteroid
    (float64; NaN without a tracklet, or with a classifier that was calibrated on records without any).

    Where it is measured what other exposures show at the place of a detection (`forced`, `forced_limit`, a classifier
    of three planes), there are four columns more. ``FORCED_MIN`` and ``FORCED_MAX`` are the least and the largest flux
    there over the detection's own (float64, NaN where no exposure could tell), ``FORCED_SEEN`` and ``FORCED_LOOKED``
    the numbers of exposures that show something, and that have looked (int32, -1 where that was not measured: what is
    stationary, rejected or not scored with its exposure).

    Stationary detections are found by comparing the frames of one field, CCD and night, by the rules that the
    classifier was trained with. A mosaic has one catalogue, and gets one table, for all its CCDs.

    Parameters
    ----------
    inputs : path or sequence of paths
        FITS stamps (32x32 pixels) or frames, or folders with them. A frame's catalogue is looked for beside it and
        in ``../sextractor_cat``.
    model : path or Engine
        The exported classifier (an ONNX or an engine file), its run folder, or its address on a server; or what
        `ceres_fast.load` returned.
    catalogue : path, optional
        The catalogue of the one frame given.
    catalogues : path, optional
        The folder that holds the catalogues of all frames, as ``ceres-fast detect --output`` writes it.
    output : path
        A folder, where tables keep their places relative to the input folders; or a file name for the only table.
    format : {"CSV", "ECSV"}, optional
        Format of the tables; without it the suffix of a file name says, or it is the catalogue's own (CSV for stamps).
    drop : bool
        Leave out rows below the classifier's operating point, stationary ones and those that are elsewhere. Of a row in
        a tracklet the tracklet decides, where the classifier was calibrated on some. NaN, provisional, and what is
        within 8 pixels of an edge and not stationary are always kept; and what may move in a field that is not like
        those of calibration, for which nothing is promised.
    keep_above : float, optional
        As `drop`, but below this probability, for which no guarantee applies, whatever the tracklets say.
    linked_only : bool
        With `drop`: leave out what is in no tracklet too, whatever its own probability.
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
        Exposures in which a synthetic asteroid must be left by the rules.
    camera : str, path or Camera, optional
        How frames are read: a profile that ships with the package, or a TOML file (`frames.profiles.load_camera`). A
        warning says where it is not that of the classifier's training frames.
    forced_limit : float, optional
        Share of its flux that a detection which is no asteroid has in all other exposures that could tell, more than
        that; instead of that of the classifier's rules.
    forced : bool
        Measure the flux at the place of each detection in the other exposures, also where that decides nothing.
    template : path, optional
        A frame of the same sky from another time, or a folder of such: as another exposure of each field that it shows.
    below : path, optional
        The folder of the night of which the inputs are a part: tables keep their places relative to it.
    scores : path, optional
        A folder in which scores are kept: what is classified again with further exposures is not scored again.

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
        OPTIONS,
        format=format,
        on_error=on_error,
        provider=provider,
        slowest=slowest,
        needs=needs,
        rebuild=rebuild,
        forced_limit=forced_limit,
        forced=forced,
    )
    profile = load_camera(camera)
    inputs, output, catalogue = as_paths(inputs), Path(output), None if catalogue is None else Path(catalogue)
    engine = load(Path(model), provider=provider, rebuild=rebuild) if isinstance(model, str | PathLike) else model
    model = Path(model) if isinstance(model, str | PathLike) else engine.path
    rules = rules_of(engine.classifier, model, slowest, forced_limit)
    limits = limits_of(
        engine.classifier, model, drop, keep_above, linked_only=linked_only, forced_limit=rules.forced_limit
    )
    if catalogue is not None and catalogues is not None:
        raise CeresFastError("--catalogue and --catalogues both say where the catalogue is; give one of them.")
    if discard and limits is None:
        raise CeresFastError("--discard is about rows that are left out: give it with --drop or --keep-above.")
    wanted = format_of(output, format)
    run = ClassifyRun(
        engine=engine,
        rules=rules,
        result=Result(limits=limits),
        on_error=on_error,
        table_format=wanted,
        names=names or Names(),
        needs=needs,
        discard=discard,
        dry_run=dry_run,
        forced=forced,
        partial=below is not None,
    )
    read_static_sources(static, run)
    read_known_sky(template, profile, run)
    if scores is not None:
        run.remembered = Remembered(Path(scores), engine)
    folders = inputs if below is None else [*inputs, *night_folders(Path(below), catalogues)]
    catalogues = None if catalogues is None else Path(catalogues)
    tables = Written([])
    with noting(lambda: "a dry run: nothing is written" if dry_run else tables.told("tables")):
        with run.timed():
            found = find_inputs(inputs, catalogue, run, catalogues, profile)
            jobs = {
                frame: CatalogueJob(
                    frame, table, frame_target(frame, table, folders, output, wanted, frame in found.several), infos
                )
                for frame, (infos, table) in found.frames.items()
            }
            stamps = stamps_target(output, wanted)
            targets = [job.target for job in jobs.values()] + [stamps] * bool(found.stamps)
            originals = [*found.stamps, *jobs, *(job.catalogue for job in jobs.values()), model]
            theirs = (None,) if catalogues is None else (None, catalogues)
            places = (place for frame in jobs for folder in theirs for place in catalogue_places(frame, folder))
            check_targets(targets, originals, places, overwrite or dry_run)
            check_scale(found.infos, engine.classifier)
            if found.frames:
                check_camera(profile, engine.classifier, model)
            tables = Written(targets)
            _classify_found(found, jobs, stamps, run)
        run.summary()
        if dry_run:
            say_fields(run.result.fields, limits)
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
