"""Augmentation of raw stamps, on the device and in training only.

Flips and rotations of a stamp are chosen by the feed, so that a cache which holds all eight shows the same ones; shifts
and noise are drawn here for each stamp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

SHIFT = 2
"""Pixels by which a stamp is moved at most, along both axes: about the error of a centre."""

NOISE = 0.5
"""Added noise as a share of the stamp's own: together they are 12 % above it."""

_SIGMA = 1.4826
"""Standard deviation of Gaussian noise over its median absolute deviation."""


def dihedral(stamps: Any, variants: Any) -> Any:
    """Flip and rotate stamps; no pixel changes its value.

    Parameters
    ----------
    stamps : tensor
        (n, side, side, planes), axes (y, x, plane), of any type.
    variants : tensor of int
        (n,): 4 * flip + turns. Where flip is 1, x is reversed first; then turns quarter turns as `numpy.rot90` makes
        them.
    """
    chosen = ops.reshape(variants, (-1, 1, 1, 1))
    turns = chosen % 4
    stamps = ops.where(chosen >= 4, ops.flip(stamps, axis=2), stamps)
    stamps = ops.where(turns % 2 == 1, ops.transpose(stamps, (0, 2, 1, 3)), stamps)
    stamps = ops.where(ops.logical_or(turns == 1, turns == 2), ops.flip(stamps, axis=1), stamps)
    return ops.where(turns >= 2, ops.flip(stamps, axis=2), stamps)


def shift(stamps: Any, seed: keras.random.SeedGenerator) -> Any:
    """Move each stamp by up to `SHIFT` whole pixels along both axes; the pixels of the edge are repeated."""
    count, (_, rows, columns, planes) = ops.shape(stamps)[0], stamps.shape
    moves = keras.random.randint((count, 2), -SHIFT, SHIFT + 1, seed=seed)
    y = ops.clip(ops.arange(rows) - moves[:, :1], 0, rows - 1)
    x = ops.clip(ops.arange(columns) - moves[:, 1:], 0, columns - 1)
    first = ops.arange(count)[:, None, None] * (rows * columns)
    places = first + y[:, :, None] * columns + x[:, None, :]
    return ops.take(ops.reshape(stamps, (-1, planes)), places, axis=0)


def noise(stamps: Any, seed: keras.random.SeedGenerator) -> Any:
    """Add Gaussian noise in ADU: `NOISE` times that of each plane of each stamp, which its MAD tells."""
    # A quarter of the pixels tells the noise to 7 %, and sorting them takes a quarter of the time.
    some = stamps[:, ::2, ::2]
    deviations = ops.abs(some - ops.median(some, axis=(1, 2), keepdims=True))
    sigma = _SIGMA * ops.median(deviations, axis=(1, 2), keepdims=True)
    added = NOISE * sigma * keras.random.normal(ops.shape(stamps), seed=seed)
    # In a graph a median has no known shape; the sum would not know how many planes there are where that is one.
    return stamps + ops.reshape(added, (-1, *stamps.shape[1:]))


Step = Callable[[Any, Any, keras.random.SeedGenerator], Any]

AUGMENTATIONS: dict[str, Step] = {
    "dihedral": lambda stamps, variants, seed: stamps if variants is None else dihedral(stamps, variants),
    "shift": lambda stamps, variants, seed: shift(stamps, seed),
    "noise": lambda stamps, variants, seed: noise(stamps, seed),
}
"""By name, in the order in which they are done."""


class Augment(keras.layers.Layer):
    """Some of `AUGMENTATIONS`, with the random state of those that draw.

    Parameters
    ----------
    names : sequence of str
        In the order in which they are done.
    seed : int
        Of what is drawn here.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        super().__init__(dtype="float32")
        self.names = tuple(names)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, stamps: Any, variants: Any) -> Any:
        """Return augmented stamps, (n, side, side, planes) float32 in ADU; variants (n,) are the feed's, or None."""
        for name in self.names:
            stamps = AUGMENTATIONS[name](stamps, variants, self.seed_generator)
        return stamps
