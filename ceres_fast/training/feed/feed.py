"""Feed: the batches of every epoch, from the device where they fit there, else gathered on the host ahead of time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras
import numpy as np

from ...errors import CeresFastError
from ...records.pipeline import without_tuning
from ...stamps import CLASSES
from ...tensorflow_quiet import tf
from ..devices import devices, free_memory
from .order import epoch_order, epoch_variants
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


_PARALLEL, _PREFETCHED = 4, 4
"""Batches gathered at the same time, and ready before they are asked for."""


class Feed:
    """The batches of a split, epoch after epoch.

    Parameters
    ----------
    rows : Rows
        Where the examples come from.
    labels : numpy.ndarray of int
        (rows.count,): 1 asteroid, 0 non-asteroid.
    batch_size : int
        Stamps per batch; the last batch of an epoch may hold fewer.
    seed : int
        Decides order and variants.
    shuffle : bool
        Whether every epoch has an order of its own. False: by number.
    variants : int
        How many flips and rotations each stamp is drawn from in every epoch; 1: it is shown as it is.
    on_device : bool
        Whether all rows are held in the memory of the device (`fits_on_device`), and only their numbers are fed.

    Attributes
    ----------
    epoch : int
        0-based; a new iteration of the dataset is that epoch. `FollowEpochs` sets it.
    error : Exception or None
        What went wrong in a thread that gathers rows. `feed_errors` raises it.

    Raises
    ------
    CeresFastError
        When the batch size is not above 0.
    """

    def __init__(
        self,
        rows: Rows,
        labels: np.ndarray,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = False,
        variants: int = 1,
        on_device: bool = False,
    ) -> None:
        if batch_size < 1:
            raise CeresFastError(f"batch size {batch_size}: expected 1 or more.")
        self.rows, self.batch_size = rows, batch_size
        self.seed, self.shuffle, self.variants = seed, shuffle, variants
        self.epoch = 0
        self.error: Exception | None = None
        # int64: a function that runs on a GPU takes int32 from the host
        self._labels = tf.constant(labels, tf.int64)
        self._values = resident(rows) if on_device else None

    @property
    def steps(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.rows.count // self.batch_size)

    def dataset(self) -> tf.data.Dataset:
        """Return the batches of the epoch that is current when the dataset is iterated, for `unpack`.

        Returns
        -------
        tf.data.Dataset
            On the device: (stamp numbers int64 (b,), variants int32 (b,)); else (rows (b, width), labels int64 (b,),
            variants int32 (b,)). Its cardinality is known.
        """
        batches = tf.data.Dataset.range(1).flat_map(self._batches)
        if self._values is None:
            batches = batches.map(self._gathered, num_parallel_calls=_PARALLEL, deterministic=True)
        return without_tuning(batches.apply(tf.data.experimental.assert_cardinality(self.steps)).prefetch(_PREFETCHED))

    def unpack(self, batch: tuple[Any, ...]) -> tuple[list[Any], Any, Any]:
        """Return the tensors of a batch of `dataset`; to be called where the step is computed.

        Returns
        -------
        tensors : list of tf.Tensor
            One for each of ``rows.shapes``: (b, *shape), of the type of the rows.
        labels : tf.Tensor
            One-hot, float32 (b, 2).
        variants : tf.Tensor or None
            int32 (b,): what is still to be done to the tensors; None: nothing, or the rows hold their variants.
        """
        if self._values is None:
            values, labels, variants = batch
        else:
            stamps, variants = batch
            values, labels = tf.gather(self._values, self._row(stamps, variants)), tf.gather(self._labels, stamps)
        sizes = [prod(shape) for shape in self.rows.shapes]
        parts = tf.split(values, sizes, axis=1) if len(sizes) > 1 else [values]
        tensors = [tf.reshape(part, (-1, *shape)) for part, shape in zip(parts, self.rows.shapes, strict=True)]
        to_do = variants if self.variants > 1 and self.rows.variants == 1 else None
        return tensors, tf.one_hot(labels, len(CLASSES)), to_do

    def _batches(self, _: Any) -> tf.data.Dataset:
        # One call of Python for each epoch, at its first batch; the batches are cut by TensorFlow.
        order, variants = tf.numpy_function(_weak(self._epoch), [], (tf.int64, tf.int32), stateful=True)
        starts = tf.data.Dataset.range(0, self.rows.count, self.batch_size)

        def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            cut = slice(start, start + self.batch_size)
            return tf.ensure_shape(order[cut], [None]), tf.ensure_shape(variants[cut], [None])

        return starts.map(batch)

    def _epoch(self) -> tuple[np.ndarray, np.ndarray]:
        count, epoch = self.rows.count, self.epoch
        order = epoch_order(count, self.seed, epoch) if self.shuffle else np.arange(count)
        if self.variants == 1:
            return order, np.zeros(count, np.int32)
        return order, epoch_variants(count, self.seed, epoch, self.variants)[order]

    def _gathered(self, stamps: tf.Tensor, variants: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        values = tf.numpy_function(_weak(self._read), [self._row(stamps, variants)], self.rows.dtype, stateful=True)
        return tf.ensure_shape(values, [None, width(self.rows)]), tf.gather(self._labels, stamps), variants

    def _read(self, rows: np.ndarray) -> np.ndarray:
        try:
            return self.rows.read(rows)
        except Exception as error:
            self.error = error
            raise

    def _row(self, stamps: Any, variants: Any) -> Any:
        held = self.rows.variants
        return stamps * held + tf.cast(variants, tf.int64) if held > 1 else stamps


def _weak(method: Callable[..., Any]) -> Callable[..., Any]:
    # TensorFlow keeps every Python function that a dataset calls for the life of the process, and with it a feed and
    # all rows it holds. A trainer keeps its feeds as long as they are used.
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        bound = reference()
        assert bound is not None, "the feed is gone, and its dataset still in use"
        return bound(*arguments)

    return call


class FollowEpochs(keras.callbacks.Callback):
    """Tell a feed which epoch begins."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch of the next iteration."""
        self.feed.epoch = epoch


@contextmanager
def feed_errors(*feeds: Feed) -> Iterator[None]:
    """Raise what went wrong in a thread of a feed as it was: TensorFlow makes an error of its own of it."""
    try:
        yield
    except tf.errors.OpError:
        for feed in feeds:
            if feed.error:
                raise feed.error from None
        raise
