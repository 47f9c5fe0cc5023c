"""float32, mixed_float16 and mixed_bfloat16: the time of a step, and what training ends with.

    python -m benchmarks.precision --records RECORDS --stamps 8192 --epochs 8

- *step*: a training step of the whole classifier (``whole``) and of its suffix (``suffix``) on one batch that is in
  memory, in milliseconds; all precisions in one process, in turn, medians of the repeats. ``gflops`` are the operations
  of the step over its time, ``share`` what that is of the measured peak of a matrix product of the same type.
- *metrics*: validation loss, accuracy and asteroid recall after the last epoch of a run of `train`, with the prefix
  cache, on the same records with the same seed. Each is compared with that of float32; ``agrees`` says whether all
  differences are within ``--loss-bound``, ``--accuracy-bound`` and ``--recall-bound``. Runs differ by their rounding
  alone, but that is enough to end at other weights: the bounds are about as wide as what another seed changes, which
  ``--seeds`` float32 runs show (``spread``, largest minus smallest).

A CPU has no fast path for float16 (TensorFlow multiplies it in float32 or slower); with AVX512_BF16 or AMX it has one
for bfloat16. ``--jit`` compiles by XLA.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import FOLDER, command_line, write_result
from benchmarks.measured import isolated, run_pipeline
from benchmarks.operations import Operations, operations
from benchmarks.peaks import measure
from benchmarks.sources import parts_of
from benchmarks.subset import subset
from benchmarks.training_results import DTYPES
from benchmarks.weights import NOTE, weights_of
from ceres_fast.console import table
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.model.build import BASE, build_model
from ceres_fast.settings.architecture import PRECISIONS
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import CLASSES
from ceres_fast.training.optimisation import build_loss, build_optimizer

import keras  # isort: skip  (after TensorFlow has been imported quietly)

_FLOAT16 = {"CPU": "has no fast path on a CPU: no measure of mixed_float16", "GPU": "measured on the GPU"}
METRICS = ("val_loss", "val_accuracy", "val_recall")
STEPS = 8

Steps = dict[str, dict[str, list[float]]]


def steps(settings: Settings, repeats: int) -> tuple[Steps, Operations]:
    """Return ms per step by part and precision, one for each repeat, and the operations of the classifier."""
    rng = np.random.default_rng(settings.seed)
    stamps = rng.normal(1000, 30, (settings.batch_size, 32, 32, 1)).astype(np.float32)
    labels = np.eye(len(CLASSES), dtype=np.float32)[rng.integers(0, len(CLASSES), settings.batch_size)]
    todo: dict[tuple[str, str], Callable[[], Any]] = {}
    for precision in PRECISIONS:
        model = build_model(replace(settings, precision=precision))
        parts = parts_of(model)
        slow = model.get_layer(BASE).trainable_variables
        features = keras.tree.flatten(parts.prefix(stamps))
        for part, network, values in (("whole", model, stamps), ("suffix", parts.suffix, features)):
            network.compile(build_optimizer(settings, slow, STEPS), build_loss(settings), jit_compile=settings.jit)
            todo[part, precision] = partial(_steps, network, values, tf.constant(labels))
    took: Steps = defaultdict(lambda: defaultdict(list))
    for repeat in range(repeats + 1):
        for (part, precision), run in todo.items():
            started = time.perf_counter()
            run()
            if repeat:
                took[part][precision].append(round((time.perf_counter() - started) / STEPS * 1e3, 2))
    return {part: dict(each) for part, each in took.items()}, operations(model)


def _steps(network: keras.Model, values: Any, labels: Any) -> None:
    for _ in range(STEPS):
        network.train_on_batch(values, labels)  # gives the loss as a number: the device is waited for


def metrics(records: Path, settings: Settings, folder: Path) -> dict[str, float]:
    """Train; returns the metrics after the last epoch."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run = isolated(run_pipeline, records, settings, Path(name) / "run")
    return {metric: run.history[-1][metric] for metric in METRICS}


def compared(of: dict[str, dict[str, float]], bounds: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Return how far each precision is from float32, and whether that is within the bounds."""
    result = {}
    for precision, values in of.items():
        differences = {metric: values[metric] - of["float32"][metric] for metric in bounds}
        agrees = all(abs(differences[metric]) <= bound for metric, bound in bounds.items())
        result[precision] = {"differences": differences, "agrees": agrees}
    return result


def spread(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the largest minus the smallest of each metric."""
    return {metric: max(run[metric] for run in runs) - min(run[metric] for run in runs) for metric in METRICS}


def rates(took: Steps, counted: Operations, batch_size: int, gflops: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Return the median step of each part and precision, and the share of the peak that it reaches."""
    adds = {"whole": counted.step, "suffix": counted.suffix_step}
    result: dict[str, dict[str, Any]] = {}
    for part, by_precision in took.items():
        result[part] = {}
        for precision, times in by_precision.items():
            milliseconds = float(np.median(times))
            rate = 2 * adds[part] * batch_size / milliseconds / 1e6
            share = round(rate / gflops[DTYPES[precision]], 4)
            result[part][precision] = {"ms": milliseconds, "gflops": round(rate, 1), "share": share, "all": times}
    return result


def main() -> None:
    given = parser().parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        given.backbone,
        given.experiment,
        isolated(weights_of, given.backbone, given.folder),
        epochs=given.epochs,
        patience=given.epochs,
        jit=given.jit,
        cache_dir=str(given.folder / "cache-precision"),
        **PAPER,
    )
    records = given.folder / f"records-{given.stamps}"
    isolated(subset, given.records, records, {"train": given.stamps})
    peaks = isolated(partial(measure, 0.5, jit=given.jit))
    took, counted = isolated(steps, settings, given.repeats)
    by_seed = [metrics(records, replace(settings, seed=seed), given.folder) for seed in range(given.seeds)]
    others = {
        precision: metrics(records, replace(settings, precision=precision), given.folder)
        for precision in PRECISIONS
        if precision != "float32"
    }
    ends = {"float32": by_seed[0], **others}
    bounds = dict(zip(METRICS, (given.loss_bound, given.accuracy_bound, given.recall_bound), strict=True))
    options = {name: getattr(given, name) for name in ("backbone", "experiment", "stamps", "epochs", "jit", "repeats")}
    of_steps = rates(took, counted, settings.batch_size, peaks.gflops)
    write_result(
        given.output,
        {
            "unit": "ms per step; metrics after the last epoch",
            "seed": settings.seed,
            "note": NOTE,
            "float16": _FLOAT16[peaks.device],
            **options,
            "peaks": asdict(peaks),
            "steps": of_steps,
            "metrics": ends,
            "bounds": bounds,
            "against_float32": compared(ends, bounds),
            "float32_of_seeds": {"runs": by_seed, "spread": spread(by_seed)},
        },
    )
    show(of_steps, ends, compared(ends, bounds))


def show(of_steps: dict[str, Any], ends: dict[str, dict[str, float]], against: dict[str, dict[str, Any]]) -> None:
    def time_and_share(step: dict[str, Any]) -> str:
        return f"{step['ms']:,.1f} ({step['share']:.0%})"

    rows = [
        (
            precision,
            *(time_and_share(of_steps[part][precision]) for part in of_steps),
            *(f"{ends[precision][metric]:.4f}" for metric in METRICS),
            against[precision]["agrees"],
        )
        for precision in PRECISIONS
    ]
    table("Precisions", ("", *(f"{part}, ms (of peak)" for part in of_steps), *METRICS, "agrees"), rows)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("--records", type=Path, required=True, help="folder of records to take stamps from")
    made.add_argument("--stamps", type=int, default=8192, help="training stamps (default 8192)")
    made.add_argument("--epochs", type=int, default=8)
    made.add_argument("--repeats", type=int, default=5, help="of the steps")
    made.add_argument("--seeds", type=int, default=3, help="float32 runs that show what a seed changes (default 3)")
    made.add_argument("--backbone", default="xception", choices=IMAGENET)
    made.add_argument("--experiment", type=int, default=2, choices=(1, 2, 3))
    made.add_argument("--loss-bound", type=float, default=0.05)
    made.add_argument("--accuracy-bound", type=float, default=0.02)
    made.add_argument("--recall-bound", type=float, default=0.04)
    made.add_argument("--jit", action="store_true", help="compiled by XLA")
    made.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    return made


if __name__ == "__main__":
    main()
