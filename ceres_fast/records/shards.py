"""TFRecord shards: writing them, and finding out what is wrong with one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..console import warn
from ..errors import CeresFastError, InputError, OnError, Problems
from ..files import atomic_file, sha256_of
from ..libraries.tensorflow_quiet import tf
from .examples import serialise
from .manifest import REBUILD, Manifest, Shard, class_counts

_FRAMING = 16
"""Bytes that TFRecord adds to a record: length (8), its CRC (4), the data's CRC (4)."""

_RESTORE = f"copy the shard again from where it is whole, or {REBUILD}"


def write_shard(path: Path, columns: Mapping[str, np.ndarray], rows: np.ndarray) -> Shard:
    """Write rows of a stamp table as one TFRecord file, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The shard; no rows give an empty file.
    columns : mapping of str to numpy.ndarray
        ``stamp`` (n, 32, 32, planes) and every column of ``COLUMNS``, (n,).
    rows : numpy.ndarray of int
        0-based rows, in the order of the file.

    Returns
    -------
    dict
        ``file``, ``count``, ``asteroids``, ``bytes``, ``sha256``: its entry in the manifest.

    Raises
    ------
    CeresFastError
        When the disk refuses, or takes less than it was given.
    """
    with atomic_file(path) as temporary:
        size = 0
        try:
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in serialise(columns, rows):
                    writer.write(record)
                    size += len(record) + _FRAMING
        except tf.errors.OpError as error:
            raise _disk_refuses(path, error.message) from error
        if temporary.stat().st_size != size:
            raise _disk_refuses(path, f"{temporary.stat().st_size} of {size} bytes were written")
    asteroids = int((columns["label"][rows] == 1).sum())
    return {"file": path.name, "count": len(rows), "asteroids": asteroids, "bytes": size, "sha256": sha256_of(path)}


def _disk_refuses(path: Path, reason: str) -> CeresFastError:
    return CeresFastError(
        f"{path.name}: cannot be written ({reason}). Free some space or choose another place; "
        "nothing that was there before has been changed."
    )


def check_shards(manifest: Manifest, splits: Sequence[str] | None = None, *, on_error: OnError = "stop") -> Manifest:
    """Compare every shard with the manifest, to the last bit.

    TensorFlow reads a shard that was cut at the end of a record without a word; this does not.

    Parameters
    ----------
    manifest : Manifest
        From `ceres_fast.records.manifest.load_manifest`.
    splits : sequence of str, optional
        Which splits; all of them by default.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Returns
    -------
    Manifest
        The same, without the shards that were left out; their stamps are not in its counts.

    Raises
    ------
    InputError
        Naming the first shard that is missing, cut or altered, and the row where it shows.
    CeresFastError
        When no stamp of a split is left.
    """
    problems, counts = Problems(on_error), Counter[str]()
    checked = dict(manifest.splits)
    for split in manifest.splits if splits is None else splits:
        whole = []
        for path, shard in zip(manifest.shards(split), manifest.splits[split]["shards"], strict=True):
            with problems.skipping(counts, "shards"):
                check_size(path, shard)
                if sha256_of(path) != shard["sha256"]:
                    raise damage(path, shard)
                whole.append(shard)
        if len(whole) < len(manifest.splits[split]["shards"]):
            # What is left says nothing of the rows of the catalogues.
            groups = manifest.splits[split]["groups"]
            checked[split] = {"groups": groups, "classes": class_counts(whole), "shards": whole}
    if not counts["shards"]:
        return manifest
    left = replace(manifest, splits=checked)
    lost = {split: manifest.count(split) - left.count(split) for split in checked}
    if empty := [split for split, count in lost.items() if count and not left.count(split)]:
        raise CeresFastError(f"{manifest.folder}: no stamp of split {empty[0]} can be read. To go on, {REBUILD}.")
    warn(f"{manifest.folder}: {counts['shards']} damaged shard(s) with {sum(lost.values())} stamps are left out")
    return left


def check_size(path: Path, shard: Mapping[str, Any]) -> None:
    """Raise InputError when a shard is missing or has not the size the manifest says."""
    if not path.is_file():
        raise InputError(path, "does not exist", expected=f"a shard of {shard['count']} stamps", action=_RESTORE)
    if path.stat().st_size != shard["bytes"]:
        raise damage(path, shard)


def damage(path: Path, shard: Mapping[str, Any]) -> InputError:
    """Return an error that says what is wrong with a shard, and from which row on."""
    good, broken = _readable(path)
    expected = f"{shard['count']} stamps in {shard['bytes']} bytes"
    row: int | None = good + 1
    if broken:
        problem = f"the record is cut or altered; {good} before it can be read"
    elif good < shard["count"]:
        problem = f"the shard ends after {good} stamps"
    elif good > shard["count"]:
        row, problem = shard["count"] + 1, f"the shard goes on, to {good} stamps"
    else:
        row, problem = None, "is not the shard that the manifest describes (its SHA-256 differs)"
    return InputError(path, problem, row=row, expected=expected, action=_RESTORE)


def _readable(path: Path) -> tuple[int, bool]:
    """Return how many records can be read from the start, and whether something that cannot follows."""
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(str(path)):
            count += 1
    except tf.errors.OpError:
        return count, True
    return count, False
