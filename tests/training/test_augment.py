"""Augmentation moves pixels and leaves their values, and draws anew for each stamp and each time."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.views import dihedral
from ceres_fast.training.augment import NOISE, SHIFT, Augment, noise, shift

STAMPS = np.random.default_rng(0).normal(1000, 10, (40, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("jit", [False, True])
def test_shifts_are_whole_pixels_both_ways_with_edges_repeated(jit: bool) -> None:
    seed = keras.random.SeedGenerator(3)
    moved = tf.function(lambda stamps: shift(stamps, seed), jit_compile=jit)(tf.constant(STAMPS)).numpy()
    found = set()
    padded = np.pad(STAMPS, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    for stamp, wide in zip(moved, padded, strict=True):
        places = [
            (y, x)
            for y in range(-SHIFT, SHIFT + 1)
            for x in range(-SHIFT, SHIFT + 1)
            if np.array_equal(stamp, wide[SHIFT - y : SHIFT - y + 32, SHIFT - x : SHIFT - x + 32])
        ]
        assert len(places) == 1
        found.add(places[0])
    assert {y for y, _ in found} == {x for _, x in found} == set(range(-SHIFT, SHIFT + 1))


def test_noise_is_a_share_of_the_stamps_own() -> None:
    own = np.array([1, 10, 1000], np.float32)  # of the three planes
    flat = np.random.default_rng(1).normal(0, 1, (200, 32, 32, 3)).astype(np.float32) * own + 5000
    flat[:, 12:20, 12:20] += 20_000 * own  # a source that is not background
    added = np.asarray(noise(flat, keras.random.SeedGenerator(1))) - flat
    assert added.std(axis=(0, 1, 2)) / own == pytest.approx(np.full(3, NOISE), rel=0.12)
    assert added.mean(axis=(0, 1, 2)) / own == pytest.approx(np.zeros(3), abs=0.01)
    pixels = added[:, ::5, ::5].reshape(200, -1)
    assert np.abs(np.corrcoef(pixels[:2])[0, 1]) < 0.2  # not the same noise for every stamp


def test_a_constant_stamp_gets_no_noise() -> None:
    constant = np.full((2, 32, 32, 1), 7, np.float32)
    assert np.array_equal(np.asarray(noise(constant, keras.random.SeedGenerator(1))), constant)


@pytest.mark.parametrize("name", ["shift", "noise"])
def test_it_draws_anew_and_a_seed_gives_the_same(name: str) -> None:
    first, again, other = Augment((name,), 1), Augment((name,), 1), Augment((name,), 2)
    drawn = [np.asarray(first(STAMPS, None)) for _ in range(2)]
    assert not np.array_equal(*drawn)
    assert np.array_equal(drawn[0], np.asarray(again(STAMPS, None)))
    assert not np.array_equal(drawn[0], np.asarray(other(STAMPS, None)))


def test_several_are_done_one_after_the_other() -> None:
    variants = np.arange(40, dtype=np.int32) % 8
    both = np.asarray(Augment(("dihedral", "shift"), 1)(STAMPS, variants))
    shifted = np.asarray(shift(np.asarray(dihedral(STAMPS, variants)), keras.random.SeedGenerator(1)))
    assert np.array_equal(both, shifted)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("name", ["dihedral", "shift", "noise"])
def test_the_network_knows_the_shape_though_not_how_many_stamps_there_are(name: str, planes: int) -> None:
    stamps = tf.TensorSpec((None, 32, 32, planes), tf.float32)
    augment = tf.function(Augment((name,), 1).call, input_signature=[stamps, tf.TensorSpec((None,), tf.int32)])
    assert augment.get_concrete_function().output_shapes.as_list()[1:] == [32, 32, planes]


def test_without_variants_the_feed_has_turned_them() -> None:
    assert np.array_equal(np.asarray(Augment(("dihedral",), 1)(STAMPS, None)), STAMPS)


def test_raw_stamps_stay_float32_under_a_policy_of_half_precision() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        bright = np.full((1, 32, 32, 1), 65535.5, np.float32)
        assert np.asarray(Augment(("dihedral",), 1)(bright, np.zeros(1, np.int32))).max() == 65535.5
    finally:
        keras.config.set_dtype_policy("float32")
