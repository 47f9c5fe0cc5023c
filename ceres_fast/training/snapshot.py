"""The weights of a classifier as they are now, to be written while training goes on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..model.weights import save_weights
from .variables import leaves


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
