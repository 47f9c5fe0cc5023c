"""How long an answer takes, and how many stamps a second: exported products, against XLA on the same device.

    python -m benchmarks.latency classifier.onnx classifier.engine --providers cuda tensorrt --run RUN

Each row is a product with what runs it (an ONNX file with each of ``--providers``; an engine file with its TensorRT),
in a process of its own; and, with ``--run``, the Keras classifier compiled by XLA. From NumPy stamps on the host to
NumPy probabilities on the host:

- *Latency* of one batch, alone: 50, 90 and 99 % of the calls took no longer. With fewer than 100 ``calls`` the last of
  these is hardly more than the slowest call.
- *stamps/s* of several batches in one call, which may overlap.
- *Share*: operations of the forward pass (two per multiply-add, `benchmarks.operations`) at that rate, over the
  measured peak of a matrix product of the same type on the same device, compiled by XLA (`benchmarks.peaks`; float32 is
  TF32 on a GPU that has it). null where that type has no product that was measured: int8, and float16 on a CPU.
- *Load* and *warm-up*: seconds until the first answer is as fast as the others; compiling (XLA, TensorRT-RTX) is in it.

``device`` says what it was: on a machine without a GPU, "not measured on a GPU". Products are named by their paths
below the folder that all of them are in. The result is written after each row, also of those that do not run.
"""

from __future__ import annotations

import argparse
import os.path
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import FOLDER, command_line, write_result
from benchmarks.measured import isolated
from benchmarks.operations import classifier_operations
from benchmarks.peaks import Peaks, measure
from benchmarks.weights import weights_of
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.console import say, table
from ceres_fast.engines import AUTO, load
from ceres_fast.engines.providers import PROVIDERS
from ceres_fast.errors import CeresFastError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.load import load_model

import keras  # isort: skip  (after TensorFlow has been imported quietly)

BATCHES = (1, 64, 1024)
FEWEST, FEWEST_STREAMS = 10, 3
"""Calls, however long they take."""

STREAM = 4
"""Batches of a call in which they may overlap."""

PERCENTILES = (50, 90, 99)
NO_GPU = "not measured on a GPU"
DTYPES = {
    "float32": "float32",
    "float16": "float16",
    "mixed_float16": "float16",
    "mixed_bfloat16": "bfloat16",
}
"""Whose matrix product a precision is compared with."""

PEAKS = {"CPU": ("float32",), "GPU": ("float32", "float16", "bfloat16")}
"""What is measured of a device: a CPU has no fast path for float16."""


def main() -> None:
    given = parser().parse_args()
    peaks = isolated(measured_peaks, given.seconds)
    device = isolated(gpu_name) or NO_GPU
    rows: dict[str, dict[str, Any]] = {}
    result = {
        "unit": "ms and stamps/s, host to host",
        "device": device,
        "seed": 0,
        "options": {"batches": given.batches, "seconds": given.seconds, "stream": STREAM},
        "peaks": asdict(peaks),
        "rows": rows,
    }
    for name, run in tasks(given).items():
        say(name, "bold")
        rows[name] = shares(survived(run), peaks, given.folder)
        write_result(given.output, result)
    show(rows, device)


def tasks(given: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is measured, by the names of the rows."""
    todo: dict[str, Callable[[], dict[str, Any]]] = {}
    folder = os.path.commonpath([path.absolute().parent for path in given.products]) if given.products else ""
    for path in given.products:
        file = path.absolute().relative_to(folder).as_posix()
        # An engine file has its own runtime; what an ONNX file runs on is chosen.
        for provider in given.providers if path.suffix == ".onnx" else [AUTO]:
            name = file if provider == AUTO else f"{file}, {provider}"
            todo[name] = partial(isolated, product, path, provider, given.batches, given.seconds)
    if given.run:
        todo["XLA"] = partial(isolated, xla, given.run, given.batches, given.seconds)
    return todo


def survived(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a task; of one whose process was ended, by too little memory for example, that it was."""
    try:
        return run()
    except BrokenProcessPool:
        return {"not_run": "its process was ended from outside, or crashed"}


def product(path: Path, provider: str, batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """Measure an exported product; tells why where it does not run here, or stops running."""
    try:
        return _product(path, provider, batches, seconds)
    except CeresFastError as error:
        return {"not_run": str(error).replace(f"{path.parent}/", "")}


def _product(path: Path, provider: str, batches: Sequence[int], seconds: float) -> dict[str, Any]:
    started = time.perf_counter()
    engine = load(path, provider=provider)
    loaded = time.perf_counter()
    engine.warm_up()
    warm = time.perf_counter()
    classifier = engine.classifier
    return {
        "runtime": engine.runtime,
        "backbone": classifier.backbone,
        "experiment": classifier.experiment,
        "precision": classifier.precision,
        "load_seconds": round(loaded - started, 3),
        "warm_up_seconds": round(warm - loaded, 3),
        "batches": {
            batch: figures(partial(engine.predict, batch_size=batch, raw=True), classifier.stamp_shape, batch, seconds)
            for batch in batches
        },
    }


def xla(run: Path, batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """Measure the Keras classifier of a run, compiled by XLA, in the precision it was trained in."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    classifier = read_classifier(run)
    started = time.perf_counter()
    model = load_model(classifier)
    compiled = tf.function(lambda stamps: model(stamps, training=False), jit_compile=True)
    loaded = time.perf_counter()
    for batch in batches:
        compiled(tf.zeros((batch, *classifier.stamp_shape))).numpy()
    warm = time.perf_counter()

    def predict(stamps: np.ndarray, batch: int) -> np.ndarray:
        # All are under way before the first is waited for.
        answers = [compiled(tf.constant(stamps[each : each + batch])) for each in range(0, len(stamps), batch)]
        return np.concatenate([each.numpy() for each in answers])

    return {
        "runtime": f"XLA, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        "backbone": classifier.backbone,
        "experiment": classifier.experiment,
        "precision": classifier.precision,
        "load_seconds": round(loaded - started, 3),
        "warm_up_seconds": round(warm - loaded, 3),
        "batches": {
            batch: figures(partial(predict, batch=batch), classifier.stamp_shape, batch, seconds) for batch in batches
        },
    }


def figures(
    predict: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], batch: int, seconds: float
) -> dict[str, Any]:
    """Return latency of a batch and stamps/s of `STREAM` of them; `seconds` are spent on each."""
    stamps = np.random.default_rng(0).normal(1000, 30, (STREAM * batch, *shape)).astype(np.float32)
    times = np.array(_times(lambda: predict(stamps[:batch]), seconds, FEWEST))
    stream = np.median(_times(lambda: predict(stamps), seconds, FEWEST_STREAMS))
    latency = {f"p{each}_ms": round(float(np.percentile(times, each)) * 1e3, 3) for each in PERCENTILES}
    return {"calls": len(times), **latency, "stamps_per_second": round(len(stamps) / float(stream), 1)}


def _times(run: Callable[[], Any], seconds: float, fewest: int) -> list[float]:
    """Return the seconds of each call, after two that are not counted."""
    run(), run()
    times: list[float] = []
    while len(times) < fewest or sum(times) < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return times


def shares(row: dict[str, Any], peaks: Peaks, folder: Path) -> dict[str, Any]:
    """Return a row with the share of the peak that each batch size reaches."""
    if "not_run" in row:
        return row
    forward = isolated(_forward, row["backbone"], int(row["experiment"]), folder)
    peak = peaks.gflops.get(DTYPES.get(row["precision"], ""))
    for found in row["batches"].values():
        gflops = 2 * forward * found["stamps_per_second"] / 1e9
        found["gflops"] = round(gflops, 1)
        found["share"] = round(gflops / peak, 4) if peak else None
    return row | {"multiply_adds": forward}


def _forward(backbone: str, experiment: int, folder: Path) -> int:
    return classifier_operations(backbone, experiment, weights_of(backbone, folder)).forward


def measured_peaks(seconds: float) -> Peaks:
    """Measure the peaks of the device that TensorFlow takes."""
    return measure(seconds, jit=True, dtypes=PEAKS["GPU" if gpu_name() else "CPU"])


def gpu_name() -> str | None:
    """Return the name of the first GPU, None where there is none."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unknown") if gpus else None


def show(rows: dict[str, dict[str, Any]], device: str) -> None:
    lines: list[tuple[str, ...]] = []
    for name, row in rows.items():
        if "not_run" in row:
            lines.append((name, "not run", *[""] * 5))
            continue
        for batch, found in row["batches"].items():
            share = "" if found["share"] is None else f"{found['share']:.0%}"
            latency = (f"{found[f'p{each}_ms']:,.2f}" for each in PERCENTILES)
            lines.append(
                (f"{name} {row['precision']}", str(batch), *latency, f"{found['stamps_per_second']:,.0f}", share)
            )
    columns = ("product", "batch", *(f"p{each} ms" for each in PERCENTILES), "stamps/s", "of peak")
    table(f"Latency ({device})", columns, lines)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("products", nargs="*", type=Path, help="exported files: .onnx, .engine, .rtx")
    made.add_argument("--providers", nargs="*", default=["cpu"], choices=PROVIDERS, help="for ONNX files (default cpu)")
    made.add_argument("--run", type=Path, help="run whose Keras classifier XLA compiles")
    made.add_argument("--batches", nargs="*", type=int, default=list(BATCHES))
    made.add_argument("--seconds", type=float, default=5.0, help="spent on each figure (default 5)")
    made.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    return made


if __name__ == "__main__":
    main()
