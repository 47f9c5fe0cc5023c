"""Feed: the batches of every epoch, from the device where they fit there, else gathered on the host ahead of time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from ...errors import CeresFastError
from ...libraries.tensorflow_quiet import keras, tf
from ...records.pipeline import without_tuning
from ...stamps import CLASSES
from ..devices import devices, free_memory
from .order import epoch_order, epoch_variants
from .rows import Rows, size, width

SHARE = 0.25
"""Share of the free memory that the rows may fill; the rest is for the network and what it computes."""

UNKNOWN = 1 << 30
"""Bytes that the rows may fill where it is not known how much memory is free."""

_READ_AT_ONCE = 512
"""Rows that are copied to the device at once."""

_PARALLEL, _PREFETCHED = 4, 4
"""Batches that are gathered at the same time, and batches that are ready before they are asked for."""


def fits_on_device(*rows: Rows) -> bool:
    """Return whether all these rows together may be held in the memory of the device.

    They may fill a quarter of the free memory (`ceres_fast.training.devices.free_memory`), or 1 GiB where that is not
    known. With several devices the rows stay on the host, which gives each device its part of a batch.
    """
    if len(devices()) > 1:
        return False
    free = free_memory()
    return sum(map(size, rows)) <= (UNKNOWN if free is None else SHARE * free)


def hold_on_device(rows: Rows) -> tf.Variable:
    """Return all rows on the device: (count * variants, width).

    The memory is allocated once, and the rows are written into it in parts. From one large array TensorFlow would make
    two copies of it in between, and even ``variable[a:b].assign`` makes one.
    """
    total = rows.count * rows.variants
    held = tf.Variable(tf.raw_ops.Empty(shape=(total, width(rows)), dtype=rows.dtype), trainable=False)
    for start in range(0, total, _READ_AT_ONCE):
        end = min(start + _READ_AT_ONCE, total)
        part = tf.convert_to_tensor(rows.read(np.arange(start, end)))
        tf.raw_ops.ResourceStridedSliceAssign(ref=held.handle, begin=[start], end=[end], strides=[1], value=part)
    return held


class Feed:
    """The batches of a split, epoch after epoch.

    Parameters
    ----------
    rows : Rows
        The rows of the split.
    labels : numpy.ndarray of int
        (rows.count,): 1 asteroid, 0 non-asteroid.
    batch_size : int
        Stamps per batch; the last batch of an epoch may hold fewer.
    seed : int
        Seed of order and variants.
    shuffle : bool
        Whether every epoch has its own order; if False, stamps come by number.
    variants : int
        Number of flips and rotations from which one is drawn for each stamp and epoch; 1: stamps are not changed.
    on_device : bool
        Whether all rows are held in the memory of the device (`fits_on_device`); a batch is then only their numbers.

    Attributes
    ----------
    epoch : int
        Epoch of the next iteration of the dataset, 0-based. `FollowEpochs` sets it.
    error : Exception or None
        An error in a thread that gathers rows. `feed_errors` raises it.

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
        # int64, because TensorFlow keeps int32 tensors of a function on the host even where it runs on a GPU.
        self._labels = tf.constant(labels, tf.int64)
        self._values = hold_on_device(rows) if on_device else None

    @property
    def steps(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.rows.count // self.batch_size)

    def dataset(self) -> tf.data.Dataset:
        """Return the batches, for `unpack`, of the epoch that `epoch` names when the iteration begins.

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
        """Return the tensors of a batch of `dataset`. Call it within the step, so that it runs on the device.

        Returns
        -------
        tensors : list of tf.Tensor
            One for each of ``rows.shapes``: (b, *shape), of the dtype of the rows.
        labels : tf.Tensor
            One-hot, float32 (b, 2).
        variants : tf.Tensor or None
            int32 (b,): flips and rotations that are still to be applied. None where there are none, or the rows hold
            them already.
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
        # One call of Python per epoch, at its first batch: it reads `self.epoch` then, which a graph would have frozen.
        # TensorFlow cuts the order into batches.
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
    # TensorFlow keeps every Python function that a dataset calls until the process ends. A plain method would keep its
    # feed alive, with all rows it holds. The trainer keeps its feeds as long as they are used.
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        bound = reference()
        assert bound is not None, "the feed is gone, and its dataset still in use"
        return bound(*arguments)

    return call


class FollowEpochs(keras.callbacks.Callback):
    """Set the epoch of a feed when an epoch begins."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch of the next iteration."""
        self.feed.epoch = epoch


@contextmanager
def feed_errors(*feeds: Feed) -> Iterator[None]:
    """Raise an error in a thread of a feed unchanged, in place of TensorFlow's own error about it."""
    try:
        yield
    except tf.errors.OpError:
        for feed in feeds:
            if feed.error:
                raise feed.error from None
        raise
