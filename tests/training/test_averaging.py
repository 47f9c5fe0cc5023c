"""Averaged weights are what is validated and saved; what is trained does not notice."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.training.optimisation import ValidateAveraged, averaged, build_optimizer

from .test_optimisation import settings

RANDOM = np.random.default_rng(4)
DATA = RANDOM.normal(size=(48, 6)).astype(np.float32), np.eye(2, dtype=np.float32)[RANDOM.integers(0, 2, 48)]
MOMENTUM = 0.7


def compiled(precision: str = "float32", average: float = MOMENTUM) -> keras.Model:
    keras.utils.set_random_seed(8)
    optimizer = build_optimizer(settings(learning_rate=0.1, average=average), [], 3)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    hidden = keras.layers.Dense(5, activation="tanh", dtype=precision)
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(2, activation="softmax", dtype="float32")])
    model.compile(optimizer, "categorical_crossentropy")
    return model


class Weights(keras.callbacks.Callback):
    """Weights after each step, and what a saved model has at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[np.ndarray]] = []
        self.kept: list[list[np.ndarray]] = []
        self.trained: list[list[np.ndarray]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps.append(self.model.get_weights())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged(self.model):
            self.kept.append(self.model.get_weights())
        self.trained.append(self.model.get_weights())


def fitted(model: keras.Model, *callbacks: keras.callbacks.Callback, validate: bool = True) -> dict[str, list[float]]:
    history = model.fit(
        *DATA,
        validation_data=DATA if validate else None,
        batch_size=16,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )
    return history.history


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_the_average_is_kept_and_validated(precision: str) -> None:
    model, weights = compiled(precision), Weights()
    history = fitted(model, ValidateAveraged(), weights)
    expected = [weights.steps[0]]
    for step in weights.steps[1:]:
        expected.append([MOMENTUM * mean + (1 - MOMENTUM) * new for mean, new in zip(expected[-1], step, strict=True)])
    for epoch, (kept, trained) in enumerate(zip(weights.kept, weights.trained, strict=True)):
        last = 3 * epoch + 2
        for mine, mean, raw, new in zip(kept, expected[last], trained, weights.steps[last], strict=True):
            np.testing.assert_allclose(mine, mean, rtol=1e-4, atol=1e-6)
            np.testing.assert_array_equal(raw, new)
        model.set_weights(kept)
        assert history["val_loss"][epoch] == pytest.approx(model.evaluate(*DATA, batch_size=16, verbose=0), rel=1e-5)


def test_validating_the_average_does_not_move_the_weights() -> None:
    runs = []
    for validate in (True, False):
        weights = Weights()
        fitted(compiled(), ValidateAveraged(), weights, validate=validate)
        runs.append(weights.steps)
    for validated, alone in zip(*runs, strict=True):
        for first, second in zip(validated, alone, strict=True):
            np.testing.assert_array_equal(first, second)


def test_validation_is_that_of_keras() -> None:
    ours = fitted(compiled(), ValidateAveraged())
    theirs = fitted(compiled(), keras.callbacks.SwapEMAWeights())
    assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-4)
    assert ours["val_loss"] != pytest.approx(fitted(compiled(average=0.0))["val_loss"], rel=1e-3)


@pytest.mark.parametrize("stop", [False, True], ids=["to the last epoch", "stopped early"])
def test_fit_ends_with_the_average(stop: bool) -> None:
    model, weights = compiled(), Weights()
    early = [keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, mode="max")] if stop else []
    fitted(model, ValidateAveraged(), weights, *early)
    assert len(weights.kept) == (2 if stop else 3)
    for mine, kept in zip(model.get_weights(), weights.kept[-1], strict=True):
        np.testing.assert_array_equal(mine, kept)


def test_without_averaging_nothing_changes() -> None:
    model = compiled(average=0.0)
    before = model.get_weights()
    with averaged(model):
        inside = model.get_weights()
    assert all(np.array_equal(*pair) for pair in zip(inside, before, strict=True))
    plain = fitted(model)
    assert fitted(compiled(average=0.0), ValidateAveraged()) == plain


def test_before_the_first_step_there_is_no_average() -> None:
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    before = model.get_weights()
    with averaged(model):
        assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), before, strict=True))


def test_weights_are_put_back_after_an_error() -> None:
    model, weights = compiled(), Weights()
    fitted(model, weights)
    model.set_weights(weights.trained[-1])
    with pytest.raises(SystemExit), averaged(model):
        raise SystemExit
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), weights.trained[-1], strict=True))
