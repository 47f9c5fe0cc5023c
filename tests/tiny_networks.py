"""A Keras classifier small enough to train, save and export in a moment, in the place of one with a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.model.build import BASE, Base
from ceres_fast.model.stem import Normalise
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.architecture import Architecture
from ceres_fast.stamps import PLANES, stamp_shape

from .tiny_models import classifier

WEIGHTS = "epoch-001.weights.h5"


def tiny_network(
    architecture: Architecture,
    planes: Sequence[str] = PLANES[:1],
    filters: int = 4,
    *,
    pretrained: bool | None = None,
) -> keras.Model:
    """Return a network with the stem, a ``base`` of one convolution and the input and output of a classifier."""
    shape = stamp_shape(planes)
    stamps = keras.Input(shape, name="stamps")
    normalised = Normalise(architecture.normalise)(stamps)
    images = keras.Input(normalised.shape[1:])
    features = keras.layers.Conv2D(filters, 8, strides=8, activation="relu", name="conv")(images)
    base = Base(images, features, name=BASE)
    flat = keras.layers.Flatten()(base(normalised))
    return keras.Model(stamps, keras.layers.Dense(2, activation="softmax", name="probabilities")(flat), name="tiny")


OF_STAMPS = Rules(remove_stationary=False)
"""Rules of records that were built from stamps."""


def write_run(folder: Path, rules: Rules = OF_STAMPS, **described: object) -> Path:
    """Write the run directory of a tiny network with random weights that goes by the name of Xception."""
    folder.mkdir(exist_ok=True)
    made = classifier(backbone="xception", rules=rules.as_dict(), **described)
    tiny_network(Architecture("xception", normalise=made.normalise), made.planes).save_weights(folder / WEIGHTS)
    made.with_file("weights", folder / WEIGHTS).write(folder)
    return folder


def write_knowing_run(folder: Path, gain: float = 4.0, **described: object) -> Path:
    """Write the run directory of a tiny network that tells the stamps of `tiny_records` apart: asteroids' are dark.

    The logarithm of its odds is 2 * gain * (0.27 - mean of the normalised stamp): about ± gain / 2.
    """
    run = write_run(folder, **described)  # type: ignore[arg-type]
    made = read_classifier(run)
    network = tiny_network(Architecture(made.backbone, normalise=made.normalise), made.planes)
    kernel, bias, dense, _ = network.get_weights()
    weight = gain / len(dense)
    both = [np.full_like(kernel, 1 / kernel[..., 0].size), bias, np.tile([weight, -weight], (len(dense), 1))]
    network.set_weights([*both, np.array([-0.27 * gain, 0.27 * gain])])
    network.save_weights(run / WEIGHTS)
    made.with_file("weights", run / WEIGHTS).write(run)
    return run
