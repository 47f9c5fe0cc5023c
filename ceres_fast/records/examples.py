"""One stamp as a ``tf.train.Example``: the features follow `ceres_fast.stamps.COLUMNS`.

=========  =====================  ==================================================
column     feature                bytes
=========  =====================  ==================================================
``stamp``  ``bytes_list`` of one  32x32xP float32, little-endian, axes (y, x, plane)
float      ``bytes_list`` of one  one float64, little-endian (``float_list`` is float32: too coarse for MJD)
int        ``int64_list`` of one  protobuf varint
str        ``bytes_list`` of one  UTF-8
=========  =====================  ==================================================
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..libraries.tensorflow_quiet import tf
from ..stamps import COLUMNS, PLANES, stamp_shape
from .manifest import ColumnType

KINDS: dict[str, type] = {column.name: column.dtype for column in COLUMNS}
"""Type (float, int or str) of each column beside ``stamp``."""

UNKNOWN: dict[str, Any] = {column.name: column.unknown for column in COLUMNS if not column.always}
"""What the columns hold that not all records have, where they do not have them."""

ONE_PLANE = stamp_shape(PLANES[:1])

_ENCODE: dict[type, Callable[[np.ndarray], list[Any]]] = {
    float: lambda values: [value.tobytes() for value in values.astype("<f8")],
    int: lambda values: values.tolist(),
    str: lambda values: [value.encode() for value in values.tolist()],
}
_LIST = {float: "bytes_list", int: "int64_list", str: "bytes_list"}
_TENSOR = {float: tf.float64, int: tf.int64, str: tf.string}
_CHUNK = 4096


def serialise(columns: Mapping[str, np.ndarray], rows: np.ndarray) -> Iterator[bytes]:
    """Yield rows of a stamp table as serialised examples; equal rows give equal bytes in every process.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``stamp`` (n, 32, 32, planes) and every column of ``COLUMNS``, (n,); those of `UNKNOWN` may be missing.
    rows : numpy.ndarray of int
        0-based rows to write, in this order.
    """
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        encoded = [
            (name, _LIST[kind], _ENCODE[kind](columns[name][chosen]))
            for name, kind in KINDS.items()
            if name in columns or name not in UNKNOWN
        ]
        for number, stamp in enumerate(columns["stamp"][chosen].astype("<f4", copy=False)):
            example = tf.train.Example()
            feature = example.features.feature
            feature["stamp"].bytes_list.value.append(stamp.tobytes())
            for name, kind, values in encoded:
                getattr(feature[name], kind).value.append(values[number])
            yield example.SerializeToString(deterministic=True)


def parse(batch: tf.Tensor, names: Iterable[str], shape: Sequence[int] = ONE_PLANE) -> dict[str, tf.Tensor]:
    """Parse a batch of serialised examples, with one call for the whole batch.

    Parameters
    ----------
    batch : tf.Tensor
        Strings, shape (b,).
    names : iterable of str
        Which of ``stamp`` and the columns to read; the others cost nothing.
    shape : sequence of int
        Of a stamp: (32, 32, planes).

    Returns
    -------
    dict of str to tf.Tensor
        ``stamp`` float32 (b, 32, 32, planes), axes (y, x, plane); the others float64, int64 or string, (b,).
    """
    wanted = dict.fromkeys(names)
    types = {name: tf.int64 if KINDS.get(name) is int else tf.string for name in wanted}
    parsed = tf.io.parse_example(batch, {name: tf.io.FixedLenFeature([], dtype) for name, dtype in types.items()})
    size = tf.shape(batch)[0]
    for name, value in parsed.items():
        if name == "stamp":
            # The explicit size refuses stamps of another length instead of regrouping their pixels.
            pixels = tf.reshape(tf.io.decode_raw(value, tf.float32), [size, *shape])
            parsed[name] = tf.ensure_shape(pixels, [None, *shape])
        elif KINDS[name] is float:
            parsed[name] = tf.reshape(tf.io.decode_raw(value, tf.float64), [size])
    return parsed


def unknown(names: Iterable[str], count: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return columns of `UNKNOWN` of so many stamps whose records do not have them, as `parse` gives them."""
    return {name: tf.fill([count], tf.constant(UNKNOWN[name], _TENSOR[KINDS[name]])) for name in names}


def empty(name: str, count: int, shape: Sequence[int] = ONE_PLANE) -> np.ndarray:
    """Return an array for `count` values of a column, as `parse` gives them for stamps of this `shape`."""
    if name == "stamp":
        return np.empty((count, *shape), np.float32)
    return np.empty(count, {float: np.float64, int: np.int64, str: object}[KINDS[name]])


def described(names: Container[str] = KINDS) -> dict[str, ColumnType]:
    """Return type, unit and meaning of the columns of that name, for the manifest."""
    return {
        column.name: {"type": column.dtype.__name__, "unit": column.unit, "meaning": column.meaning}
        for column in COLUMNS
        if column.name in names
    }
