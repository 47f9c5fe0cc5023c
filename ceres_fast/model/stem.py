"""The stem: from raw stamps to the input of a network.

It consists of layers, so that it runs on the device and is part of what is exported. They compute in float32 whatever
the precision of the network: a saturated detector reads 65535 ADU, and the largest float16 is 65504. Within them planes
are before rows and columns: where the last axis of a tensor is a single plane, ONNX Runtime's arithmetic with a scalar
goes one number at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..libraries.tensorflow_quiet import keras

ops = keras.ops


CHANNELS = 3
"""Channels of the input of every network."""

BORDER = 4
"""Width, in pixels, of the border of a stamp, which sky and noise are measured in."""

SIGMA_OF_MAD = 1.4826
"""Ratio of the standard deviation of Gaussian noise to its median absolute deviation (MAD)."""

BRIGHTEST = 100.0
"""Noise units at which `noise` reaches 1, and is clipped. Without a clip, the few brightest sources decide what a
network learns (benchmarks.stems)."""


def minmax(stamps: Any) -> Any:
    """Scale each plane of each stamp to [0, 1] (paper); a constant one becomes 0."""
    lowest = ops.min(stamps, axis=(2, 3), keepdims=True)
    highest = ops.max(stamps, axis=(2, 3), keepdims=True)
    span = highest - lowest
    return (stamps - lowest) / ops.where(span > 0, span, 1.0)


def asinh(stamps: Any) -> Any:
    """Return asinh((x - median) / MAD) of each plane of each stamp; one with MAD 0 is only centred and compressed."""
    planes, rows, columns = stamps.shape[1:]
    pixels = ops.reshape(stamps, (-1, planes, rows * columns))
    centred = pixels - _median(pixels)
    deviation = _median(ops.abs(centred))
    return ops.reshape(ops.arcsinh(centred / ops.where(deviation > 0, deviation, 1.0)), (-1, planes, rows, columns))


def noise(stamps: Any) -> Any:
    """Return what networks see that are to see the noise, in [-1, 1]: of one plane three channels, of three one each.

    Each plane is `in_noise`, compressed by asinh and clipped. Of a single plane, the same smoothed over 5 pixels (a
    faint source stands out of its noise there) and the plane in [0, 1] (a bright one keeps its shape) are beside it.
    """
    scaled, _ = in_noise(stamps)
    if stamps.shape[1] > 1:
        return _compressed(scaled)
    both = _compressed(ops.concatenate([scaled, _smoothed(scaled)], axis=1))
    return ops.concatenate([both, minmax(_known(stamps))], axis=1)


def in_noise(stamps: Any) -> tuple[Any, Any]:
    """Return stamps less their sky, over their noise, and that noise.

    Parameters
    ----------
    stamps : tensor
        (n, planes, side, side) float32 in ADU. A pixel that is not finite counts as sky.

    Returns
    -------
    scaled : tensor
        Of the same shape, in units of the noise.
    noise : tensor
        (n, planes, 1, 1), in ADU, above 0.

    Notes
    -----
    Sky is the median of the border, noise `SIGMA_OF_MAD` times its MAD. Where more than half of the border has one
    value (padding at the edge of a frame, whole ADU of a quiet sky), the MAD is 0, and the median deviation of the
    other pixels takes its place. Where the whole border has one value there is no noise: the largest deviation of the
    stamp then counts as `BRIGHTEST`.
    """
    stamps = _known(stamps)
    planes = stamps.shape[1]
    border = _border(stamps)
    size = border.shape[2]
    sky = _median(border)
    deviations = ops.abs(border - sky)
    # The middle of all deviations, or of those above 0: counted and not gathered, which every runtime can do.
    above = ops.sum(ops.cast(deviations > 0, "float32"), axis=2, keepdims=True)
    half = size - size // 2
    place = ops.where(above < half, ops.ceil(above / 2), float(half)) - 1
    upper = ops.top_k(deviations, half)[0]
    typical = ops.sum(ops.where(np.arange(half, dtype=np.float32) == place, upper, 0.0), axis=2)
    sigma = SIGMA_OF_MAD * ops.reshape(typical, (-1, planes, 1, 1))
    difference = stamps - ops.reshape(sky, (-1, planes, 1, 1))
    largest = ops.max(ops.abs(difference), axis=(2, 3), keepdims=True)
    sigma = ops.where(sigma > 0, sigma, largest / BRIGHTEST)
    sigma = ops.where(sigma > 0, sigma, 1.0)
    return difference / sigma, sigma


def _smoothed(scaled: Any) -> Any:
    """Return planes smoothed by binomial weights over 5 pixels, in units of their noise.

    By sums of neighbours, not a convolution: nodes with weights are where a graph's lower precision begins.
    """
    smooth = ops.pad(scaled, ((0, 0), (0, 0), (2, 2), (2, 2)))
    for _ in range(4):  # each makes 1 1 of 1, 1 2 1 of 1 1, …
        smooth = smooth[:, :, 1:] + smooth[:, :, :-1]
        smooth = smooth[:, :, :, 1:] + smooth[:, :, :, :-1]
    return smooth / _NOISE_MADE


_NOISE_MADE = 70.0
"""The noise of a sum with weights 1 4 6 4 1 along both axes of uncorrelated noise 1."""


def _compressed(scaled: Any) -> Any:
    # asinh by its definition, to 1e-7: runtimes have vectors for logarithms and roots, and none for asinh.
    clipped = ops.clip(scaled, -BRIGHTEST, BRIGHTEST)
    size = ops.abs(clipped)
    return ops.sign(clipped) * (ops.log(size + ops.sqrt(size * size + 1.0)) / math.asinh(BRIGHTEST))


def _known(stamps: Any) -> Any:
    """Return stamps whose pixels that are not finite have the mean of the others of their plane."""
    finite = ops.isfinite(stamps)
    known = ops.where(finite, stamps, 0.0)
    count = ops.sum(ops.cast(finite, "float32"), axis=(2, 3), keepdims=True)
    return ops.where(finite, stamps, ops.sum(known, axis=(2, 3), keepdims=True) / ops.maximum(count, 1.0))


def _border(stamps: Any) -> Any:
    """Return the pixels of the border, (n, planes, pixels)."""
    planes = stamps.shape[1]
    inside = slice(BORDER, -BORDER)
    sides = [
        stamps[:, :, :BORDER],
        stamps[:, :, -BORDER:],
        stamps[:, :, inside, :BORDER],
        stamps[:, :, inside, -BORDER:],
    ]
    flat = [ops.reshape(side, (-1, planes, side.shape[2] * side.shape[3])) for side in sides]
    return ops.concatenate(flat, axis=2)


def _median(values: Any) -> Any:
    """Return medians along the last axis of (n, planes, values), which is kept."""
    # By sorting the larger half: it is exact, and the only order statistic that every runtime has (TopK in ONNX).
    size = values.shape[2]
    upper = ops.top_k(values, size // 2 + 1)[0]
    above, below = (size - 1) // 2, size // 2
    return (upper[:, :, above : above + 1] + upper[:, :, below:]) / 2


NORMALISATIONS: dict[str, Callable[[Any], Any]] = {"minmax": minmax, "asinh": asinh, "noise": noise}
"""From stamps (n, planes, side, side) to as many planes, or to three."""


def planes_first(stamps: Any) -> Any:
    """Return stamps (n, side, side, planes) as (n, planes, side, side)."""
    _, rows, columns, planes = stamps.shape
    if planes == 1:
        # TensorFlow would move a transposition behind `isfinite`, and say that oneDNN has none for truth values.
        return ops.reshape(stamps, (-1, 1, rows, columns))
    return ops.transpose(stamps, (0, 3, 1, 2))


class Normalise(keras.layers.Layer):
    """Normalise each plane of each stamp by itself.

    Parameters
    ----------
    kind : {'minmax', 'asinh', 'noise'}
        Row of `NORMALISATIONS`. Input (n, 32, 32, planes), output (n, 32, 32, planes) or (n, 32, 32, 3), float32.
    """

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.kind = kind

    def call(self, stamps: Any) -> Any:
        """Return the normalised stamps."""
        return ops.transpose(NORMALISATIONS[self.kind](planes_first(stamps)), (0, 2, 3, 1))


class Upscale(keras.layers.Layer):
    """Scale stamps up to `size` pixels, bilinearly; one plane becomes all three channels, three planes one each.

    `keras.layers.Resizing` is not used: within a model it passes ``training=True`` on to BatchNormalization.
    """

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.size = size

    def call(self, stamps: Any) -> Any:
        """Return images (n, size, size, 3) of stamps (n, 32, 32, 1) or (n, 32, 32, 3)."""
        images = stamps
        if self.size != stamps.shape[1]:
            images = ops.image.resize(
                stamps, (self.size, self.size), interpolation="bilinear", data_format="channels_last"
            )
        # Not `repeat`, which needs the shape of its input: an exported graph would compute that shape at each call.
        return images if stamps.shape[3] == CHANNELS else ops.concatenate([images] * CHANNELS, axis=3)
