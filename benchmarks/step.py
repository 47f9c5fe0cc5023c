"""What a step costs: of the head, of the layers after the freeze boundary, and the forward pass before it.

    python -m benchmarks.step --repeats 7

In one process, what belongs together in turn, so that a slow minute hits all. Random weights and inputs: they do not
change the speed. A step's bound is the operations (`benchmarks.operations`) and the optimiser's bytes at the best that
this machine has shown in the whole run (`benchmarks.peaks`, before and after each set of tasks); *share* is the median
rate over that of the bound. A share above 1 says that the machine was too busy when its peaks were measured.

- *heads*: Dense 256, Dropout, Dense 2 on cached features, batch 128. Bound: the two products of the first layer (its
  input needs no gradient) and Adam's 7 passes over its weights. *update* is the optimiser alone; *step n* Keras's
  training function with n steps per call.
- *suffixes*: experiment 3, what is trained after the freeze boundary.
- *prefixes*: the frozen base, forward: by a `tf.function` of it, by the same with its weights as constants, and by ONNX
  Runtime, each in batches of three sizes; *difference* from the first, as a part of the largest feature. Not by ONNX
  Runtime for whole bases: converting InceptionV3's took more than 9 GB.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from benchmarks.operations import ADAM_BYTES, operations
from benchmarks.peaks import Peaks, best_of
from benchmarks.peaks import measure as measure_peaks
from benchmarks.throughput import BATCH, frozen, measure
from ceres_fast.console import say, table
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.model.cut import cut
from ceres_fast.training.optimisation import FusedAdam

import keras  # isort: skip  (after TensorFlow has been imported quietly)
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # isort: skip

HEADS = {"xception bottleneck": 20736, "xception whole": 18432, "inceptionv3 whole": 2048}
UNITS = 256
PARTS = ("forward", "weight gradient", "update, Keras", "update, fused")  # of a step: the bound is not theirs

PREFIX_BATCHES = (32, 128, 512)
STEPS = 32  # of a head, timed together

Task = Callable[[], int]
"""Does its work and returns for how many stamps."""


def stepper(model: keras.Model, inputs: Any, count: int) -> Task:
    """Return a task that takes `count` steps of a compiled model on one batch that is in memory."""
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    targets = tf.one_hot(np.arange(BATCH) % 2, 2)
    batches = iter(tf.data.Dataset.from_tensors((inputs, targets)).cache().repeat())

    def run() -> int:
        for _ in range(count // model.steps_per_execution):
            logs = model.train_function(batches)
        float(tf.nest.flatten(logs)[0])
        return count * BATCH

    return run


def head_tasks(features: int) -> dict[str, Task]:
    """Return tasks of a head."""
    inputs, deltas = tf.random.normal((BATCH, features)), tf.random.normal((BATCH, UNITS))
    weights = tf.Variable(tf.zeros((features, UNITS)))

    def head(optimizer: type[keras.optimizers.Adam], **options: Any) -> Task:
        hidden = keras.layers.Dense(UNITS, activation="relu")
        last = keras.layers.Dense(2, activation="softmax")
        model = keras.Sequential([keras.Input((features,)), hidden, keras.layers.Dropout(0.5), last])
        model.compile(optimizer(1e-4), "categorical_crossentropy", metrics=["accuracy"], **options)
        return stepper(model, inputs, STEPS)

    def repeated(function: Callable[[], Any]) -> Task:
        traced = tf.function(function)

        def run() -> int:
            for _ in range(STEPS):
                result = traced()
            result.numpy()
            return STEPS * BATCH

        return run

    return {
        "forward": repeated(lambda: tf.matmul(inputs, weights)),
        "weight gradient": repeated(lambda: tf.matmul(inputs, deltas, transpose_a=True)),
        "update, Keras": repeated(_update(keras.optimizers.Adam, features)),
        "update, fused": repeated(_update(FusedAdam, features)),
        "step 1, Keras": head(keras.optimizers.Adam),
        "step 8, Keras": head(keras.optimizers.Adam, steps_per_execution=8),
        **{f"step {steps}, fused": head(FusedAdam, steps_per_execution=steps) for steps in (1, 8, 32)},
        "step 8, fused, XLA": head(FusedAdam, steps_per_execution=8, jit_compile=True),
    }


def _update(kind: type[keras.optimizers.Adam], features: int) -> Callable[[], tf.Tensor]:
    optimizer = kind(1e-4)
    optimizer.build([keras.Variable(np.zeros((features, UNITS), np.float32))])
    gradient = tf.random.normal((features, UNITS))

    def update() -> tf.Tensor:
        optimizer.apply([gradient])
        return tf.constant(0)

    return update


def suffix_tasks(name: str, xla: bool) -> dict[str, Task]:
    """Return tasks of what experiment 3 trains."""
    tasks = {}
    options = {"step, Keras": (keras.optimizers.Adam, False), "step, fused": (FusedAdam, False)}
    for task, (kind, jit) in (options | ({"step, fused, XLA": (FusedAdam, True)} if xla else {})).items():
        parts = cut(frozen(name, 3))
        assert parts is not None
        inputs = [tf.random.uniform((BATCH, *shape)) for shape in parts.shapes]
        parts.suffix.compile(kind(1e-5), "categorical_crossentropy", metrics=["accuracy"], jit_compile=jit)
        tasks[task] = stepper(parts.suffix, tuple(inputs) if len(inputs) > 1 else inputs[0], 2)
    return tasks


def prefix_tasks(name: str, experiment: int, folder: Path) -> tuple[dict[str, Task], dict[str, float]]:
    """Return forward tasks of a frozen base, and how far each way is from the first."""
    model = frozen(name, experiment)
    base = keras.Model(model.input, model.get_layer("flatten").output)
    signature = [tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name="stamps")]
    function = tf.function(lambda stamps: base(stamps, training=False), input_signature=signature)
    constants = convert_variables_to_constants_v2(function.get_concrete_function())
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "variables": lambda stamps: function(tf.constant(stamps)).numpy(),
        "constants": lambda stamps: constants(tf.constant(stamps))[0].numpy(),
    }
    if experiment != 1:
        ways["ONNX Runtime"] = _onnx_runtime(function, signature, folder / "prefix.onnx")
    stamps = tf.random.normal((max(PREFIX_BATCHES), *model.input.shape[1:]), 1000, 10).numpy()

    def forward(way: str, batch: int) -> int:
        for first in range(0, len(stamps), batch):
            ways[way](stamps[first : first + batch])
        return len(stamps)

    few = stamps[: min(PREFIX_BATCHES)]
    expected = ways["variables"](few)
    far = {way: float(np.abs(run(few) - expected).max() / np.abs(expected).max()) for way, run in ways.items()}
    return {f"{way}, {batch}": partial(forward, way, batch) for way in ways for batch in PREFIX_BATCHES}, far


def _onnx_runtime(function: Any, signature: list[tf.TensorSpec], path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime
    import tf2onnx

    tf2onnx.convert.from_function(function, signature, opset=17, output_path=str(path))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda stamps: session.run(None, {"stamps": stamps})[0]


def measured(tasks: dict[str, Task], repeats: int, gflop: float, update_bytes: float) -> dict[str, Any]:
    """Return stamps/s of tasks, which are let go, and what their bound is made of: per stamp, and per step."""
    peaks = [measure_peaks(dtypes=("float32",))]
    rates = measure(tasks, repeats)
    tasks.clear()
    # The models of one set are of no use to the next.
    keras.backend.clear_session()
    gc.collect()
    peaks.append(measure_peaks(dtypes=("float32",)))
    return {
        "gflop_per_stamp": gflop,
        "update_bytes": update_bytes,
        "peaks": [asdict(each) for each in peaks],
        "median": {task: float(np.median(each)) for task, each in rates.items()},
        "all": rates,
    }


def add_bounds(groups: dict[str, dict[str, Any]]) -> None:
    """Add bound and shares to all results: a peak is the best that the machine has shown in the whole run."""
    results = [found for group in groups.values() for found in group.values()]
    best = best_of([Peaks(**each) for found in results for each in found["peaks"]])
    for found in results:
        products = BATCH * found["gflop_per_stamp"] / best.gflops["float32"]
        bound = BATCH / (products + found["update_bytes"] / best.bandwidth / 1e9)
        found["bound"] = round(bound, 1)
        found["share"] = {task: round(rate / bound, 3) for task, rate in found["median"].items() if task not in PARTS}


def heads(repeats: int) -> dict[str, Any]:
    results = {}
    for name, features in HEADS.items():
        weights = features * UNITS
        results[name] = measured(head_tasks(features), repeats, 2 * 2 * weights / 1e9, ADAM_BYTES * weights)
    return results


def suffixes(names: Sequence[str], xla: Sequence[str], repeats: int) -> dict[str, Any]:
    results = {}
    for name in names:
        counted = operations(frozen(name, 3))
        tasks = suffix_tasks(name, name in xla)
        results[name] = measured(tasks, repeats, 2 * counted.suffix_step / 1e9, counted.optimiser_bytes)
    return results


def prefixes(names: Sequence[str], repeats: int) -> dict[str, Any]:
    results = {}
    for name in names:
        for experiment in (1, 2):
            counted = operations(frozen(name, experiment))
            with tempfile.TemporaryDirectory() as folder:
                tasks, far = prefix_tasks(name, experiment, Path(folder))
                found = measured(tasks, repeats, 2 * counted.prefix / 1e9, 0)
            results[f"{name}, experiment {experiment}"] = {"difference": far, **found}
    return results


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--backbones", nargs="*", default=list(IMAGENET), choices=IMAGENET)
    parser.add_argument("--xla", nargs="*", default=["inceptionv3"], choices=IMAGENET, help="suffixes compiled too")
    given = parser.parse_args()
    groups = {
        "heads": partial(heads, given.repeats),
        "suffixes": partial(suffixes, given.backbones, given.xla, given.repeats),
        "prefixes": partial(prefixes, given.backbones, given.repeats),
    }
    results: dict[str, dict[str, Any]] = {}
    for group, run in groups.items():
        say(group)
        results[group] = run()
        add_bounds(results)
        write_result(given.output, {"unit": "stamps/s", "batch_size": BATCH, "repeats": given.repeats, **results})
    for name, found in (pair for group in results.values() for pair in group.items()):
        rows = [(task, f"{rate:,.0f}", found["share"].get(task, "")) for task, rate in found["median"].items()]
        table(f"{name}: bound {found['bound']:,.0f}", ("", "stamps/s", "share"), rows)


if __name__ == "__main__":
    main()
