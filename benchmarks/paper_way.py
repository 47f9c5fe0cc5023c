"""The paper's way of training: FITS stamps from the disk, normalised and scaled up on the CPU, every layer every epoch.

The classifier, its first weights, what is frozen, class weights, batch size and learning rates are those of this
project's pipeline, so that the losses of both can be compared; `fit` and Adam are Keras's own, as they come.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import Measured, measured
from benchmarks.throughput import DiskReader, without_stem
from ceres_fast.model.backbones import BACKBONES
from ceres_fast.model.build import BASE, build_model
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import CLASSES

import keras  # isort: skip  (after TensorFlow has been imported quietly)

Files = Mapping[str, tuple[list[Path], np.ndarray]]


class ShuffledReader(DiskReader):
    """Stamps of FITS files in batches, in another order in every epoch."""

    def __init__(self, paths: list[Path], labels: np.ndarray, size: int, *, seed: int, batch_size: int) -> None:
        super().__init__(paths, np.eye(len(CLASSES), dtype=np.float32)[labels], size, batch_size)
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle files and labels."""
        order = self.random.permutation(len(self.paths))
        self.paths, self.labels = [self.paths[number] for number in order], self.labels[order]


class Clock(keras.callbacks.Callback):
    """Keep the times at which epochs end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the time."""
        self.ends.append(time.time())


class SlowerBase(keras.optimizers.Adam):
    """Keras's Adam, but with the smaller learning rate for the unfrozen layers of the base.

    The multiplication costs nothing; without it, the losses of experiment 3 could not be compared.
    """

    slow: frozenset[str] = frozenset()
    factor = 1.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        factor = self.factor if self._var_key(variable) in self.slow else 1.0
        super().update_step(gradient, variable, learning_rate * factor)


def train(files: Files, settings: Settings) -> Measured:
    """Train; Keras reads the files in the thread that trains, and uses XLA as it chooses (on a GPU; not on a CPU)."""
    started = time.time()
    keras.utils.set_random_seed(settings.seed)
    whole = build_model(settings)
    model = without_stem(whole)
    model.compile(_optimizer(whole, settings), "categorical_crossentropy", metrics=["accuracy"])
    size, clock = BACKBONES[settings.backbone].input_size, Clock()
    readers = {
        split: ShuffledReader(paths, labels, size, seed=settings.seed, batch_size=settings.batch_size)
        for split, (paths, labels) in files.items()
    }
    counts = np.bincount(files["train"][1], minlength=len(CLASSES))
    history = model.fit(
        readers["train"],
        validation_data=readers["validation"],
        epochs=settings.epochs,
        class_weight=dict(enumerate((counts.sum() / (len(CLASSES) * counts)).tolist())),
        callbacks=[clock],
        shuffle=False,  # the reader does it
        verbose=0,
    ).history
    rows = [{name: float(values[epoch]) for name, values in history.items()} for epoch in range(settings.epochs)]
    return measured(started, clock.ends, time.time(), rows)


def _optimizer(model: keras.Model, settings: Settings) -> keras.optimizers.Optimizer:
    slow = model.get_layer(BASE).trainable_variables
    if not slow:
        return keras.optimizers.Adam(settings.learning_rate)
    optimizer = SlowerBase(settings.learning_rate)
    optimizer.slow = frozenset(optimizer._var_key(variable) for variable in slow)
    optimizer.factor = settings.unfrozen_learning_rate / settings.learning_rate
    return optimizer
