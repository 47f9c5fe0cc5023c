"""Stamps per second of every backbone: feeding, training, inference; the paper's way and this one, in one run.

    python -m benchmarks.throughput --stamps 4096 --repeats 3

For every backbone (experiment 2 by default, random weights: they do not change the speed):

- *disk reader*: the paper's way. A `keras.utils.PyDataset` that opens one FITS stamp after the other, normalises,
  scales up to the network's input on the CPU and repeats the channel; reading alone. One worker, as Keras has it by
  default; the files are in the disk cache, and it does not shuffle: a real disk is slower.
- *records*: this project's pipeline alone, from TFRecord shards to batches.
- *fit, disk reader* and *fit, records*: an epoch of `fit` fed by either, with the same layers trained.
- *step*: the training step alone, on one batch that is already in memory.
- *ONNX Runtime*: inference on all cores.

Each figure is the median of the repeats; the repeats of all are interleaved, so that a slow minute hits all.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from astropy.io import fits

from benchmarks.machine import command_line, write_result
from benchmarks.synthetic import write_stamps
from ceres_fast.artifact.classifier import Classifier
from ceres_fast.artifact.products import describe
from ceres_fast.console import say, table, warn
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.backbones import BACKBONES, IMAGENET
from ceres_fast.model.build import build_model
from ceres_fast.model.onnx_convert import convert
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.records.pipeline import stamp_dataset
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK

import keras  # isort: skip  (after TensorFlow has been imported quietly)

BATCH = 128
EPOCHS_READ = 4
UNEVEN = 1.3
FRACTIONS = {"train": 0.97, "validation": 0.01, "calibration": 0.01, "test": 0.01}
COLUMNS = ("disk reader", "records", "fit, disk reader", "fit, records", "step", "ONNX Runtime")


class DiskReader(keras.utils.PyDataset):
    """The paper's batch reading component: stamps from FITS files, scaled up on the CPU."""

    def __init__(self, paths: list[Path], labels: np.ndarray, size: int, batch_size: int = BATCH) -> None:
        super().__init__()
        self.paths, self.labels, self.size, self.batch_size = paths, labels, size, batch_size

    def __len__(self) -> int:
        return -(-len(self.paths) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        stamps = np.stack([self._read(path) for path in self.paths[rows]])
        images = tf.image.resize(stamps[..., None], (self.size, self.size))
        return np.repeat(images.numpy(), 3, axis=3), self.labels[rows]

    @staticmethod
    def _read(path: Path) -> np.ndarray:
        stamp = fits.getdata(path).astype(np.float32)
        return (stamp - stamp.min()) / max(float(np.ptp(stamp)), 1e-9)


def without_stem(model: keras.Model) -> keras.Model:
    """Return the same network, layers and weights, for images that are normalised and scaled up already."""
    images = keras.Input(model.get_layer("upscale").output.shape[1:])
    output = model.get_layer("base")(images, training=False)
    for name in ("flatten", "hidden", "dropout", "probabilities"):
        output = model.get_layer(name)(output)
    return keras.Model(images, output)


def compiled(model: keras.Model) -> keras.Model:
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
    return model


def frozen(name: str, experiment: int) -> keras.Model:
    """Return the backbone's classifier with random weights, frozen as the experiment says."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = BACKBONES[name]
        weights = Path(folder) / "random.weights.h5"
        shape = (backbone.input_size, backbone.input_size, 3)
        backbone.application(include_top=False, weights=None, input_shape=shape).save_weights(weights)
        return build_model(Architecture(name, experiment, str(weights), **PAPER_NETWORK))


def engine(model: keras.Model, name: str, experiment: int, folder: Path) -> OnnxRuntimeEngine:
    classifier = Classifier(
        backbone=name,
        experiment=experiment,
        weights_from="none",
        normalise="minmax",
        precision="float32",
        head={"dense": 256, "dropout": 0.5},
        rules=Rules().as_dict(),
        records={},
        versions={},
        files={},
    )
    path = folder / f"{name}.onnx"
    onnx.save(describe(convert(model), classifier), path)
    return OnnxRuntimeEngine(path, provider="cpu")


def tasks(
    name: str, experiment: int, manifest: Manifest, paths: list[Path], folder: Path
) -> dict[str, Callable[[], int]]:
    """Return what is timed: functions that work through stamps and return how many."""
    model = compiled(frozen(name, experiment))
    bare = compiled(without_stem(model))
    labels = np.arange(len(paths)) % 2
    reader = DiskReader(paths, labels, BACKBONES[name].input_size)
    records = stamp_dataset(manifest, "train", BATCH)
    count = manifest.count("train")
    stamps, targets = next(iter(stamp_dataset(manifest, "train", BATCH)))
    runtime = engine(model, name, experiment, folder)
    many = np.tile(stamps.numpy()[..., 0], (4, 1, 1))

    def step() -> int:
        steps = 8
        for _ in range(steps):
            model.train_on_batch(stamps, targets)
        return steps * len(stamps)

    return {
        "disk reader": lambda: _drained(reader[number] for number in range(len(reader))),
        "records": lambda: sum(_drained(records) for _ in range(EPOCHS_READ)),
        "fit, disk reader": lambda: bare.fit(reader, shuffle=False, verbose=0) and len(paths),
        "fit, records": lambda: model.fit(records, shuffle=False, verbose=0) and count,
        "step": step,
        "ONNX Runtime": lambda: len(runtime.predict(many, raw=True)),
    }


def _drained(batches: Iterable[tuple[Any, Any]]) -> int:
    return sum(len(labels) for _, labels in batches)


def measure(todo: dict[str, Callable[[], int]], repeats: int) -> dict[str, list[float]]:
    """Return stamps/s of every task, once per repeat, after one round that is not counted."""
    rates: dict[str, list[float]] = defaultdict(list)
    for repeat in range(repeats + 1):
        for task, run in todo.items():
            started = time.perf_counter()
            stamps = run()
            if repeat:
                rates[task].append(round(stamps / (time.perf_counter() - started), 1))
    return rates


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--stamps", type=int, default=4096, help="stamps of the simulated set (default 4096)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--experiment", type=int, default=2, choices=(1, 2, 3))
    parser.add_argument("--backbones", nargs="*", default=list(IMAGENET), choices=IMAGENET)
    given = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_stamps(folder / "stamps", given.stamps, seed=0)
        build_records(
            [folder / "stamps"],
            folder / "records",
            fractions=FRACTIONS,
        )
        manifest = load_manifest(folder / "records")
        for backbone in given.backbones:
            say(backbone)
            results[backbone] = measure(tasks(backbone, given.experiment, manifest, paths, folder), given.repeats)
            if uneven := [task for task, rates in results[backbone].items() if max(rates) > UNEVEN * min(rates)]:
                warn(
                    f"{backbone}: repeats differ by more than {UNEVEN - 1:.0%} in {', '.join(uneven)}: a busy machine?"
                )
            keras.backend.clear_session()
    medians = {
        name: {task: float(np.median(rates)) for task, rates in rates_of.items()} for name, rates_of in results.items()
    }
    write_result(
        given.output,
        {
            "unit": "stamps/s, median of the repeats",
            "batch_size": BATCH,
            "experiment": given.experiment,
            "seed": 0,
            "repeats": given.repeats,
            "stamps": given.stamps,
            "median": medians,
            "all": results,
        },
    )
    rows = [(name, *(f"{rates[task]:,.0f}" for task in COLUMNS)) for name, rates in medians.items()]
    table(f"Stamps per second, experiment {given.experiment}", ("backbone", *COLUMNS), rows)


if __name__ == "__main__":
    main()
