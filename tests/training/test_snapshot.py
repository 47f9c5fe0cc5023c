"""Copies of what training changes: their values are whole, and written while training goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.model.build import BASE, Base
from ceres_fast.model.cut import cut
from ceres_fast.model.weights import fill, save_weights
from ceres_fast.training import snapshot
from ceres_fast.training.optimisation import TwoRateAdam
from ceres_fast.training.snapshot import Background, Snapshot, assign_variables, load_values, save_values, values_of

from .small_run import Feed, network

MakeOptimizer = Callable[[keras.Model], keras.optimizers.Optimizer]

COSINE = keras.optimizers.schedules.CosineDecay(0.0, 50, warmup_target=0.01, warmup_steps=5)

OPTIMIZERS: dict[str, MakeOptimizer] = {
    "adam": lambda model: keras.optimizers.Adam(0.01),
    "schedule": lambda model: keras.optimizers.Adam(COSINE),
    "two rates": lambda model: TwoRateAdam(model.get_layer("hidden").trainable_variables, 0.1, learning_rate=0.01),
    "average": lambda model: keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.9),
    "lamb": lambda model: keras.optimizers.Lamb(0.01),
    "loss scale": lambda model: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.01, use_ema=True), initial_scale=4.0, dynamic_growth_steps=5
    ),
}


def made(make: MakeOptimizer) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = network()
    model.compile(make(model), "categorical_crossentropy")
    return model


def fit(model: keras.Model, epochs: range) -> list[float]:
    feed = Feed()
    return model.fit(
        feed.training(),
        epochs=epochs.stop,
        initial_epoch=epochs.start,
        callbacks=[feed],
        shuffle=False,
        verbose=0,
    ).history["loss"]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_training_goes_on_with_the_same_bits(kind: str, tmp_path: Path) -> None:
    before, after = made(OPTIMIZERS[kind]), made(OPTIMIZERS[kind])
    fit(before, range(2))
    values = values_of(before)
    save_values(tmp_path / "values.npz", values)
    losses = fit(before, range(2, 4))
    assert any(not np.array_equal(*pair) for pair in zip(values, values_of(before), strict=True))  # they were copies

    assign_variables(after, load_values(tmp_path / "values.npz"))
    assert all(np.array_equal(*pair) for pair in zip(values, values_of(after), strict=True))
    assert fit(after, range(2, 4)) == losses
    assert all(np.array_equal(*pair) for pair in zip(values_of(before), values_of(after), strict=True))


def test_the_random_state_is_among_them() -> None:
    model = made(OPTIMIZERS["adam"])
    state = model.get_layer("dropout").seed_generator.state.numpy()
    assert any(np.array_equal(value, state) for value in values_of(model))


def with_a_frozen_base() -> tuple[keras.Model, keras.Model]:
    """Return a classifier with random and normalising layers after a frozen one, and its suffix; both compiled."""
    keras.utils.set_random_seed(3)
    images = keras.Input((6,))
    frozen = keras.layers.Dense(5, trainable=False)(images)
    kept = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(frozen))
    base = Base(images, keras.layers.BatchNormalization()(kept), name=BASE)
    stamps = keras.Input((6,))
    whole = keras.Model(stamps, keras.layers.Dense(2)(base(keras.layers.Identity()(stamps))))
    parts = cut(whole)
    assert parts is not None
    for model in (whole, parts.suffix):
        model.compile("adam", "mse")
    return whole, parts.suffix


@pytest.mark.parametrize("first", [0, 1], ids=["whole", "suffix"])
def test_a_run_may_go_on_with_the_cache_or_without(first: int) -> None:
    models = with_a_frozen_base()
    begun, resumed = models[first], models[1 - first]
    data = np.random.default_rng(1).normal(size=(8, begun.input_shape[-1])), np.ones((8, 2))
    begun.fit(*data, epochs=2, verbose=0)
    values = values_of(begun)
    for variable in models[0].trainable_variables:
        variable.assign(0 * variable)
    assign_variables(resumed, values)
    assert all(np.array_equal(*pair) for pair in zip(values_of(resumed), values, strict=True))


def test_the_learning_rate_is_that_of_the_settings() -> None:
    before, after = made(OPTIMIZERS["adam"]), made(lambda model: keras.optimizers.Adam(0.002))
    fit(before, range(1))
    assign_variables(after, values_of(before))
    assert float(after.optimizer.learning_rate) == pytest.approx(0.002)
    assert int(after.optimizer.iterations) == int(before.optimizer.iterations) > 0


@pytest.mark.parametrize("kind", ["lamb", "average", "loss scale"])
def test_those_of_another_optimiser_are_refused(kind: str) -> None:
    before, after = made(OPTIMIZERS["adam"]), made(OPTIMIZERS[kind])
    if kind == "lamb":  # has the variables of Adam; but not for another network
        after.get_layer("hidden").trainable = False
        after.compile("adam", "categorical_crossentropy")
    fit(before, range(1))
    first = values_of(after)
    with pytest.raises(ValueError, match="of this network and optimizer"):
        assign_variables(after, values_of(before))
    assert all(np.array_equal(*pair) for pair in zip(first, values_of(after), strict=False))


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = []

    def full(path: Path, size: int) -> None:
        reserved.append(size)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "reserve", full)
    values = [np.zeros((10, 10)), np.ones(3)]
    with pytest.raises(CeresFastError, match=r"values\.npz: cannot be written \(No space left on device\)"):
        save_values(tmp_path / "values.npz", values)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    save_values(tmp_path / "values.npz", values)
    assert reserved[0] >= (tmp_path / "values.npz").stat().st_size


TWO_DEVICES = """
import numpy as np
from ceres_fast.libraries.tensorflow_quiet import tf
import keras
from ceres_fast.training.snapshot import assign_variables, values_of
from tests.training.small_run import Feed, compiled

device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy, feed = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), Feed()
tf.config.experimental.enable_op_determinism()

def made():
    with strategy.scope():
        return compiled(keras.optimizers.AdamW(0.01, use_ema=True))

def fit(model, first, epochs):
    batches = tf.data.Dataset.from_tensor_slices((feed.stamps, feed.labels)).batch(32)
    return model.fit(batches, initial_epoch=first, epochs=epochs, shuffle=False, verbose=0).history["loss"]

before, after = made(), made()
fit(before, 0, 2)
values = values_of(before)
assign_variables(after, values)
assert all(np.array_equal(*pair) for pair in zip(values, values_of(after), strict=True))
assert all(np.array_equal(*variable.value.values) for variable in after.trainable_variables)
assert fit(before, 2, 4) == fit(after, 2, 4)
"""


@pytest.mark.slow
def test_all_devices_get_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def classifier() -> keras.Model:
    """A base in the classifier, as a backbone is; of it, one layer is frozen.

    The layer before the normalisation has no bias: its gradient would be rounding errors, which are sometimes 0.
    """
    images = keras.Input((4, 4, 1))
    frozen = keras.layers.Conv2D(2, 2, trainable=False)(images)
    base = keras.Model(images, keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 2, use_bias=False)(frozen)))
    stamps = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(base(stamps))
    return keras.Model(stamps, keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.5)(flat)))


def weights(model: keras.Model) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.weights]


def test_training_goes_on_while_a_snapshot_is_kept(tmp_path: Path) -> None:
    model, other = classifier(), classifier()
    before = weights(model)
    snapshot = Snapshot(model)
    model.compile("adam", "categorical_crossentropy")
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 1))
    model.fit(images, np.eye(2)[[0, 1] * 4], verbose=0)
    after = weights(model)
    assert sum(not np.array_equal(*pair) for pair in zip(before, after, strict=True)) == len(before) - 2  # the frozen

    snapshot.write(tmp_path / "before.weights.h5")
    fill(other, tmp_path / "before.weights.h5", expected="")
    assert all(np.array_equal(*pair) for pair in zip(before, weights(other), strict=True))

    save_weights(model, tmp_path / "after.weights.h5")
    fill(other, tmp_path / "after.weights.h5", expected="")
    assert all(np.array_equal(*pair) for pair in zip(after, weights(other), strict=True))


def test_background_work_is_done_beside() -> None:
    beside, go, done = Background(), threading.Event(), []
    assert not beside.busy
    beside.start(lambda: done.append(go.wait(60)))
    assert beside.busy
    assert done == []
    go.set()
    beside.wait()
    assert done == [True]
    assert not beside.busy


def test_background_work_is_done_one_after_the_other() -> None:
    beside, done = Background(), []
    for number in range(50):
        beside.start(lambda number=number: done.append(number))
    beside.wait()
    assert done == list(range(50))


@pytest.mark.parametrize("method", ["start", "wait"])
def test_an_error_of_background_work_is_raised_once_by_what_comes_next(method: str) -> None:
    beside = Background()
    beside.start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        beside.wait() if method == "wait" else beside.start(list)
    beside.wait()
