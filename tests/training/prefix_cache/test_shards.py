"""Rows come in the order they are asked for, whatever it is, and from as many threads as like."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.training.prefix_cache import shards
from ceres_fast.training.prefix_cache.entry import lock_for_use
from ceres_fast.training.prefix_cache.shards import FeatureRows, Layout

COUNT, SHAPES = 45, ((2, 3), (4,))
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def values(dtype: str) -> np.ndarray:
    """What the rows hold: none twice, and exact in each type."""
    return (np.arange(COUNT)[:, None] + np.arange(10) / 16).astype(DTYPES[dtype])


@pytest.fixture(scope="module", params=DTYPES)
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeatureRows]:
    """Rows in shards of 16."""
    folder = tmp_path_factory.mktemp("entry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "BATCH", 8)
        patch.setattr(shards, "SHARD_BYTES", 16 * 10 * np.dtype(DTYPES[request.param]).itemsize)
        patch.setattr(shards, "_AT_ONCE", 4)
        plan = Layout("train", COUNT, 1, SHAPES, request.param)
        assert (plan.shard_rows, plan.shards) == (16, 3)
        for number, shard in enumerate(np.split(values(request.param).view(plan.stored), [16, 32])):
            np.save(folder / plan.file(number), shard)
        yield FeatureRows(folder, plan, lock_for_use(folder), seconds=1.5)


def test_what_a_row_is(rows: FeatureRows) -> None:
    assert (rows.count, rows.variants, rows.shapes) == (COUNT, 1, SHAPES)
    assert rows.dtype in [np.dtype(dtype) for dtype in DTYPES.values()]


@given(st.lists(st.integers(0, COUNT - 1), max_size=60))
def test_any_rows_in_any_order(rows: FeatureRows, numbers: list[int]) -> None:
    read = rows.read(np.array(numbers, np.int64))
    assert (read.dtype, read.flags.c_contiguous) == (rows.dtype, True)
    np.testing.assert_array_equal(read, values(rows.dtype.name)[numbers].reshape(len(numbers), 10))


def test_threads_do_not_disturb_each_other(rows: FeatureRows) -> None:
    random = np.random.default_rng(2)
    orders = [random.permutation(COUNT) for _ in range(200)]
    with ThreadPoolExecutor(4) as pool:
        for order, read in zip(orders, pool.map(rows.read, orders), strict=True):
            np.testing.assert_array_equal(read, values(rows.dtype.name)[order])


@pytest.mark.parametrize("numbers", [[-1], [0, COUNT], [2**40]])
def test_rows_that_do_not_exist(rows: FeatureRows, numbers: list[int]) -> None:
    with pytest.raises(IndexError, match=f"of {COUNT}"):
        rows.read(np.array(numbers))


def test_a_shard_cut_while_it_is_used(tmp_path: Path) -> None:
    plan = Layout("train", 4, 1, SHAPES, "float32")
    np.save(tmp_path / plan.file(0), values("float32")[:4])
    rows = FeatureRows(tmp_path, plan, lock_for_use(tmp_path), seconds=1.5)
    path = tmp_path / plan.file(0)
    path.write_bytes(path.read_bytes()[:-10])
    np.testing.assert_array_equal(rows.read(np.arange(3)), values("float32")[:3])
    with pytest.raises(InputError, match=r"a shard was cut while in use; expected .* --resume computes it again"):
        rows.read(np.arange(4))
    path.unlink()
    with pytest.raises(InputError, match=r"a shard cannot be read any more \(No such file or directory\); expected"):
        rows.read(np.arange(1))


def test_no_file_stays_open(rows: FeatureRows) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        rows.read(np.arange(COUNT))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
