"""The stem: from raw stamps to the input of an ImageNet network.

It consists of layers, so that it runs on the device and is part of what is exported. They compute in float32 whatever
the precision of the network: a saturated detector reads 65535 ADU, and the largest float16 is 65504.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensorflow_quiet import keras

ops = keras.ops


CHANNELS = 3
"""Channels of the input of an ImageNet network."""


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


def _median(stamps: Any) -> Any:
    # By sorting all 1024 pixels: it is exact, and the only order statistic that every runtime has (TopK in ONNX).
    _, rows, columns, planes = stamps.shape
    size = rows * columns
    ordered = ops.sort(ops.reshape(ops.transpose(stamps, (0, 3, 1, 2)), (-1, size)), axis=1)
    middle = (ordered[:, (size - 1) // 2] + ordered[:, size // 2]) / 2
    return ops.reshape(middle, (-1, 1, 1, planes))


NORMALISATIONS: dict[str, Callable[[Any], Any]] = {"minmax": minmax, "asinh": asinh}


class Normalise(keras.layers.Layer):
    """Normalise each plane of each stamp by itself.

    Parameters
    ----------
    kind : {'minmax', 'asinh'}
        Row of `NORMALISATIONS`. Input and output have shape (n, 32, 32, planes), float32.
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
