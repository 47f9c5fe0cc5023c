import numpy as np
import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import check_records, read_columns, read_stamps, shard_errors, stamp_dataset

from .test_shards import cut_last_record, shard_of


def order_of(manifest):
    """Return the sources of the stamps in the order of a dataset."""
    batches = stamp_dataset(manifest, "train", 7, columns=["source"])
    return [source.decode() for _, _, known in batches for source in known["source"].numpy()]


def test_shapes_and_types(built):
    dataset = stamp_dataset(built, "train", 16)
    assert dataset.element_spec == (
        tf.TensorSpec((None, 32, 32, 1), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    sizes = [len(labels) for _, labels in dataset]
    assert sum(sizes) == built.count("train")
    assert set(sizes[:-1]) == {16}
    assert dataset.cardinality().numpy() == len(sizes)


def test_arrays_are_in_the_order_of_the_dataset(built):
    stamps, labels = read_stamps(built, "train")
    assert (stamps.shape, stamps.dtype, labels.dtype) == ((len(labels), 32, 32, 1), np.float32, np.int32)
    batches = list(stamp_dataset(built, "train", 16))
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for batch, _ in batches]), stamps)
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for _, batch in batches]), labels)
    assert order_of(built) == read_columns(built, "train", ["source"])["source"].tolist()


def test_columns(built):
    read = read_columns(built, "test", ["mjd", "designation", "label", "field", "mjd"])
    assert {name: values.dtype.kind for name, values in read.items()} == {
        "mjd": "f",
        "designation": "U",
        "label": "i",
        "field": "U",
    }
    assert (read["mjd"] > 60000).all()
    assert ((read["designation"] != "") == (read["label"] == 1)).all()
    assert read_columns(built, "test", []) == {}


def test_empty_shards_are_no_trouble(class_folders, tmp_path):
    manifest = build_records([class_folders], tmp_path / "records", shards=40)
    assert 0 in [shard["count"] for shard in manifest.splits["test"]["shards"]]
    assert sum(len(labels) for _, labels in stamp_dataset(manifest, "test", 4)) == manifest.count("test")
    assert len(read_stamps(manifest, "test")[1]) == manifest.count("test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("night", 4), "no split 'night'; expected one of train"),
        (("train", 0), "batch size 0"),
        (("train", 4, "colour"), "no column 'colour'"),
    ],
)
def test_wrong_arguments(built, arguments, message):
    split, batch_size, *columns = arguments
    with pytest.raises(CeresFastError, match=message):
        stamp_dataset(built, split, batch_size, columns=columns)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_flipped_bit_is_named_when_arrays_are_read(copied):
    flip(shard_of(copied))
    with pytest.raises(
        InputError, match=r"stamps-train.tfrecord-00001-of-00003, row \d+: the record is cut or altered"
    ):
        read_stamps(load_manifest(copied), "train")


def test_a_flipped_bit_is_named_when_a_dataset_is_read(copied):
    flip(shard_of(copied))
    manifest = load_manifest(copied)
    with (
        pytest.raises(InputError, match=r"stamps-train.tfrecord-00001-of-00003, row \d+"),
        shard_errors(manifest, "train"),
    ):
        for _ in stamp_dataset(manifest, "train", 8):
            pass


def test_a_shard_cut_at_a_record_boundary_is_refused_before_reading(copied):
    cut_last_record(shard_of(copied))
    with pytest.raises(InputError, match="the shard ends after"):
        stamp_dataset(load_manifest(copied), "train", 8)


def test_a_shard_cut_while_it_is_used_is_named(copied):
    manifest = load_manifest(copied)
    dataset = stamp_dataset(manifest, "train", 8)
    cut_last_record(shard_of(copied))
    with pytest.raises(InputError, match="the shard ends after"), shard_errors(manifest, "train"):
        for _ in dataset:
            pass


def test_errors_that_are_not_the_shards_pass(built):
    with pytest.raises(tf.errors.InvalidArgumentError), shard_errors(built, "train"):
        tf.reshape(tf.zeros(3), [2])


def test_a_missing_shard(copied):
    shard_of(copied).unlink()
    with pytest.raises(InputError, match="does not exist"):
        read_columns(load_manifest(copied), "train", ["mjd"])


def test_sound_records_pass(built):
    check_records(built)


def test_a_leak_is_found(built, copied, some_columns, monkeypatch):
    def same_asteroid(manifest, split, names):
        columns = some_columns(2, designation="2020 A1", field=split, source=split)
        return {name: columns[name] for name in names}

    monkeypatch.setattr("ceres_fast.records.pipeline.read_columns", same_asteroid)
    with pytest.raises(InputError, match="asteroid 2020 A1 in more than one split"):
        check_records(load_manifest(copied))


def test_tensorflow_does_not_tune_so_that_no_epoch_waits_for_its_thread(built):
    assert stamp_dataset(built, "train", 8).options().autotune.enabled is False
