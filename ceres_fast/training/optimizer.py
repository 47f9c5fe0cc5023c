"""Adam with its own learning rate for the layers of a pre-trained base."""

from __future__ import annotations

from typing import Any

import keras

from ..model.build import BASE
from .settings import Settings


class TwoRateAdam(keras.optimizers.Adam):
    """Adam that multiplies the learning rate of some variables.

    Parameters
    ----------
    slow : list of keras.Variable
        Variables that move by `factor` times the learning rate.
    factor : float
        Dimensionless.
    **options
        Of `keras.optimizers.Adam`.
    """

    def __init__(self, slow: list[keras.Variable], factor: float, **options: Any) -> None:
        super().__init__(**options)
        # Not by identity: TensorFlow's own variable comes to `update_step`, not the one of Keras that holds it.
        self._slow = {self._var_key(variable) for variable in slow}
        self._factor = factor

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        factor = self._factor if self._var_key(variable) in self._slow else 1.0
        super().update_step(gradient, variable, learning_rate * factor)


def build_optimizer(model: keras.Model, settings: Settings) -> keras.optimizers.Optimizer:
    """Return Adam for this run: two rates where a pre-trained base has unfrozen layers, else one."""
    slow = model.get_layer(BASE).trainable_variables if settings.weights != "none" else []
    if not slow:
        return keras.optimizers.Adam(settings.learning_rate)
    factor = settings.unfrozen_learning_rate / settings.learning_rate
    return TwoRateAdam(slow, factor, learning_rate=settings.learning_rate)
