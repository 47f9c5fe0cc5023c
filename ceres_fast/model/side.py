"""Side numbers: what a stamp shows of its source in a few named quantities, which the head sees beside the features.

They are layers, as the stem is: what is exported carries them, and nobody has to measure anything. Brightness over
noise is most of the evidence of a faint source, and convolutions on normalised stamps have to guess it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..libraries.tensorflow_quiet import keras
from ..stamps import STAMP_SIZE
from .stem import in_noise, planes_first

ops = keras.ops

CORE, INNER, OUTER = 1.5, 3.0, 6.0
"""Radii of the apertures, in pixels."""

SHAPE = 7.0
"""Radius, in pixels, within which moments are measured."""

NEAR = 4.0
"""Radius, in pixels, within which the brightest pixel is looked for."""

SIDE_NUMBERS = {
    "peak": (2.5, 1.0),
    "inner_flux": (3.0, 1.5),
    "outer_flux": (3.0, 2.0),
    "concentration": (0.4, 0.3),
    "size": (3.0, 1.0),
    "elongation": (0.2, 0.2),
    "scatter": (1.0, 1.0),
}
"""The numbers, and what is subtracted from and divided by to make each about as large as the others.

peak
    S/N of the brightest pixel near the middle of the stamp, asinh.
inner_flux, outer_flux
    S/N of the flux within `INNER` and `OUTER`, asinh.
concentration
    Flux within `CORE` over that within `OUTER`, from -1 to 1.
size
    Root mean square radius of what is above the sky, pixels.
elongation
    (a² - b²) / (a² + b²) of the axes of an ellipse with the same second moments, from 0 to 1.
scatter
    Noise of the border in ADU, logarithm to base 10.
"""

LIMIT = 4.0
"""Largest absolute value that a head sees of a number."""


def side_numbers(stamps: Any) -> Any:
    """Measure the sources of stamps.

    Parameters
    ----------
    stamps : tensor or numpy.ndarray
        (n, 32, 32, planes) float32 in ADU. Pixels that are not finite count as sky.

    Returns
    -------
    tensor
        (n, planes * len(SIDE_NUMBERS)) float32, finite: those of the first plane, of the second, … Flips and rotations
        of a stamp do not change them.
    """
    scaled, noise = in_noise(planes_first(ops.cast(stamps, "float32")))
    planes = scaled.shape[1]
    pixels = ops.reshape(scaled[:, :, _MIDDLE, _MIDDLE], (-1, planes, _R.size))
    core, inner, outer = ops.split(_sums(pixels, _APERTURES), 3, axis=2)
    total, *moments = ops.split(_sums(ops.maximum(pixels, 0.0), _MOMENTS), 6, axis=2)
    x, y, xx, yy, xy = (moment / ops.maximum(total, 1e-6) for moment in moments)
    xx, yy, xy = xx - x * x, yy - y * y, xy - x * y
    square = ops.maximum(xx + yy, 1e-6)
    found = {
        "peak": ops.arcsinh(ops.max(ops.where(_NEAR, pixels, -1e4), axis=2, keepdims=True)),
        "inner_flux": ops.arcsinh(inner / _ROOTS[1]),
        "outer_flux": ops.arcsinh(outer / _ROOTS[2]),
        "concentration": ops.clip(core / (ops.abs(outer) + _ROOTS[2]), -1.0, 1.0),
        "size": ops.sqrt(square),
        "elongation": ops.sqrt((xx - yy) ** 2 + 4 * xy * xy) / square,
        "scatter": ops.reshape(ops.log10(noise), (-1, planes, 1)),
    }
    numbers = ops.concatenate([(found[name] - zero) / unit for name, (zero, unit) in SIDE_NUMBERS.items()], axis=2)
    return ops.reshape(ops.clip(numbers, -LIMIT, LIMIT), (-1, planes * len(SIDE_NUMBERS)))


def _sums(pixels: Any, weights: np.ndarray) -> Any:
    """Return sums, (n, planes, sums), of pixels (n, planes, pixels) with weights (sums, pixels).

    Not a product of matrices: nodes with weights are where a graph's lower precision begins.
    """
    return ops.sum(ops.expand_dims(pixels, 2) * weights, axis=3)


class SideNumbers(keras.layers.Layer):
    """`side_numbers` as a layer; float32, whatever the precision of the network."""

    def __init__(self, **options: Any) -> None:
        super().__init__(dtype="float32", **options)

    def call(self, stamps: Any) -> Any:
        """Return the numbers, (n, planes * len(SIDE_NUMBERS))."""
        return side_numbers(stamps)


_MIDDLE = slice(STAMP_SIZE // 2 - math.ceil(SHAPE), STAMP_SIZE // 2 + math.ceil(SHAPE))
"""Rows and columns that anything is measured in."""


def _grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # From the middle between the pixels, which flips and rotations leave where it is; a detection is in a pixel beside.
    y, x = np.mgrid[_MIDDLE, _MIDDLE].reshape(2, -1) - (STAMP_SIZE - 1) / 2
    return x, y, np.hypot(x, y)


_X, _Y, _R = _grid()
_APERTURES = np.stack([radius >= _R for radius in (CORE, INNER, OUTER)]).astype(np.float32)
_ROOTS = np.sqrt(_APERTURES.sum(axis=1))
"""Noise of the flux in each aperture."""

_MOMENTS = np.stack([weight * (_R <= SHAPE) for weight in (np.ones_like(_X), _X, _Y, _X**2, _Y**2, _X * _Y)]).astype(
    np.float32
)
_NEAR = _R <= NEAR
