"""Copies of what training changes, and writing them to disk while training goes on.

The next training step overwrites the weights in place. Everything that is written in the background is therefore copied
at the end of an epoch, before the next step begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_file, reserve
from ..libraries.tensorflow_quiet import keras
from ..model.weights import save_weights

_OVERHEAD = 1024
"""Upper limit of the bytes that a ZIP file adds to each array."""


def leaves(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model and of the models in it, in their order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def values_of(trainer: keras.Model) -> list[np.ndarray]:
    """Return copies of all that training changes: trained weights, random states, the optimiser's variables.

    The learning rate is left out: it is a setting, which may be changed before a run is resumed. Frozen weights are
    left out so that a run which began with the prefix cache, where the trainer holds only the suffix, can be resumed
    without it, and the other way round.
    """
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(trainer)]


def assign_variables(trainer: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Assign the values that `values_of` returned to a compiled model that was built in the same way.

    Raises
    ------
    ValueError
        When the values are those of another network or optimiser; nothing is changed then.
    """
    with trainer.distribute_strategy.scope():
        trainer.optimizer.build(trainer.trainable_variables)
        variables = _variables(trainer)
        if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
            raise ValueError("its variables have other shapes than those of this network and optimizer")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def save_values(path: Path, values: Sequence[np.ndarray]) -> None:
    """Write arrays to `path` (.npz), whole or not at all.

    Keras's own file is not used: Keras writes variables and not copies of them, needs longer, leaves out random states,
    and crashes in HDF5 when the disk is full.

    Raises
    ------
    CeresFastError
        When the disk refuses.
    """
    with atomic_file(path) as temporary:
        reserve(temporary, sum(value.nbytes + _OVERHEAD for value in values))
        np.savez(temporary, *values)


def load_values(path: Path) -> list[np.ndarray]:
    """Return the arrays that `save_values` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return [stored[name] for name in stored.files]


def _variables(trainer: keras.Model) -> list[keras.Variable]:
    # By identity: `==` of Keras variables compares their values. Of a frozen layer only the weights are left out: its
    # random states are variables too, and do change.
    frozen = {id(weight) for layer in leaves(trainer) if not layer.trainable for weight in layer.weights}
    changing = [variable for variable in trainer.variables if id(variable) not in frozen]
    moving = [variable for variable in trainer.optimizer.variables if variable.name != "learning_rate"]
    return [*changing, *moving]


class Snapshot:
    """A copy of the weights that training changes; frozen weights never change, and are read when it is written.

    Parameters
    ----------
    model : keras.Model
        The whole classifier.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._copies = [(layer, _saved(layer)) for layer in leaves(model) if layer.trainable_variables]

    def write(self, path: Path) -> None:
        """Write the weights to `path`, whole or not at all, for `ceres_fast.model.weights.fill` to read.

        Two snapshots of one model must not be written at the same time.

        Raises
        ------
        CeresFastError
            When the disk refuses.
        """
        # To save a model, Keras calls `save_own_variables` of each layer. While this file is written, the layers that
        # are being trained answer with the copies; the training goes on with the variables themselves.
        try:
            for layer, values in self._copies:
                layer.save_own_variables = partial(_store_copies, values)
            save_weights(self._model, path)
        finally:
            for layer, _ in self._copies:
                vars(layer).pop("save_own_variables", None)


def _store_copies(values: dict[str, np.ndarray], store: Any) -> None:
    for name, value in values.items():
        store[name] = value


def _saved(layer: keras.Layer) -> dict[str, np.ndarray]:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return {name: keras.ops.convert_to_numpy(value) for name, value in store.items()}


class Background:
    """One thread, which carries out one piece of work at a time.

    An error of the work is raised by the next `start` or `wait`. A process that ends in an orderly way waits for it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return self._work is not None and not self._work.done()

    def start(self, work: Callable[[], None]) -> None:
        """Wait for the work under way, then start `work`."""
        self.wait()
        self._work = self._pool.submit(work)

    def wait(self) -> None:
        """Wait until no work is under way."""
        work, self._work = self._work, None
        if work is not None:
            work.result()
