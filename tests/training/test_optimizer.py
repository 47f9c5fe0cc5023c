"""Two learning rates: unfrozen layers of a pre-trained base move slowly, the rest as with plain Adam."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ceres_fast.model.build import BASE, Architecture
from ceres_fast.training.optimizer import TwoRateAdam, build_optimizer
from ceres_fast.training.settings import Settings

from ..tiny_networks import tiny_network
from ..tiny_records import stamp


def variables() -> list[keras.Variable]:
    return [keras.Variable(np.full((2, 3), value, np.float32)) for value in (1.0, -2.0, 0.5)]


def test_slow_variables_move_by_the_factor_of_plain_adam() -> None:
    gradients = np.random.default_rng(9).normal(size=(5, 3, 2, 3)).astype(np.float32)
    ours, theirs = variables(), variables()
    starts = [variable.numpy() for variable in ours]
    optimizers = TwoRateAdam(ours[1:], 0.25, learning_rate=0.1), keras.optimizers.Adam(0.1)
    for step in gradients:
        for optimizer, moved in zip(optimizers, (ours, theirs), strict=True):
            optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in step], moved)
    steps = [
        [variable.numpy() - start for variable, start in zip(moved, starts, strict=True)] for moved in (ours, theirs)
    ]
    np.testing.assert_allclose(steps[0][0], steps[1][0], rtol=1e-5)
    for mine, plain in zip(steps[0][1:], steps[1][1:], strict=True):
        assert np.abs(plain).max() > 0.1
        np.testing.assert_allclose(mine, 0.25 * plain, rtol=1e-4, atol=1e-6)


def moves(precision: str, settings: Settings) -> dict[str, float]:
    """Return how far each weight of a tiny network moves in one step of `fit`; Adam's first step is its rate."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = tiny_network(Architecture("xception"))
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(build_optimizer(model, settings), "categorical_crossentropy")
    random = np.random.default_rng(10)
    stamps = np.stack([stamp(number % 2 == 0, random) for number in range(4)])[..., None]
    starts = {variable.path: variable.numpy() for variable in model.trainable_variables}
    model.fit(stamps, np.eye(2)[[0, 1, 0, 1]], batch_size=4, verbose=0)
    return {
        variable.path: float(np.abs(variable.numpy() - starts[variable.path]).max())
        for variable in model.trainable_variables
    }


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_in_fit_the_base_is_slow_and_the_head_is_not(precision: str) -> None:
    found = moves(precision, Settings("xception", 3, learning_rate=1e-2, unfrozen_learning_rate=1e-4))
    rates = {"conv/kernel": 1e-4, "conv/bias": 1e-4, "probabilities/kernel": 1e-2, "probabilities/bias": 1e-2}
    assert found == {path: pytest.approx(rate, rel=0.02) for path, rate in rates.items()}


def test_from_scratch_everything_has_one_rate() -> None:
    found = moves("float32", Settings("xception", 3, "none", learning_rate=1e-2, unfrozen_learning_rate=1e-4))
    assert list(found.values()) == pytest.approx([1e-2] * 4, rel=0.02)


def test_a_frozen_base_needs_no_second_rate() -> None:
    model = tiny_network(Architecture("xception"))
    assert isinstance(build_optimizer(model, Settings("xception", 3)), TwoRateAdam)
    model.get_layer(BASE).trainable = False
    optimizer = build_optimizer(model, Settings("xception", 2, learning_rate=0.5))
    assert type(optimizer) is keras.optimizers.Adam
    assert float(optimizer.learning_rate) == 0.5
