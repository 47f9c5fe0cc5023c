"""Give every detection its probability of being an asteroid: `ceres-fast classify`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..artifact.classifier import Classifier
from ..catalogues import Names, catalogue_places
from ..catalogues.static_sources import read_static
from ..console import say, warn
from ..engines import AUTO, Engine, load
from ..errors import CeresFastError, InputError
from ..frames.reading import FrameInfo
from ..selection.rules import Rules
from ..selection.track_cost import NEEDS
from ..stamps import CENTRE, STAMP_SIZE
from .dry_run import say_fields
from .frames import classify_exposures
from .inputs import find_inputs
from .jobs import Job
from .limit import limit
from .outputs import TableFormat, check_targets, format_of, frame_target, stamps_target
from .stamps import classify_stamps
from .task import OnError, Result, Task

SCALE_TOLERANCE = 0.1
"""Pixel scales that differ from the classifier's by more than this share are warned of."""


def classify(
    inputs: Sequence[Path],
    model: Path | Engine,
    *,
    catalogue: Path | None = None,
    output: Path,
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
    static: Path | None = None,
    needs: int = NEEDS,
) -> Result:
    """Add the probability of being an asteroid to catalogues of frames, or list it for FITS stamps.

    Every row and column is kept, and the columns ``PROB_ASTEROID`` (NaN where it was not scored, 0 where the
    detection is stationary) and ``CERES_FLAGS`` (bits: 1 padded at the edge of the frame, 2 missing pixels filled,
    4 stationary, 8 not scored, 16 has one of SExtractor's flags that the classifier's rules reject, 32 provisional: it
    may be stationary, and nobody looked there at another time) are added. Frames of one field, CCD and night are
    compared to find what is stationary, by the rules that the classifier was trained with. A mosaic has one catalogue,
    and gets one table, for all its CCDs.

    Parameters
    ----------
    inputs : sequence of pathlib.Path
        FITS stamps (32x32 pixels) or frames, or folders with them. A frame's catalogue is looked for beside it and
        in ``../sextractor_cat``.
    model : pathlib.Path or Engine
        The exported classifier (an ONNX or an engine file), or its run folder; or an engine that is running.
    catalogue : pathlib.Path, optional
        The catalogue of the one frame given.
    output : pathlib.Path
        A folder, where tables keep their places relative to the input folders; or a file name for the only table.
    format : {"CSV", "ECSV"}, optional
        Format of the tables; without it the suffix of a file name says, or it is the catalogue's own (CSV for stamps).
    drop : bool
        Leave out rows below the classifier's operating point and stationary ones; NaN and provisional are always kept.
    keep_above : float, optional
        As `drop`, but below this probability, of which nothing is promised.
    discard : bool
        Whether rows that are left out are not kept beside the table, in ``NAME.dropped.<suffix>``.
    on_error : {"stop", "skip"}
        Whether an input that cannot be classified ends the work, or is passed on without probabilities and counted.
    overwrite : bool
        Replace tables of an earlier run. Inputs are never replaced.
    dry_run : bool
        Write nothing, and say for each field what would be left out, and why.
    names : Names, optional
        What the columns of the catalogues are called; by default as SExtractor calls them.
    provider, rebuild
        What runs the classifier; as in `engines.load`.
    slowest : float, optional
        Rate of the slowest asteroid that is wanted, arcsec/min, instead of that of the classifier's rules.
    static : pathlib.Path, optional
        A table of fixed sources (`survey.static_sources.read_static`).
    needs : int
        Exposures in which a synthetic asteroid must be left by the rule for stationary detections.

    Returns
    -------
    Result
        The tables written, the counts, what could not be classified and the time it took.

    Raises
    ------
    CeresFastError, InputError
        For wrong options and bad inputs, naming the file and the row. Tables written before stay.
    """
    engine = load(model, provider=provider, rebuild=rebuild) if isinstance(model, Path) else model
    model = model if isinstance(model, Path) else engine.path
    keep_above = limit(engine.classifier, model, drop, keep_above)
    if discard and keep_above is None:
        raise CeresFastError("--discard is about rows that are left out: give it with --drop or --keep-above.")
    _check_planes(engine.classifier, model)
    wanted = format_of(output, format)
    task = Task(engine, _rules(engine.classifier, model, slowest), keep_above, on_error, wanted, names or Names())
    task.static, task.needs = None if static is None else read_static(static), needs
    if static is not None and not task.rules.remove_stationary:
        warn(f"{static}: is not used, because {model} was trained with stationary detections")
    task.discard, task.dry_run = discard, dry_run
    with task.timed():
        found = find_inputs(inputs, catalogue, task)
        jobs = {
            frame: Job(frame, table, frame_target(frame, table, inputs, output, wanted), infos)
            for frame, (infos, table) in found.frames.items()
        }
        stamps = stamps_target(output, wanted)
        targets = [job.target for job in jobs.values()] + [stamps] * bool(found.stamps)
        originals = [*found.stamps, *jobs, *(job.catalogue for job in jobs.values()), model]
        places = (place for frame in jobs for place in catalogue_places(frame))
        check_targets(targets, originals, places, overwrite or dry_run)
        _check_scale(found.infos, engine.classifier)
        if found.stamps:
            classify_stamps(found.stamps, stamps, task)
        for frame, error in found.broken.items():
            jobs[frame].pass_on(error, task)
        whole = [job for frame, job in jobs.items() if frame not in found.broken]
        if whole:
            classify_exposures(whole, task)
    task.summary()
    if dry_run:
        say_fields(task.result.fields, keep_above)
        say("a dry run: nothing is written")
    elif not discard and (left_out := task.result.total["rows"] - task.result.total["written"]):
        say(f"{left_out} rows were left out; they are kept beside the tables, in files called *.dropped.*")
    say(str(task.result.account))
    task.result.account.check()
    return task.result


def _check_planes(classifier: Classifier, model: Path) -> None:
    if len(classifier.planes) > 1:
        raise InputError(
            model,
            f"takes the planes {', '.join(classifier.planes)}; frames and FITS stamps have one, the science image",
            expected="a classifier of the science plane",
            action="build records with `--planes science`, and train on them",
        )


def _rules(classifier: Classifier, model: Path, slowest: float | None) -> Rules:
    """Return the rules that the classifier was trained with; detections must go through the same ones."""
    if not classifier.rules:
        warn(f"{model}: does not say by which rules its training detections were chosen; this version's are used")
        return Rules() if slowest is None else Rules(slowest=slowest)
    try:
        rules = Rules.from_dict(classifier.rules)
        if (rules.stamp_size, rules.centre) != (STAMP_SIZE, CENTRE):
            raise ValueError(f"stamps of {rules.stamp_size} pixels with the detection at {rules.centre}")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            model,
            f"was trained on detections chosen by rules that this version cannot apply ({error})",
            action="use the version of ceres-fast that trained it, or train again",
        ) from error
    if differences := Rules().differences(rules):
        warn(f"{model}: its own rules are used, which differ from this version's ({'; '.join(differences)})")
    if slowest is None:
        return rules
    if not rules.remove_stationary:
        warn(f"{model}: was trained with stationary detections, so that --slowest decides nothing")
    if slowest < rules.slowest:
        warn(
            f"--slowest {slowest:g} is less than the {rules.slowest:g} arcsec/min {model} was trained with: it never "
            "saw some of what is scored, because that was called stationary"
        )
    return replace(rules, slowest=slowest)


def _check_scale(infos: Iterable[FrameInfo], classifier: Classifier) -> None:
    """Warn once of all inputs whose pixel scale is not the classifier's."""
    trained = classifier.pixel_scale
    if trained is None:
        warn("the classifier does not say on which pixel scale it was trained, so it cannot be compared")
        return
    other = [info for info in infos if abs(info.pixel_scale / trained - 1) > SCALE_TOLERANCE]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        warn(
            f"{other[0].place}{more}: {other[0].pixel_scale:.3g} arcsec/pixel, but the classifier was trained on "
            f"{trained:.3g}: its probabilities may not hold here. Train on frames of this camera"
        )
