"""Start a run with the classifier of another run, such as that of another camera or of older records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ..artifact.classifier import CLASSIFIER_FILE, Classifier, read_classifier
from ..errors import CeresFastError, InputError
from ..libraries.tensorflow_quiet import keras
from ..model.build import build_model
from ..model.weights import fill
from ..settings.architecture import Architecture
from ..settings.training import SETTINGS, Settings

FIXED = ("backbone", "experiment", "normalise", "head", "dense")
"""Settings that the weights of a classifier fit: with another value of one of these, they are meaningless."""

INHERITED = (*FIXED, "precision", "dropout")
"""Settings that a run inherits from the classifier it starts from, where the user gives none."""


def inherit_settings(values: dict[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return the settings of a run, where those of `INHERITED` that were not given are those of its ``start_from``.

    Parameters
    ----------
    values : dict
        Values of all settings by name; they are returned unchanged where ``start_from`` is None.
    given : collection of str
        Names of the settings that the user gave.

    Raises
    ------
    InputError
        When there is no classifier, or it has a setting that this version cannot build.
    """
    if values["start_from"] is None:
        return values
    described = _described(read_classifier(Path(values["start_from"])))
    return values | {name: described[name] for name in INHERITED if name not in given}


def starting_classifier(settings: Settings, planes: Sequence[str]) -> Classifier | None:
    """Return the classifier that `settings` start from, after checking that it fits; None where they name none.

    Raises
    ------
    InputError
        When there is no such classifier, it is not valid, or it is for stamps of other planes.
    CeresFastError
        When the settings have another backbone, experiment, normalisation or head than it has.
    """
    if settings.start_from is None:
        return None
    classifier = read_classifier(Path(settings.start_from))
    for name, value in _described(classifier).items():
        if name in FIXED and getattr(settings, name) != value:
            raise CeresFastError(
                f"{SETTINGS[name].flag} {getattr(settings, name)}: the classifier of --from {settings.start_from} has "
                f"{value}, and its weights are for that. Leave {SETTINGS[name].flag} out, or --from."
            )
    if classifier.planes != tuple(planes):
        raise InputError(
            _path(classifier),
            f"is for stamps of {_list(classifier.planes)}, and the records have {_list(planes)}",
            expected="a classifier and records of the same planes",
            action="choose another --from, or other --records",
        )
    return classifier


def starting_model(settings: Settings, classifier: Classifier) -> keras.Model:
    """Build the network of `settings` with the weights of `classifier`, head included, as its first weights.

    The weights have been trained before. So the layers that the experiment freezes are frozen, and BatchNormalization
    of the base stays in inference mode, also where the classifier itself was trained from scratch.

    Raises
    ------
    InputError
        When the weights are missing, not the ones the classifier names, or of another architecture.
    """
    architecture = Architecture(**{field.name: getattr(settings, field.name) for field in fields(Architecture)})
    model = build_model(replace(architecture, weights="none"), classifier.planes, pretrained=True)
    fill(model, classifier.weights_path(), expected=f"weights of {model.name}")
    return model


def weights_from(settings: Settings, classifier: Classifier | None) -> str:
    """Return what a new classifier states as the origin of its first weights: a name, not a path of this machine."""
    if classifier is not None and classifier.folder is not None:
        return classifier.folder.resolve().name  # a link is the run that it points at
    return settings.weights if settings.weights in ("imagenet", "none") else Path(settings.weights).name


def _described(classifier: Classifier) -> dict[str, Any]:
    if classifier.members or classifier.views != 1:
        raise InputError(
            _path(classifier),
            "is of several networks or views",
            expected="one network",
            action="start from one of the runs it was made of",
        )
    experiment = int(classifier.experiment) if str(classifier.experiment).isdecimal() else classifier.experiment
    values = {name: getattr(classifier, name) for name in INHERITED if hasattr(classifier, name)}
    values |= {"experiment": experiment, **classifier.head_options}
    for name, value in values.items():
        if not SETTINGS[name].allows(value):
            raise InputError(_path(classifier), f"unknown {name} {value!r}", expected=SETTINGS[name].expected)
    return values


def _path(classifier: Classifier) -> Path:
    return (classifier.folder or Path()) / CLASSIFIER_FILE


def _list(planes: Sequence[str]) -> str:
    return ", ".join(planes)
