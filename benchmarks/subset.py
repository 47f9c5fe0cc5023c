"""Part of real records, as records and as the FITS files the paper's way reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ceres_fast.files import sha256_of
from ceres_fast.folders import atomic_directory
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.records.examples import parse
from ceres_fast.records.manifest import Manifest, class_counts, load_manifest, shard_name, write_manifest
from ceres_fast.records.pipeline import stamp_dataset
from ceres_fast.stamps import CLASSES

FITTED_SPLITS = ("train", "validation")
_TOGETHER = ("train", "calibration")


def subset(records: Path, folder: Path, stamps: dict[str, int]) -> Manifest:
    """Write records with the first stamps of the shards of some splits; a folder that is there is used as it is.

    Parameters
    ----------
    records : pathlib.Path
        Records, whole.
    folder : pathlib.Path
        Where to write.
    stamps : dict of str to int
        Split: how many stamps (all, where it has no more). Other splits become links to the shards.
    """
    whole = load_manifest(records)
    if not folder.exists():
        with atomic_directory(folder) as temporary:
            _link_lists(whole, temporary)
            splits = {
                split: _part(whole, split, temporary, stamps.get(split, whole.count(split))) for split in whole.splits
            }
            write_manifest(replace(whole, splits=splits), temporary)
    return load_manifest(folder)


def whole_training(records: Path, folder: Path) -> Manifest:
    """Write records whose training split also has the stamps of the calibration split, as the paper's Table 1 counts.

    The shards are links; the calibration split is left without stamps. A folder that is there is used as it is.
    """
    whole = load_manifest(records)
    if not folder.exists():
        with atomic_directory(folder) as temporary:
            _link_lists(whole, temporary)
            splits = {split: _part(whole, split, temporary, whole.count(split)) for split in ("validation", "test")}
            both = [(path, shard) for split in _TOGETHER for path, shard in _shards(whole, split)]
            shards = []
            for number, (path, shard) in enumerate(both):
                name = shard_name(whole.name, "train", number, len(both))
                (temporary / name).symlink_to(path.resolve())
                shards.append(shard | {"file": name})
            groups = sum(whole.splits[split]["groups"] for split in _TOGETHER)
            splits["train"] = {"groups": groups, "shards": shards, "classes": class_counts(shards)}
            empty = temporary / shard_name(whole.name, "calibration", 0, 1)
            shards = [_first(whole.shards("calibration")[0], empty, 0)]
            splits["calibration"] = {"groups": 0, "shards": shards, "classes": class_counts(shards)}
            write_manifest(replace(whole, splits={split: splits[split] for split in whole.splits}), temporary)
    return load_manifest(folder)


def _link_lists(whole: Manifest, folder: Path) -> None:
    for listed in filter(None, (whole.sources_file, whole.lost_file)):
        (folder / listed["file"]).symlink_to((whole.folder / listed["file"]).resolve())


def _shards(manifest: Manifest, split: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    return zip(manifest.shards(split), manifest.splits[split]["shards"], strict=True)


def _part(whole: Manifest, split: str, folder: Path, wanted: int) -> dict[str, Any]:
    entry, paths = whole.splits[split], whole.shards(split)
    if wanted >= whole.count(split):
        for path in paths:
            (folder / path.name).symlink_to(path.resolve())
        return entry
    shares = np.diff(np.linspace(0, wanted, len(paths) + 1).astype(int))
    shards = [_first(path, folder / path.name, int(share)) for path, share in zip(paths, shares, strict=True)]
    return {"groups": entry["groups"], "shards": shards, "classes": class_counts(shards)}


def _first(path: Path, target: Path, count: int) -> dict[str, Any]:
    """Copy the first records of a shard; returns the entry in the manifest."""
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path)).take(count)]
    with tf.io.TFRecordWriter(str(target)) as writer:
        for record in records:
            writer.write(record)
    asteroids = int((parse(tf.constant(records), ("label",))["label"].numpy() == 1).sum()) if records else 0
    return {
        "file": target.name,
        "count": len(records),
        "asteroids": asteroids,
        "bytes": target.stat().st_size,
        "sha256": sha256_of(target),
    }


def stamp_files(manifest: Manifest, folder: Path) -> dict[str, tuple[list[Path], np.ndarray]]:
    """Write the training and validation stamps as FITS files, a folder per class; those that are there stay.

    Returns
    -------
    dict
        Split: paths, and labels (n,), in the order of the shards.
    """
    files = {}
    for split in FITTED_SPLITS:
        labels = np.concatenate([each for _, each in stamp_dataset(manifest, split, 1024)])
        target = folder / split
        paths = [target / CLASSES[label] / f"{number:06}.fits" for number, label in enumerate(labels)]
        if not target.exists():
            with atomic_directory(target) as temporary:
                for name in CLASSES:
                    (temporary / name).mkdir()
                for path, stamp in zip(paths, _stamps(manifest, split), strict=True):
                    fits.PrimaryHDU(stamp).writeto(temporary / path.relative_to(target))
        files[split] = paths, labels
    return files


def _stamps(manifest: Manifest, split: str) -> Iterator[np.ndarray]:
    for stamps, _ in stamp_dataset(manifest, split, 1024):
        yield from stamps.numpy()[..., 0]
