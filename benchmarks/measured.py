"""A training run with a clock: what it took, epoch by epoch, in a process of its own."""

from __future__ import annotations

import csv
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ceres_fast.settings.training import Settings
from ceres_fast.training.runs import HISTORY
from ceres_fast.training.train import train

Result = TypeVar("Result")

_EVERY = 0.02
"""Seconds between two looks at the history of a run."""


@dataclass(frozen=True)
class Measured:
    """What a run took.

    Attributes
    ----------
    seconds : float
        From before the model was built until the classifier is on disk.
    epoch_seconds : list of float
        Of each epoch with its validation; the first also holds all that came before it.
    history : list of dict
        What was reported of each epoch.
    """

    seconds: float
    epoch_seconds: list[float]
    history: list[dict[str, float]]

    @property
    def epoch(self) -> float:
        """Median time of the epochs after the first."""
        return float(np.median(self.epoch_seconds[1:] or self.epoch_seconds))

    def of_epochs(self, epochs: int) -> float:
        """Return the time of a run of so many epochs: measured, or extrapolated from the epochs after the first."""
        return self.seconds + (epochs - len(self.epoch_seconds)) * self.epoch

    def at_fastest(self, epochs: int) -> float:
        """Return the time of a run of so many epochs, had each after the first taken as long as the fastest of them.

        Where `fit` prepares batches in a tf.data pipeline that is tuned, as Keras's own does, an epoch may last until
        the thread that tunes it wakes (`benchmarks.tuning`): an epoch then takes 22 s, or 41 s. This leaves it out.
        """
        later = self.epoch_seconds[1:] or self.epoch_seconds
        return self.seconds - sum(self.epoch_seconds[1:]) + (epochs - 1) * min(later)


def measured(started: float, ends: Sequence[float], ended: float, history: list[dict[str, float]]) -> Measured:
    """Return what a run took whose epochs ended at these times (s)."""
    return Measured(ended - started, np.diff([started, *ends]).tolist(), history)


def run_pipeline(records: Path, settings: Settings, run: Path) -> Measured:
    """Train by this project's pipeline; when epochs end is seen from outside, by the history it writes."""
    ends: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(run / HISTORY, ends, done))
    started = time.time()
    watcher.start()
    try:
        train(records, settings, run)
        ended = time.time()
    finally:
        done.set()
        watcher.join()
    return measured(started, ends, ended, _history(run))


def _watch(path: Path, changes: list[float], done: threading.Event) -> None:
    finished = False
    while not finished:
        finished = done.wait(_EVERY)
        # Each epoch replaces the file, so its time is that of the epoch's end.
        if path.exists() and (changed := path.stat().st_mtime) not in changes[-1:]:
            changes.append(changed)


def _history(run: Path) -> list[dict[str, float]]:
    with (run / HISTORY).open(encoding="utf-8", newline="") as stream:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]


def isolated(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function of a module in a new process: what was trained before leaves no memory and no GPU in use."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()
