"""Calibrate a run, as `ceres-fast calibrate` does: probabilities that are shares, and a threshold with a guarantee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any, get_args

import numpy as np

from ..artifact.classifier import Classifier, read_classifier
from ..artifact.scaling import scaled
from ..artifact.update import update_description
from ..console import say, warnings_kept
from ..errors import CeresFastError, OnError
from ..files import StrPath, write_json, write_text
from ..records.manifest import Manifest, load_manifest
from ..records.pipeline import read_columns
from ..schema import as_python
from ..settings.guarantee import By, Calibration
from ..stamps import COLUMNS
from ..training.runs import lock_run
from .figures import draw_reliability
from .formatting import counted
from .operating_point import OperatingPoint, choose
from .predictions import Predictions, checked_manifest, predict_split
from .reliability import METHODS, Reliability, fit, measure

FITTED_ON, CHOSEN_ON = "validation", "calibration"
"""Splits: of the scaling, and of the threshold. Nothing else touches the second, or the guarantee would not hold."""

FOLDER, RESULT = "calibration", "calibration.json"

_MEASURES = {"ece": "expected calibration error", "brier": "Brier score", "loss": "cross-entropy"}


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
    _refuse_too_few(manifest, guarantee)
    network = replace(classifier, scaling=None)
    fitted_on = predict_split(network, manifest, FITTED_ON)[0]
    fitted = fit(scaling, fitted_on.labels, fitted_on.probabilities)
    before = predict_split(network, manifest, CHOSEN_ON)[0]
    about = {**before.about, "scaling": fitted}
    after = replace(before, probabilities=scaled(fitted, before.probabilities), about=about)
    point = choose(after, **guarantee)
    made = replace(classifier, scaling=fitted, threshold=point.threshold, operating_point=point.as_dict())
    _report(made, point, fitted_on, before, after)
    if read_classifier(classifier.folder) != classifier:
        raise CeresFastError(f"{run}: has changed meanwhile. Calibrate it again when its training is over.")
    _say_where_stored(update_description(made))
    return point


def _read(run: Path) -> Classifier:
    folder = read_classifier(run).folder
    assert folder is not None
    # A link may point elsewhere before this ends.
    return read_classifier(folder.resolve() if folder.is_symlink() else folder)


def _refuse_too_few(manifest: Manifest, guarantee: Mapping[str, Any]) -> None:
    """Raise before anything is predicted what `choose` would raise after: names and times alone decide it."""
    known = read_columns(manifest, CHOSEN_ON, [column.name for column in COLUMNS])
    with warnings_kept():
        choose(Predictions(known, np.zeros(len(known["label"])), {}), **guarantee)


def _report(
    made: Classifier, point: OperatingPoint, fitted_on: Predictions, before: Predictions, after: Predictions
) -> None:
    found = {
        name: measure(each.labels, each.probabilities) for name, each in {"before": before, "after": after}.items()
    }
    title = f"{before.about['classifier']}: calibrated on {before.about['records']}"
    text = calibration_text(point, made.scaling, found, title, len(fitted_on.labels))
    say(text)
    assert made.folder is not None
    folder = made.folder / FOLDER
    write_text(folder / "report.txt", text)
    write_json(
        folder / RESULT,
        {
            "title": title,
            **{name: after.about[name] for name in ("records", "manifest_sha256", "weights_sha256")},
            "operating_point": point.as_dict(),
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


def calibration_text(
    point: OperatingPoint,
    scaling: Mapping[str, Any] | None,
    found: Mapping[str, Reliability],
    title: str,
    stamps: int,
) -> str:
    """Return the report of a calibration as plain text, 80 columns.

    Parameters
    ----------
    point : OperatingPoint
        What `choose` returned.
    scaling : mapping or None
        What `fit` returned.
    found : mapping of str to Reliability
        On the calibration split, before and after scaling.
    title : str
        First line.
    stamps : int
        That the scaling was fitted on.
    """
    lines = [title, "", *_guarantee(point), "", "Scaling of the probabilities:", _fitted(scaling, stamps), ""]
    lines.append(f"{f'of {point.detections:,} calibration stamps':<32}" + "".join(f"{name:>10}" for name in found))
    for name, words in _MEASURES.items():
        lines.append(f"{words:<32}" + "".join(f"{getattr(each, name):>10.4f}" for each in found.values()))
    return "\n".join(lines) + "\n"


def _guarantee(point: OperatingPoint) -> list[str]:
    of = "catalogue rows" if point.rows else "stamps"
    return [
        *wrap(
            f"Threshold {point.threshold:g}: with a confidence of {point.confidence:g}, at most {point.max_loss:g} of "
            f"{_SUBJECT[point.by]} that are detected in {counted(point.needs, 'exposure')} of a night or more are "
            f"lost. An asteroid is lost when fewer than {point.needs} of its exposures reach the threshold. "
            f"{_ASSUMED[point.by]}",
            80,
        ),
        "",
        f"{'asteroids (each in one night)':<32}{point.asteroids:>10,}   in {counted(point.fields, 'field')}",
        *(_of_asteroids(point) if point.by == "asteroid" else _of_fields(point)),
        f"{'in fewer exposures, not counted':<32}{point.left_out:>10,}",
        f"{'non-asteroids, and left of them':<32}{point.non_asteroids:>10,}{point.left:>10,}",
        f"{f'left of 1,000 {of}':<32}{point.left_per_1000:>10.1f}"
        + (f"   of {point.rows:,}" if point.rows else f"   of {point.detections:,}: rows are not known"),
        "",
        *wrap(_estimate(point), 80),
    ]


_SUBJECT = {"asteroid": "the asteroids", "field": "a field's asteroids, in the mean over fields,"}
_ASSUMED = {
    "asteroid": "Asteroids are taken to be independent of each other.",
    "field": "Fields, each in one night, are taken to be independent of each other; asteroids of one field are not.",
}
_COUNTED = {
    "each": "no two asteroids share a field",
    "one": "counted is one asteroid of each field, drawn with a fixed seed",
    "all": "twice the mean p-value of all draws of one asteroid a field",
}


def _of_asteroids(point: OperatingPoint) -> list[str]:
    return [
        f"{'may be lost, and are lost':<32}{point.allowed:>10,}{point.lost:>10,}",
        f"{'share lost, upper limit':<32}{point.bound:>10.4f}",
    ]


def _of_fields(point: OperatingPoint) -> list[str]:
    return [
        f"{'of them lost':<32}{point.lost:>10,}",
        f"{'share lost, mean of fields':<32}{point.field_loss:>10.4f}",
        f"{'the same, upper limit':<32}{point.bound:>10.4f}",
        f"({_COUNTED[point.drawn]})",
    ]


def _estimate(point: OperatingPoint) -> str:
    """Say what dependence within fields does to the share of all asteroids: no guarantee, and named so."""
    found = point.dependence
    if found is None:
        return (
            "Dependence within fields: not estimated. There are fewer than two fields, no two asteroids share one, or "
            "all probabilities are the same."
        )
    text = (
        f"Estimate, not a guarantee: asteroids of one field in one night have an intraclass correlation of "
        f"{found['rho']:.3f} (95 % interval {found['low']:.3f} to {found['high']:.3f}; of the ranks of the "
        f"probabilities that decide, bootstrap by field). With it the {point.asteroids:,} asteroids say as much as "
        f"{found['n_eff']:,.0f} independent ones, and the share of all asteroids that is lost has the upper limit "
        f"{found['bound']:.4f}"
    )
    return f"{text} in place of {point.bound:.4f}." if point.by == "asteroid" else f"{text}."


def _fitted(scaling: Mapping[str, Any] | None, stamps: int) -> str:
    if scaling is None:
        return "none: they are what the network gives"
    values = {
        "temperature": lambda: f"temperature {scaling['temperature']:.4g}",
        "logistic": lambda: f"logistic, temperature {scaling['temperature']:.4g}, bias {scaling['bias']:.4g}",
        "isotonic": lambda: f"isotonic, {len(scaling['x'])} knots",
    }
    return f"{values[scaling['method']]()}; fitted on {stamps:,} validation stamps"
