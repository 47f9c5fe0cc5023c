"""The best epoch so far: which one it is, and its classifier on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..artifact.classifier import CLASSIFIER_FILE
from ..files import sha256_of
from ..libraries.tensorflow_quiet import keras
from .optimisation import averaged
from .snapshot import Snapshot

MONITORS = {"val_loss": "min", "val_accuracy": "max", "val_recall": "max", "val_auc": "max"}
"""Metrics that may decide which epoch is the best, and whether low or high values of them are good."""


class KeepBest(keras.callbacks.Callback):
    """Keep the classifier of each epoch whose monitored metric is better than that of all epochs before.

    At the end of such an epoch its weights are copied, and `Checkpoint` writes them while training goes on. They go
    into a file of their own; then `publish` lets ``classifier.json`` name this file; the earlier file is removed once
    no checkpoint needs it. So a process that is killed at any moment leaves a complete classifier.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    publish : callable
        Called with the path of the weights once they are on disk.
    model : keras.Model
        The whole classifier; the trained model may be a part of it.
    monitor : str, default "val_loss"
        Row of `MONITORS`.

    Attributes
    ----------
    best : float
        Best value of the monitored metric.
    best_epoch : int
        Its epoch, 1-based; 0 before there is one.
    kept : dict
        Name and SHA-256 of the weights on disk; empty before there are any.
    waiting : tuple of (int, Snapshot) or None
        The best epoch and its weights as long as they are not written.
    """

    def __init__(
        self, run: Path, publish: Callable[[Path], None], model: keras.Model, monitor: str = "val_loss"
    ) -> None:
        super().__init__()
        self.run, self.publish, self.classifier, self.monitor = run, publish, model, monitor
        self._sign = 1 if MONITORS[monitor] == "max" else -1
        self.best = -self._sign * math.inf
        self.best_epoch = 0
        self.kept: dict[str, str] = {}
        self.waiting: tuple[int, Snapshot] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Go back to the classifier of the last checkpoint: the epochs after it are trained again."""
        if self.kept:
            self.publish(self.run / self.kept["file"])
        else:
            (self.run / CLASSIFIER_FILE).unlink(missing_ok=True)
        self.tidy()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Copy the weights if this epoch is the best."""
        value = float((logs or {})[self.monitor])
        if math.isfinite(value) and self._sign * value > self._sign * self.best:
            self.best, self.best_epoch = value, epoch + 1
            with averaged(self.model):
                self.waiting = epoch + 1, Snapshot(self.classifier)

    def write(self, epoch: int, weights: Snapshot) -> None:
        """Write the weights of a best epoch and publish them."""
        path = self.run / f"epoch-{epoch:03}.weights.h5"
        weights.write(path)
        self.kept = {"file": path.name, "sha256": sha256_of(path)}
        self.publish(path)

    def tidy(self) -> None:
        """Remove all files of weights but the one that is kept."""
        for path in self.run.glob("*epoch-*.weights.h5"):  # a killed process leaves one whose name begins with a dot
            if path.name != self.kept.get("file"):
                path.unlink(missing_ok=True)


def early_stopping(patience: int, monitor: str = "val_loss") -> keras.callbacks.EarlyStopping:
    """Return the callback that stops after `patience` epochs without a better `monitor` (a row of `MONITORS`)."""
    return keras.callbacks.EarlyStopping(monitor=monitor, mode=MONITORS[monitor], patience=patience)
