"""StampNet: a residual network for the stamp itself, without upscaling; trained from scratch on one survey's stamps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..libraries.tensorflow_quiet import keras

layers = keras.layers


def stampnet(
    widths: Sequence[int],
    *,
    include_top: bool = False,
    weights: None = None,
    input_shape: tuple[int, int, int] = (32, 32, 3),
) -> keras.Model:
    """Build a network of residual blocks (He et al. 2016, arXiv:1512.03385), in the manner of `keras.applications`.

    Parameters
    ----------
    widths : sequence of int
        Filters of each of its stages. From the second on, each halves the side of the maps.
    include_top, weights : bool, None
        False and None, the only values: it has no top, and no weights are published.
    input_shape : tuple of int
        (rows, columns, channels).

    Returns
    -------
    keras.Model
        Images (n, rows, columns, channels) to feature maps (n, rows / 2**len(widths), …, widths[-1]).
    """
    images = keras.Input(input_shape)
    # Halved at once: sources are about as wide as two pixels, and at full size this layer took a third of the time.
    maps = layers.Conv2D(widths[0], 4, strides=2, padding="same", use_bias=False, name="first")(images)
    maps = layers.ReLU()(_normalised(maps))
    for number, width in enumerate(widths):
        maps = _block(maps, width, stride=1 if number == 0 else 2)
    return keras.Model(images, maps, name="stampnet")


SMALL = partial(stampnet, (16, 32, 64))
"""About 80,000 weights."""

MEDIUM = partial(stampnet, (32, 64, 128))
"""About 310,000 weights."""


def _block(maps: Any, width: int, *, stride: int) -> Any:
    inner = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(maps)
    inner = layers.ReLU()(_normalised(inner))
    inner = _normalised(layers.Conv2D(width, 3, padding="same", use_bias=False)(inner))
    shortcut = maps if stride == 1 else layers.AveragePooling2D(stride)(maps)
    if shortcut.shape[3] != width:
        shortcut = layers.Conv2D(width, 1, use_bias=False)(shortcut)
    return layers.ReLU()(layers.Add()([inner, shortcut]))


def _normalised(maps: Any) -> Any:
    return layers.BatchNormalization()(maps)
