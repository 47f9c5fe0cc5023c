"""A cascade against its larger network: what it loses of what that one keeps, what it leaves, and stamps/s.

    python -m benchmarks.cascade RECORDS --first RUN --larger RUN --work WORK

RUN are runs of `ceres-fast train` on RECORDS, as `benchmarks.networks` leaves them. Copies of them are calibrated and
made into a cascade as a user would, in WORK; then the three exported files answer the test split on ONNX Runtime. Both
the fast and the larger network are calibrated for the same loss, so that what each leaves can be compared; the cascade
decides at the larger one's threshold. Speeds are those of batches of the test split, in its order, in turn.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from benchmarks.networks import arrays, ceres_fast
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.console import say
from ceres_fast.engines import load
from ceres_fast.evaluation.scores import wilson
from ceres_fast.records.manifest import load_manifest

BATCH = 512
TURNS = 5


def copied(run: Path, work: Path, records: Path, max_loss: float) -> Path:
    """Return a copy of a run, calibrated."""
    target = work / run.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    made = read_classifier(run).without_onnx()
    shutil.copy(made.weights_path(), target)
    made.write(target)
    ceres_fast("calibrate", target, f"--records={records}", f"--max-loss={max_loss}")
    return target


def main() -> None:
    made = command_line(__file__, __doc__)
    made.add_argument("records", type=Path)
    made.add_argument("--first", type=Path, required=True)
    made.add_argument("--larger", type=Path, required=True)
    made.add_argument("--work", type=Path, required=True)
    made.add_argument("--max-loss", type=float, default=0.05)
    made.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    given = made.parse_args()
    test = arrays(load_manifest(given.records), "test")
    asteroid = test["labels"] == 1
    first, larger = (copied(run, given.work, given.records, given.max_loss) for run in (given.first, given.larger))
    result: dict[str, Any] = {
        "stamps": {"asteroid": int(asteroid.sum()), "others": int((~asteroid).sum())},
        "max_loss": given.max_loss,
        "batch": BATCH,
        "precisions": {},
    }
    for precision in given.precisions:
        options = [f"--precision={precision}", f"--records={given.records}"]
        files = {"fast": (first, []), "larger": (larger, []), "cascade": (first, [f"--cascade={larger}"])}
        engines = {}
        for name, (run, more) in files.items():
            path = given.work / f"{name}-{precision}.onnx"
            ceres_fast("export", run, *more, *options, f"--output={path}", "--overwrite")
            engines[name] = load(path, provider="cpu")
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(TURNS):
            for name, engine in engines.items():
                began = time.perf_counter()
                for start in range(0, len(asteroid), BATCH):
                    engine.predict(test["stamps"][start : start + BATCH])
                seconds[name].append(time.perf_counter() - began)
        threshold = engines["larger"].threshold
        kept = {name: engine.predict(test["stamps"]) >= engine.threshold for name, engine in engines.items()}
        start = engines["cascade"].classifier.cascade_from
        assert start is not None
        assert engines["cascade"].threshold == threshold
        wanted = kept["larger"] & asteroid
        lost = wilson(~kept["cascade"][wanted], test["designation"][wanted])
        result["precisions"][precision] = {
            "asked from": start,
            "asked": float((engines["fast"].predict(test["stamps"], raw=True) >= start).mean()),
            "asteroids that the larger one keeps": int(wanted.sum()),
            "of these lost": int((wanted & ~kept["cascade"]).sum()),
            "lost, interval": [lost.low, lost.high],
            "files": {
                name: {
                    "stamps_per_second": round(len(asteroid) / float(np.median(seconds[name]))),
                    "over the larger one": float(np.median(np.array(seconds["larger"]) / np.array(seconds[name]))),
                    "asteroids kept": float(kept[name][asteroid].mean()),
                    "others left": float(kept[name][~asteroid].mean()),
                }
                for name in engines
            },
        }
        say(f"{precision}: {result['precisions'][precision]}")
        write_result(given.output, result)


if __name__ == "__main__":
    main()
