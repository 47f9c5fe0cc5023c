"""Small trainers for tests: a two-input network on random rows, or a convolution on random stamps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ceres_fast.training.augment import Augment
from ceres_fast.training.feed.feed import Feed
from ceres_fast.training.trainer import Trainer

from .feed.held_rows import HeldRows

CLASS_WEIGHTS = {0: 0.7, 1: 1.9}
CUT = ((3, 3, 2), (6,))
"""Shapes of the tensors at a cut."""


def suffix(dropout: float = 0.3, dtype: str = "float32") -> keras.Model:
    """Return a network of two inputs, as what follows a cut is."""
    keras.utils.set_random_seed(1)
    images, features = keras.Input(CUT[0], dtype=dtype), keras.Input(CUT[1], dtype=dtype)
    together = keras.layers.Concatenate()([keras.layers.Flatten()(images), features])
    hidden = keras.layers.Dense(8, activation="tanh")(together)
    kept = keras.layers.Dropout(dropout)(hidden)
    return keras.Model([images, features], keras.layers.Dense(2, activation="softmax", dtype="float32")(kept))


def stamp_network(dropout: float = 0.3) -> keras.Model:
    """Return a network of stamps (8, 8, 1) that sees how they are turned."""
    keras.utils.set_random_seed(1)
    stamps = keras.Input((8, 8, 1))
    features = keras.layers.Conv2D(3, 3, activation="relu")(keras.layers.Rescaling(1 / 100)(stamps))
    kept = keras.layers.Dropout(dropout)(keras.layers.Flatten()(features))
    return keras.Model(stamps, keras.layers.Dense(2, activation="softmax")(kept))


def stamp_rows(count: int) -> HeldRows:
    """Return random stamps in ADU."""
    values = np.random.default_rng(count).normal(100, 30, (count, 64))
    return HeldRows(count, ((8, 8, 1),), values=values)


def trainer(
    network: keras.Model,
    train: HeldRows,
    validation: HeldRows,
    *,
    batch_size: int = 16,
    on_device: bool = False,
    augment: Augment | None = None,
    variants: int = 1,
    class_weights: dict[int, float] | None = CLASS_WEIGHTS,
    rate: float = 0.01,
    **compiled: Any,
) -> Trainer:
    """Return a compiled trainer."""
    options: dict[str, Any] = {"batch_size": batch_size, "on_device": on_device, "seed": 4}
    made = Trainer(
        network,
        Feed(train, labels(train), shuffle=True, variants=variants, **options),
        Feed(validation, labels(validation), **options),
        class_weights,
        augment,
    )
    made.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=metrics(), **compiled)
    return made


def labels(rows: HeldRows) -> np.ndarray:
    """Return labels by the first value of a row."""
    first = rows.values[:: rows.variants, 0].astype(np.float32)
    return (first > np.quantile(first, 0.6)).astype(np.int64)


def metrics() -> list[Any]:
    """Return the metrics of a training run."""
    return ["accuracy", keras.metrics.Recall(class_id=1, name="recall")]


def fit(made: Trainer, epochs: int = 2, first: int = 0, **options: Any) -> dict[str, list[float]]:
    """Return the history of some epochs."""
    train, validation = made.train_feed.dataset(), made.validation_feed.dataset()
    return made.fit(train, validation_data=validation, epochs=epochs, initial_epoch=first, verbose=0, **options).history
