"""Every network on one simulated survey: what it finds at few false ones, seconds to train, stamps/s, bytes.

    python -m benchmarks.networks RECORDS --work WORK

Each row is trained by `ceres-fast train` on RECORDS, exported in float32 and int8 (StampNets also as the mean over
eight views), and its files answer the test split on ONNX Runtime. Beside them stand gradient-boosted trees on the side
numbers. Recall is that of the threshold which leaves 1 % or 5 % of the non-asteroids, in all and by bins of magnitude;
a network that only learnt that faint is bogus fails in the faint bin. *less stampnet* is the difference to the first
row's float32 file, with the 95 % interval of bootstrap samples of the records' groups.

The seconds of training are those of the processor, of the whole command with the evaluation after it, the making of the
cache included: what else the machine does changes them least. What WORK has of an earlier run is not made again; its
speed is measured again, so that all are from one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.folds import MOST_FALSE
from benchmarks.machine import command_line, processor_seconds, write_result
from benchmarks.steps import command
from ceres_fast.console import say, table
from ceres_fast.engines import load
from ceres_fast.evaluation.bootstrap import draws, rankings
from ceres_fast.evaluation.yardstick import LEFT, measured_numbers, trees_probabilities
from ceres_fast.files import read_json, write_json
from ceres_fast.libraries.matplotlib_quiet import Figure
from ceres_fast.pictures import GREY, SERIES, save
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.settings.defaults import PAPER
from ceres_fast.training.runs import METRICS

_PAPER = [f"--{name}={value}" for name, value in PAPER.items()]
ROWS = {
    "stampnet": ["--backbone=stampnet"],
    "stampnet, 30 epochs": ["--backbone=stampnet", "--epochs=30"],
    "stampnet, minmax": ["--backbone=stampnet", "--normalise=minmax"],
    "stampnet-m": ["--backbone=stampnet-m"],
    "xception 2": ["--backbone=xception"],
    "xception 2, the paper's": ["--backbone=xception", *_PAPER],
    **{
        f"{backbone} 2, from scratch": [f"--backbone={backbone}", "--weights=none"]
        for backbone in ("inceptionv3", "xception", "inceptionresnetv2", "resnet152v2")
    },
}
"""Options of `ceres-fast train`. From scratch: all layers up to the bottleneck are trained, with StampNet's steps: what
can be had of a backbone without the weights of ImageNet."""

PRODUCTS = {
    "float32": [],
    "int8": ["--precision=int8"],
    "float32, eight views": ["--views=8"],
}
"""Options of `ceres-fast export`; the views of StampNets only, which the others are slower than as they are."""

BINS = (0.0, 19.0, 20.0, 21.0, 99.0)
"""Magnitudes."""

BATCH = 64


def arrays(manifest: Manifest, split: str) -> dict[str, np.ndarray]:
    """Return the stamps of a split, their labels, magnitudes, groups, and the designations of the asteroids."""
    read = read_columns(manifest, split, ("stamp", "label", "magnitude", "group", "designation"))
    return {"stamps": read.pop("stamp"), "labels": read.pop("label"), **read}


def scores(found: np.ndarray, test: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return area and recalls of P(asteroid) of the test split."""
    asteroid = test["labels"] == 1
    result: dict[str, Any] = {"roc_auc": float(roc_auc_score(asteroid, found))}
    for most in MOST_FALSE:
        kept = found > np.quantile(found[~asteroid], 1 - most)
        by_bin = []
        for low, high in pairwise(BINS):
            here = asteroid & (test["magnitude"] >= low) & (test["magnitude"] < high)
            by_bin.append({"asteroids": int(here.sum()), "found": int(kept[here].sum())})
        result[f"recall at {most:.0%} false"] = {"all": float(kept[asteroid].mean()), "by_magnitude": by_bin}
    return result


def compared(test: dict[str, np.ndarray], found: np.ndarray, other: np.ndarray) -> dict[str, dict[str, float]]:
    """Return by how much answers rank the test split better than others do, with 95 % intervals."""

    def ranked(answers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.stack(list(rankings(test["labels"], answers, weights, LEFT).values()))

    groups = np.unique(test["group"], return_inverse=True)[1]
    blocks = [ranked(found, weights) - ranked(other, weights) for weights in draws(groups, resamples=1000, seed=0)]
    low, high = np.nanquantile(np.concatenate(blocks, axis=1), [0.025, 0.975], axis=1)
    whole = np.ones((1, len(found)))
    value = (ranked(found, whole) - ranked(other, whole))[:, 0]
    names = ("roc_auc", "average_precision", *LEFT)
    return {
        name: {"value": float(value[place]), "low": float(low[place]), "high": float(high[place])}
        for place, name in enumerate(names)
    }


def speed(path: Path, stamps: np.ndarray, seconds: float = 3.0) -> float:
    """Return stamps/s of an exported file on the CPU, in batches of `BATCH`."""
    engine = load(path, provider="cpu")
    engine.warm_up()
    rates = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(rates) < 5:
        start = time.perf_counter()
        engine.predict(stamps[:BATCH], raw=True)
        rates.append(BATCH / (time.perf_counter() - start))
    return float(np.median(rates))


def ceres_fast(*arguments: object) -> None:
    subprocess.run(command(*arguments), check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "200"})


def measured(
    name: str, given: argparse.Namespace, test: dict[str, np.ndarray], answers: dict[str, np.ndarray]
) -> dict[str, Any]:
    run = given.work / name.replace(",", "").replace(" ", "-").replace("'", "")
    spent = run.with_suffix(".json")
    if not spent.is_file():
        options = [
            *ROWS[name],
            f"--records={given.records}",
            f"--run={run}",
            f"--cache-dir={given.work / run.name}-cache",
        ]
        before = processor_seconds()
        ceres_fast("train", *options, f"--seed={given.seed}")
        write_json(spent, {"processor_seconds": round(processor_seconds() - before)})
    metrics = read_json(run / METRICS, what="the metrics of a run")
    row: dict[str, Any] = {
        **read_json(spent, what="the seconds of a run"),
        "epochs": metrics["epochs"],
        "products": {},
    }
    for product, options in PRODUCTS.items():
        if "views" in product and not name.startswith("stampnet"):
            continue
        path = given.work / f"{run.name}-{product.replace(', ', '-').replace(' ', '-')}.onnx"
        if not path.is_file():
            ceres_fast("export", run, *options, f"--records={given.records}", f"--output={path}")
        found = load(path, provider="cpu").predict(test["stamps"], raw=True)
        answers[f"{name}, {product}"] = found
        row["products"][product] = {
            "bytes": path.stat().st_size,
            "stamps_per_second": round(speed(path, test["stamps"])),
            **scores(found, test),
            "less_stampnet": compared(test, found, next(iter(answers.values()))),
        }
    return row


def main() -> None:
    given = parser().parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    manifest = load_manifest(given.records)
    test = arrays(manifest, "test")
    result: dict[str, Any] = {
        "seed": given.seed,
        "records": {split: manifest.class_counts(split) for split in ("train", "validation", "test")},
        "bins": list(BINS),
        "batch": BATCH,
    }
    result["trees"] = scores(trees_probabilities(manifest, measured_numbers(test["stamps"])), test)
    result["rows"] = {}
    answers: dict[str, np.ndarray] = {}
    for name in given.rows:
        result["rows"][name] = measured(name, given, test, answers)
        say(f"{name}: {json.dumps(result['rows'][name])[:300]}")
        write_result(given.output, result)
        draw(result, given.picture)
    show(result)


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw recall at 1 % false against stamps/s; areas of the points grow with the size of the files."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for (name, row), colour in zip(result["rows"].items(), cycle((*SERIES, GREY)), strict=False):
        for (product, each), marker in zip(row["products"].items(), "os^", strict=False):
            axes.plot(
                each["stamps_per_second"],
                each["recall at 1% false"]["all"],
                marker,
                color=colour,
                ms=5 + 2 * np.log10(each["bytes"] / 1e5),
                label=f"{name}, {product} ({each['bytes'] / 1e6:.1f} MB)",
            )
    axes.axhline(result["trees"]["recall at 1% false"]["all"], color=GREY, ls="--", label="trees on side numbers")
    axes.set(xscale="log", xlabel="stamps/s, ONNX Runtime, CPU", ylabel="recall of asteroids with 1 % of others left")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path)


def show(result: dict[str, Any]) -> None:
    rows = [("trees on side numbers", "", "", "", *_shown(result["trees"]))]
    for name, row in result["rows"].items():
        for product, each in row["products"].items():
            cells = (f"{each['bytes'] / 1e6:.1f}", f"{each['stamps_per_second']:,}")
            rows.append((f"{name}, {product}", f"{row['processor_seconds']:,}", *cells, *_shown(each)))
    table("The test split", ("", "CPU s to train", "MB", "stamps/s", "ROC AUC", "recall at 1 %", "at 5 % false"), rows)


def _shown(each: dict[str, Any]) -> tuple[str, str, str]:
    at = [f"{each[f'recall at {most:.0%} false']['all']:.3f}" for most in MOST_FALSE]
    return f"{each['roc_auc']:.4f}", at[0], at[1]


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("records", type=Path)
    made.add_argument("--work", type=Path, required=True, help="folder for runs and files; what is there is used")
    made.add_argument("--rows", nargs="*", default=list(ROWS), choices=ROWS)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--picture", type=Path, default=Path("docs/networks.png"))
    return made


if __name__ == "__main__":
    main()
