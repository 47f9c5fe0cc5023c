"""Raw stamps by number: the same as read in order, and what is damaged is named."""

from __future__ import annotations

import dataclasses
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.files import sha256_of
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.training.feed.rows import RecordRows, size, width


@pytest.fixture(scope="module")
def manifest(tiny_records: Path) -> Manifest:
    return load_manifest(tiny_records)


@pytest.fixture(scope="module")
def stamps(manifest: Manifest) -> np.ndarray:
    return read_stamps(manifest, "train")[0]


@pytest.fixture(scope="module")
def rows(manifest: Manifest) -> RecordRows:
    return RecordRows(manifest, "train")


@pytest.fixture
def copy(tiny_records: Path, tmp_path: Path) -> Manifest:
    """Records of one's own, to be damaged."""
    return load_manifest(Path(shutil.copytree(tiny_records, tmp_path / "records")))


def test_what_it_says_of_itself(rows: RecordRows, manifest: Manifest) -> None:
    assert (rows.count, rows.variants, rows.shapes) == (manifest.count("train"), 1, ((32, 32, 1),))
    assert rows.dtype == np.float32
    assert (width(rows), size(rows)) == (1024, rows.count * 4096)


@given(data=st.data())
def test_rows_are_the_stamps_in_the_order_of_the_shards(
    rows: RecordRows, stamps: np.ndarray, data: st.DataObject
) -> None:
    chosen = np.array(data.draw(st.lists(st.integers(0, rows.count - 1), min_size=1, max_size=40)), np.int64)
    read = rows.read(chosen)
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    assert np.array_equal(read, stamps[chosen].reshape(len(chosen), -1))


def test_no_rows(rows: RecordRows) -> None:
    assert rows.read(np.empty(0, np.int64)).shape == (0, 1024)


def test_several_threads_read_at_once(manifest: Manifest, stamps: np.ndarray) -> None:
    fresh, random = RecordRows(manifest, "train"), np.random.default_rng(0)
    wanted = [random.integers(0, fresh.count, 20) for _ in range(60)]
    with ThreadPoolExecutor(8) as threads:
        for chosen, read in zip(wanted, threads.map(fresh.read, wanted), strict=True):
            assert np.array_equal(read, stamps[chosen].reshape(20, -1))


def test_shards_are_opened_when_they_are_needed_and_closed_at_the_end(manifest: Manifest) -> None:
    def opened() -> int:
        links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
        return sum(link.is_symlink() and link.readlink() in shards for link in links)

    shards = manifest.shards("train")
    before = opened()
    fresh = RecordRows(manifest, "train")
    assert opened() == before
    fresh.read(np.array([0]))
    assert opened() == before + 1
    fresh.read(np.array([0, fresh.count - 1]))
    assert opened() == before + len(shards) == before + 2
    del fresh
    assert opened() == before


def test_an_altered_shard_is_found_when_it_is_indexed(copy: Manifest) -> None:
    path = copy.shards("train")[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path.name}, row \d+: the record is cut or altered"):
        RecordRows(copy, "train")


def test_a_shard_with_another_number_of_records_is_refused(copy: Manifest) -> None:
    copy.splits["train"]["shards"][0]["count"] += 1
    path = copy.shards("train")[0]
    with pytest.raises(InputError, match=rf"{path.name}, row \d+: the shard ends after \d+ stamps"):
        RecordRows(copy, "train")


def test_a_missing_shard_is_named(copy: Manifest) -> None:
    copy.shards("train")[1].unlink()
    with pytest.raises(InputError, match=r"train\.tfrecord-00001-of-00002: does not exist"):
        RecordRows(copy, "train")


def test_a_shard_cut_before_it_is_opened_is_named(copy: Manifest) -> None:
    rows = RecordRows(copy, "train")
    path = copy.shards("train")[0]
    os.truncate(path, path.stat().st_size - 3)
    with pytest.raises(InputError, match=rf"{path.name}, row \d+: the record is cut or altered"):
        rows.read(np.array([0]))


def test_a_shard_cut_while_it_is_open_is_named(copy: Manifest) -> None:
    rows = RecordRows(copy, "train")
    path, shard = copy.shards("train")[0], copy.splits["train"]["shards"][0]
    rows.read(np.array([0]))
    os.truncate(path, path.stat().st_size // 2)
    rows.read(np.array([0]))  # is still there
    with pytest.raises(InputError, match=rf"{path.name}, row \d+: the record is cut or altered"):
        rows.read(np.array([0, shard["count"] - 1]))


def test_a_record_that_holds_no_stamp_is_named(copy: Manifest) -> None:
    path = copy.shards("train")[1]
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    example = tf.train.Example.FromString(records[4])
    example.features.feature["stamp"].bytes_list.value[0] = bytes(4 * 1023)
    records[4] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    shards = [dict(shard) for shard in copy.splits["train"]["shards"]]
    shards[1] |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    changed = dataclasses.replace(copy, splits=copy.splits | {"train": copy.splits["train"] | {"shards": shards}})
    rows = RecordRows(changed, "train")
    first = shards[0]["count"]
    rows.read(np.array([first + 3]))
    with pytest.raises(InputError, match=rf"{path.name}, row 5: the record holds no stamp; expected .*\(32, 32, 1\)"):
        rows.read(np.array([1, first + 3, first + 4]))
