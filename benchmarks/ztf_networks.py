"""The networks of `benchmarks.ztf_cross_validation`: what never changes of each is computed once for all folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ceres_fast.libraries.tensorflow_quiet import tf  # noqa: F401 (before Keras, whose import would let it chatter)
from ceres_fast.model.backbones import EXPERIMENTS
from ceres_fast.model.build import BASE
from ceres_fast.model.cut import Cut, cut
from ceres_fast.model.stem import Normalise
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training.assemble import seeded_model
from ceres_fast.training.optimisation import build_loss, build_optimizer

import keras  # isort: skip

BATCH = 32


@dataclass(frozen=True)
class Prepared:
    """A network to be fitted again and again.

    Attributes
    ----------
    inputs : numpy.ndarray
        What it takes of each stamp, (n, …).
    settings : Settings
        Of the fit.
    build : callable
        Returns it compiled, with the first weights of a seed.
    """

    inputs: np.ndarray
    settings: Settings
    build: Callable[[int], keras.Model]


def xception(experiment: int, stamps: np.ndarray, normalise: str, learning_rate: float, weights: str) -> Prepared:
    """What Xception's frozen layers give for the stamps, and the rest of it."""
    paper = {**PAPER, "normalise": normalise}
    settings = Settings("xception", experiment, weights, learning_rate=learning_rate, batch_size=BATCH, **paper)
    prefix = _cut(seeded_model(settings)).prefix
    return Prepared(prefix.predict(stamps, batch_size=64, verbose=0), settings, partial(_suffix, settings))


def _suffix(settings: Settings, seed: int) -> keras.Model:
    settings = replace(settings, seed=seed)
    model = seeded_model(settings)
    suffix = _cut(model).suffix
    unfrozen = model.get_layer(BASE).trainable_variables
    suffix.compile(build_optimizer(settings, unfrozen, steps_per_epoch=1), build_loss(settings))
    return suffix


def _cut(model: keras.Model) -> Cut:
    parts = cut(model)
    assert parts is not None
    assert len(parts.shapes) == 1  # Xception's cuts are between two layers
    return parts


def small_network(stamps: np.ndarray, normalise: str, learning_rate: float, weights: str) -> Prepared:
    """Three convolutions on the stamp itself, about 24,000 parameters; from scratch, at a rate of its own."""
    # Of the settings, only those of the fit are read: this network is none of the backbones.
    settings = Settings("xception", weights="none", batch_size=BATCH, epochs=80, patience=15)
    return Prepared(stamps, settings, partial(_small, settings, normalise))


def _small(settings: Settings, normalise: str, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers: list[keras.layers.Layer] = [keras.Input((32, 32, 1)), Normalise(normalise)]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu"), keras.layers.MaxPooling2D()]
    layers += [
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(settings.learning_rate), "categorical_crossentropy")
    return model


NETWORKS: dict[str, Callable[[np.ndarray, str, float, str], Prepared]] = {
    **{f"xception, experiment {number}": partial(xception, number) for number in EXPERIMENTS},
    "small network from scratch": small_network,
}
"""From stamps (n, 32, 32, 1) in ADU, the normalisation, the learning rate of Xception's head and its first weights."""
