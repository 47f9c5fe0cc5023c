"""Random streams by name, so that changing one component of the simulation leaves the others as they were."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream that belongs to a seed and a path of names.

    Streams of different names are independent, and none depends on how much was drawn from another, nor on the order
    in which they are asked for.

    Parameters
    ----------
    seed : int
        The survey's seed, not negative.
    *names : str
        What the stream is for, for example ``"F0001", "stars"``.

    Returns
    -------
    numpy.random.Generator
        PCG64 with `numpy.random.SeedSequence(seed, spawn_key=...)`; the key is one 32-bit number per name, the first
        four bytes of its SHA-256.
    """
    key = tuple(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") for name in names)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
