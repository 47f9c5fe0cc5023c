"""Moving averages of the weights, which the optimiser keeps: validated and saved in place of the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Let the model have its averaged weights meanwhile; without averaging, change nothing.

    Parameters
    ----------
    model : keras.Model
        Compiled, its optimiser from `build_optimizer`. Before the first step it has no averages, and keeps its weights.
    """
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


class ValidateAveraged(keras.callbacks.Callback):
    """Validate the averaged weights; without averaging, change nothing.

    Not Keras's `SwapEMAWeights`. That swaps by adding and subtracting, so that each validation moves the weights by a
    rounding error, and at the end of an epoch it leaves them either without the averages (what is kept is not what was
    validated) or only with them (a checkpoint holds them the wrong way round, that of the last epoch not at all).
    """

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in."""
        _swap(self.model)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        _swap(self.model)


def _swap(model: keras.Model) -> None:
    # With float16, a LossScaleOptimizer holds the one that averages.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not (optimizer.use_ema and int(ops.convert_to_numpy(optimizer.iterations))):
        return  # before the first step, all averages are 0
    for weight, average in zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True):
        before = ops.convert_to_numpy(weight)
        weight.assign(average)
        average.assign(before)
