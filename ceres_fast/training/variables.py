"""The values of all that a training changes, as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from ..files import atomic_file, reserve

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
