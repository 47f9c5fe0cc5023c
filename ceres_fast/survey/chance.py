"""How often something happens by chance."""

from __future__ import annotations

import numpy as np

LEAST = 1e-16
"""Smaller probabilities are not told apart: they are the rounding of 1 less the rest."""

_MOST = 1000
"""Numbers above this are taken for it: with fewer expected, all of them are as good as impossible."""


def poisson_tail(least: np.ndarray | int, mean: np.ndarray) -> np.ndarray:
    """Return the probability of at least so many events where some are expected (Poisson).

    Parameters
    ----------
    least : numpy.ndarray or int
        Shape (n,), or one for all.
    mean : numpy.ndarray
        Expected number, shape (n,), float64.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, from `LEAST` to 1.
    """
    asked = np.minimum(np.broadcast_to(least, np.shape(mean)), _MOST)
    term = np.exp(-np.asarray(mean, np.float64))
    fewer = np.zeros_like(term)
    for number in range(int(asked.max(initial=0))):
        fewer += np.where(number < asked, term, 0)
        term = term * mean / (number + 1)
    return np.clip(1 - fewer, LEAST, 1)
