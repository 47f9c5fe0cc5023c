"""Augmentation of raw stamps, on the device and in training only.

The feed chooses the flip and rotation of a stamp in each epoch, so that a run which reads all eight from a cache sees
the same ones as a run without it. Shifts and noise are drawn here, for each stamp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..libraries.tensorflow_quiet import keras
from ..model.stem import SIGMA_OF_MAD
from ..model.views import dihedral

ops = keras.ops


SHIFT = 2
"""Largest shift of a stamp along each axis, in pixels: about the error of the position of a detection."""

NOISE = 0.5
"""Standard deviation of the added noise over that of the stamp; the sum of both has 1.12 times that of the stamp."""


def shift(stamps: Any, seed: keras.random.SeedGenerator) -> Any:
    """Shift each stamp by up to `SHIFT` whole pixels along both axes; the pixels at the edge are repeated."""
    count, (_, rows, columns, planes) = ops.shape(stamps)[0], stamps.shape
    moves = keras.random.randint((count, 2), -SHIFT, SHIFT + 1, seed=seed)
    y = ops.clip(ops.arange(rows) - moves[:, :1], 0, rows - 1)
    x = ops.clip(ops.arange(columns) - moves[:, 1:], 0, columns - 1)
    first = ops.arange(count)[:, None, None] * (rows * columns)
    places = first + y[:, :, None] * columns + x[:, None, :]
    return ops.take(ops.reshape(stamps, (-1, planes)), places, axis=0)


def noise(stamps: Any, seed: keras.random.SeedGenerator) -> Any:
    """Add Gaussian noise in ADU: `NOISE` times the noise of each plane of each stamp, estimated by its MAD."""
    # A quarter of the pixels gives the noise to 7 %, and sorting them needs a quarter of the time.
    some = stamps[:, ::2, ::2]
    deviations = ops.abs(some - ops.median(some, axis=(1, 2), keepdims=True))
    sigma = SIGMA_OF_MAD * ops.median(deviations, axis=(1, 2), keepdims=True)
    added = NOISE * sigma * keras.random.normal(ops.shape(stamps), seed=seed)
    # In a graph, Keras does not know the shape of a median. Without the reshape, the number of planes of the sum would
    # be unknown where it is one.
    return stamps + ops.reshape(added, (-1, *stamps.shape[1:]))


Step = Callable[[Any, Any, keras.random.SeedGenerator], Any]

AUGMENTATIONS: dict[str, Step] = {
    "dihedral": lambda stamps, variants, seed: stamps if variants is None else dihedral(stamps, variants),
    "shift": lambda stamps, variants, seed: shift(stamps, seed),
    "noise": lambda stamps, variants, seed: noise(stamps, seed),
}
"""The augmentations by name, in the order in which they are applied."""


class Augment(keras.layers.Layer):
    """Some of `AUGMENTATIONS`, with the random state of shifts and noise.

    Parameters
    ----------
    names : sequence of str
        Names of the augmentations, in the order in which they are applied.
    seed : int
        Seed of shifts and noise.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        super().__init__(dtype="float32")
        self.names = tuple(names)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, stamps: Any, variants: Any) -> Any:
        """Return augmented stamps, (n, side, side, planes) float32 in ADU; `variants` (n,), or None, is of the feed."""
        for name in self.names:
            stamps = AUGMENTATIONS[name](stamps, variants, self.seed_generator)
        return stamps
