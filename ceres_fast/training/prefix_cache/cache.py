"""The way into the cache: the rows of a split, computed first where they are not there.

What decides the rows of an entry decides its name. Rows are computed by passing the stamps through the prefix; one
shard is written while the next is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from ... import __version__
from ...console import bytes_text, progress, say
from ...errors import CeresFastError
from ...libraries.tensorflow_quiet import keras, tf
from ...model.cut import Cut
from ...model.views import dihedral
from ...model.weights import weights_sha256
from ...records.manifest import Manifest
from ...records.pipeline import shard_errors, stamp_dataset
from ..devices import devices
from .entry import KEY_DIGITS, Entry, NoRoom, lock_for_computing, lock_for_use, no_room, touch
from .shards import FeatureRows, Layout

FORMAT_VERSION = 2
"""Goes up when rows are computed or laid out in another way: older entries are then not used any more."""


class CacheSettings(Protocol):
    """The settings of a run that the cache needs."""

    @property
    def backbone(self) -> str:
        """Row of `BACKBONES`."""

    @property
    def normalise(self) -> str:
        """Normalisation of the stem."""

    @property
    def precision(self) -> str:
        """Keras dtype policy of the backbone."""

    @property
    def cache_dir(self) -> str:
        """Folder of the cache."""

    @property
    def cache_half(self) -> bool:
        """Whether to store float16, whatever the type of the tensors."""


def cached_rows(manifest: Manifest, split: str, cut: Cut, settings: CacheSettings, *, variants: int = 1) -> FeatureRows:
    """Return the output of the frozen layers for the stamps of a split, after computing what is missing.

    Parameters
    ----------
    manifest : Manifest
        The manifest of the records.
    split : str
        ``train``, ``validation`` …
    cut : Cut
        The cut of the classifier.
    settings : CacheSettings
        The settings of the run: what the classifier is, ``cache_dir`` and ``cache_half``.
    variants : {1, 8}
        Rows of each stamp: the stamp itself, or all its flips and rotations
        (`ceres_fast.model.views.dihedral`).

    Returns
    -------
    FeatureRows
        Rows of the tensors at the cut, one after the other. The entry cannot be cleared while this object lives.

    Raises
    ------
    NoRoom
        When there is not enough space on the disk, or the folder cannot be written; it is then as before.
    InputError
        When a shard of the records is damaged.
    CeresFastError
        When there is no such split, or features are too large for float16.

    Notes
    -----
    A computation that was killed continues where it stopped. Where several processes need the same rows, one computes
    them and the others wait. A shard that differs from what was written is computed again.
    """
    if split not in manifest.splits:
        raise CeresFastError(f"no split {split!r}; expected one of {', '.join(manifest.splits)}.")
    dtype = "float16" if settings.cache_half else cut.dtype
    layout = Layout(split, manifest.count(split), variants, cut.shapes, dtype)
    decides = made_from(manifest, cut, settings, layout)
    folder = Path(settings.cache_dir) / key_of(decides)
    entry = Entry(folder, layout, {"records": manifest.name, "made_from": decides})
    with ExitStack() as undo:
        try:
            used = undo.enter_context(lock_for_use(folder))
            if entry.missing():
                with lock_for_computing(folder):
                    # Looked for again: another process may have computed them while this one waited for the lock.
                    if missing := entry.missing():
                        compute(entry, manifest, cut.prefix, missing)
            touch(folder)
        except OSError as error:
            raise no_room(f"{folder}: cannot be used ({error.strerror}).") from error
        undo.pop_all()
        return FeatureRows(folder, layout, used, entry.seconds)


def made_from(manifest: Manifest, cut: Cut, settings: CacheSettings, layout: Layout) -> dict[str, Any]:
    """Return all that decides the rows, for JSON; nothing in it depends on the process or on the place of a file.

    Head, seed and experiment are no part of it: where the layers before the cut are the same, so are the rows. So runs
    that differ only in these share an entry.
    """
    return {
        "format": FORMAT_VERSION,
        "stamps": [shard["sha256"] for shard in manifest.splits[layout.split]["shards"]],
        "planes": list(manifest.planes),
        "backbone": settings.backbone,
        "normalise": settings.normalise,
        "precision": settings.precision,
        "cut": list(cut.names),
        "weights": weights_sha256(cut.prefix.weights),
        "layout": layout.as_dict(),
        "device": devices()[0].device_type,  # a GPU rounds differently
        "versions": {"ceres_fast": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }


def key_of(decides: dict[str, Any]) -> str:
    """Return the name of the entry with these rows: the first digits of a SHA-256 of what decides them."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def compute(entry: Entry, manifest: Manifest, prefix: keras.Model, shards: Sequence[int]) -> None:
    """Compute shards of an entry and write them, each whole or not at all.

    Parameters
    ----------
    entry : Entry
        An entry of which this process holds both locks.
    manifest : Manifest
        The manifest of the records.
    prefix : keras.Model
        The part of the classifier before the cut, whose output the rows are.
    shards : sequence of int
        Numbers of the shards, ascending.

    Raises
    ------
    NoRoom
        When they do not fit on the disk, which is then as before.
    InputError
        When a stamp cannot be read. Shards that have been computed are kept, as they are when the process is killed.
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
                # One shard is written while the next is computed; not more, so that two are in memory at most.
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
            deque(some, maxlen=0)  # skips the stamps of a shard that is there
            continue
        rows = np.empty((layout.rows_in(shard), layout.size), layout.stored)
        done = 0
        for stamps, _ in some:
            values = np.asarray(of_stamps(stamps)[0])
            # A view and no conversion: NumPy's files have no bfloat16, so its bits are stored as uint16.
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
        return tf.concat([tf.cast(tensor, layout.dtype) for tensor in flat], axis=1)

    # Here, because the import of TensorFlow itself has to be the quiet one.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # With weights as constants, TensorFlow folds BatchNormalization into the convolution before it and arranges the
    # weights only once, which is 1.2 to 1.35 times as fast on a CPU. Relative to the largest feature the result changes
    # by 5e-6 (all of Xception, ImageNet weights), or 1.5e-4 through the 152 layers of a ResNet with random weights.
    return convert_variables_to_constants_v2(rows.get_concrete_function())
