"""Load a classifier from disk as a Keras model, and predict with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..artifact.classifier import CLASSIFIER_FILE, Classifier
from ..errors import InputError
from ..records.pipeline import without_tuning
from ..settings.training import PRECISIONS, Architecture
from ..tensorflow_quiet import keras, tf
from .backbones import BACKBONES, EXPERIMENTS
from .build import build_model
from .stem import NORMALISATIONS
from .weights import fill

KNOWN: dict[str, Collection[Any]] = {
    "backbone": BACKBONES,
    "experiment": EXPERIMENTS,
    "normalise": NORMALISATIONS,
    "precision": PRECISIONS,
}
"""What this package can build."""


def load_model(classifier: Classifier) -> keras.Model:
    """Build the classifier with the code of this package and load its weights; no code of the file is executed.

    Parameters
    ----------
    classifier : Classifier
        A classifier as `read_classifier` returns it.

    Returns
    -------
    keras.Model
        Stamps (n, 32, 32, planes) float32 in ADU to probabilities (n, 2) float32.

    Raises
    ------
    InputError
        When the weights are missing, not the ones the classifier names, or of another architecture.
    """
    architecture: dict[str, Any] = {name: getattr(classifier, name) for name in KNOWN}
    for name, value in architecture.items():
        if value not in KNOWN[name]:
            path = (classifier.folder / CLASSIFIER_FILE) if classifier.folder else CLASSIFIER_FILE
            raise InputError(path, f"unknown {name} {value!r}", expected=f"one of {list(KNOWN[name])}")
    model = build_model(Architecture(**architecture, weights="none", **classifier.head), classifier.planes)
    fill(model, classifier.weights_path(), expected=f"weights of {model.name}")
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
        Stamps per step; not used for a dataset, which has batches already.

    Returns
    -------
    numpy.ndarray
        Shape (n, 2), float32; column 1 is the asteroid's.
    """
    if isinstance(stamps, np.ndarray):
        stamps = without_tuning(tf.data.Dataset.from_tensor_slices(stamps).batch(batch_size).prefetch(1))
    return np.asarray(model.predict(stamps, verbose=0), np.float32)
