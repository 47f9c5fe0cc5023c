"""What `ceres-fast export` makes of every network, in every precision: seconds, bytes, speed, and what it changes.

    python -m benchmarks.products --records RECORDS

For each row (backbone/experiment: 1 is the whole network, 2 its bottleneck), each step in a process of its own:

- *Training*: the head, by the pipeline with its prefix cache, for ``--epochs``: a network whose answers are all the
  same, or all 0 and 1, would show nothing. For the same reason the threshold is not 0.5 but the one that keeps
  ``--kept`` of the validation asteroids: it lies where the answers are. ``p_asteroid`` are the 5, 25, 50, 75 and 95 %
  quantiles of them. Where ImageNet's weights are not at hand the backbone has random ones (``weights``): then speed,
  size and rounding are those of the network, but recall is not that of a useful classifier.
- *Conversion*: Keras to a checked ONNX graph in float32, which all products begin with; without loading the weights.
- *Export*: `export` of each precision from run to file, proof included, imports not. It is let through whatever the
  proof says, so that everything is measured; ``refused`` is the message that a user would get instead.
- *Agreement* with Keras, on the test split of the records (validation, where that is empty): the proof of the export,
  as a CPU computes the product, and (``agreement_as_on_gpu``) as a GPU would, computed on the CPU.
- *Speed*: stamps/s of ONNX Runtime on the CPU, all cores. The precisions take turns; ``over_float32`` is the median
  of the ratios of one turn, so a slow minute hits all of a ratio.
- *Engines*: of TensorRT and TensorRT-RTX, where they are installed and build on this machine: seconds, bytes, and
  whether the engine's sidecar is accepted. They are not run here (`benchmarks.latency`).

The result is written after each row; the same command, on the same records, goes on with the rows that are missing in
it.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from sklearn.metrics import roc_auc_score

from benchmarks.machine import FOLDER, command_line
from benchmarks.measured import isolated, run_pipeline
from benchmarks.products_results import Results
from benchmarks.throughput import measure
from benchmarks.weights import weights_of
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.products import PRECISIONS
from ceres_fast.console import say
from ceres_fast.engines import Engine, load
from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.checks import checked
from ceres_fast.engines.tensorrt.flavours import FLAVOURS
from ceres_fast.errors import CeresFastError
from ceres_fast.export import export, onnx_file
from ceres_fast.export.proof import NotProven, Proof, Tolerances, comparison_pixels, draw_stamps, prove, tolerances_for
from ceres_fast.export.proof.against_keras import GPU_GRAPHS, GpuArithmetic
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.model.load import load_model, predict
from ceres_fast.model.onnx_convert import convert
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings

MEASURED_EXPERIMENTS = (1, 2)
ROWS = [f"{backbone}/{experiment}" for backbone in IMAGENET for experiment in MEASURED_EXPERIMENTS]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
AGREEMENT = ("split", "stamps", "largest", "largest_of_probes", "changed", "alone", "recall", "loss_interval")
"""What is kept of a proof."""

UNBOUNDED = Tolerances(difference=1.0, changed=1.0, recall_loss=1.0, alone=1.0)


def main() -> None:
    given = parser().parse_args()
    results = Results(given.output, vars(given) | {"records_sha256": load_manifest(given.records).sha256})
    for name in given.rows:
        if results.lacks(name):
            say(name, "bold")
            results.add(name, row(name, given))
    results.show()


def row(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train and export a network; returns all that is measured of it."""
    backbone, experiment = name.split("/")
    folder = given.folder / "products" / name.replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)  # what a run that was killed has left
    run = folder / "run"
    settings = Settings(
        backbone,
        int(experiment),
        isolated(weights_of, backbone, given.folder),
        epochs=given.epochs,
        patience=given.epochs,
        seed=given.seed,
        cache_dir=str(given.folder / "cache" / name.replace("/", "-")),
        **PAPER,
    )
    training = isolated(trained, given.records, settings, run, given.kept)
    conversion = isolated(conversion_seconds, run)
    made = {precision: isolated(product, run, given.records, precision) for precision in PRECISIONS}
    files = {precision: run / each["file"] for precision, each in made.items() if "file" in each}
    return {
        "weights": "imagenet" if settings.weights == "imagenet" else "random",
        "training": training,
        "conversion_seconds": conversion,
        "products": made,
        "speed": isolated(speed, files, given.records, given.stamps, given.repeats),
        "engines": isolated(engines, files),
    }


def trained(records: Path, settings: Settings, run: Path, kept: float) -> dict[str, Any]:
    """Train, and let the threshold keep a share of the validation asteroids."""
    took = run_pipeline(records, settings, run)
    classifier = read_classifier(run)
    stamps = draw_stamps(records, classifier, ("validation",))
    answers = predict(load_model(classifier), stamps.pixels)[:, classifier.classes.index("asteroid")]
    threshold = float(np.quantile(answers[stamps.asteroids], 1 - kept))
    replace(classifier, threshold=threshold).write(run)
    return {
        "epochs": len(took.epoch_seconds),
        "seconds": round(took.seconds, 1),
        "validation_loss": took.history[-1]["val_loss"],
        "validation_roc_auc": round(float(roc_auc_score(stamps.asteroids, answers)), 4),
        "threshold": threshold,
        "p_asteroid": [round(float(each), 4) for each in np.quantile(answers, QUANTILES)],
    }


def conversion_seconds(run: Path) -> float:
    """Return the seconds from a Keras classifier in memory to its float32 ONNX graph."""
    import tf2onnx  # noqa: F401 (its import is no conversion)

    model = load_model(replace(read_classifier(run), precision="float32"))
    started = time.perf_counter()
    convert(model)
    return round(time.perf_counter() - started, 2)


def product(run: Path, records: Path, precision: str) -> dict[str, Any]:
    """Export in a precision, and compare with Keras."""
    started = time.perf_counter()
    try:
        with _let_through():
            path = export(run, precision=precision, records=records)
    except CeresFastError as error:
        return {"refused": _without_paths(error, run)}
    seconds = time.perf_counter() - started
    found: dict[str, Any] = {"file": path.name, "seconds": round(seconds, 2), "bytes": path.stat().st_size}
    classifier = read_classifier(run)
    tolerances, stamps = tolerances_for(precision, classifier.precision), draw_stamps(records, classifier)
    answers = predict(load_model(classifier), comparison_pixels(classifier, stamps))
    asteroid = answers[:, classifier.classes.index("asteroid")]
    engine = load(path, provider="cpu")
    engines: dict[str, Engine] = {"agreement": engine}
    if precision in GPU_GRAPHS:
        engines["agreement_as_on_gpu"] = GpuArithmetic(path, engine.classifier, onnx.load(path))
    for name, each in engines.items():
        proof: Proof | None
        try:
            proof = prove(each, stamps, tolerances, asteroid)
        except NotProven as error:
            proof = error.proof
            found.setdefault("refused", _without_paths(error, run))
        found[name] = {} if proof is None else {key: proof.as_dict()[key] for key in AGREEMENT}
    return found | {"layers": layers(path)}


@contextmanager
def _let_through() -> Iterator[None]:
    """Let an export be written whatever its proof says."""
    with mock.patch.object(onnx_file, "tolerances_for", return_value=UNBOUNDED):
        yield


def layers(path: Path) -> dict[str, int]:
    """Return how many layers with weights an ONNX file has, and how many of them have weights in int8."""
    graph = onnx.load(path).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    return {
        "weighted": len(weighted),
        "int8": sum(made_by.get(node.input[1]) == "DequantizeLinear" for node in weighted),
    }


def speed(files: dict[str, Path], records: Path, stamps: int, repeats: int) -> dict[str, Any]:
    """Return stamps/s of each product on the CPU, in turns."""
    if "float32" not in files:
        return {"not_run": "there is no float32 product to compare with"}
    opened = {precision: load(path, provider="cpu") for precision, path in files.items()}
    pixels = draw_stamps(records, opened["float32"].classifier).pixels
    pixels = np.resize(pixels, (stamps, *pixels.shape[1:]))
    rates = measure(
        {each: lambda engine=engine: len(engine.predict(pixels, raw=True)) for each, engine in opened.items()}, repeats
    )
    return {
        "stamps_per_second": {each: float(np.median(found)) for each, found in rates.items()},
        "over_float32": {
            each: round(float(np.median(np.divide(found, rates["float32"]))), 3) for each, found in rates.items()
        },
        "all": dict(rates),
    }


def engines(files: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Build an engine of each product with each TensorRT package; returns seconds and bytes, or why it was not run."""
    return {name: {precision: _engine(name, path) for precision, path in files.items()} for name in FLAVOURS}


def _engine(name: str, path: Path) -> dict[str, Any]:
    engine = path.with_suffix(FLAVOURS[name].suffix)
    started = time.perf_counter()
    try:
        sidecar = build(path, engine, name)
    except CeresFastError as error:
        return {"not_run": _without_paths(error, path.parent)}
    seconds = round(time.perf_counter() - started, 2)
    checked(engine)
    built_for = sidecar.compute_capabilities or (sidecar.gpu or {}).get("name", "the package's own choice of GPUs")
    return {
        "version": sidecar.runtime_version,
        "built_for": built_for,
        "seconds": seconds,
        "bytes": sidecar.engine_bytes,
        "sidecar": "accepted",
    }


def _without_paths(error: CeresFastError, folder: Path) -> str:
    """A path of this machine means nothing to a reader."""
    return str(error).replace(f"{folder}/", "").replace(str(folder), folder.name)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("--records", type=Path, required=True, help="folder of records to train, export and compare on")
    made.add_argument("--epochs", type=int, default=20, help="of the head (default 20)")
    made.add_argument("--kept", type=float, default=0.9, help="share of validation asteroids above the threshold")
    made.add_argument("--stamps", type=int, default=1024, help="of a turn of the measurement of speed (default 1,024)")
    made.add_argument("--repeats", type=int, default=7, help="turns of the measurement of speed (default 7)")
    made.add_argument("--rows", nargs="*", default=ROWS, choices=ROWS, metavar="BACKBONE/EXPERIMENT")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    return made


if __name__ == "__main__":
    main()
