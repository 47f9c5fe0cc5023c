"""Load a classifier from disk as a Keras model, and predict with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from ..artifact.classifier import CLASSIFIER_FILE, Classifier
from ..errors import InputError
from ..libraries.tensorflow_quiet import keras, tf
from ..records.pipeline import without_tuning
from ..settings.architecture import PRECISIONS, Architecture
from .backbones import BACKBONES, EXPERIMENTS
from .build import HEADS, build_model
from .cascade import cascade
from .stem import NORMALISATIONS
from .views import Average, averaged
from .weights import fill

KNOWN: dict[str, Collection[Any]] = {
    "backbone": BACKBONES,
    "experiment": EXPERIMENTS,
    "normalise": NORMALISATIONS,
    "head": HEADS,
    "precision": PRECISIONS,
}
"""What this package can build."""

MEMBER = ("backbone", "experiment", "normalise", "head")
"""What the further networks of an average or a cascade have of their own."""


def load_model(classifier: Classifier) -> keras.Model:
    """Build the classifier with the code of this package and load its weights; no code of the file is executed.

    Parameters
    ----------
    classifier : Classifier
        A classifier as `read_classifier` returns it.

    Returns
    -------
    keras.Model
        Stamps (n, 32, 32, planes) float32 in ADU to probabilities (n, 2) float32: the mean over its members and views,
        or those of its cascade.

    Raises
    ------
    InputError
        When weights are missing, not the ones the classifier names, or of another architecture.
    """
    networks = [_network(classifier, "weights")]
    for number, member in enumerate(classifier.members, 2):
        own = {name: member[name] for name in MEMBER}  # type: ignore[literal-required]
        networks.append(_network(replace(classifier, **own), f"weights-{number}"))
    if classifier.cascade_from is not None:
        return cascade(networks[0], networks[1], classifier.cascade_from)
    return averaged(networks, classifier.views)


def _network(classifier: Classifier, weights: str) -> keras.Model:
    """Return one network, with the weights that `files` has of this kind."""
    architecture = {name: getattr(classifier, name) for name in KNOWN if name != "head"} | classifier.head_options
    for name, known in KNOWN.items():
        if (value := architecture[name]) not in known:
            path = (classifier.folder / CLASSIFIER_FILE) if classifier.folder else CLASSIFIER_FILE
            raise InputError(path, f"unknown {name} {value!r}", expected=f"one of {list(known)}")
    model = build_model(Architecture(**architecture, weights="none"), classifier.planes)
    fill(model, classifier.file_path(weights), expected=f"weights of {model.name}")
    return model


def predict(model: keras.Model, stamps: Any, batch_size: int = 128) -> np.ndarray:
    """Return the probabilities of the classes.

    Parameters
    ----------
    model : keras.Model
        A classifier.
    stamps : numpy.ndarray or tf.data.Dataset
        Stamps (n, 32, 32, planes) in ADU, or batches of (stamps, …).
    batch_size : int
        Stamps per step, counting each view; not used for a dataset, which has batches already.

    Returns
    -------
    numpy.ndarray
        Shape (n, 2), float32; column 1 is the asteroid's.
    """
    if isinstance(stamps, np.ndarray):
        batch_size = max(1, batch_size // (model.views if isinstance(model, Average) else 1))
        stamps = without_tuning(tf.data.Dataset.from_tensor_slices(stamps).batch(batch_size).prefetch(1))
    return np.asarray(model.predict(stamps, verbose=0), np.float32)
