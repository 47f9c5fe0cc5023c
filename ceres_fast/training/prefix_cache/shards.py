"""The shards of an entry: how the rows of a split are arranged in them, and reading rows in any order."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...libraries.tensorflow_quiet import tf
from ...locks import Lock

SHARD_BYTES = 2**27
"""Approximate size of a shard. One is written while the next is computed, so twice this is held in memory."""

BATCH = 256
"""Rows computed at once. A CPU is no faster with more than 64; a GPU is."""

_STORED_AS = {"bfloat16": "uint16"}
"""Types whose bits are stored as another type, because NumPy's file format lacks them."""


@dataclass(frozen=True)
class Layout:
    """The arrangement of the rows of a split in shards.

    Attributes
    ----------
    split : str
        Name of the split.
    count, variants : int
        Number of stamps, and of rows for each: row = stamp * variants + variant.
    shapes : tuple of tuple of int
        Shapes of the tensors whose values, one after the other, are a row.
    dtype : str
        Type of the values: ``float32``, ``float16`` or ``bfloat16``.
    """

    split: str
    count: int
    variants: int
    shapes: tuple[tuple[int, ...], ...]
    dtype: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each tensor."""
        return tuple(map(math.prod, self.shapes))

    @property
    def size(self) -> int:
        """Number of values in a row."""
        return sum(self.sizes)

    @property
    def stored(self) -> np.dtype:
        """Type of the values in NumPy's file format."""
        return np.dtype(_STORED_AS.get(self.dtype, self.dtype)).newbyteorder("<")

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return self.size * self.stored.itemsize

    @property
    def rows(self) -> int:
        """Number of rows of all shards."""
        return self.count * self.variants

    @property
    def batch_stamps(self) -> int:
        """Number of stamps computed at once."""
        return BATCH // self.variants

    @property
    def shard_batches(self) -> int:
        """Number of batches in each shard but the last.

        Shards hold whole batches. So a row is always computed with the same others, and has the same bits when only
        some shards are computed again.
        """
        return max(1, SHARD_BYTES // (BATCH * self.row_bytes))

    @property
    def shard_rows(self) -> int:
        """Number of rows in each shard but the last."""
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
        """Return the offset in bytes at which the rows of a shard begin in its file."""
        header = BytesIO()
        shape = self.rows_in(shard), self.size
        about = {"descr": np.lib.format.dtype_to_descr(self.stored), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, about)
        return header.tell()

    def as_dict(self) -> dict[str, Any]:
        """Return the layout as ``meta.json`` holds it."""
        layout = asdict(self) | {"shapes": [list(shape) for shape in self.shapes]}
        return layout | {"stored_as": self.stored.name, "row_bytes": self.row_bytes, "shard_rows": self.shard_rows}


_AT_ONCE = os.sysconf("SC_IOV_MAX")
"""Largest number of rows that the system reads with one call."""


class FeatureRows:
    """The rows of an entry of the cache, which cannot be cleared as long as this object lives.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of a complete entry.
    layout : Layout
        The layout of its rows.
    held : Lock
        The lock of `lock_for_use`; released by `close`, or when the object is no longer used.
    seconds : float
        Time of computing the rows.

    Attributes
    ----------
    count : int
        Number of stamps.
    variants : int
        Rows of each stamp: row = stamp * variants + variant.
    shapes : tuple of tuple of int
        Shapes of the tensors in a row, without the batch axis.
    dtype : numpy.dtype
        float32, float16 or bfloat16.
    seconds : float
        Time of computing the rows, in this run or an earlier one.
    """

    def __init__(self, folder: Path, layout: Layout, held: Lock, seconds: float) -> None:
        self.folder, self.count, self.variants, self.shapes = folder, layout.count, layout.variants, layout.shapes
        self.dtype = np.dtype(tf.as_dtype(layout.dtype).as_numpy_dtype)
        self.seconds = seconds
        self.close = weakref.finalize(self, held.release)
        self._layout = layout
        self._offsets = [layout.offset(shard) for shard in range(layout.shards)]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read rows; several threads may do so at the same time.

        Parameters
        ----------
        rows : numpy.ndarray of int
            Numbers of rows from 0, (n,), in any order.

        Returns
        -------
        numpy.ndarray
            Shape (n, values in a row), of type `dtype`, C-contiguous.

        Raises
        ------
        IndexError
            When there is no such row.
        InputError
            When a shard is truncated or removed while it is used.
        """
        values = np.empty((len(rows), self._layout.size), self._layout.stored)
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._layout.rows:
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {self._layout.rows}")
        try:
            self._fill(values, rows)
        except OSError as error:
            raise self._lost(f"a shard cannot be read any more ({error.strerror})") from error
        return values.view(self.dtype)

    def _fill(self, values: np.ndarray, rows: np.ndarray) -> None:
        with ExitStack() as undo:
            parts = list(self._parts(rows, undo))
            # All parts are announced before the first is read: a disk serves many requests at once faster than one
            # after the other.
            if hasattr(os, "posix_fadvise"):
                for descriptor, offset, places in parts:
                    os.posix_fadvise(descriptor, offset, len(places) * self._layout.row_bytes, os.POSIX_FADV_WILLNEED)
            for descriptor, offset, places in parts:
                done = os.preadv(descriptor, [values[place] for place in places], offset)
                if done != len(places) * self._layout.row_bytes:
                    raise self._lost("a shard was cut while in use")

    def _lost(self, problem: str) -> InputError:
        return InputError(
            self.folder, problem, expected="what was there when training began", action="--resume computes it again"
        )

    def _parts(self, rows: np.ndarray, undo: ExitStack) -> Iterator[tuple[int, int, np.ndarray]]:
        """Open the shards, and yield for each group of neighbouring rows: file, offset, and their places in `rows`."""
        order = np.argsort(rows)
        shards, numbers = np.divmod(rows[order], self._layout.shard_rows)
        apart = (np.diff(numbers) != 1) | (np.diff(shards) != 0)
        opened: dict[int, int] = {}
        for run in np.split(np.arange(len(rows)), np.flatnonzero(apart) + 1):
            for first in range(0, len(run), _AT_ONCE):
                some = run[first : first + _AT_ONCE]
                shard = int(shards[some[0]])
                if shard not in opened:
                    opened[shard] = os.open(self.folder / self._layout.file(shard), os.O_RDONLY)
                    undo.callback(os.close, opened[shard])
                offset = self._offsets[shard] + int(numbers[some[0]]) * self._layout.row_bytes
                yield opened[shard], offset, order[some]
