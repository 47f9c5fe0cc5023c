"""What is kept of the pixels, and which stamps are there twice."""

import numpy as np
import pytest

from ceres_fast.records.inspect import pixels
from ceres_fast.records.inspect.pixels import NEAR, identical_pairs, near_pairs, noise_of, read_pixels, read_some
from ceres_fast.records.pipeline import read_all


def test_pixels_are_in_the_order_of_the_columns(built, monkeypatch):
    monkeypatch.setattr(pixels, "_AT_ONCE", 7)
    _, columns = read_all(built, ["stamp"])
    stamps = columns["stamp"][..., 0]
    read = read_pixels(built)
    np.testing.assert_array_equal(read.noise, noise_of(stamps))
    assert len(set(read.digests)) == len(stamps)
    assert not read.constant.any()
    assert not read.missing.any()
    rows = np.array([0, 5, 77, 119])
    some = read_some(built, rows)
    assert list(some) == rows.tolist()
    for row, stamp in some.items():
        np.testing.assert_array_equal(stamp[..., 0], stamps[row])


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
    np.testing.assert_array_equal(read_some(built, np.array([3]))[3], stamps[3])


@pytest.fixture
def random():
    return np.random.default_rng(8)


def star(flux, width=2.0, y=0.0, x=0.0):
    rows, columns = np.mgrid[-16:16, -16:16]
    return flux * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


def correlation(one, other):
    noise = noise_of(np.array([one, other], np.float32)).astype(float)
    length = np.linalg.norm(noise, axis=1).prod()
    return noise[0] @ noise[1] / length if length else 0


def test_equal_stamps_of_other_kinds_are_found():
    digests = np.array([5, 7, 5, 9, 7, 5, 9], np.uint64)
    kinds = np.array([0, 0, 1, 0, 0, 2, 1])
    usable = np.array([True] * 6 + [False])
    pairs = identical_pairs(digests, kinds, usable)
    assert list(zip(pairs.one, pairs.other, pairs.correlation, strict=True)) == [(0, 2, 1), (0, 5, 1)]


@pytest.mark.parametrize(
    "copy",
    [
        lambda stamp: stamp * 3 + 500,
        np.round,
        lambda stamp: stamp.astype(np.float32) / 1.6,
        lambda stamp: np.where(np.arange(32) < 3, np.median(stamp), stamp),
    ],
    ids=["scaled", "rounded", "in electrons", "with a filled edge"],
)
def test_a_changed_copy_has_the_same_noise(random, copy):
    stamp = random.normal(1000, 10, (32, 32)) + star(800)
    assert correlation(stamp, copy(stamp)) > NEAR


@pytest.mark.parametrize("flux", [0, 100, 3000, 60000, 1e6])
@pytest.mark.parametrize("width", [1.0, 2.0, 6.0])
@pytest.mark.parametrize("saturation", [65535, np.inf])
def test_stars_that_look_alike_have_not(random, flux, width, saturation):
    """Also where the star is bright enough to fill the stamp."""
    sky = random.normal(1000, 10, (2, 32, 32))
    photons = random.normal(0, 1, (2, 32, 32)) * np.sqrt(star(flux, width))
    one, other = np.minimum(sky + photons + star(flux, width), saturation)
    assert correlation(one, other) < 0.5


def test_a_stamp_that_is_all_source_is_not_compared(random):
    assert not noise_of(random.normal(0, 1, (1, 32, 32)) + star(1e6, 20)).any()


def test_noise_is_not_alike_by_chance(random):
    noise = noise_of(random.normal(0, 1, (400, 32, 32)))
    assert not len(near_pairs(noise, np.arange(400) % 2).one)


@pytest.mark.parametrize("size", [1, 5, 1024, 4096])
def test_planted_copies_are_found_and_nothing_else(random, monkeypatch, size):
    monkeypatch.setattr("ceres_fast.records.inspect.pixels._AT_ONCE", size)
    stamps = random.normal(1000, 10, (60, 32, 32)) + star(500)
    stamps[40] = stamps[3] * 2
    stamps[50] = stamps[4] + random.normal(0, 1, (32, 32))
    stamps[5] = stamps[6]
    kinds = np.repeat([0, 1, 2], 20)
    pairs = near_pairs(noise_of(stamps), kinds)
    assert sorted(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)) == [(3, 40), (4, 50)]
    assert pairs.correlation.min() > NEAR


def test_constant_stamps_are_alike_to_nothing():
    stamps = np.array([np.full((32, 32), value, np.float32) for value in (0, 0, 1e30, 777.7)])
    assert not noise_of(stamps).any()
    assert not len(near_pairs(noise_of(stamps), np.arange(4)).one)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38, -3e38])
def test_strange_pixels_draw_no_warning(random, value):
    stamps = random.normal(0, 1, (2, 32, 32)).astype(np.float32)
    stamps[0, :5] = value
    assert np.abs(noise_of(stamps)[1]).max() > 0


def test_one_kind_or_no_stamps_have_no_pairs(random):
    noise = noise_of(np.repeat(random.normal(0, 1, (1, 32, 32)), 3, axis=0))
    assert not len(near_pairs(noise, np.zeros(3, int)).one)
    assert not len(near_pairs(noise[:0], np.zeros(0, int)).one)
    assert not len(identical_pairs(np.zeros(0, np.uint64), np.zeros(0, int), np.zeros(0, bool)).one)
