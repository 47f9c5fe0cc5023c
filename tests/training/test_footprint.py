"""What a step needs at least follows from the shapes; what fits nowhere is refused before memory is taken."""

from __future__ import annotations

import keras
import pytest

from ceres_fast.training.footprint import least_memory


def network(trainable: bool = True) -> keras.Model:
    """Return a network of 10 numbers, a layer of 20 that may be frozen, and one of 2."""
    numbers = keras.Input((10,))
    hidden = keras.layers.Dense(20, trainable=trainable)(numbers)
    return keras.Model(numbers, keras.layers.Dense(2)(keras.layers.Activation("relu")(hidden)))


def test_weights_and_what_the_gradients_come_from() -> None:
    hidden, last = 10 * 20 + 20, 20 * 2 + 2
    weights = 4 * 4 * (hidden + last)
    assert least_memory(network(), 0) == weights
    # The inputs of both layers, and the largest tensor.
    assert least_memory(network(), 7) == weights + 7 * 4 * (10 + 20 + 20)


def test_frozen_layers_keep_nothing() -> None:
    hidden, last = 10 * 20 + 20, 20 * 2 + 2
    assert least_memory(network(trainable=False), 7) == 4 * (hidden + 4 * last) + 7 * 4 * (20 + 20)


def test_layers_of_a_network_in_a_network_count() -> None:
    numbers = keras.Input((10,))
    outer = keras.Model(numbers, network()(numbers))
    assert least_memory(outer, 7) == least_memory(network(), 7)


def test_half_precision_takes_half_of_it() -> None:
    numbers = keras.Input((10,), dtype="float16")
    half = keras.Model(numbers, keras.layers.Dense(20, dtype="mixed_float16")(numbers))
    assert least_memory(half, 7) - least_memory(half, 0) == 7 * 2 * (10 + 20)


@pytest.mark.parametrize("stamps", [1, 10**12])
def test_sizes_beyond_all_memory_are_numbers_too(stamps: int) -> None:
    assert least_memory(network(), stamps) > stamps
