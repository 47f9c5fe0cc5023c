"""What averages cost: time per stamp and size of a file, over the views of a stamp and over networks.

    python -m benchmarks.averages --networks xception/2

Each row is an ONNX file in float32 on ONNX Runtime, on all cores of the CPU, from NumPy stamps to NumPy probabilities;
the networks have random weights, which change neither time nor size:

- *one*: the network itself.
- *8 views*: the eight views of a stamp are stamps of one batch (`ceres_fast.model.views`).
- *8 views, called eight times*: the same answers, by eight calls of the network in the graph: how it is not done.
- *3 networks*, *3 networks, 8 views*: members of the same kind.

Milliseconds per stamp are the median over turns in which all rows of a network take part, so that a slow minute hits
all; ``over_one`` is the median of the ratios within a turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.machine import command_line, write_result
from ceres_fast.artifact.onnx_file import INPUT
from ceres_fast.console import say, table
from ceres_fast.engines.providers import cpu_session
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.build import build_model
from ceres_fast.model.onnx_convert import convert
from ceres_fast.model.views import VIEWS, averaged, dihedral
from ceres_fast.settings.architecture import Architecture
from ceres_fast.stamps import PLANES, stamp_shape

import keras  # isort: skip  (after TensorFlow has been imported quietly)

MEMBERS = 3
ONE = "one"


def called_eight_times(models: Sequence[keras.Model]) -> keras.Model:
    """Return the average over the views of a network that is called with each view by itself."""
    (model,) = models
    rows, columns, planes = model.input.shape[1:]
    numbers = np.arange(rows * columns, dtype=np.int32).reshape(1, rows, columns, 1)
    places = np.asarray(dihedral(np.repeat(numbers, VIEWS, axis=0), np.arange(VIEWS, dtype=np.int32)))
    stamps = keras.Input((rows, columns, planes), dtype="float32")
    pixels = keras.layers.Reshape((rows * columns, planes), dtype="float32")(stamps)
    answers = []
    for place in places.reshape(VIEWS, -1):
        view = keras.layers.Lambda(partial(_at, place, model.input.shape[1:]), dtype="float32")(pixels)
        answers.append(model(view))
    return keras.Model(stamps, keras.layers.Average(dtype="float32")(answers))


def _at(places: np.ndarray, shape: tuple[int, ...], pixels: Any) -> Any:
    return tf.reshape(tf.gather(pixels, places, axis=1), (-1, *shape))


WAYS: dict[str, tuple[int, Callable[[Sequence[keras.Model]], keras.Model]]] = {
    ONE: (1, averaged),
    f"{VIEWS} views": (1, lambda models: averaged(models, VIEWS)),
    f"{VIEWS} views, called eight times": (1, called_eight_times),
    f"{MEMBERS} networks": (MEMBERS, averaged),
    f"{MEMBERS} networks, {VIEWS} views": (MEMBERS, lambda models: averaged(models, VIEWS)),
}
"""Networks, and what is made of them, by the name of the row."""


def main() -> None:
    given = parser().parse_args()
    rows = {}
    for name in given.networks:
        rows[name] = network(name, given)
        write_result(given.output, {"unit": "ms per stamp, host to host", "seed": given.seed, "rows": rows})
    table(
        "averages, on the CPU",
        ("network", "average", "MB", *(f"ms per stamp, batch of {size}" for size in given.batches), "over one"),
        [
            (
                name,
                way,
                f"{row['bytes'] / 1e6:.1f}",
                *(f"{each:.3g}" for each in row["ms_per_stamp"].values()),
                " / ".join(f"{each:.2f}" for each in row["over_one"].values()),
            )
            for name, found in rows.items()
            for way, row in found.items()
        ],
    )


def network(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Return the rows of a network."""
    keras.utils.set_random_seed(given.seed)
    backbone, experiment = name.split("/")
    given_names: dict[str, Any] = {"backbone": backbone, "experiment": int(experiment)}
    architecture = Architecture(**given_names, weights="none")
    models = [build_model(architecture) for _ in range(MEMBERS)]
    made: dict[str, dict[str, Any]] = {}
    sessions = {}
    for way, (count, make) in WAYS.items():
        say(f"{name}: {way}")
        started = time.perf_counter()
        content = convert(make(models[:count])).SerializeToString()
        made[way] = {"bytes": len(content), "conversion_seconds": round(time.perf_counter() - started, 1)}
        sessions[way] = cpu_session(content)
    for size in given.batches:
        stamps = np.random.default_rng(given.seed).normal(1000, 10, (size, *stamp_shape(PLANES[:1]))).astype(np.float32)
        for way, found in turns(sessions, stamps, given.turns).items():
            made[way].setdefault("ms_per_stamp", {})[str(size)] = found["ms"]
            made[way].setdefault("over_one", {})[str(size)] = found["over_one"]
    return made


def turns(
    sessions: dict[str, onnxruntime.InferenceSession], stamps: np.ndarray, count: int
) -> dict[str, dict[str, float]]:
    """Time sessions in turns."""
    seconds: dict[str, list[float]] = {way: [] for way in sessions}
    for turn in range(count + 1):
        for way, session in sessions.items():
            started = time.perf_counter()
            session.run(None, {INPUT: stamps})
            if turn:  # the first run is slower
                seconds[way].append(time.perf_counter() - started)
    return {
        way: {
            "ms": round(1000 * float(np.median(each)) / len(stamps), 3),
            "over_one": round(float(np.median(np.divide(each, seconds[ONE]))), 2),
        }
        for way, each in seconds.items()
    }


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("--networks", nargs="+", default=["xception/2"], metavar="BACKBONE/EXPERIMENT")
    made.add_argument("--batches", nargs="+", type=int, default=[1, 64])
    made.add_argument("--turns", type=int, default=7, help="of the measurement (default 7)")
    made.add_argument("--seed", type=int, default=0)
    return made


if __name__ == "__main__":
    main()
