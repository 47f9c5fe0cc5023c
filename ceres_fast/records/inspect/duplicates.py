"""Stamps that are there twice, under other names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NEAR = 0.85
"""Correlation of the noise (`ceres_fast.records.inspect.pixels.noise_of`) from which two stamps count as one."""

_DIMENSIONS = 64
_CANDIDATE = 0.7
"""Correlation after projection from which the noise itself is compared: 4 standard deviations below `NEAR`."""

_AT_ONCE = 1024


class Pairs(NamedTuple):
    """Pairs of stamps: rows (0-based, (k,) each) and how their noise correlates, 1 for equal pixels."""

    one: np.ndarray
    other: np.ndarray
    correlation: np.ndarray

    def where(self, chosen: np.ndarray) -> Pairs:
        """Return the pairs for which `chosen` (k,) is true."""
        return Pairs(*(values[chosen] for values in self))

    def rows(self) -> list[tuple[int, int]]:
        """Return the two rows of each pair."""
        return list(zip(self.one.tolist(), self.other.tolist(), strict=True))


def identical_pairs(digests: np.ndarray, kinds: np.ndarray, usable: np.ndarray) -> Pairs:
    """Return pairs of equal stamps of different kinds: each stamp with the first one that equals it.

    Parameters
    ----------
    digests : numpy.ndarray
        (n,): equal for equal stamps.
    kinds : numpy.ndarray of int
        (n,): what matters only between different ones, for example split and label.
    usable : numpy.ndarray of bool
        (n,): stamps to compare. All constant stamps are equal, and that says nothing.
    """
    rows = np.flatnonzero(usable)
    _, first, number = np.unique(digests[rows], return_index=True, return_inverse=True)
    one, other = rows[first[number]], rows
    differ = kinds[one] != kinds[other]
    return Pairs(one[differ], other[differ], np.ones(differ.sum()))


def near_pairs(noise: np.ndarray, kinds: np.ndarray) -> Pairs:
    """Return pairs of stamps of different kinds with nearly the same noise: at most one for each stamp and other kind.

    The noise is projected to 64 random directions, which keeps correlations to 0.04 near `NEAR`; all pairs of kinds
    are compared so, and the best with all pixels. 100,000 stamps take a quarter of a minute.

    Parameters
    ----------
    noise : numpy.ndarray of int8
        (n, 1024), as `noise_of` returns it.
    kinds : numpy.ndarray of int
        As for `identical_pairs`.
    """
    directions = np.random.default_rng(0).normal(size=(noise.shape[1], _DIMENSIONS)).astype(np.float32)
    projected = np.empty((len(noise), _DIMENSIONS), np.float32)
    for rows in _portions(np.arange(len(noise))):
        projected[rows] = _unit(noise[rows].astype(np.float32) @ directions)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(*np.empty((2, 0), np.int64), np.empty(0))]
    members = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    for number, others in enumerate(members):
        for some in members[:number]:
            for rows in _portions(some):
                found.append(_best(noise, projected, rows, others))
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def _best(
    noise: np.ndarray, projected: np.ndarray, rows: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alike = projected[rows] @ projected[others].T
    best = alike.argmax(axis=1)
    maybe = alike[np.arange(len(rows)), best] > _CANDIDATE
    one, other = rows[maybe], others[best[maybe]]
    correlation = np.einsum("ij,ij->i", *(_unit(noise[each].astype(np.float32)) for each in (one, other)))
    near = correlation > NEAR
    return one[near], other[near], correlation[near].astype(np.float64)


def _portions(rows: np.ndarray) -> list[np.ndarray]:
    return np.array_split(rows, max(1, -(-len(rows) // _AT_ONCE)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
