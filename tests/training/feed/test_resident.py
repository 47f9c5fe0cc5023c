"""What fits on a device, and that it arrives there whole."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from ceres_fast.training.feed import resident as module
from ceres_fast.training.feed.resident import SHARE, UNKNOWN, fits_on_device, resident
from ceres_fast.training.feed.rows import size

from .held_rows import HeldRows


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1500])
def test_all_rows_arrive(count: int, dtype: type) -> None:
    rows = HeldRows(count, dtype=dtype, variants=2)
    held = resident(rows)
    assert held.dtype.as_numpy_dtype == dtype
    assert np.array_equal(held.numpy(), rows.values)


def test_rows_may_take_a_quarter_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_several_devices_are_fed_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits_on_device(HeldRows(1))
    monkeypatch.setattr(module, "devices", lambda: ["GPU:0", "GPU:1"])
    assert not fits_on_device(HeldRows(1))
