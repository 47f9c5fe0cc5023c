"""What the pixels of a frame say: the level and the noise of its sky, what is missing, what is saturated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sep

from ..frames.reading import Frame


@dataclass(frozen=True)
class Pixels:
    """What the pixels of a CCD say.

    Attributes
    ----------
    number : int
        Of its pixels.
    sky, noise : float
        Level and standard deviation of the sky between the sources, ADU; NaN where no pixel has a value.
    missing, saturated : int
        Pixels without a value, and those at the header's saturation or above; −1 where it does not say.
    thumbnail : numpy.ndarray or None
        Means of blocks of `block` x `block` pixels, float32, axes (y, x); None where no picture is wanted.
    block : int
        Side of a block; 1 where the frame is small.
    """

    number: int
    sky: float
    noise: float
    missing: int
    saturated: int
    thumbnail: np.ndarray | None = None
    block: int = 1


def measure_pixels(frame: Frame, *, widest: int | None = None) -> Pixels:
    """Measure the pixels of a frame; `widest` is the longer side of the thumbnail that is kept, None for none."""
    data = frame.data
    missing = ~np.isfinite(data)
    count = int(missing.sum())
    background = sep.Background(np.where(missing, np.float32(0), data) if count else data, mask=missing)
    known = not math.isnan(frame.info.saturation)
    block = 1 if widest is None else max(1, -(-max(data.shape) // widest))
    return Pixels(
        number=data.size,
        sky=float(background.globalback),
        noise=float(background.globalrms),
        missing=count,
        saturated=int((data >= frame.info.saturation).sum()) if known else -1,
        thumbnail=None if widest is None else block_means(data, block),
        block=block,
    )


def block_means(data: np.ndarray, block: int) -> np.ndarray:
    """Return the means of blocks of pixels, NaN left out; a block at the far edges may be cut.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    block : int
        Side of a block.
    """
    if block == 1:
        return data.astype(np.float32)
    ny, nx = data.shape
    starts = np.arange(0, nx, block)
    result = np.empty((-(-ny // block), len(starts)), np.float32)
    for row in range(len(result)):  # row by row of blocks: no second copy of a large frame is made
        rows = data[row * block : (row + 1) * block]
        good = np.isfinite(rows)
        sums = np.add.reduceat(np.where(good, rows, 0).sum(axis=0, dtype=np.float64), starts)
        numbers = np.add.reduceat(good.sum(axis=0), starts)
        result[row] = np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
    return result
