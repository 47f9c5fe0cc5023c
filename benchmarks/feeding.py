"""Is training ever kept waiting? The pipeline alone, its share of an epoch, and the memory it takes.

    python -m benchmarks.feeding --records RECORDS --stamps 16384 --sizes 5000 20000 --repeats 3

For raw records and for the features of the prefix cache, each streamed from the disk and held on the device:

- *alone*: stamps/s from the rows to the tensors that the network takes, an epoch in random order; files are in the page
  cache. No training.
- *waiting*: an epoch of real training steps. ``in_next`` is the share of its time in ``next(iterator)``, the first
  batch included, whose time is ``first_batch_seconds``; ``excess`` is how much longer the epoch takes than as many
  steps on one batch that is there already, as a share of it. On a CPU the second also holds what the threads that
  gather rows take from the cores that compute, and what one batch gains by staying in the cache of the processor; on a
  GPU what the host does not hide (there, steps are not waited for one by one).
- *memory*: the most that was resident (VmHWM) in a process that trains one epoch of streamed stamps, and in one that
  computes the features, for sets of two sizes. What is streamed does not depend on the size; ``rows_mb`` does.

Figures are medians of the repeats; the repeats of all sources are interleaved. Memory is measured once per size, each
in a process of its own.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import FOLDER, command_line, write_result
from benchmarks.measured import isolated
from benchmarks.sources import SOURCES, SPLIT, Source, parts_of, trainer_of
from benchmarks.subset import subset
from benchmarks.weights import weights_of
from ceres_fast.console import say, table
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.model.build import build_model
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.architecture import PRECISIONS
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training.feed.rows import size
from ceres_fast.training.prefix_cache.cache import cached_rows
from ceres_fast.training.trainer import Trainer


class Loop:
    """Epochs of a feed: drained, or with the training step on every batch."""

    def __init__(self, trainer: Trainer, jit: bool) -> None:
        self.trainer, self.feed, self.epoch = trainer, trainer.train_feed, 0
        self.consume = tf.function(lambda batch: [tf.reshape(one, [-1])[0] for one in self.feed.unpack(batch)[0]])
        self.train = tf.function(trainer.train_step, jit_compile=jit)
        self.batch = next(iter(self.feed.dataset()))
        self.train(self.batch)

    def batches(self) -> Any:
        self.feed.epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(self.feed.dataset())

    def alone(self) -> dict[str, float]:
        started, last = time.perf_counter(), None
        for batch in self.batches():
            last = self.consume(batch)
        _finished(last)
        return {"alone": self.feed.rows.count / (time.perf_counter() - started)}

    def waiting(self) -> dict[str, float]:
        started, waits = time.perf_counter(), []
        batches = self.batches()
        for _ in range(self.feed.steps):
            asked = time.perf_counter()
            batch = next(batches)
            waits.append(time.perf_counter() - asked)
            last = self.train(batch)
        _finished(last)
        seconds = time.perf_counter() - started
        return {"epoch_seconds": seconds, "in_next": sum(waits) / seconds, "first_batch_seconds": waits[0]}

    def constant(self) -> dict[str, float]:
        started = time.perf_counter()
        steps = self.feed.rows.count / self.feed.batch_size  # the last batch of an epoch is a part of one
        for _ in range(max(1, int(steps))):
            last = self.train(self.batch)
        _finished(last)
        return {"constant_seconds": (time.perf_counter() - started) * steps / max(1, int(steps))}


def _finished(values: Any) -> None:
    for value in tf.nest.flatten(values):
        value.numpy()


def speed(records: Path, settings: Settings, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Measure all sources in turn; the first round is not counted."""
    manifest = load_manifest(records)
    loops = {name: Loop(trainer_of(manifest, settings, source), settings.jit) for name, source in SOURCES.items()}
    measured: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in loops}
    for repeat in range(repeats + 1):
        for name, loop in loops.items():
            for figures in (loop.alone(), loop.waiting(), loop.constant()):
                for figure, value in figures.items() if repeat else ():
                    measured[name][figure].append(value)
    return {name: dict(figures) for name, figures in measured.items()}


def summary(figures: dict[str, list[float]], stamps: int) -> dict[str, Any]:
    """Return medians, and how much longer an epoch took than the steps alone (of the same repeat)."""
    epochs, constants = (np.array(figures[name]) for name in ("epoch_seconds", "constant_seconds"))
    medians = {name: float(np.median(values)) for name, values in figures.items()}
    return medians | {
        "excess": float(np.median((epochs - constants) / epochs)),
        "stamps_per_second": stamps / medians["epoch_seconds"],
        "all": figures,
    }


def peak_of_epoch(records: Path, settings: Settings, source: Source) -> dict[str, float]:
    """Train one streamed epoch; returns the most that was resident, and the size of the rows, in MB."""
    loop = Loop(trainer_of(load_manifest(records), settings, source), settings.jit)
    loop.waiting()
    return {"peak_mb": _peak(), "rows_mb": round(size(loop.feed.rows) / 2**20, 1)}


def peak_of_cache(records: Path, settings: Settings) -> dict[str, float]:
    """Compute the features; returns the most that was resident, and their size, in MB."""
    shutil.rmtree(settings.cache_dir, ignore_errors=True)
    rows = cached_rows(load_manifest(records), SPLIT, parts_of(build_model(settings)), settings)
    return {"peak_mb": _peak(), "rows_mb": round(size(rows) / 2**20, 1)}


def _peak() -> float:
    # Not ru_maxrss: it begins with that of the process that started this one.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found
    return round(int(found[1]) / 2**10, 1)


def memory(whole: Path, folder: Path, settings: Settings, stamps: int) -> dict[str, dict[str, float]]:
    """Measure memory with a training split of this size."""
    records = folder / f"records-{stamps}"
    isolated(subset, whole, records, {"train": stamps})
    chosen = replace(settings, cache_dir=str(folder / f"cache-feeding-{stamps}"))
    peaks = {"computing the features": isolated(peak_of_cache, records, chosen)}
    for name, source in SOURCES.items():
        if not source.on_device:
            peaks[name] = isolated(peak_of_epoch, records, chosen, source)
    shutil.rmtree(chosen.cache_dir)
    return peaks


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--records", type=Path, required=True, help="folder of records to take stamps from")
    parser.add_argument("--stamps", type=int, default=16384, help="training stamps for the speed (default 16384)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[5000, 20000], help="training stamps for the memory")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--backbone", default="xception", choices=IMAGENET)
    parser.add_argument("--experiment", type=int, default=2, choices=(1, 2, 3))
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--jit", action="store_true", help="training steps compiled by XLA")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for work")
    given = parser.parse_args()
    settings = Settings(
        given.backbone,
        given.experiment,
        isolated(weights_of, given.backbone, given.folder),
        precision=given.precision,
        jit=given.jit,
        cache_dir=str(given.folder / "cache-feeding"),
        **PAPER,
    )
    records = given.folder / f"records-{given.stamps}"
    count = isolated(subset, given.records, records, {"train": given.stamps}).count(SPLIT)
    measured = isolated(partial(speed, records, settings, given.repeats))
    sources = {name: summary(figures, count) for name, figures in measured.items()}
    peaks = {str(stamps): memory(given.records, given.folder, settings, stamps) for stamps in given.sizes}
    what = {"unit": "stamps/s, seconds, shares of an epoch, MB", "seed": settings.seed, "stamps": count}
    options = {name: getattr(given, name) for name in ("backbone", "experiment", "precision", "jit", "repeats")}
    write_result(given.output, what | options | {"sources": sources, "memory": peaks})
    table(
        f"Feeding {given.backbone}, experiment {given.experiment}",
        ("source", "alone, stamps/s", "in training", "in next", "excess"),
        [
            (
                name,
                f"{row['alone']:,.0f}",
                f"{row['stamps_per_second']:,.0f}",
                f"{row['in_next']:.1%}",
                f"{row['excess']:.1%}",
            )
            for name, row in sources.items()
        ],
    )
    for stamps, by_source in peaks.items():
        for name, row in by_source.items():
            say(f"{int(stamps):,} stamps, {name}: {row['peak_mb']:,.0f} MB at most, rows {row['rows_mb']:,.0f} MB")


if __name__ == "__main__":
    main()
