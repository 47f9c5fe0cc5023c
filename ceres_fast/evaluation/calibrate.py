"""Calibrate a run, as `ceres-fast calibrate` does: probabilities that are shares, and a threshold with a guarantee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any, get_args

import numpy as np
from astropy.table import Table

from ..artifact.classifier import Classifier, read_classifier
from ..artifact.scaling import scaled
from ..artifact.update import update_description
from ..console import say, warnings_kept
from ..errors import CeresFastError, OnError
from ..files import StrPath, write_json, write_text
from ..records.lost import read_lost
from ..records.manifest import Manifest, load_manifest
from ..records.pipeline import read_columns
from ..schema import as_python
from ..settings.guarantee import By, Calibration
from ..stamps import COLUMNS
from ..training.runs import CALIBRATION, lock_run
from .calibration_text import calibration_text, tracklets_text
from .conditions import conditions_of
from .figures import draw_reliability
from .operating_point import OperatingPoint, TooFewAsteroids, choose
from .predictions import Predictions, checked_manifest, predict_split
from .reliability import METHODS, fit, measure
from .tracklets import LEAST, as_predictions, chain_at, fit_model, link

FITTED_ON, CHOSEN_ON = "validation", "calibration"
"""Splits: of the scaling, and of the threshold. Nothing else touches the second, or the guarantee would not hold."""


def calibrate(
    run: StrPath,
    records: StrPath,
    *,
    max_loss: float = Calibration.max_loss,
    confidence: float = Calibration.confidence,
    needs: int = Calibration.needs,
    by: By = Calibration.by,
    scaling: str = Calibration.scaling,
    on_error: OnError = "stop",
) -> OperatingPoint:
    """Fit the scaling of a classifier's probabilities, choose its threshold, and store both in it.

    The scaling is fitted on the validation split to what the network answers, whatever the classifier was calibrated
    to before. The threshold is chosen on the calibration split, on which the reliability before and after is measured
    too: nothing depends on that.

    Parameters
    ----------
    run : path
        Run directory (or its ``classifier.json``).
    records : path
        Folder that `build_records` wrote.
    max_loss, confidence, needs, by
        The guarantee: see `choose`.
    scaling : str
        A key of `ceres_fast.evaluation.reliability.METHODS`.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Returns
    -------
    OperatingPoint
        What ``classifier.json`` and the ONNX file that it names hold now. ``calibration/`` in the run describes it:
        ``report.txt``, ``calibration.json`` and ``reliability.png``.

    Raises
    ------
    InputError
        When run or records are damaged, do not fit each other, or one of the two splits is empty.
    TooFewAsteroids
        When the calibration split has too few asteroids, or fields, for the guarantee.
    CeresFastError
        When an option is not what it can be, the scaling cannot be fitted, or the run is in use or has changed
        meanwhile. The classifier is what it was before, in all these cases.

    Examples
    --------
    >>> point = ceres_fast.calibrate("runs/second", "records", max_loss=0.5, confidence=0.8)
    >>> ceres_fast.load("runs/second").threshold == point.threshold
    True
    """
    if by not in get_args(By):
        raise CeresFastError(f"--by {by}: expected one of {', '.join(get_args(By))}.")
    if scaling not in METHODS:
        raise CeresFastError(f"--scaling {scaling}: expected one of {', '.join(METHODS)}.")
    run, records = Path(run), Path(records)
    max_loss, confidence, needs = map(as_python, (max_loss, confidence, needs))  # as classifier.json holds them
    classifier = _read(run)
    assert classifier.folder is not None
    lock_run(classifier.folder)
    manifest = checked_manifest(classifier, load_manifest(records), (FITTED_ON, CHOSEN_ON), on_error)
    guarantee: dict[str, Any] = {"max_loss": max_loss, "confidence": confidence, "needs": needs, "by": by}
    lost = read_lost(manifest)
    lost = None if lost is None else lost[lost["split"] == CHOSEN_ON]
    _refuse_too_few(manifest, lost, guarantee)
    network = replace(classifier, scaling=None)
    fitted_on = predict_split(network, manifest, FITTED_ON)[0]
    fitted = fit(scaling, fitted_on.labels, fitted_on.probabilities)
    before, stamps = predict_split(network, manifest, CHOSEN_ON)
    about = {**before.about, "scaling": fitted}
    after = replace(before, probabilities=scaled(fitted, before.probabilities), about=about)
    point = choose(after, lost, **guarantee)
    fitted_on = replace(fitted_on, probabilities=scaled(fitted, fitted_on.probabilities))
    tracklets, said = _calibrate_tracklets(fitted_on, after, lost, guarantee)
    conditions, watched = conditions_of(after, stamps, point.threshold, manifest)
    made = replace(
        classifier,
        scaling=fitted,
        threshold=point.threshold,
        operating_point=point.as_dict(),
        tracklets=tracklets,
        conditions=conditions,
    )
    _report(made, point, [*said, "", *watched], fitted_on, before, after)
    if read_classifier(classifier.folder) != classifier:
        raise CeresFastError(f"{run}: has changed meanwhile. Calibrate it again when its training is over.")
    _say_where_stored(update_description(made))
    return point


def _read(run: Path) -> Classifier:
    folder = read_classifier(run).folder
    assert folder is not None
    # A link may point elsewhere before this ends.
    return read_classifier(folder.resolve() if folder.is_symlink() else folder)


def _refuse_too_few(manifest: Manifest, lost: Table | None, guarantee: Mapping[str, Any]) -> None:
    """Raise before anything is predicted what `choose` would raise after: names and times alone decide it."""
    known = read_columns(manifest, CHOSEN_ON, [column.name for column in COLUMNS])
    with warnings_kept():
        choose(Predictions(known, np.zeros(len(known["label"])), {}), lost, **guarantee)


def _calibrate_tracklets(
    fitted_on: Predictions,
    chosen_on: Predictions,
    lost: Table | None,
    guarantee: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, list[str]]:
    """Fit the model of tracklets and choose their threshold; and what the report says of it, or why there is none."""
    to_fit, to_choose = link(fitted_on), link(chosen_on)
    if to_fit is None or to_choose is None:
        return None, wrap("Tracklets: none are in these records, so that each detection is classified by itself.", 80)
    true, false = int(to_fit.asteroid.sum()), int((~to_fit.asteroid).sum())
    model = fit_model(to_fit)
    if model is None:
        few = (
            f"Tracklets: {true} true and {false} false ones in the {FITTED_ON} split are too few to fit a probability "
            f"to ({LEAST} of each), so that each detection is classified by itself."
        )
        return None, wrap(few, 80)
    scored = as_predictions(chosen_on, to_choose, model)
    try:
        of_tracklets = choose(scored, lost, **guarantee)
    except TooFewAsteroids as error:
        return model, wrap(f"Tracklets have a probability, but no threshold: {error}", 80)
    model = {**model, "operating_point": of_tracklets.as_dict()}
    said = tracklets_text(model["operating_point"], chain_at(chosen_on, to_choose, model, lost))
    basis = f"The probability was fitted on {true} true and {false} false tracklets of the {FITTED_ON} split."
    allowed = f"{'may be lost, in all':<32}{of_tracklets.allowed:>10,}"
    return model, [*said, allowed, *wrap(basis, 80)]


def _report(
    made: Classifier,
    point: OperatingPoint,
    more: Sequence[str],
    fitted_on: Predictions,
    before: Predictions,
    after: Predictions,
) -> None:
    found = {
        name: measure(each.labels, each.probabilities) for name, each in {"before": before, "after": after}.items()
    }
    title = f"{before.about['classifier']}: calibrated on {before.about['records']}"
    text = calibration_text(point, made.scaling, found, title, len(fitted_on.labels), more)
    say(text)
    assert made.folder is not None
    folder = made.folder / CALIBRATION.parent
    write_text(folder / "report.txt", text)
    write_json(
        folder / CALIBRATION.name,
        {
            "title": title,
            **{name: after.about[name] for name in ("records", "manifest_sha256", "weights_sha256")},
            "operating_point": point.as_dict(),
            "tracklets": made.tracklets,
            "conditions": made.conditions,
            "scaling": made.scaling,
            "scaling_stamps": len(fitted_on.labels),
            "reliability": {name: each.as_dict() for name, each in found.items()},
        },
    )
    draw_reliability(found, title, folder / "reliability.png")


def _say_where_stored(classifier: Classifier) -> None:
    assert classifier.folder is not None
    exported = classifier.onnx_files().values()
    also = f" and in {', '.join(exported)}" if exported else "; export it for `ceres-fast classify`"
    say(
        f"stored in {classifier.folder}{also}. Copies of an ONNX file elsewhere keep what they were exported with; "
        "evaluations from before were made with the probabilities and the threshold of before"
    )
