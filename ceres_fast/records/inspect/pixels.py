"""What is remembered of the pixels of all stamps: a quarter of their size, in one pass over the shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from ...console import progress
from ...stamps import STAMP_SIZE
from ..manifest import Manifest
from ..pipeline import shard_errors, stamp_dataset

_AT_ONCE = 1024
_CLIP, _STEPS = 3, 20
_SOURCE = 1.5
"""Standard deviations of a pixel by which the mean of 3x3 is off where there is a source; 4.5 of that mean."""

_QUARTILE = 0.3186
"""Lower quartile of |x| for normal x."""

_LEAST_BACKGROUND = STAMP_SIZE**2 // 8
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Pixels:
    """What is remembered of each stamp, in the order of the splits and their shards.

    Attributes
    ----------
    digests : numpy.ndarray of uint64
        (n,): equal for equal stamps (all planes).
    noise : numpy.ndarray of int8
        (n, 1024): see `noise_of`.
    constant, missing : numpy.ndarray of bool
        (n,): all pixels of the first plane are equal; some pixel is NaN or infinite.
    """

    digests: np.ndarray
    noise: np.ndarray
    constant: np.ndarray
    missing: np.ndarray


def read_pixels(manifest: Manifest) -> Pixels:
    """Read all stamps once, and keep what `Pixels` holds."""
    count = sum(map(manifest.count, manifest.splits))
    noise = np.empty((count, STAMP_SIZE**2), np.int8)
    digests = np.empty(count, np.uint64)
    constant, missing = np.empty((2, count), bool)
    for start, stamps in _batches(manifest):
        rows, first = slice(start, start + len(stamps)), stamps[..., 0]
        digests[rows] = [int.from_bytes(hashlib.blake2b(stamp.tobytes(), digest_size=8).digest()) for stamp in stamps]
        missing[rows] = ~np.isfinite(stamps).all(axis=(1, 2, 3))
        constant[rows] = first.min(axis=(1, 2)) == first.max(axis=(1, 2))
        noise[rows] = noise_of(first)
    return Pixels(digests, noise, constant, missing)


def read_some(manifest: Manifest, rows: np.ndarray) -> dict[int, np.ndarray]:
    """Return {row: first plane, (32, 32) float32} of some stamps.

    Rows are 0-based and counted through all splits, in the order of the manifest.
    """
    found = {}
    for start, stamps in _batches(manifest):
        for row in rows[(rows >= start) & (rows < start + len(stamps))]:
            found[int(row)] = stamps[row - start, ..., 0].copy()
    return found


def _batches(manifest: Manifest) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the row of the first stamp, and stamps (b, 32, 32, planes)."""
    start = 0
    with progress() as bar:
        task = bar.add_task("reading stamps", total=sum(map(manifest.count, manifest.splits)))
        for split in manifest.splits:
            with shard_errors(manifest, split):
                for stamps, _ in stamp_dataset(manifest, split, _AT_ONCE):
                    yield start, stamps.numpy()
                    start += len(stamps)
                    bar.advance(task, len(stamps))


def noise_of(stamps: np.ndarray) -> np.ndarray:
    """Return what tells two cut-outs of the same pixels from two that only look alike: the noise of the background.

    Two stars look alike, and the brighter they are the more so; the noise beside them does not. So the mean of 3x3
    pixels is taken away, sources are masked, and what is left is counted in standard deviations, cut at 3. A stamp that
    was scaled, offset or rounded keeps its noise. In 2 million pairs of stamps of different sky, real (ZTF) and
    simulated, the largest correlation was 0.45; without masking, two saturated stars of the same seeing reach 0.99.

    Parameters
    ----------
    stamps : numpy.ndarray
        (n, 32, 32), axes (y, x), ADU. Missing pixels count as 0.

    Returns
    -------
    numpy.ndarray of int8
        (n, 1024), in 1/20 of a standard deviation, mean 0, masked pixels 0; all 0 where less than an eighth of the
        stamp is background: such a stamp cannot be compared, and is alike to none.
    """
    pixels = np.nan_to_num(stamps.astype(np.float64), nan=0, posinf=0, neginf=0)
    smooth = uniform_filter(pixels, (0, 3, 3))
    rest = pixels - smooth
    rest -= np.median(rest, axis=(1, 2), keepdims=True)
    spread = _spread_of(rest, pixels)
    source = np.abs(smooth - np.median(smooth, axis=(1, 2), keepdims=True)) > _SOURCE * spread
    background = ~maximum_filter(source, (0, 3, 3)) & (spread > 0)
    cut = np.clip(np.divide(rest, spread, out=np.zeros_like(rest), where=background), -_CLIP, _CLIP)
    count = background.sum(axis=(1, 2), keepdims=True)
    cut -= cut.sum(axis=(1, 2), keepdims=True) / np.maximum(count, 1)
    cut[~background | (count < _LEAST_BACKGROUND)] = 0
    return np.round(cut * _STEPS).astype(np.int8).reshape(len(stamps), -1)


def _spread_of(rest: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the noise, (n, 1, 1): from the lower quartile, as half may be star."""
    quartile = np.quantile(np.abs(rest), 0.25, axis=(1, 2), keepdims=True) / _QUARTILE
    # Where more than a quarter of a stamp was filled, those pixels have no noise at all.
    spread = np.where(quartile > 0, quartile, rest.std(axis=(1, 2), keepdims=True))
    # What rounding leaves of a constant stamp is not noise.
    return np.where(spread > _ROUNDING * np.abs(pixels).max(axis=(1, 2), keepdims=True), spread, 0)
