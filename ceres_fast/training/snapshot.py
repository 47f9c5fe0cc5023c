"""Copies of what training changes, and writing them to disk while training goes on.

The next step of training overwrites the weights, so whatever is written beside it is copied first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..files import atomic_file, reserve
from ..model.weights import save_weights

_OVERHEAD = 1024
"""Bytes that a ZIP file adds to an array, at most."""


def leaves(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model and of the models in it, in their order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def values_of(trainer: keras.Model) -> list[np.ndarray]:
    """Return copies of all that training changes: weights, random states, the optimiser's variables but for its rate.

    The learning rate is what a run is told, not what it has come to. What is frozen is left out: a run that began with
    the prefix cache, whose trainer holds the suffix only, can go on without it, and the other way round.
    """
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(trainer)]


def assign_variables(trainer: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Give a compiled model the values that `values_of` returned for one made in the same way.

    Raises
    ------
    ValueError
        When they are of another network or optimiser; nothing is changed then.
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

    Not by Keras: it writes no copies, takes longer, leaves out random states, and a full disk crashes its HDF5.

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
    frozen = {id(weight) for layer in leaves(trainer) if not layer.trainable for weight in layer.weights}
    changing = [variable for variable in trainer.variables if id(variable) not in frozen]
    moving = [variable for variable in trainer.optimizer.variables if variable.name != "learning_rate"]
    return [*changing, *moving]


class Snapshot:
    """A copy of the weights that training changes; the others are read when it is written.

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

        Not to be called on two snapshots of one model at a time.

        Raises
        ------
        CeresFastError
            When the disk refuses.
        """
        # Keras asks each layer for what it has to save: those that are being trained answer with the copy meanwhile.
        try:
            for layer, values in self._copies:
                layer.save_own_variables = partial(_answer, values)
            save_weights(self._model, path)
        finally:
            for layer, _ in self._copies:
                vars(layer).pop("save_own_variables", None)


def _answer(values: dict[str, np.ndarray], store: Any) -> None:
    for name, value in values.items():
        store[name] = value


def _saved(layer: keras.Layer) -> dict[str, np.ndarray]:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return {name: keras.ops.convert_to_numpy(value) for name, value in store.items()}


class Background:
    """One thread that does one thing at a time.

    What it fails with is raised by the next `start` or `wait`. A process that ends in an orderly way ends after it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is at work now."""
        return self._work is not None and not self._work.done()

    def start(self, work: Callable[[], None]) -> None:
        """Begin with `work`, after what is being done."""
        self.wait()
        self._work = self._pool.submit(work)

    def wait(self) -> None:
        """Wait until nothing is being done any more."""
        work, self._work = self._work, None
        if work is not None:
            work.result()
