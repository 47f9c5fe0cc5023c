"""How the rows of a split lie in shards."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import numpy as np

SHARD_BYTES = 2**27
"""Size of a shard, about: one is written while the next is computed, so twice this is held in memory."""

BATCH = 256
"""Rows computed at once. From 64 on a CPU is as fast as it gets; a GPU likes more."""

_STORED_AS = {"bfloat16": "uint16"}
"""NumPy's file format has no bfloat16: its bits are stored."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a split lie in shards.

    Attributes
    ----------
    split : str
        Name of the split.
    count, variants : int
        Stamps, and rows of each of them: row = stamp * variants + variant.
    shapes : tuple of tuple of int
        Of the tensors whose values, one after the other, are a row.
    dtype : str
        What the values are: ``float32``, ``float16`` or ``bfloat16``.
    """

    split: str
    count: int
    variants: int
    shapes: tuple[tuple[int, ...], ...]
    dtype: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values of each tensor."""
        return tuple(map(math.prod, self.shapes))

    @property
    def size(self) -> int:
        """Values in a row."""
        return sum(self.sizes)

    @property
    def stored(self) -> np.dtype:
        """What NumPy's file format calls the values."""
        return np.dtype(_STORED_AS.get(self.dtype, self.dtype)).newbyteorder("<")

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.size * self.stored.itemsize

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return self.count * self.variants

    @property
    def batch_stamps(self) -> int:
        """Stamps computed at once."""
        return BATCH // self.variants

    @property
    def shard_batches(self) -> int:
        """Batches of each shard but the last: whole ones, so that a row is always computed in the same company."""
        return max(1, SHARD_BYTES // (BATCH * self.row_bytes))

    @property
    def shard_rows(self) -> int:
        """Rows of each shard but the last."""
        return BATCH * self.shard_batches

    @property
    def shards(self) -> int:
        """Number of shards."""
        return math.ceil(self.rows / self.shard_rows)

    def rows_in(self, shard: int) -> int:
        """Return the number of rows of a shard."""
        return min(self.shard_rows, self.rows - shard * self.shard_rows)

    def file(self, shard: int) -> str:
        """Return the name of a shard."""
        return f"{self.split}-{shard:05}.npy"

    def offset(self, shard: int) -> int:
        """Return where in the file of a shard its rows begin."""
        header = BytesIO()
        shape = self.rows_in(shard), self.size
        about = {"descr": np.lib.format.dtype_to_descr(self.stored), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, about)
        return header.tell()

    def as_dict(self) -> dict[str, Any]:
        """Return what ``meta.json`` says of it."""
        layout = asdict(self) | {"shapes": [list(shape) for shape in self.shapes]}
        return layout | {"stored_as": self.stored.name, "row_bytes": self.row_bytes, "shard_rows": self.shard_rows}
