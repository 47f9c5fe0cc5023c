"""Reading records: a tf.data pipeline for training, arrays for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..errors import CeresFastError, InputError, OnError
from ..libraries.tensorflow_quiet import tf
from .examples import KINDS, UNKNOWN, empty, parse, unknown
from .manifest import REBUILD, Manifest
from .shards import check_shards, check_size
from .splits import leaks
from .splits.groups import LEAK_COLUMNS

_READ_AT_ONCE = 1024
_PARALLEL, _PREFETCHED = 4, 4
"""Threads per step of the pipeline, and batches ready before they are asked for."""


def stamp_dataset(
    manifest: Manifest,
    split: str,
    batch_size: int,
    *,
    columns: Sequence[str] = (),
) -> tf.data.Dataset:
    """Return the stamps of a split in batches, in the order of the shards.

    Training mixes them: `ceres_fast.training.feed`.

    Parameters
    ----------
    manifest : Manifest
        From `ceres_fast.records.manifest.load_manifest`.
    split : str
        ``train``, ``validation``, ``calibration`` or ``test``.
    batch_size : int
        Stamps per batch; the last batch of an epoch may hold fewer.
    columns : sequence of str
        What else to read: names of ``COLUMNS``. What was not measured for these records is unknown.

    Returns
    -------
    tf.data.Dataset
        Of (stamps, labels) or (stamps, labels, {column: values}): stamps float32 (b, 32, 32, planes) in ADU, axes
        (y, x, plane); labels int32 (b,); columns float64, int64 or string, (b,). Its cardinality is known.

    Raises
    ------
    InputError
        When a shard is missing or has another size. What the size does not show, `check_shards` finds.
    CeresFastError
        When there is no such split or column, or the batch size is not above 0.
    """
    names = tuple(columns)
    if batch_size < 1:
        raise CeresFastError(f"batch size {batch_size}: expected 1 or more.")
    records = _records(manifest, split, ("stamp", "label", *names))
    # Gives the dataset its length, and refuses at its end an epoch that is short: shards may be cut while in use.
    records = records.apply(tf.data.experimental.assert_cardinality(manifest.count(split)))

    def example(batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parsed = _parsed(manifest, batch, ("stamp", "label", *names))
        pair = parsed["stamp"], tf.cast(parsed["label"], tf.int32)
        return (*pair, {name: parsed[name] for name in names}) if names else pair

    batches = records.batch(batch_size).map(example, num_parallel_calls=_PARALLEL, deterministic=True)
    return without_tuning(batches.prefetch(_PREFETCHED))


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return `dataset` without TensorFlow's tuning of buffers and threads.

    The tuning thread sleeps 10 ms, 20 ms, 40 ms … and only looks between two naps whether its iterator is gone. At the
    end of an epoch of 3 s everything may wait for it until 5.1 s.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def read_columns(manifest: Manifest, split: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read columns of a split, in the order of the shards, as `stamp_dataset`.

    Parameters
    ----------
    manifest : Manifest
        From `ceres_fast.records.manifest.load_manifest`.
    split : str
        Name of the split.
    names : sequence of str
        Names of ``COLUMNS``, or ``stamp``.

    Returns
    -------
    dict of str to numpy.ndarray
        float64, int64 or str, (n,); ``stamp`` float32 (n, 32, 32, planes). Unknown values are NaN, -1 or "", also where
        a column was not measured for these records, or not known to the version that wrote them.

    Raises
    ------
    InputError
        When a shard is missing, cut or altered; it names the shard and the row.
    CeresFastError
        When there is no such split or column.
    """
    wanted = tuple(dict.fromkeys(names))
    records = _records(manifest, split, wanted)
    result = {name: empty(name, manifest.count(split), manifest.stamp_shape) for name in wanted}
    done = 0
    with shard_errors(manifest, split):
        # "label" is read for the number of records, which must be known where nothing is wanted too.
        for batch in records.batch(_READ_AT_ONCE).map(lambda batch: _parsed(manifest, batch, ("label", *wanted))):
            size = len(batch["label"])
            for name in wanted:
                result[name][done : done + size] = batch[name].numpy()
            done += size
    return {name: _finished(name, values) for name, values in result.items()}


def read_stamps(manifest: Manifest, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read all stamps of a split, in the order of the shards.

    Returns
    -------
    stamps : numpy.ndarray
        float32, (n, 32, 32, planes), axes (y, x, plane), in ADU.
    labels : numpy.ndarray
        int32, (n,): 1 asteroid, 0 non-asteroid.

    Raises
    ------
    InputError
        When a shard is missing, cut or altered; it names the shard and the row.
    """
    read = read_columns(manifest, split, ("stamp", "label"))
    return read["stamp"], read["label"].astype(np.int32)


def check_records(manifest: Manifest, *, on_error: OnError = "stop") -> Manifest:
    """Check what training relies on: whole shards, and no asteroid, field or piece of sky in two splits.

    Parameters
    ----------
    manifest : Manifest
        From `ceres_fast.records.manifest.load_manifest`.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Returns
    -------
    Manifest
        What to read from: without the shards that were left out (`check_shards`).

    Raises
    ------
    InputError
        Naming the shard that is damaged, or what is in two splits.
    """
    manifest = check_shards(manifest, on_error=on_error)
    splits, columns = read_all(manifest, LEAK_COLUMNS)
    if found := leaks(splits, columns):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        problem = f"{found[0]}{more} in more than one split"
        raise InputError(manifest.folder, problem, expected="whole groups in each split", action=REBUILD)
    return manifest


def read_all(manifest: Manifest, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read columns of all splits, one split after the other.

    Returns
    -------
    splits : numpy.ndarray of str
        Name of the split of each stamp, (n,).
    columns : dict of str to numpy.ndarray
        As `read_columns` gives them.
    """
    parts = [read_columns(manifest, split, names) for split in manifest.splits]
    splits = np.repeat(list(manifest.splits), [len(part[names[0]]) for part in parts])
    return splits, {name: np.concatenate([part[name] for part in parts]) for name in names}


@contextmanager
def shard_errors(manifest: Manifest, *splits: str) -> Iterator[None]:
    """Turn what TensorFlow says of a damaged record, while a dataset is read, into an InputError naming shard and row.

    TensorFlow names an offset and no file, so the shards of the splits are read again to find it.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.FailedPreconditionError) as error:
        check_shards(manifest, splits)
        if not isinstance(error, tf.errors.DataLossError):
            raise
        problem = f"a record of split {' or '.join(splits)} could not be read, and now can"
        raise InputError(
            manifest.folder, problem, action="look for a failing disk or network, and try again"
        ) from error


def _records(manifest: Manifest, split: str, names: Sequence[str]) -> tf.data.Dataset:
    if split not in manifest.splits:
        raise CeresFastError(f"no split {split!r}; expected one of {', '.join(manifest.splits)}.")
    known = ("stamp", *(name for name in KINDS if name in manifest.columns or name in UNKNOWN))
    if strange := [name for name in names if name not in known]:
        raise CeresFastError(
            f"{manifest.folder}: the records have no column {strange[0]!r}; they have {', '.join(known)}."
        )
    paths = manifest.shards(split)
    for path, shard in zip(paths, manifest.splits[split]["shards"], strict=True):
        check_size(path, shard)
    return tf.data.TFRecordDataset([str(path) for path in paths])


def _parsed(manifest: Manifest, batch: tf.Tensor, names: Sequence[str]) -> dict[str, tf.Tensor]:
    """Parse a batch of examples; columns that these records do not have are unknown."""
    lacking = [name for name in names if name in UNKNOWN and name not in manifest.columns]
    parsed = parse(batch, [name for name in names if name not in lacking], manifest.stamp_shape)
    return parsed | unknown(lacking, tf.shape(batch)[0])


def _finished(name: str, values: np.ndarray) -> np.ndarray:
    if KINDS.get(name) is str:
        return np.array([value.decode() for value in values], np.str_)
    return values
