"""The order of an epoch: a pure function of seed and epoch, the same for raw stamps and for cached features.

So a run with the prefix cache and one without it see the same batches, and a resumed run continues with exactly the
batches that were left, although no state of a shuffling is stored. Of NumPy only the bit streams are used, which are
the same in every version; NumPy does not guarantee that for its shuffling functions.
"""

from __future__ import annotations

import numpy as np

CHUNK = 16
"""Stamps that are neighbours on the disk and are shown within one window, so that they can be read together."""

WINDOW = 16_384
"""Stamps that are mixed with each other. A set of at most so many is shuffled as a whole; a larger one is read in parts
that are local on the disk."""

_ORDER, _VARIANTS = 0, 1
"""Purposes of the random streams: the order and the variants of an epoch do not depend on each other."""


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which the stamps of an epoch are shown.

    Chunks of `CHUNK` neighbouring stamps are permuted, then the stamps within windows of `WINDOW`.

    Parameters
    ----------
    count : int
        Number of stamps.
    seed : int
        Seed of the run, 0 or above.
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
    """Return in which of its `of` variants each stamp is shown in an epoch.

    Returns
    -------
    numpy.ndarray
        int32, (count,), by stamp number and not in the order of the epoch: 0 to `of` - 1, all equally likely.
    """
    return (_stream(seed, epoch, _VARIANTS).random_raw(count) % np.uint64(of)).astype(np.int32)


def _stream(seed: int, epoch: int, purpose: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence((seed, epoch), spawn_key=(purpose,)))


def _permutation(stream: np.random.PCG64, count: int) -> np.ndarray:
    # The order of random 64-bit numbers. A stable sort makes it the same everywhere even if two of them are equal.
    return np.argsort(stream.random_raw(count), kind="stable").astype(np.int64, copy=False)
