"""Part of some records is records, with the same stamps; as FITS files they are those stamps too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from benchmarks.subset import stamp_files, subset, whole_training
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import check_records, read_stamps
from ceres_fast.stamps import CLASSES


@pytest.fixture(scope="module")
def part(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("subset") / "records"
    subset(tiny_records, folder, {"train": 21})
    return folder


def test_a_part_passes_all_checks_and_holds_the_first_stamps_of_each_shard(tiny_records: Path, part: Path) -> None:
    manifest, whole = check_records(load_manifest(part)), load_manifest(tiny_records)
    assert manifest.count("train") == 21 < whole.count("train")
    stamps, labels = read_stamps(manifest, "train")
    assert manifest.class_counts("train") == dict(zip(CLASSES, np.bincount(labels).tolist(), strict=True))
    of_whole = read_stamps(whole, "train")[0]
    taken, before = [shard["count"] for shard in manifest.splits["train"]["shards"]], 0
    for shard, count in zip(whole.splits["train"]["shards"], taken, strict=True):
        assert 10 <= count <= 11
        chosen, stamps = stamps[:count], stamps[count:]
        np.testing.assert_array_equal(chosen, of_whole[before : before + count])
        before += shard["count"]
    np.testing.assert_array_equal(read_stamps(manifest, "test")[0], read_stamps(whole, "test")[0])


def test_a_part_as_large_as_the_whole_is_the_whole(tiny_records: Path, tmp_path: Path) -> None:
    assert subset(tiny_records, tmp_path / "all", {"train": 10**6}).splits == load_manifest(tiny_records).splits


def test_files_hold_the_stamps_in_the_folder_of_their_class(part: Path, tmp_path: Path) -> None:
    manifest = load_manifest(part)
    files = stamp_files(manifest, tmp_path / "files")
    for split, (paths, labels) in files.items():
        stamps, expected = read_stamps(manifest, split)
        np.testing.assert_array_equal(labels, expected)
        assert [path.parent.name for path in paths] == [CLASSES[label] for label in labels]
        np.testing.assert_array_equal(np.stack([fits.getdata(path) for path in paths]), stamps[..., 0])
    written = {path: path.stat().st_mtime_ns for path in files["train"][0]}
    again = stamp_files(manifest, tmp_path / "files")
    assert again["train"][0] == files["train"][0]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_training_and_calibration_stamps_become_one_training_split(tiny_records: Path, tmp_path: Path) -> None:
    whole = load_manifest(tiny_records)
    joined = check_records(whole_training(tiny_records, tmp_path / "joined"))
    expected = np.concatenate([read_stamps(whole, split)[0] for split in ("train", "calibration")])
    np.testing.assert_array_equal(read_stamps(joined, "train")[0], expected)
    assert {split: joined.count(split) for split in joined.splits} == {
        "train": len(expected),
        "validation": whole.count("validation"),
        "calibration": 0,
        "test": whole.count("test"),
    }
