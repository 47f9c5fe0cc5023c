"""The best epoch: which it is, and its classifier on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from ..artifact.classifier import CLASSIFIER_FILE
from ..files import sha256_of
from .optimisation import averaged
from .snapshot import Snapshot

MONITORS = {"val_loss": "min", "val_accuracy": "max", "val_recall": "max", "val_auc": "max"}
"""What may tell the best epoch, and which end of it is good."""


class KeepBest(keras.callbacks.Callback):
    """Keep the classifier whenever what is monitored is better than ever before.

    Here its weights are copied; `Checkpoint` has them written while training goes on. Each best epoch's weights are a
    file of their own; `publish` then points ``classifier.json`` at it; the file before is removed when no checkpoint
    needs it any more. A kill at any moment leaves a classifier that is whole.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    publish : callable
        Called with the path of the weights once they are on disk.
    model : keras.Model
        The whole classifier; what is trained may be a part of it.
    monitor : str, default "val_loss"
        Row of `MONITORS`.

    Attributes
    ----------
    best : float
        Of what is monitored.
    best_epoch : int
        1-based; 0 before there is one.
    kept : dict
        Name and SHA-256 of the weights on disk; empty before there are any.
    waiting : tuple of (int, Snapshot) or None
        The best epoch and its weights, while they are not on disk.
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
        """Undo what was kept after the last checkpoint: those epochs are trained again."""
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
        """Put the weights of a best epoch on disk and publish them."""
        path = self.run / f"epoch-{epoch:03}.weights.h5"
        weights.write(path)
        self.kept = {"file": path.name, "sha256": sha256_of(path)}
        self.publish(path)

    def tidy(self) -> None:
        """Remove all weights but those that are kept."""
        for path in self.run.glob("*epoch-*.weights.h5"):  # a killed process leaves some with a dot in front
            if path.name != self.kept.get("file"):
                path.unlink(missing_ok=True)


def early_stopping(patience: int, monitor: str = "val_loss") -> keras.callbacks.EarlyStopping:
    """Return what stops after `patience` epochs without a better `monitor` (a row of `MONITORS`)."""
    return keras.callbacks.EarlyStopping(monitor=monitor, mode=MONITORS[monitor], patience=patience)
