"""The order of an epoch: a pure function of seed and epoch, the same for raw stamps and for cached features.

Cached and uncached runs therefore see the same batches, and a resumed run goes on with exactly those that were left.
Only NumPy's bit streams are used, which are the same in every version; its shuffling is not promised to be.
"""

from __future__ import annotations

import numpy as np

CHUNK = 16
"""Neighbours on disk that stay in one window."""

WINDOW = 16_384
"""Stamps that are mixed with each other: random as a whole up to that many, local on disk beyond it."""

_ORDER, _VARIANTS = 0, 1


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which the stamps of an epoch are shown.

    Chunks of `CHUNK` neighbouring stamps are permuted, then the stamps within windows of `WINDOW`.

    Parameters
    ----------
    count : int
        Stamps.
    seed : int
        Of the run, 0 or above.
    epoch : int
        0-based.

    Returns
    -------
    numpy.ndarray
        Stamp numbers, int64, (count,): each exactly once.
    """
    stream = _stream(seed, epoch, _ORDER)
    chunks = _permutation(stream, -(-count // CHUNK))
    order = (chunks[:, None] * CHUNK + np.arange(CHUNK)).ravel()
    order = order[order < count]
    for start in range(0, count, WINDOW):
        window = order[start : start + WINDOW]
        order[start : start + WINDOW] = window[_permutation(stream, len(window))]
    return order


def epoch_variants(count: int, seed: int, epoch: int, of: int = 8) -> np.ndarray:
    """Return which of its `of` variants each stamp is shown as in an epoch.

    Returns
    -------
    numpy.ndarray
        int32, (count,), by stamp number (not in the order of the epoch): 0 to `of` - 1, each as likely.
    """
    return (_stream(seed, epoch, _VARIANTS).random_raw(count) % np.uint64(of)).astype(np.int32)


def _stream(seed: int, epoch: int, purpose: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence((seed, epoch), spawn_key=(purpose,)))


def _permutation(stream: np.random.PCG64, count: int) -> np.ndarray:
    return np.argsort(stream.random_raw(count), kind="stable").astype(np.int64, copy=False)
