"""The time of the paper's whole programme: twelve runs at the size of its Table 1, 20 epochs each, with the cache.

    python -m benchmarks.programme --records RECORDS --measure xception/2 resnet152v2/2

RECORDS have the ``table1`` preset; training and calibration stamps together are its 59,879 training stamps.

Every row is measured on ``--sample`` training stamps and all validation stamps, and extrapolated linearly:

- *prefix*: stamps/s of computing the features of the sample, after those of the validation split, which warm up;
- *suffix*: epochs of `train` with that cache, ``--sample-epochs`` of them. Per epoch, the time in training is scaled to
  59,879 stamps, while validation and what is written at the end of an epoch stay as they are; *start* is what the first
  epoch takes longer, and what comes after the last.

    seconds = start + stamps / prefix rate + 20 x (training of an epoch + the rest of an epoch)

Features of Table 1 size may be streamed where those of the sample are held in memory: rows that are named by
``--measure`` are also run in full (cold cache, wall time), and show how good the extrapolation is. The sum takes what
was measured in full where it was, and the extrapolated time of the other rows. The result is written after each row;
the same command goes on with what is missing in it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bounds import Work, bound
from benchmarks.machine import FOLDER, command_line, write_result
from benchmarks.measured import Measured, isolated, run_pipeline
from benchmarks.operations import Operations, classifier_operations
from benchmarks.peaks import measure
from benchmarks.sources import parts_of
from benchmarks.subset import FITTED_SPLITS, subset, whole_training
from benchmarks.training_results import DTYPES
from benchmarks.weights import NOTE, weights_of
from ceres_fast.console import say, table
from ceres_fast.model.backbones import EXPERIMENTS, IMAGENET
from ceres_fast.model.build import build_model
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.settings.architecture import PRECISIONS
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training.prefix_cache.cache import cached_rows

ROWS = [f"{backbone}/{experiment}" for backbone in IMAGENET for experiment in EXPERIMENTS]


def prefix_rate(records: Path, settings: Settings) -> float:
    """Return stamps/s of computing features, which are left in the cache."""
    manifest, parts = load_manifest(records), parts_of(build_model(settings))
    shutil.rmtree(settings.cache_dir, ignore_errors=True)
    cached_rows(manifest, "validation", parts, settings)
    started = time.perf_counter()
    cached_rows(manifest, "train", parts, settings)
    return manifest.count("train") / (time.perf_counter() - started)


def extrapolated(rate: float, run: Measured, sample: Work, whole: Work) -> dict[str, float]:
    """Return the time of a run from that of a sample.

    Parameters
    ----------
    rate : float
        Stamps/s of the prefix.
    run : Measured
        Of the sample, with its cache.
    sample, whole : Work
        What the sample was, and what the run is to be.
    """
    training = float(np.median([row["seconds"] for row in run.history[1:]]))
    rest = run.epoch - training
    epoch = training * whole.stamps / sample.stamps + rest
    start = run.seconds - len(run.epoch_seconds) * run.epoch
    prefix = (whole.stamps + whole.validation) / rate
    return {
        "prefix_stamps_per_second": round(rate, 1),
        "suffix_stamps_per_second": round(sample.stamps / training, 1),
        "start_seconds": round(start, 2),
        "prefix_seconds": round(prefix, 2),
        "epoch_seconds": round(epoch, 3),
        "seconds": round(start + prefix + whole.epochs * epoch, 1),
    }


def measured_row(name: str, given: argparse.Namespace, records: dict[str, Path], works: dict[str, Work]) -> Any:
    """Measure a row on the sample and, where that is asked for, in full."""
    backbone, experiment = name.split("/")
    settings = Settings(
        backbone,
        int(experiment),
        isolated(weights_of, backbone, given.folder),
        precision=given.precision,
        seed=given.seed,
        epochs=works["sample"].epochs,
        patience=given.epochs,
        jit=given.jit,
        cache_dir=str(given.folder / "cache-programme"),
        **PAPER,
    )
    rate = isolated(prefix_rate, records["sample"], settings)
    row: dict[str, Any] = {
        "weights": "imagenet" if settings.weights == "imagenet" else "random",
        "operations": asdict(isolated(classifier_operations, backbone, int(experiment), settings.weights)),
        "extrapolated": extrapolated(rate, _run(records["sample"], settings, given.folder), *works.values()),
    }
    shutil.rmtree(settings.cache_dir)
    if name in given.measure:
        full = _run(records["whole"], replace(settings, epochs=given.epochs), given.folder)
        row["measured"] = {"seconds": round(full.seconds, 1), "epoch_seconds": round(full.epoch, 3)}
        shutil.rmtree(settings.cache_dir)
    return row


def _run(records: Path, settings: Settings, folder: Path) -> Measured:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return isolated(run_pipeline, records, settings, Path(name) / "run")


def total(rows: dict[str, Any]) -> dict[str, Any]:
    """Return the time of all rows: measured where it was, extrapolated elsewhere."""
    best = {name: row.get("measured", row["extrapolated"])["seconds"] for name, row in rows.items()}
    known = {name for name, row in rows.items() if "measured" in row}
    return {
        "rows": len(rows),
        "seconds": round(sum(best.values()), 1),
        "of_it_measured": round(sum(best[name] for name in known), 1),
        "of_it_extrapolated": round(sum(best[name] for name in best.keys() - known), 1),
        "bound_seconds": round(sum(row["bound"]["seconds"] for row in rows.values()), 1),
    }


def main() -> None:
    given = parser().parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    records = {"sample": given.folder / f"records-{given.sample}", "whole": given.folder / "records-table1"}
    sample = isolated(subset, given.records, records["sample"], {"train": given.sample})
    whole = isolated(whole_training, given.records, records["whole"])
    works = {"sample": _work(sample, given.sample_epochs), "whole": _work(whole, given.epochs)}
    peaks = isolated(partial(measure, 0.5, jit=given.jit))
    options = {name: getattr(given, name) for name in ("sample", "sample_epochs", "epochs", "precision", "jit", "seed")}
    what = {
        "unit": "seconds",
        **{split: whole.count(split) for split in FITTED_SPLITS},
        "options": options,
        "note": NOTE,
    }
    rows = _kept(given.output, options)
    for name in given.rows:
        if name in rows and ("measured" in rows[name] or name not in given.measure):
            continue
        say(name, "bold")
        rows[name] = measured_row(name, given, records, works)
        counted = Operations(**rows[name]["operations"])
        rows[name]["bound"] = bound(counted, works["whole"], "cold", peaks, DTYPES[given.precision])
        write_result(given.output, what | {"peaks": asdict(peaks), "total": total(rows), "rows": rows})
    show(rows)


def _work(manifest: Manifest, epochs: int) -> Work:
    return Work(manifest.count("train"), manifest.count("validation"), epochs)


def _kept(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that are measured already."""
    if not path.is_file():
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    if before["options"] != options:
        raise SystemExit(f"{path}: holds a result of other options; choose another --output")
    return before["rows"]


def show(rows: dict[str, Any]) -> None:
    lines = []
    for name, row in rows.items():
        estimate = row["extrapolated"]
        full = f"{row['measured']['seconds']:,.0f}" if "measured" in row else "-"
        figures = (estimate["prefix_stamps_per_second"], estimate["suffix_stamps_per_second"], estimate["seconds"])
        lines.append((name, *(f"{figure:,.0f}" for figure in figures), full, f"{row['bound']['seconds']:,.0f}"))
    table("The programme", ("row", "prefix /s", "suffix /s", "s, extrapolated", "s, measured", "bound s"), lines)
    summed = total(rows)
    hours, of_it = (summed[name] / 3600 for name in ("seconds", "of_it_measured"))
    say(f"{summed['rows']} runs: {hours:.2f} h, of it measured {of_it:.2f} h")


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("--records", type=Path, required=True, help="folder of records of Table 1 size")
    made.add_argument("--sample", type=int, default=4096, help="training stamps of the sample (default 4096)")
    made.add_argument("--sample-epochs", type=int, default=3, help="epochs on the sample (default 3; at least 2)")
    made.add_argument("--epochs", type=int, default=20)
    made.add_argument("--rows", nargs="*", default=ROWS, choices=ROWS, metavar="BACKBONE/EXPERIMENT")
    made.add_argument("--measure", nargs="*", default=[], choices=ROWS, metavar="BACKBONE/EXPERIMENT", help="in full")
    made.add_argument("--precision", default="float32", choices=PRECISIONS)
    made.add_argument("--jit", action="store_true", help="compiled by XLA")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    return made


if __name__ == "__main__":
    main()
