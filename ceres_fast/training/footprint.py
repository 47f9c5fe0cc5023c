"""How much memory a training step needs at least, as the shapes of a network say before anything is computed."""

from __future__ import annotations

from math import prod

from ..libraries.tensorflow_quiet import keras
from .snapshot import leaves

_COPIES = 4
"""Of each trained weight: itself, its gradient, and the two moments of the optimiser; all optimisers here have two."""

_BYTES = {"float16": 2, "bfloat16": 2}
"""Of a number, where not 4."""


def least_memory(network: keras.Model, stamps: int) -> float:
    """Return the bytes that one training step of a network surely needs.

    These are the weights, and of each stamp what the gradients are computed from: the input of every layer whose
    weights are trained. Of all else that a step computes only the largest tensor is counted, because frozen layers give
    free what they have used. So it may need several times as much, but never less.

    Parameters
    ----------
    network : keras.Model
        What is fitted.
    stamps : int
        Stamps per step, on one device.
    """
    weights = sum(_size(weight.shape) * (_COPIES if weight.trainable else 1) for weight in network.weights)
    kept = [_of_stamp(layer, "input") for layer in leaves(network) if layer.trainable_weights]
    largest = max((_of_stamp(layer, "output") for layer in leaves(network)), default=0)
    return weights + stamps * (sum(kept) + largest)


def _size(shape: tuple[int, ...]) -> int:
    return 4 * prod(shape)


def _of_stamp(layer: keras.Layer, side: str) -> int:
    """Return the bytes of what goes into a layer, or comes out, of one stamp; 0 where its shape is not known."""
    try:
        tensors = keras.tree.flatten(getattr(layer, side))
    except (AttributeError, ValueError):  # a layer that was never called on a symbolic tensor
        return 0
    bytes_each = _BYTES.get(layer.compute_dtype, 4)
    return sum(bytes_each * prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)
