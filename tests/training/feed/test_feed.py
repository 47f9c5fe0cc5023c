"""The batches of a feed are those of the epoch, from the device where the rows fit there, or from the host."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.training.feed import feed as module
from ceres_fast.training.feed.feed import (
    SHARE,
    UNKNOWN,
    Feed,
    FollowEpochs,
    feed_errors,
    fits_on_device,
    hold_on_device,
)
from ceres_fast.training.feed.order import epoch_order, epoch_variants
from ceres_fast.training.feed.rows import size

from .held_rows import HeldRows

Batch = tuple[list[np.ndarray], np.ndarray, np.ndarray | None]


def batches(feed: Feed, dataset: tf.data.Dataset | None = None) -> list[Batch]:
    unpacked = (feed.unpack(batch) for batch in dataset or feed.dataset())
    return [
        ([tensor.numpy() for tensor in tensors], labels.numpy(), None if variants is None else variants.numpy())
        for tensors, labels, variants in unpacked
    ]


def epoch(feed: Feed, number: int = 0) -> np.ndarray:
    feed.epoch = number
    return np.concatenate([tensors[0] for tensors, _, _ in batches(feed)])


@pytest.mark.parametrize("on_device", [False, True])
@settings(max_examples=15)
@given(count=st.integers(1, 70), batch_size=st.integers(1, 80))
def test_an_epoch_is_its_order_cut_into_batches(on_device: bool, count: int, batch_size: int) -> None:
    rows = HeldRows(count)
    feed = Feed(rows, rows.labels(), batch_size, seed=3, shuffle=True, on_device=on_device)
    feed.epoch = 2
    dataset, order = feed.dataset(), epoch_order(count, 3, 2)
    assert int(dataset.cardinality()) == feed.steps == -(-count // batch_size)
    found = batches(feed, dataset)
    assert len(found) == feed.steps
    for number, (tensors, labels, variants) in enumerate(found):
        cut = order[number * batch_size : (number + 1) * batch_size]
        assert np.array_equal(tensors[0], rows.values[cut])
        assert np.array_equal(labels, np.eye(2)[rows.labels()[cut]])
        assert labels.dtype == np.float32
        assert variants is None


@pytest.mark.parametrize("on_device", [False, True])
def test_without_shuffling_stamps_come_by_number(on_device: bool) -> None:
    rows = HeldRows(50)
    feed = Feed(rows, rows.labels(), 16, seed=3, on_device=on_device)
    assert np.array_equal(epoch(feed), rows.values)
    assert np.array_equal(epoch(feed, 1), rows.values)


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_rows_of_several_tensors_are_split(on_device: bool, dtype: Any) -> None:
    shapes = ((2, 3, 4), (5,), (1, 1, 7))
    rows = HeldRows(11, shapes, dtype)
    tensors, _, _ = batches(Feed(rows, rows.labels(), 11, on_device=on_device))[0]
    assert [tensor.shape for tensor in tensors] == [(11, *shape) for shape in shapes]
    assert all(tensor.dtype == np.dtype(dtype) for tensor in tensors)
    assert np.array_equal(np.concatenate([tensor.reshape(11, -1) for tensor in tensors], axis=1), rows.values)


@pytest.mark.parametrize("on_device", [False, True])
def test_variants_belong_to_the_stamp_not_to_its_place(on_device: bool) -> None:
    plain, cached = HeldRows(40), HeldRows(40, variants=8)
    feeds = [
        Feed(rows, rows.labels(), 16, seed=5, shuffle=True, variants=8, on_device=on_device) for rows in (plain, cached)
    ]
    for number in (0, 1):
        order, drawn = epoch_order(40, 5, number), epoch_variants(40, 5, number)
        raw, held = [feed_epoch(feed, number) for feed in feeds]
        assert np.array_equal(raw[0], plain.values[order])
        assert np.array_equal(raw[1], drawn[order])  # still to be done
        assert np.array_equal(held[0], cached.values[order * 8 + drawn[order]])
        assert held[1] is None  # done already


def feed_epoch(feed: Feed, number: int) -> tuple[np.ndarray, np.ndarray | None]:
    feed.epoch = number
    found = batches(feed)
    variants = [variant for _, _, variant in found]
    tensors = np.concatenate([tensors[0] for tensors, _, _ in found])
    return tensors, None if variants[0] is None else np.concatenate(variants)


@pytest.mark.parametrize("on_device", [False, True])
def test_validation_sees_stamps_as_they_are_where_rows_hold_variants(on_device: bool) -> None:
    rows = HeldRows(20, variants=8)
    assert np.array_equal(epoch(Feed(rows, rows.labels(), 8, on_device=on_device)), rows.values[::8])


def test_a_batch_drawn_in_advance_does_not_shift_the_epochs() -> None:
    rows = HeldRows(40)
    feed = Feed(rows, rows.labels(), 8, seed=1, shuffle=True)
    dataset, follow = feed.dataset(), FollowEpochs(feed)
    next(iter(dataset))  # as Keras does before the first epoch
    for number in (0, 1, 7):
        follow.on_epoch_begin(number)
        found = np.concatenate([tensors[0] for tensors, _, _ in batches(feed, dataset)])
        assert np.array_equal(found, rows.values[epoch_order(40, 1, number)])


@pytest.mark.parametrize("on_device", [False, True])
def test_it_can_be_iterated_in_a_graph(on_device: bool) -> None:
    rows = HeldRows(40)
    feed = Feed(rows, rows.labels(), 16, seed=1, shuffle=True, on_device=on_device)

    @tf.function
    def total(dataset: tf.data.Dataset) -> tf.Tensor:
        result = tf.zeros(4)
        for batch in dataset:
            result += tf.reduce_sum(feed.unpack(batch)[0][0], axis=0)
        return result

    assert total(feed.dataset()).numpy() == pytest.approx(rows.values.sum(axis=0), abs=1e-4)


def test_what_is_on_the_device_is_no_part_of_the_graph() -> None:
    rows = HeldRows(5000)
    feed = Feed(rows, rows.labels(), 128, on_device=True)
    step = tf.function(lambda stamps, variants: feed.unpack((stamps, variants))[0][0])
    graph = step.get_concrete_function(tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)).graph
    assert graph.as_graph_def().ByteSize() < rows.values.nbytes / 4


def test_rows_are_read_only_as_far_as_they_are_asked_for() -> None:
    rows = HeldRows(10_000)
    read: list[int] = []
    rows.read = lambda numbers: (read.append(len(numbers)), rows.values[numbers])[1]  # type: ignore[method-assign]
    feed = Feed(rows, rows.labels(), 10)
    iterator = iter(feed.dataset())
    next(iterator)
    del iterator
    assert sum(read) <= 10 * (2 + 2 * module._PREFETCHED + module._PARALLEL)


def test_a_feed_goes_when_it_is_no_longer_used() -> None:
    rows = HeldRows(100)
    feed = Feed(rows, rows.labels(), 10, on_device=True)
    list(feed.dataset())
    gone = weakref.ref(feed)
    del feed
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("size", [0, -1])
def test_batches_hold_something(size: int) -> None:
    with pytest.raises(CeresFastError, match=f"batch size {size}: expected 1 or more"):
        Feed(HeldRows(3), np.zeros(3, int), size)


def failing(error: Exception) -> Feed:
    rows = HeldRows(40)

    def read(numbers: np.ndarray) -> np.ndarray:
        if 30 in numbers:
            raise error
        return rows.values[numbers]

    rows.read = read  # type: ignore[method-assign]
    return Feed(rows, rows.labels(), 8)


def test_an_error_in_a_thread_is_raised_as_it_was() -> None:
    feed, other = failing(InputError(Path("shard"), "is cut", row=7)), failing(ValueError("another"))
    with pytest.raises(InputError, match="shard, row 7: is cut"), feed_errors(other, feed):
        batches(feed)


def test_errors_of_others_stay_what_they_are() -> None:
    feed = failing(InputError(Path("shard"), "is cut"))
    with pytest.raises(tf.errors.InvalidArgumentError), feed_errors(feed):
        tf.reshape(tf.zeros(3), [2])
    with pytest.raises(KeyError), feed_errors(feed):
        {}["x"]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1500])
def test_all_rows_arrive(count: int, dtype: type) -> None:
    rows = HeldRows(count, dtype=dtype, variants=2)
    held = hold_on_device(rows)
    assert held.dtype.as_numpy_dtype == dtype
    assert np.array_equal(held.numpy(), rows.values)


def test_rows_may_fill_a_quarter_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = HeldRows(100), HeldRows(101)
    assert size(small) == 1600
    monkeypatch.setattr(module, "free_memory", lambda: 6400)
    assert SHARE == 0.25
    assert fits_on_device(small)
    assert not fits_on_device(large)
    assert not fits_on_device(small, small)


def test_where_free_memory_is_unknown_the_limit_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = HeldRows(2)
    monkeypatch.setattr(module, "free_memory", lambda: None)
    rows.count = UNKNOWN // 16
    assert fits_on_device(rows)
    rows.count += 1
    assert not fits_on_device(rows)


def test_with_several_devices_rows_stay_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits_on_device(HeldRows(1))
    monkeypatch.setattr(module, "devices", lambda: ["GPU:0", "GPU:1"])
    assert not fits_on_device(HeldRows(1))
