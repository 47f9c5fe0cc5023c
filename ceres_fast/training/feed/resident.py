"""Rows held in the memory of the device, and whether they fit there."""

from __future__ import annotations

import numpy as np

from ...tensorflow_quiet import tf
from ..devices import devices, free_memory
from .rows import Rows, size, width

SHARE = 0.25
"""Of the free memory that the rows may take; the rest is for the network and what it computes."""

UNKNOWN = 1 << 30
"""Bytes that the rows may take where nobody says how much memory is free."""

_READ_AT_ONCE = 512


def fits_on_device(*rows: Rows) -> bool:
    """Return whether all these rows together may be held on the device.

    They may take a quarter of the memory that is free there (`ceres_fast.training.devices.free_memory`), or 1 GiB
    where that is not known. Several devices are always fed from the host: each has to be given its part of a batch.
    """
    if len(devices()) > 1:
        return False
    free = free_memory()
    return sum(map(size, rows)) <= (UNKNOWN if free is None else SHARE * free)


def resident(rows: Rows) -> tf.Variable:
    """Return all rows on the device: (count * variants, width).

    They are written there part by part into memory that is taken once. From a whole array, TensorFlow would make two
    copies on the way, and even ``variable[a:b].assign`` makes one.
    """
    total = rows.count * rows.variants
    held = tf.Variable(tf.raw_ops.Empty(shape=(total, width(rows)), dtype=rows.dtype), trainable=False)
    for start in range(0, total, _READ_AT_ONCE):
        end = min(start + _READ_AT_ONCE, total)
        part = tf.convert_to_tensor(rows.read(np.arange(start, end)))
        tf.raw_ops.ResourceStridedSliceAssign(ref=held.handle, begin=[start], end=[end], strides=[1], value=part)
    return held
