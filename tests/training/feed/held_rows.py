"""Rows held in an array, for tests."""

from __future__ import annotations

from math import prod

import numpy as np


class HeldRows:
    """Random rows, or those that are given; counts how often it is read."""

    def __init__(
        self,
        count: int,
        shapes: tuple[tuple[int, ...], ...] = ((4,),),
        dtype: type = np.float32,
        variants: int = 1,
        values: np.ndarray | None = None,
    ) -> None:
        self.count, self.shapes, self.variants, self.dtype = count, shapes, variants, np.dtype(dtype)
        wide = sum(map(prod, shapes))
        drawn = np.random.default_rng(count).normal(size=(count * variants, wide))
        self.values = (drawn if values is None else values).astype(dtype)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by number."""
        return self.values[rows]

    def labels(self) -> np.ndarray:
        """Return labels that can be learned from the first value."""
        return (self.values[:: self.variants, 0] > 0.4).astype(np.int64)
