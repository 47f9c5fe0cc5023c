"""Is this checkout as fast as another one? The same commands in turn with both, ratios of one run.

    git worktree add ../before COMMIT
    python -m benchmarks.side_by_side --before ../before --records RECORDS --night NIGHT --repeats 5

*help*: `ceres-fast --help`. *train*: `ceres-fast train` on the bottleneck with its features in the prefix cache, random
weights. *feeding*: passes over raw stamps from the records, in an order that seed and epoch decide, to batches of
tensors; the seconds of a stamp. *classify*: `ceres-fast classify` of a night with one exported classifier, which the
other checkout reads as well. Whole processes; the first round is not counted. A ratio above 1: this checkout is slower.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.console import table

HERE = Path(__file__).resolve().parents[1]
CLI = "from ceres_fast.cli import main; main()"

FEEDING = """
import sys, time
from pathlib import Path
from statistics import median
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.training.feed.feed import Feed
from ceres_fast.training.feed.rows import RecordRows
manifest = load_manifest(Path(sys.argv[1]))
labels = read_columns(manifest, "train", ["label"])["label"]
rows = RecordRows(manifest, "train")
feed = Feed(rows, labels, 128, seed=0, shuffle=True, variants=1, on_device=False)
seconds = []
for epoch in range(11):
    feed.epoch, began = epoch, time.perf_counter()
    for batch in feed.dataset():
        pass
    seconds.append(time.perf_counter() - began)
print(median(seconds[1:]) / rows.count)
"""
"""What a checkout runs to feed itself; it prints seconds a stamp."""


WAYS = ("help", "train", "feeding", "classify")


class Checkout:
    """A checkout whose commands are run by this Python."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root.resolve(), folder
        folder.mkdir()

    def run(self, *arguments: str | Path, program: str = CLI) -> tuple[float, str]:
        """Run a command of the package, or a program, and return the seconds that it took and what it printed."""
        environment = os.environ | {"PYTHONPATH": str(self.root)}
        command = [sys.executable, "-c", program, *map(str, arguments)]
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{self.root}: {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
        return time.perf_counter() - began, done.stdout


def ways(records: Path, night: Path) -> dict[str, Callable[[Checkout, str], float]]:
    """Return what is timed, by its name: each is given the checkout and the number of the round."""
    training = ["train", "--records", records, "--backbone", "xception", "--weights", "WEIGHTS", "--epochs", "3"]

    def train(checkout: Checkout, round_: str) -> float:
        weights = checkout.folder.parent / "random.weights.h5"
        given = [weights if each == "WEIGHTS" else each for each in training]
        return checkout.run(*given, "--run", f"runs/{round_}", "--cache-dir", "cache")[0]

    def feeding(checkout: Checkout, round_: str) -> float:
        return float(checkout.run(records, program=FEEDING)[1])

    def classify(checkout: Checkout, round_: str) -> float:
        model = checkout.folder.parent / "classifier.onnx"
        return checkout.run("classify", night, "--model", model, "--output", f"classified-{round_}")[0]

    return {
        "help": lambda checkout, round_: checkout.run("--help")[0],
        "train": train,
        "feeding": feeding,
        "classify": classify,
    }


def main() -> None:
    """Time both checkouts in turn and write what was found."""
    parser = command_line(__file__, __doc__)
    parser.add_argument("--before", type=Path, required=True, help="another checkout")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--night", type=Path, required=True, help="folder with frames and catalogues")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="what is timed (default: all)")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        both = {"before": Checkout(given.before, folder / "before"), "now": Checkout(HERE, folder / "now")}
        _random_weights(folder / "random.weights.h5")
        timed = ways(given.records.resolve(), given.night.resolve())
        timed["train"](both["before"], "first")
        timed = {way: timed[way] for way in given.ways}
        both["before"].run("export", "runs/first")
        shutil.copy(both["before"].folder / "runs" / "first" / "classifier.onnx", folder)
        seconds = {way: {which: [] for which in both} for way in timed}
        for repeat in range(given.repeats + 1):
            for way, time_of in timed.items():
                for which, checkout in both.items():
                    taken = time_of(checkout, str(repeat))
                    if repeat:
                        seconds[way][which].append(taken)
    result = {way: _summary(found) for way, found in seconds.items()}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=given.before, capture_output=True, text=True)
    about = {"unit": "s; feeding: s a stamp", "before": commit.stdout.strip(), "repeats": given.repeats}
    write_result(given.output, {**about, "ways": result})
    rows = [(way, f"{row['ratio']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}") for way, row in result.items()]
    table("Seconds now / before", ("", "median", "rounds"), rows)


def _summary(found: dict[str, list[float]]) -> dict[str, object]:
    """Return medians, and the ratio of this checkout to the other, of each round and in the middle."""
    ratios = np.array(found["now"]) / np.array(found["before"])
    medians = {which: float(np.median(values)) for which, values in found.items()}
    return {"ratio": float(np.median(ratios)), "low": float(ratios.min()), "high": float(ratios.max()), **medians}


def _random_weights(path: Path) -> None:
    from ceres_fast.model.backbones import BACKBONES
    from ceres_fast.model.weights import load_base

    load_base(BACKBONES["xception"], "none").save_weights(path)


if __name__ == "__main__":
    main()
