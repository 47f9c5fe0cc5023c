"""Shards of an entry: how the rows of a split lie in them, and reading rows in any order."""

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
from ...locks import Lock
from ...tensorflow_quiet import tf

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


_AT_ONCE = os.sysconf("SC_IOV_MAX")
"""Rows that the system reads by one call."""


class FeatureRows:
    """Rows of an entry of the cache, which nobody can clear as long as this lives.

    Parameters
    ----------
    folder : pathlib.Path
        The entry, whole.
    layout : Layout
        Of its rows.
    held : Lock
        The lock of who uses the entry; given back by `close`, or when the object is no longer used.
    seconds : float
        What computing the rows took.

    Attributes
    ----------
    count : int
        Stamps.
    variants : int
        Rows of each stamp: row = stamp * variants + variant.
    shapes : tuple of tuple of int
        Of the tensors in a row, without the batch axis.
    dtype : numpy.dtype
        float32, float16 or bfloat16.
    seconds : float
        What computing the rows took, when that was and whoever did it.
    """

    def __init__(self, folder: Path, layout: Layout, held: Lock, seconds: float) -> None:
        self.folder, self.count, self.variants, self.shapes = folder, layout.count, layout.variants, layout.shapes
        self.dtype = np.dtype(tf.as_dtype(layout.dtype).as_numpy_dtype)
        self.seconds = seconds
        self.close = weakref.finalize(self, held.release)
        self._layout = layout
        self._offsets = [layout.offset(shard) for shard in range(layout.shards)]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read rows; threads may do so at the same time.

        Parameters
        ----------
        rows : numpy.ndarray of int
            Numbers of rows, (n,), from 0, in any order.

        Returns
        -------
        numpy.ndarray
            Shape (n, values in a row), of `dtype`, C-contiguous.

        Raises
        ------
        IndexError
            When there is no such row.
        InputError
            When a shard is cut or removed while it is used.
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
            # All of it is asked for first: a disk answers many questions at once faster than one after the other.
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
        """Open the shards; yield of neighbouring rows the file descriptor, the offset, and their places in `rows`."""
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
