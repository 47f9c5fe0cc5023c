import numpy as np
import pytest

from ceres_fast.records.inspect import pixels
from ceres_fast.records.inspect.pixels import noise_of, read_pixels, read_some
from ceres_fast.records.pipeline import read_all


def test_pixels_are_in_the_order_of_the_columns(built, monkeypatch):
    monkeypatch.setattr(pixels, "_AT_ONCE", 7)
    _, columns = read_all(built, ["stamp"])
    stamps = columns["stamp"].reshape(-1, 32, 32)
    read = read_pixels(built)
    np.testing.assert_array_equal(read.noise, noise_of(stamps))
    assert len(set(read.digests)) == len(stamps)
    assert not read.constant.any()
    assert not read.missing.any()
    rows = np.array([0, 5, 77, 119])
    some = read_some(built, rows)
    assert list(some) == rows.tolist()
    for row, stamp in some.items():
        np.testing.assert_array_equal(stamp, stamps[row])


@pytest.mark.parametrize("planes", [1, 3])
def test_any_number_of_planes(monkeypatch, built, planes):
    stamps = np.random.default_rng(0).normal(0, 1, (4, 32, 32, planes)).astype(np.float32)
    stamps[1] = 7
    stamps[2, 3, 3, -1] = np.nan
    stamps[3, ..., 0] = stamps[0, ..., 0]
    monkeypatch.setattr(pixels, "_batches", lambda manifest: [(0, stamps[:2]), (2, stamps[2:])])
    monkeypatch.setattr(type(built), "count", lambda self, split: int(split == "train") * 4)
    read = read_pixels(built)
    assert read.constant.tolist() == [False, True, False, False]
    assert read.missing.tolist() == [False, False, True, False]
    assert (read.digests[0] == read.digests[3]) is np.bool_(planes == 1)
    np.testing.assert_array_equal(read.noise[0], read.noise[3])
    np.testing.assert_array_equal(read_some(built, np.array([3]))[3], stamps[3, ..., 0])
