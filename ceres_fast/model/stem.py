"""The stem: from raw stamps to the input of a network.

It consists of layers, so that it runs on the device and is part of what is exported. They compute in float32 whatever
the precision of the network: a saturated detector reads 65535 ADU, and the largest float16 is 65504.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

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
    lowest = ops.min(stamps, axis=(1, 2), keepdims=True)
    highest = ops.max(stamps, axis=(1, 2), keepdims=True)
    span = highest - lowest
    return (stamps - lowest) / ops.where(span > 0, span, 1.0)


def asinh(stamps: Any) -> Any:
    """Return asinh((x - median) / MAD) of each plane of each stamp; one with MAD 0 is only centred and compressed."""
    centred = stamps - _median(stamps)
    deviation = _median(ops.abs(centred))
    return ops.arcsinh(centred / ops.where(deviation > 0, deviation, 1.0))


def noise(stamps: Any) -> Any:
    """Return what networks see that are to see the noise, in [-1, 1]: of one plane three channels, of three one each.

    Each plane is `in_noise`, compressed by asinh and clipped. Of a single plane, the same smoothed over 5 pixels (a
    faint source stands out of its noise there) and the plane in [0, 1] (a bright one keeps its shape) are beside it.
    """
    scaled, _ = in_noise(stamps)
    if stamps.shape[3] > 1:
        return _compressed(scaled)
    return ops.concatenate([_compressed(scaled), _compressed(_smoothed(scaled)), minmax(_known(stamps))], axis=3)


def in_noise(stamps: Any) -> tuple[Any, Any]:
    """Return stamps less their sky, over their noise, and that noise.

    Parameters
    ----------
    stamps : tensor
        (n, side, side, planes) float32 in ADU. A pixel that is not finite counts as sky.

    Returns
    -------
    scaled : tensor
        Of the same shape, in units of the noise.
    noise : tensor
        (n, 1, 1, planes), in ADU, above 0.

    Notes
    -----
    Sky is the median of the border, noise `SIGMA_OF_MAD` times its MAD. Where more than half of the border has one
    value (padding at the edge of a frame, whole ADU of a quiet sky), the MAD is 0, and the median deviation of the
    other pixels takes its place. Where the whole border has one value there is no noise: the largest deviation of the
    stamp then counts as `BRIGHTEST`.
    """
    stamps = _known(stamps)
    planes = stamps.shape[3]
    border = _border(stamps)
    size = border.shape[1]
    ordered = ops.sort(border, axis=1)
    sky = ops.reshape((ordered[:, (size - 1) // 2] + ordered[:, size // 2]) / 2, (-1, 1, 1, planes))
    deviations = ops.sort(ops.abs(border - ops.reshape(sky, (-1, 1, planes))), axis=1)
    # The middle of all deviations, or of those above 0: counted and not gathered, which every runtime can do.
    zeros = ops.sum(ops.cast(deviations == 0, "float32"), axis=1, keepdims=True)
    middle = ops.where(zeros > size // 2, zeros + ops.floor((size - zeros) / 2), float(size // 2))
    places = ops.reshape(ops.arange(size, dtype="float32"), (1, size, 1))
    typical = ops.sum(ops.where(places == middle, deviations, 0.0), axis=1)
    sigma = SIGMA_OF_MAD * ops.reshape(typical, (-1, 1, 1, planes))
    difference = stamps - sky
    largest = ops.max(ops.abs(difference), axis=(1, 2), keepdims=True)
    sigma = ops.where(sigma > 0, sigma, largest / BRIGHTEST)
    sigma = ops.where(sigma > 0, sigma, 1.0)
    return difference / sigma, sigma


def _smoothed(scaled: Any) -> Any:
    """Return planes smoothed by binomial weights over 5 pixels, in units of their noise.

    By sums of neighbours, not a convolution: nodes with weights are where a graph's lower precision begins.
    """
    smooth = ops.pad(scaled, ((0, 0), (2, 2), (2, 2), (0, 0)))
    for _ in range(4):  # each makes 1 1 of 1, 1 2 1 of 1 1, …
        smooth = smooth[:, 1:] + smooth[:, :-1]
        smooth = smooth[:, :, 1:] + smooth[:, :, :-1]
    return smooth / _NOISE_MADE


_NOISE_MADE = 70.0
"""The noise of a sum with weights 1 4 6 4 1 along both axes of uncorrelated noise 1."""


def _compressed(scaled: Any) -> Any:
    return ops.clip(ops.arcsinh(scaled) / math.asinh(BRIGHTEST), -1.0, 1.0)


def _known(stamps: Any) -> Any:
    """Return stamps whose pixels that are not finite have the mean of the others of their plane."""
    finite = ops.isfinite(stamps)
    known = ops.where(finite, stamps, 0.0)
    count = ops.sum(ops.cast(finite, "float32"), axis=(1, 2), keepdims=True)
    return ops.where(finite, stamps, ops.sum(known, axis=(1, 2), keepdims=True) / ops.maximum(count, 1.0))


def _border(stamps: Any) -> Any:
    """Return the pixels of the border, (n, pixels, planes)."""
    planes = stamps.shape[3]
    inside = slice(BORDER, -BORDER)
    sides = [stamps[:, :BORDER], stamps[:, -BORDER:], stamps[:, inside, :BORDER], stamps[:, inside, -BORDER:]]
    flat = [ops.reshape(side, (-1, side.shape[1] * side.shape[2], planes)) for side in sides]
    return ops.concatenate(flat, axis=1)


def _median(stamps: Any) -> Any:
    # By sorting all 1024 pixels: it is exact, and the only order statistic that every runtime has (TopK in ONNX).
    _, rows, columns, planes = stamps.shape
    size = rows * columns
    ordered = ops.sort(ops.reshape(ops.transpose(stamps, (0, 3, 1, 2)), (-1, size)), axis=1)
    middle = (ordered[:, (size - 1) // 2] + ordered[:, size // 2]) / 2
    return ops.reshape(middle, (-1, 1, 1, planes))


NORMALISATIONS: dict[str, Callable[[Any], Any]] = {"minmax": minmax, "asinh": asinh, "noise": noise}


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
        return NORMALISATIONS[self.kind](stamps)


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
