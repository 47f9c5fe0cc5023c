import hashlib

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.records import shards
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import check_records, read_stamps
from ceres_fast.records.shards import check_shards, write_shard


def records_in(path):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def shard_of(folder, split="train", number=1):
    return folder / f"stamps-{split}.tfrecord-{number:05d}-of-00003"


def cut_last_record(path):
    kept = records_in(path)[:-1]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in kept:
            writer.write(record)
    return len(kept)


def test_entry_describes_the_file(tmp_path, some_columns):
    path = tmp_path / "a.tfrecord-00000-of-00001"
    entry = write_shard(path, some_columns(10), np.array([0, 1, 2, 3]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    assert entry == {"file": path.name, "count": 4, "asteroids": 2, "bytes": size, "sha256": digest}
    assert len(records_in(path)) == 4


def test_no_stamps_give_an_empty_file(tmp_path, some_columns):
    entry = write_shard(tmp_path / "a", some_columns(3), np.array([], int))
    assert (entry["count"], entry["bytes"]) == (0, 0)
    assert records_in(tmp_path / "a") == []


def test_writing_where_there_is_no_folder_is_one_clear_line(tmp_path, some_columns):
    (tmp_path / "file").touch()
    with pytest.raises(CeresFastError, match="cannot be written"):
        write_shard(tmp_path / "file" / "a", some_columns(1), np.array([0]))


def test_a_shard_that_cannot_be_finished_leaves_the_old_one(tmp_path, some_columns, monkeypatch):
    write_shard(tmp_path / "a", some_columns(1), np.array([0]))
    before = (tmp_path / "a").read_bytes()

    def broken(*args):
        yield b"x"
        raise KeyboardInterrupt

    monkeypatch.setattr(shards, "serialise", broken)
    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "a", some_columns(1), np.array([0]))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == before


def test_a_disk_that_takes_less_than_it_is_given_is_noticed(tmp_path, some_columns, monkeypatch):
    class Lazy(shards.tf.io.TFRecordWriter):
        def write(self, record):
            super().write(record[:-1])

    monkeypatch.setattr(shards.tf.io, "TFRecordWriter", Lazy)
    with pytest.raises(CeresFastError, match=r"\d+ of \d+ bytes were written"):
        write_shard(tmp_path / "a", some_columns(2), np.array([0, 1]))


def test_whole_shards_pass(built):
    assert check_shards(built) is built
    check_shards(built, ["test"])


def test_a_shard_cut_at_a_record_boundary(copied):
    kept = cut_last_record(shard_of(copied))
    with pytest.raises(
        InputError, match=rf"train.tfrecord-00001-of-00003, row {kept + 1}: the shard ends after {kept}"
    ):
        check_shards(load_manifest(copied))


def test_a_shard_cut_in_a_record(copied):
    path = shard_of(copied)
    count = len(records_in(path))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"row {count}: the record is cut or altered.*expected {count} stamps"):
        check_shards(load_manifest(copied))


@pytest.mark.parametrize("place", [0, 3, 13, 2000, 4600])
def test_a_flipped_byte_is_found_in_its_row(copied, place):
    path = shard_of(copied)
    content = bytearray(path.read_bytes())
    second = len(records_in(path)[0]) + 16
    content[second + place] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train.tfrecord-00001-of-00003, row 2: .*Copy the shard again") as caught:
        check_shards(load_manifest(copied))
    assert "\n" not in str(caught.value)


def test_an_altered_record_with_right_checksums_is_found(copied):
    path = shard_of(copied)
    records = records_in(path)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records[::-1]:
            writer.write(record)
    with pytest.raises(InputError, match="SHA-256 differs"):
        check_shards(load_manifest(copied))


def test_a_shard_with_too_many_records(copied):
    path = shard_of(copied)
    count = len(records_in(path))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match=f"row {count + 1}: the shard goes on, to {2 * count} stamps"):
        check_shards(load_manifest(copied))


def test_damaged_shards_can_be_left_out(copied, capsys):
    shard_of(copied, "train", 0).unlink()
    cut_last_record(shard_of(copied, "test", 2))
    manifest = load_manifest(copied)
    left = check_records(manifest, on_error="skip")
    lost = manifest.splits["train"]["shards"][0]["count"] + manifest.splits["test"]["shards"][2]["count"]
    assert f"2 damaged shard(s) with {lost} stamps are left out" in capsys.readouterr().err
    assert sum(manifest.count(split) - left.count(split) for split in left.splits) == lost
    labels = read_stamps(left, "train")[1]
    assert left.class_counts("train") == {"non_asteroid": int((labels == 0).sum()), "asteroid": int(labels.sum())}
    assert left.splits["validation"] == manifest.splits["validation"]


def test_a_split_of_which_nothing_is_left(copied):
    for number in range(3):
        shard_of(copied, "test", number).unlink()
    with pytest.raises(CeresFastError, match="no stamp of split test can be read"):
        check_shards(load_manifest(copied), on_error="skip")


def test_a_missing_shard(copied):
    shard_of(copied, "test").unlink()
    check_shards(load_manifest(copied), ["train"])
    with pytest.raises(InputError, match=r"stamps-test.tfrecord-00001-of-00003: does not exist"):
        check_shards(load_manifest(copied))


def test_an_emptied_shard(copied):
    shard_of(copied).write_bytes(b"")
    with pytest.raises(InputError, match=r"row 1: the shard ends after 0 stamps"):
        check_shards(load_manifest(copied))
