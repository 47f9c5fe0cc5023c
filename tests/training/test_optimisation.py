"""Losses as their papers have them; optimisers with two rates, decay of weights and of nothing else, schedules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.model.build import BASE
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.training import Settings
from ceres_fast.training.optimisation import (
    LOSSES,
    OPTIMIZERS,
    TwoRateAdam,
    build_loss,
    build_optimizer,
    loss_of_guessing,
)

from ..tiny_networks import tiny_network
from ..tiny_records import stamp

LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.75, 0.25], [0.5, 0.5]], np.float32)
OF_TRUE_CLASS = np.array([0.9, 0.6, 0.25, 0.5])


@pytest.mark.parametrize(
    ("name", "each"),
    [("crossentropy", -np.log(OF_TRUE_CLASS)), ("focal", -((1 - OF_TRUE_CLASS) ** 2) * np.log(OF_TRUE_CLASS))],
)
def test_values_of_the_losses(name: str, each: np.ndarray) -> None:
    loss = build_loss(Settings("xception", loss=name))
    assert float(loss(LABELS, PROBABILITIES)) == pytest.approx(each.mean(), rel=1e-5)
    weights = np.array([3, 1, 1, 3], np.float32)
    assert float(loss(LABELS, PROBABILITIES, sample_weight=weights)) == pytest.approx((each * weights).mean(), rel=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("crossentropy", np.log(2)), ("focal", np.log(2) / 4)])
def test_the_loss_of_guessing(name: str, expected: float) -> None:
    assert loss_of_guessing(Settings("xception", loss=name)) == pytest.approx(expected, rel=1e-6)


def test_every_loss_is_built_anew() -> None:
    for name in LOSSES:
        settings = Settings("xception", loss=name)
        assert build_loss(settings) is not build_loss(settings)


@pytest.mark.parametrize("name", list(LOSSES))
def test_who_is_sure_and_wrong_still_learns(name: str) -> None:
    stamps = keras.Input((1,))
    # So sure that the probability of the true class is 0 in float32.
    first = keras.layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.Constant([[200, -200]]))
    model = keras.Model(stamps, first(stamps))
    model.compile(keras.optimizers.SGD(1.0), build_loss(Settings("xception", loss=name)))
    model.fit(np.ones((4, 1), np.float32), np.tile([[0, 1]], (4, 1)).astype(np.float32), epochs=1, verbose=0)
    assert np.asarray(model.layers[-1].kernel).ravel() == pytest.approx([199, -199])


PLAIN = {
    "adam": keras.optimizers.Adam,
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    "lamb": lambda rate: keras.optimizers.Lamb(rate, weight_decay=0.1),
}
"""What each optimiser is where all variables are weights and none is slow."""


def settings(**changed: Any) -> Any:
    values = {
        "optimizer": "adam",
        "learning_rate": 1e-2,
        "unfrozen_learning_rate": 1e-4,
        "weight_decay": 0.1,
        "schedule": "constant",
        "warmup_epochs": 0,
        "epochs": 10,
        "average": 0.0,
    }
    return SimpleNamespace(**values | changed)


def variables() -> list[keras.Variable]:
    return [keras.Variable(np.full((2, 3), value, np.float32)) for value in (1.0, -2.0, 0.5)]


def moves(optimizer: keras.optimizers.Optimizer, moved: list[keras.Variable], steps: int = 5) -> list[np.ndarray]:
    """Return how far each variable moves in some steps."""
    random = np.random.default_rng(9)
    starts = [variable.numpy() for variable in moved]
    for _ in range(steps):
        gradients = [random.normal(size=variable.shape).astype(np.float32) for variable in moved]
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], moved)
    return [variable.numpy() - start for variable, start in zip(moved, starts, strict=True)]


def test_every_optimizer_is_compared() -> None:
    assert PLAIN.keys() == OPTIMIZERS.keys()


@pytest.mark.parametrize("name", PLAIN)
def test_without_slow_variables_it_is_the_one_of_keras(name: str) -> None:
    found = moves(build_optimizer(settings(optimizer=name), [], 4), variables())
    expected = moves(PLAIN[name](1e-2), variables())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
def test_slow_variables_move_by_the_factor_decay_included(name: str) -> None:
    slow = variables()
    found = moves(build_optimizer(settings(optimizer=name, unfrozen_learning_rate=2.5e-3), slow[1:], 4), slow, steps=1)
    plain = moves(PLAIN[name](1e-2), variables(), steps=1)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-4, atol=1e-6)
    for mine, expected in zip(found[1:], plain[1:], strict=True):
        assert np.abs(expected).max() > 5e-3
        np.testing.assert_allclose(mine, 0.25 * expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_only_weights_decay(name: str) -> None:
    layers = [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.DepthwiseConv1D(2)]
    for layer, shape in zip(layers, [(None, 4), (None, 4), (None, 8, 4)], strict=True):
        layer.build(shape)
    moved = [variable for layer in layers for variable in layer.trainable_variables]
    for variable in moved:
        variable.assign(keras.ops.ones_like(variable))
    optimizer = build_optimizer(settings(optimizer=name), [], 4)
    optimizer.apply([keras.ops.zeros_like(variable) for variable in moved], moved)
    kept = {variable.path.split("/")[-1]: variable.numpy() for variable in moved}
    assert kept.keys() == {"kernel", "bias", "gamma", "beta"}
    for kind, values in kept.items():
        np.testing.assert_allclose(values, 1 - 1e-2 * 0.1 if kind == "kernel" else 1, rtol=1e-6)


def rates(optimizer: keras.optimizers.Optimizer, steps: list[int]) -> list[float]:
    found = []
    for step in steps:
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0, [1e-2, 1e-2, 1e-2, 1e-2, 1e-2]),
        ("constant", 2, [0, 5e-3, 1e-2, 1e-2, 1e-2]),
        ("cosine", 0, [1e-2, 1e-2 * (1 + np.cos(0.1 * np.pi)) / 2, 1e-2 * (1 + np.cos(0.2 * np.pi)) / 2, 5e-3, 0]),
        ("cosine", 2, [0, 5e-3, 1e-2, 1e-2 * (1 + np.cos(np.pi * 3 / 8)) / 2, 0]),
    ],
)
def test_schedule(schedule: str, warmup: int, expected: list[float]) -> None:
    optimizer = build_optimizer(settings(schedule=schedule, warmup_epochs=warmup), [], 4)
    assert rates(optimizer, [0, 4, 8, 20, 40]) == pytest.approx(expected, abs=1e-8)


def test_the_slow_rate_follows_the_schedule() -> None:
    options = settings(schedule="cosine", warmup_epochs=2, unfrozen_learning_rate=2.5e-3)
    slow = variables()
    found = moves(build_optimizer(options, slow[1:], 4), slow, steps=20)
    plain = moves(build_optimizer(options, [], 4), variables(), steps=20)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(found[1:], np.multiply(0.25, plain[1:]), rtol=1e-3, atol=1e-6)


def compiled(precision: str, options: Any, slow: bool = True, **how: Any) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = tiny_network(Architecture("xception"))
    finally:
        keras.config.set_dtype_policy(before)
    base = model.get_layer(BASE).trainable_variables if slow else []
    model.compile(build_optimizer(options, base, 1), "categorical_crossentropy", **how)
    return model


def moves_in_fit(model: keras.Model) -> dict[str, float]:
    """Return how far each weight moves in one step of `fit`; Adam's first step is its rate."""
    random = np.random.default_rng(10)
    stamps = np.stack([stamp(number % 2 == 0, random) for number in range(4)])[..., None]
    starts = {variable.path: variable.numpy() for variable in model.trainable_variables}
    model.fit(stamps, np.eye(2)[[0, 1, 0, 1]], batch_size=4, verbose=0)
    return {
        variable.path: float(np.abs(variable.numpy() - starts[variable.path]).max())
        for variable in model.trainable_variables
    }


@pytest.mark.parametrize(
    ("precision", "how"),
    [("float32", {}), ("mixed_float16", {}), ("mixed_bfloat16", {}), ("float32", {"jit_compile": True})],
    ids=["float32", "mixed_float16", "mixed_bfloat16", "XLA"],
)
def test_in_fit_the_base_is_slow_and_the_head_is_not(precision: str, how: dict[str, Any]) -> None:
    found = moves_in_fit(compiled(precision, settings(), **how))
    expected = {"conv/kernel": 1e-4, "conv/bias": 1e-4, "probabilities/kernel": 1e-2, "probabilities/bias": 1e-2}
    assert found == {path: pytest.approx(rate, rel=0.02) for path, rate in expected.items()}


def test_where_nothing_is_slow_everything_has_one_rate() -> None:
    assert list(moves_in_fit(compiled("float32", settings(), slow=False)).values()) == pytest.approx(
        [1e-2] * 4, rel=0.02
    )


def test_float16_scales_the_loss_around_it() -> None:
    optimizer = compiled("mixed_float16", settings()).optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(optimizer.inner_optimizer, TwoRateAdam)
    assert isinstance(compiled("float32", settings()).optimizer, TwoRateAdam)
