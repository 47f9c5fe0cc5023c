"""Rows held in the memory of the device, and whether they fit there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...tensorflow_quiet import tf
from ..devices import free_memory, replicas
from .rows import Rows, size, width

SHARE = 0.25
"""Of the free memory that the rows may take; the rest is for the network and what it computes."""

UNKNOWN = 1 << 30
"""Bytes that the rows may take where nobody says how much memory is free."""

_READ_AT_ONCE = 512
_THREADS = 4
_ALIGNED = 64
"""Bytes. TensorFlow takes an array of the host that begins at a multiple of it as it is; any other it copies."""


def fits_on_device(*rows: Rows) -> bool:
    """Return whether all these rows together may be held on the device.

    They may take a quarter of the memory that is free there (`ceres_fast.training.devices.free_memory`), or 1 GiB
    where that is not known. Several devices are always fed from the host: each has to be given its part of a batch.
    """
    if replicas() > 1:
        return False
    free = free_memory()
    return sum(map(size, rows)) <= (UNKNOWN if free is None else SHARE * free)


def resident(rows: Rows) -> tf.Tensor:
    """Return all rows as one tensor on the device: (count * variants, width)."""
    host = _aligned((rows.count * rows.variants, width(rows)), rows.dtype)

    def fill(start: int) -> None:
        host[start : start + _READ_AT_ONCE] = rows.read(np.arange(start, min(start + _READ_AT_ONCE, len(host))))

    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(fill, range(0, len(host), _READ_AT_ONCE)):
            pass
    return tf.convert_to_tensor(host)


def _aligned(shape: tuple[int, int], dtype: Any) -> np.ndarray:
    needed = shape[0] * shape[1] * dtype.itemsize
    memory = np.empty(needed + _ALIGNED, np.uint8)
    begin = -memory.ctypes.data % _ALIGNED
    return memory[begin : begin + needed].view(dtype).reshape(shape)
