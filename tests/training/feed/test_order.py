"""The order of an epoch: everything once, mixed, the same for the same seed, near on disk in large sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.training.feed.order import CHUNK, WINDOW, epoch_order, epoch_variants

COUNTS = st.integers(0, 3 * WINDOW)
SEEDS = st.integers(0, 2**63)
EPOCHS = st.integers(0, 10_000)


@given(COUNTS, SEEDS, EPOCHS)
def test_every_stamp_once(count: int, seed: int, epoch: int) -> None:
    order = epoch_order(count, seed, epoch)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(count))


@given(COUNTS, SEEDS, EPOCHS)
def test_the_same_arguments_give_the_same(count: int, seed: int, epoch: int) -> None:
    assert np.array_equal(epoch_order(count, seed, epoch), epoch_order(count, seed, epoch))
    assert np.array_equal(epoch_variants(count, seed, epoch), epoch_variants(count, seed, epoch))


@given(st.integers(32, 2 * WINDOW), SEEDS, EPOCHS)
def test_another_epoch_or_seed_gives_another_order(count: int, seed: int, epoch: int) -> None:
    order, variants = epoch_order(count, seed, epoch), epoch_variants(count, seed, epoch)
    for other in ((seed, epoch + 1), (seed + 1, epoch)):
        assert not np.array_equal(order, epoch_order(count, *other))
        assert not np.array_equal(variants, epoch_variants(count, *other))


def test_it_is_the_order_of_every_version() -> None:
    # Runs are resumed with another NumPy than they were begun with.
    assert epoch_order(20, 1, 2).tolist() == [11, 17, 0, 5, 4, 3, 1, 2, 14, 9, 6, 13, 8, 7, 12, 15, 18, 10, 19, 16]
    assert epoch_variants(12, 1, 2).tolist() == [1, 4, 7, 3, 5, 2, 1, 7, 0, 2, 0, 7]


def test_order_and_variants_are_drawn_independently() -> None:
    count = 20_000
    places = np.argsort(epoch_order(count, 0, 0))
    assert abs(np.corrcoef(places, epoch_variants(count, 0, 0))[0, 1]) < 5 / np.sqrt(count)


def test_a_batch_comes_from_everywhere() -> None:
    order = epoch_order(60_000, 3, 0)
    batches = order[: 60_000 // 128 * 128].reshape(-1, 128)
    chunks = [len(np.unique(batch // CHUNK)) for batch in batches[: WINDOW // 128]]
    # 128 random stamps of a window of 1024 chunks come from 1024 (1 - (1 - 1 / 1024) ** 128) = 120 of them
    assert np.mean(chunks) == pytest.approx(120, abs=2)
    assert np.corrcoef(order[:WINDOW], np.arange(WINDOW))[0, 1] == pytest.approx(0, abs=0.05)


def test_up_to_a_window_any_stamp_can_come_anywhere() -> None:
    places = np.array([np.argsort(epoch_order(64, 0, epoch))[5] for epoch in range(4000)])
    counts = np.bincount(places, minlength=64)
    assert ((counts - 62.5) ** 2 / 62.5).sum() < 63 + 5 * np.sqrt(2 * 63)  # chi squared, 63 degrees of freedom


def test_beyond_a_window_neighbours_stay_together() -> None:
    order = epoch_order(10 * WINDOW, 0, 0)
    windows = order.reshape(-1, WINDOW)
    for window in windows:
        assert len(np.unique(window // CHUNK)) == WINDOW // CHUNK
    # … and those of one window come from all over the set
    assert np.ptp(windows, axis=1).min() > 9 * WINDOW


@given(st.integers(1, 8))
def test_variants_are_as_likely(of: int) -> None:
    variants = epoch_variants(40_000, 0, 1, of)
    assert variants.dtype == np.int32
    shares = np.bincount(variants, minlength=of) / len(variants)
    assert shares == pytest.approx(np.full(of, 1 / of), abs=0.01)
