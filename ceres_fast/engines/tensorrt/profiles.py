"""Optimisation profiles: for which batch sizes the kernels of an engine are chosen.

TensorRT chooses the kernels of a profile once, for its best batch size, and uses them for every size from its least
to its most; with one profile for all, a single stamp would run on the kernels of the largest batch. So each batch size
that was asked for has a profile of its own, and one CUDA graph is captured at it (a graph is bound to its shapes).
Every profile starts at one stamp, so that the rest of a night runs in the tightest profile that holds it, with nothing
padded; and the largest comes first, so that profile 0, which is selected where nobody selects, takes every size.

TensorRT-RTX makes kernels for the shapes that it meets while it runs, and captures graphs of its own: further
profiles would only repeat the kernels that serve until then (three profiles of a tiny network: 2.0 MB, one: 0.7 MB).

Sources: NVIDIA TensorRT documentation, "Working with Dynamic Shapes"; TensorRT-RTX documentation, "Working with Dynamic
Shapes" and "Working with RTX CUDA Graphs".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Profile(NamedTuple):
    """Batch sizes of an optimisation profile: the least, the one that kernels are chosen for, and the most."""

    least: int
    best: int
    most: int


def profiles(batches: Sequence[int], *, per_batch: bool) -> tuple[Profile, ...]:
    """Return the profiles for these batch sizes, the largest first.

    Parameters
    ----------
    batches : sequence of int
        Batch sizes, at least one.
    per_batch : bool
        Whether each has its own (`Flavour.profile_per_batch`), or all one.
    """
    sizes = sorted(set(batches), reverse=True)
    return tuple(Profile(1, size, size) for size in (sizes if per_batch else sizes[:1]))


def profile_for(stamps: int, among: Sequence[Profile]) -> int:
    """Return the index of the profile with the fewest stamps too many.

    Raises
    ------
    ValueError
        When none takes so many.
    """
    fitting = [(each.most, index) for index, each in enumerate(among) if each.least <= stamps <= each.most]
    if not fitting:
        raise ValueError(f"no profile of {list(among)} takes {stamps} stamps")
    return min(fitting)[1]
