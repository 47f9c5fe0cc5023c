"""Computing the shards of an entry: stamps through the prefix, a shard being written while the next is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from time import perf_counter

import keras
import numpy as np
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ...console import bytes_text, progress, say
from ...errors import CeresFastError
from ...records.manifest import Manifest
from ...records.pipeline import shard_errors, stamp_dataset
from ...tensorflow_quiet import tf
from ..augment import dihedral
from .entry import Entry, NoRoom
from .layout import Layout


def compute(entry: Entry, manifest: Manifest, prefix: keras.Model, shards: Sequence[int]) -> None:
    """Compute shards of an entry and write them, each whole or not at all.

    Parameters
    ----------
    entry : Entry
        In use, and computed by nobody else.
    manifest : Manifest
        Of the records.
    prefix : keras.Model
        What gives the rows.
    shards : sequence of int
        Which, ascending.

    Raises
    ------
    NoRoom
        When they do not fit; the disk is then as it was.
    InputError
        When a stamp cannot be read. What has been computed stays, as it does when the process is killed.
    CeresFastError
        When a feature is too large for float16.
    """
    layout = entry.layout
    entry.remove_leftovers()
    size = entry.room_for(shards)
    stamps = sum(map(layout.rows_in, shards)) // layout.variants
    say(f"{entry.folder}: features of {stamps:,} {layout.split} stamps, {bytes_text(size)}, are computed once")
    written: list[int] = []
    before = perf_counter()
    try:
        with ThreadPoolExecutor(1) as writer, shard_errors(manifest, layout.split), progress() as bar:
            pending: Future[None] | None = None
            for shard, rows in bar.track(
                _computed(manifest, prefix, layout, shards), len(shards), description="features"
            ):
                if pending is not None:
                    pending.result()
                now = perf_counter()
                written.append(shard)
                pending = writer.submit(entry.write, shard, rows, now - before)
                before = now
            if pending is not None:
                pending.result()
    except NoRoom:
        entry.discard(written)
        raise


def _computed(
    manifest: Manifest, prefix: keras.Model, layout: Layout, shards: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    of_stamps = _rows_of_stamps(prefix, layout)
    dataset = stamp_dataset(manifest, layout.split, layout.batch_stamps)
    batches = iter(dataset.skip(shards[0] * layout.shard_batches))
    for shard in range(shards[0], shards[-1] + 1):
        some = islice(batches, layout.shard_batches)
        if shard not in shards:
            deque(some, maxlen=0)
            continue
        rows = np.empty((layout.rows_in(shard), layout.size), layout.stored)
        done = 0
        for stamps, _ in some:
            values = np.asarray(of_stamps(stamps)[0])
            rows[done : done + len(values)] = values.view(layout.stored)
            done += len(values)
        if layout.dtype != prefix.outputs[0].dtype and not np.isfinite(rows).all():
            raise CeresFastError("Features of these stamps are too large for float16: train without --cache-half.")
        yield shard, rows


def _rows_of_stamps(prefix: keras.Model, layout: Layout) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    @tf.function(input_signature=[tf.TensorSpec(prefix.input_shape, tf.float32)])
    def rows(stamps: tf.Tensor) -> tf.Tensor:
        if layout.variants > 1:
            numbers = tf.tile(tf.range(layout.variants), [tf.shape(stamps)[0]])
            stamps = dihedral(tf.repeat(stamps, layout.variants, axis=0), numbers)
        tensors = keras.tree.flatten(prefix(stamps, training=False))
        flat = [tf.reshape(tensor, (-1, size)) for tensor, size in zip(tensors, layout.sizes, strict=True)]
        return tf.cast(tf.concat(flat, axis=1), layout.dtype)

    # Constants let TensorFlow fold BatchNormalization into the convolutions before it and lay the weights out once:
    # 1.2 to 1.35 times as fast on a CPU. Of the largest feature, that changes 5e-6 (all of Xception, ImageNet weights);
    # through the 152 layers of a ResNet with random weights, 1.5e-4.
    return convert_variables_to_constants_v2(rows.get_concrete_function())
