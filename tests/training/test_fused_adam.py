"""The fused update gives Adam's numbers, wherever `fit` comes to it, and steps back where it does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.training import optimisation
from ceres_fast.training.optimisation import FusedAdam

STEPS = 100


def follow(optimizer: keras.optimizers.Optimizer, gradients: np.ndarray) -> np.ndarray:
    """Return how far a variable moves that follows `gradients`, (steps, *shape)."""
    variable = keras.Variable(np.zeros(gradients.shape[1:], np.float32))
    optimizer.build([variable])

    @tf.function
    def steps(gradients: tf.Tensor) -> None:
        for gradient in gradients:
            optimizer.apply([gradient], [variable])

    steps(tf.constant(gradients, tf.float32))
    return variable.numpy()


# Gradients as small as epsilon show where it is added; 15 values are no whole number of vectors of the processor.
@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e4])
@pytest.mark.parametrize("shape", [(5, 3), (16, 16)])
def test_equals_adam_of_keras(shape: tuple[int, ...], scale: float, epsilon: float) -> None:
    gradients = scale * np.random.default_rng(3).normal(size=(STEPS, *shape))
    ours, theirs = (kind(0.01, epsilon=epsilon) for kind in (FusedAdam, keras.optimizers.Adam))
    mine, plain = follow(ours, gradients), follow(theirs, gradients)
    np.testing.assert_allclose(mine, plain, rtol=0, atol=1e-5 * np.abs(plain).max())
    for state, expected in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(state, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def kernels(optimizer: keras.optimizers.Optimizer, variable: keras.Variable, gradient: Any) -> int:
    """Return how often an update of `variable` runs the fused kernel."""
    optimizer.build([variable])
    graph = tf.function(lambda: optimizer.apply([gradient()], [variable])).get_concrete_function().graph
    return [node.type for node in graph.get_operations()].count("ResourceApplyAdam")


def ones(dtype: str = "float32") -> keras.Variable:
    return keras.Variable(np.ones((4, 2)), dtype=dtype)


def sparse() -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), tf.constant([4, 2]))


def test_the_kernel_is_used_for_dense_gradients_of_either_precision() -> None:
    assert kernels(FusedAdam(), ones(), lambda: tf.ones((4, 2))) == 1
    assert kernels(FusedAdam(), ones(), lambda: tf.ones((4, 2), tf.float16)) == 1


@pytest.mark.parametrize(
    ("options", "dtype", "gradient"),
    [
        ({"amsgrad": True}, "float32", lambda: tf.ones((4, 2))),
        ({}, "float16", lambda: tf.ones((4, 2), tf.float16)),
        ({}, "float64", lambda: tf.ones((4, 2), tf.float64)),
        ({}, "float32", sparse),
    ],
    ids=["amsgrad", "float16", "float64", "sparse"],
)
def test_what_the_kernel_cannot_do_is_left_to_keras(options: dict[str, Any], dtype: str, gradient: Any) -> None:
    assert kernels(FusedAdam(**options), ones(dtype), gradient) == 0


def test_without_tensorflow_it_is_left_to_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimisation.keras.backend, "backend", lambda: "jax")
    assert kernels(FusedAdam(), ones(), lambda: tf.ones((4, 2))) == 0


ON_TWO_DEVICES = """
import json, sys
import numpy as np
from ceres_fast.libraries.tensorflow_quiet import tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from ceres_fast.training.optimisation import TwoRateAdam
from ceres_fast.training.optimisation import FusedAdam

fits = FusedAdam._fits


def checked(*given):
    assert fits(*given)
    return True


def trained(strategy, precision, fused):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        hidden = keras.layers.Dense(8, activation="relu", dtype=precision)
        last = keras.layers.Dense(2, activation="softmax", dtype="float32")
        model = keras.Sequential([keras.Input((6,)), hidden, last])
        FusedAdam._fits = checked if fused else lambda *given: False
        options = {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.5}
        optimizer = TwoRateAdam(hidden.trainable_variables, 0.1, decay=0.01, **options)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "categorical_crossentropy")
    random = np.random.default_rng(2)
    data = random.normal(size=(64, 6)).astype("float32"), np.eye(2, dtype="float32")[random.integers(0, 2, 64)]
    model.fit(*data, batch_size=16, epochs=3, verbose=0, shuffle=False)
    return [weight.numpy().tolist() for weight in model.weights]


one, two = tf.distribute.OneDeviceStrategy("/cpu:0"), tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
assert two.num_replicas_in_sync == 2
precision = sys.argv[1]
runs = [trained(strategy, precision, fused) for fused in (True, False) for strategy in (one, two)]
print(json.dumps(runs))
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_two_devices_move_the_weights_as_one_does(precision: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES, precision],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    fused_one, *others = json.loads(done.stdout.splitlines()[-1])
    tolerance = 1e-5 if precision == "float32" else 5e-3
    for other in others:
        for weight, expected in zip(other, fused_one, strict=True):
            np.testing.assert_allclose(weight, expected, atol=tolerance)
