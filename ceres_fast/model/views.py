"""The eight views of a stamp, and networks whose answers are averaged over them and over each other.

A detection has no preferred direction on the sky, so that the eight flips and rotations of a stamp are eight looks at
the same thing. An average of probabilities is one network: it is exported, proven and calibrated as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..libraries.tensorflow_quiet import keras, tf
from ..settings.training import VARIANTS
from .side import SideNumbers
from .stem import Normalise

ops = keras.ops

VIEWS = VARIANTS
"""Flips and rotations of a stamp, itself among them."""


def dihedral(stamps: Any, variants: Any) -> Any:
    """Flip and rotate stamps without changing the value of a pixel.

    Parameters
    ----------
    stamps : tensor
        (n, side, side, planes), axes (y, x, plane), of any type.
    variants : tensor of int
        (n,): 4 * flip + turns. Where flip is 1, x is reversed first; then the stamp is rotated by that many quarter
        turns, in the direction of `numpy.rot90`.
    """
    chosen = ops.reshape(variants, (-1, 1, 1, 1))
    turns = chosen % 4
    stamps = ops.where(chosen >= 4, ops.flip(stamps, axis=2), stamps)
    stamps = ops.where(turns % 2 == 1, ops.transpose(stamps, (0, 2, 1, 3)), stamps)
    stamps = ops.where(ops.logical_or(turns == 1, turns == 2), ops.flip(stamps, axis=1), stamps)
    return ops.where(turns >= 2, ops.flip(stamps, axis=2), stamps)


@cache
def _places(side: int) -> np.ndarray:
    """Return where each pixel of each view lies in the stamp, (VIEWS * side * side,), counted by rows."""
    pixels = np.arange(side * side, dtype=np.int32).reshape(1, side, side, 1)
    with tf.init_scope():  # numbers, also where a graph is being made
        return np.asarray(dihedral(np.repeat(pixels, VIEWS, axis=0), np.arange(VIEWS, dtype=np.int32))).ravel()


class AllViews(keras.layers.Layer):
    """All views of each stamp, as stamps of their own: (n, side, side, planes) to (n * VIEWS, side, side, planes).

    The views of a stamp follow each other, in the order of the variants of `dihedral`. All are one look-up by constant
    places, without flips at run time, which an engine need not know.
    """

    def call(self, stamps: Any) -> Any:
        """Return the views."""
        _, rows, columns, planes = stamps.shape
        pixels = ops.reshape(stamps, (-1, rows * columns, planes))
        return ops.reshape(ops.take(pixels, _places(rows), axis=1), (-1, rows, columns, planes))


class Mean(keras.layers.Layer):
    """The mean of probabilities, over some networks and the `views` of each stamp, in float32."""

    def __init__(self, views: int, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.views = views

    def call(self, answers: Sequence[Any]) -> Any:
        """Return the means (n, classes) of answers (n * views, classes) of each network."""
        classes = answers[0].shape[1]
        every = ops.concatenate(answers, axis=1)
        return ops.mean(ops.reshape(every, (-1, self.views * len(answers), classes)), axis=1)


class Average(keras.Model):
    """Networks whose answers are averaged.

    Attributes
    ----------
    views : int
        How many times as many stamps as it is given its networks are given: what divides a batch that fits into memory.
    """

    views = 1


def averaged(models: Sequence[keras.Model], views: int = 1) -> keras.Model:
    """Return a network whose probabilities are the mean of those of some networks, over the views of each stamp.

    Parameters
    ----------
    models : sequence of keras.Model
        Stamps (n, 32, 32, planes) float32 in ADU to probabilities (n, 2) float32, each of any precision inside.
    views : int
        1: each stamp as it is; `VIEWS`: its flips and rotations.

    Returns
    -------
    keras.Model
        The same input and output; the mean is taken in float32. A single network with one view is returned as it is.

    Notes
    -----
    The views are further stamps of the batch, not further calls, and made after the stem, which sees the same in each.
    A graph has each network's weights once, and one batch of eight stamps is faster than eight of one
    (benchmarks/averages.py); it needs eight times the memory.
    """
    if len(models) == 1 and views == 1:
        return models[0]
    stamps = keras.Input(models[0].input.shape[1:], dtype="float32", name="stamps")
    # Two networks of a kind have one name, which the layers of a model may not share.
    if views == 1:
        answers = [keras.Model(each.input, each.output, name=f"member_{n}")(stamps) for n, each in enumerate(models, 1)]
    else:
        answers = [_of_all_views(each, stamps, n) for n, each in enumerate(models, 1)]
    made = Average(stamps, Mean(views, name="mean")(answers), name="average")
    made.views = views
    return made


def _of_all_views(model: keras.Model, stamps: Any, number: int) -> Any:
    """Return the answers of a network to all views of stamps, (n * VIEWS, classes).

    A stamp is normalised and measured once, and what is seen of it then turned: that is the same of a turned stamp.
    """
    seen = [layer.output for kind in (Normalise, SideNumbers) for layer in model.layers if isinstance(layer, kind)]
    images, *measured = keras.tree.flatten(keras.Model(model.input, seen, name=f"stem_{number}")(stamps))
    shown = [AllViews(dtype="float32", name=f"views_{number}")(images)]
    for each in measured:
        shown.append(ops.reshape(ops.concatenate([each] * VIEWS, axis=1), (-1, each.shape[1])))
    return keras.Model(seen, model.output, name=f"member_{number}")(shown)
