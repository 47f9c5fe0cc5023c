"""The facts of a model card: read from the files of a run and, where they are at hand, from its records."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..artifact.classifier import Classifier
from ..artifact.scaling import scaled
from ..console import warn
from ..errors import InputError
from ..records.inspect.report import known
from ..records.manifest import Manifest, load_manifest
from ..records.pipeline import read_columns
from ..records.splits.hold_out import nights
from ..training.runs import CONFIG, SCORES, evaluation_folder
from .operating_point import OperatingPoint, measured
from .predictions import PREDICTIONS, Predictions, read_predictions
from .scores import score
from .yardstick import stored_yardstick

SPLITS_OF_CARD = ("test", "calibration", "validation", "train")
"""In the order of the card: what says most of other surveys first."""

RANGES = {
    "magnitude": "magnitude of the asteroids, mag",
    "rate": "rate of the asteroids, arcsec/min",
    "seeing": "seeing, arcsec",
    "exposure": "exposure time, s",
    "pixel_scale": "pixel scale, arcsec/pixel",
}
"""Columns of which the card says where the middle 90 % of the training stamps are."""

_OF_ASTEROIDS = ("magnitude", "rate")
_PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Evaluation:
    """What a classifier, as it is now, makes of a split.

    Attributes
    ----------
    split : str
        Name of the split.
    scores : dict
        `Scores.as_dict`: with the classifier's scaling, at its threshold.
    about : mapping
        Of the predictions: ``records``, ``manifest_sha256``.
    asteroids : int
        Asteroids, each in one night.
    at_point : dict or None
        What the operating point does there; None where there is none.
    yardstick : dict or None
        `Yardstick.as_dict`: the network beside gradient-boosted trees; None where that was not measured.
    """

    split: str
    scores: dict[str, Any]
    about: Mapping[str, Any]
    asteroids: int
    at_point: dict[str, Any] | None
    yardstick: dict[str, Any] | None


@dataclass(frozen=True)
class TrainingRecords:
    """What the card says of the records.

    Attributes
    ----------
    manifest : Manifest
        Theirs.
    ranges : dict
        Meaning: 5, 50 and 95 % of the training stamps; those of `RANGES` that are known.
    filters : list of str
        Filters of the training stamps that are known.
    numbers : dict
        How many different fields, CCDs and nights they come from.
    """

    manifest: Manifest
    ranges: dict[str, tuple[float, ...]]
    filters: list[str]
    numbers: dict[str, int]


def evaluations(classifier: Classifier) -> list[Evaluation]:
    """Score what `ceres-fast evaluate` has kept in a run, with the scaling and the threshold that it has now.

    Evaluations from before the run was calibrated serve too, because scaling needs nothing but the probabilities.
    Those with other weights, or with another scaling, are left out with a warning.

    Raises
    ------
    InputError
        When a file there is damaged.
    """
    assert classifier.folder is not None
    folders = {split: evaluation_folder(classifier.folder, split) for split in SPLITS_OF_CARD}
    found = []
    for split, folder in folders.items():
        if not folder.is_dir():
            continue
        predictions = _as_now(classifier, read_predictions(folder / PREDICTIONS))
        if predictions is None:
            warn(f"{folder}: was made with another classifier than the run has now, and is left out. Evaluate it again")
        else:
            found.append(_evaluation(classifier, predictions, split, folder))
    return found


def _as_now(classifier: Classifier, predictions: Predictions) -> Predictions | None:
    about = predictions.about
    if about.get("weights_sha256") != classifier.files["weights"]["sha256"]:
        return None
    if about.get("scaling") == classifier.scaling:
        return predictions
    if about.get("scaling") is not None:
        return None
    return replace(predictions, probabilities=scaled(classifier.scaling, predictions.probabilities))


def _evaluation(classifier: Classifier, predictions: Predictions, split: str, folder: Path) -> Evaluation:
    labels, probabilities, point = predictions.labels, predictions.probabilities, classifier.operating_point
    try:
        scores = score(labels, probabilities, threshold=classifier.threshold, units=predictions.units)
        at_point = measured(predictions, OperatingPoint.from_dict(point)) if point else None
    except ValueError as error:
        problem = f"cannot be scored ({error})"
        raise InputError(folder / PREDICTIONS, problem, action="calibrate and evaluate the run again") from error
    asteroids = len(set(predictions.asteroids.tolist()) - {""})
    yardstick = stored_yardstick(folder / SCORES, predictions)
    return Evaluation(split, scores.as_dict(), predictions.about, asteroids, at_point, yardstick)


def settings(classifier: Classifier) -> dict[str, Any]:
    """Return the options of ``config.toml`` but for paths, which say nothing elsewhere; {} where there is no such file.

    Raises
    ------
    InputError
        When it is not TOML.
    """
    options = _config(classifier)
    return {
        name: value for name, value in options.items() if not (isinstance(value, str) and Path(value).is_absolute())
    }


def training_records(classifier: Classifier, records: Path | None) -> TrainingRecords | None:
    """Return what the card says of the records of a classifier; None, with a warning, without them.

    Parameters
    ----------
    classifier : Classifier
        Read from a run.
    records : pathlib.Path or None
        Their folder; None takes that which ``config.toml`` names.

    Raises
    ------
    InputError
        When `records` is given and has not the records of the classifier, or they are damaged.
    """
    folder = records or Path(str(_config(classifier).get("records", "records")))
    try:
        manifest = load_manifest(folder)
        if manifest.sha256 != classifier.records.get("manifest_sha256"):
            raise InputError(folder, "does not hold the records that the classifier was trained on")
    except InputError as error:
        if records is not None:
            raise
        warn(f"{error} The card says little about the data; name them with --records")
        return None
    columns = read_columns(manifest, "train", ("label", "filter", "field", "ccd", "mjd", *RANGES))
    ranges = {meaning: found for name, meaning in RANGES.items() if (found := _range(columns, name))}
    counted = {"fields": columns["field"], "CCDs": columns["ccd"], "nights": nights(columns["mjd"])}
    numbers = {what: len(set(values.tolist()) - {""}) for what, values in counted.items()}
    return TrainingRecords(manifest, ranges, sorted(set(columns["filter"].tolist()) - {""}), numbers)


def _range(columns: Mapping[str, np.ndarray], name: str) -> tuple[float, ...]:
    values = known(columns, name)
    values = values[np.isfinite(values) & ((columns["label"] == 1) | (name not in _OF_ASTEROIDS))]
    return tuple(float(value) for value in np.percentile(values, _PERCENTILES)) if values.size else ()


def _config(classifier: Classifier) -> dict[str, Any]:
    assert classifier.folder is not None
    path = classifier.folder / CONFIG
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(path, f"is not valid TOML ({error})", expected="the options of a run") from error
