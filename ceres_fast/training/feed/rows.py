"""Rows: the values that a stamp contributes to a batch, read by number in any order; here those of the records."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import InputError
from ...libraries.tensorflow_quiet import tf
from ...records.examples import parse
from ...records.manifest import REBUILD, Manifest
from ...records.shards import check_size, damage

_BEFORE, _AFTER = 12, 4
"""Bytes of a TFRecord file before and after each record: its length (8) with a CRC (4), and the CRC of the data (4)."""

_INDEXED_AT_ONCE = 1024
"""Records whose lengths are read in one batch."""


class Rows(Protocol):
    """Rows of one dtype, each with the flattened tensors of an example one after the other.

    Attributes
    ----------
    count : int
        Number of stamps, which are numbered from 0 in the order of the shards.
    variants : int
        1, or 8 where there is a row for each flip and rotation of a stamp: row = stamp * variants + variant.
    shapes : tuple of tuple of int
        Shapes of the tensors in a row, without the batch axis.
    dtype : numpy.dtype
        float32, float16 or bfloat16.
    """

    @property
    def count(self) -> int: ...
    @property
    def variants(self) -> int: ...
    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def dtype(self) -> np.dtype: ...

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by number, in any order: (len(rows), width), C-contiguous. Several threads may call it."""
        ...


def width(rows: Rows) -> int:
    """Return the number of values in a row."""
    return sum(prod(shape) for shape in rows.shapes)


def size(rows: Rows) -> int:
    """Return the size of all rows in memory, in bytes."""
    return rows.count * rows.variants * width(rows) * rows.dtype.itemsize


class RecordRows:
    """The raw stamps of a split, read from its shards by number.

    All records are read once to find where each begins, which also finds damaged ones. The index needs 12 bytes of
    memory per stamp. After that, reading needs one system call per stamp, and memory does not grow with the split.

    Parameters
    ----------
    manifest : Manifest
        Manifest of records that `check_records` has checked.
    split : str
        One of its splits.

    Raises
    ------
    InputError
        When a shard is missing, truncated or altered; it names the shard and the row.
    """

    variants = 1
    dtype = np.dtype(np.float32)

    def __init__(self, manifest: Manifest, split: str) -> None:
        self.shapes: tuple[tuple[int, ...], ...] = (manifest.stamp_shape,)
        self._shards = list(zip(manifest.shards(split), manifest.splits[split]["shards"], strict=True))
        lengths = [_lengths(path, shard) for path, shard in self._shards]
        self._first = np.array([0, *accumulate(map(len, lengths))])
        self._lengths = np.concatenate([*lengths, np.empty(0, np.int32)])
        self._starts = np.concatenate([*map(_starts, lengths), np.empty(0, np.int64)])
        self.count = len(self._lengths)
        self._files: dict[int, int] = {}
        self._lock = threading.Lock()
        # The finalizer gets the dictionary and not this object, which would otherwise live as long as the process.
        weakref.finalize(self, _close, self._files)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return stamps by number: float32 (len(rows), 32 * 32 * planes) in ADU, axes (y, x, plane).

        Raises
        ------
        InputError
            When a record cannot be read any more; it names the shard and the row.
        """
        shards = np.searchsorted(self._first, rows, side="right") - 1
        places = zip(shards.tolist(), self._starts[rows].tolist(), self._lengths[rows].tolist(), strict=True)
        records = [self._record(*place) for place in places]
        try:
            return _pixels(records, self.shapes[0])
        except tf.errors.InvalidArgumentError:
            raise self._unreadable(records, rows) from None

    def _record(self, shard: int, start: int, length: int) -> bytes:
        record = os.pread(self._file(shard), length, start)
        if len(record) != length:
            raise damage(*self._shards[shard])
        return record

    def _file(self, shard: int) -> int:
        if (file := self._files.get(shard)) is not None:
            return file
        with self._lock:
            # Another thread may have opened it while this one waited for the lock.
            if shard not in self._files:
                check_size(*self._shards[shard])
                self._files[shard] = os.open(self._shards[shard][0], os.O_RDONLY | os.O_CLOEXEC)
            return self._files[shard]

    def _unreadable(self, records: list[bytes], rows: np.ndarray) -> InputError:
        bad = next((row for record, row in zip(records, rows, strict=True) if not self._holds_stamp(record)), rows[0])
        shard = int(np.searchsorted(self._first, bad, side="right")) - 1
        return InputError(
            self._shards[shard][0],
            "the record holds no stamp",
            row=int(bad - self._first[shard]) + 1,
            expected=f"a stamp of shape {self.shapes[0]}",
            action=f"copy the shard again from where it is whole, or {REBUILD}",
        )

    def _holds_stamp(self, record: bytes) -> bool:
        try:
            _pixels([record], self.shapes[0])
        except tf.errors.InvalidArgumentError:
            return False
        return True


def _lengths(path: Path, shard: Mapping[str, Any]) -> np.ndarray:
    # TensorFlow compares the checksums here; later reads at an offset do not.
    check_size(path, shard)
    try:
        batches = tf.data.TFRecordDataset(str(path)).batch(_INDEXED_AT_ONCE).map(tf.strings.length)
        lengths = np.concatenate([np.empty(0, np.int32), *batches.as_numpy_iterator()])
    except tf.errors.OpError:
        raise damage(path, shard) from None
    if len(lengths) != shard["count"]:
        raise damage(path, shard)
    return lengths


def _starts(lengths: np.ndarray) -> np.ndarray:
    ends = np.cumsum(lengths + np.int64(_BEFORE + _AFTER))
    return ends - _AFTER - lengths


def _pixels(records: list[bytes], shape: tuple[int, ...]) -> np.ndarray:
    with tf.device("CPU:0"):  # else TensorFlow copies the pixels to a GPU and back only to reshape them
        return parse(tf.constant(records, tf.string), ("stamp",), shape)["stamp"].numpy().reshape(-1, prod(shape))


def _close(files: dict[int, int]) -> None:
    while files:
        os.close(files.popitem()[1])
