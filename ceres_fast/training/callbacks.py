"""What happens at the end of every epoch: report, check, keep the best.

`fit` is given them in this order: `Report`, which ends a training whose loss is no longer finite before anything of it
is kept; `KeepBest`; the early stopping; and last the checkpoint, which writes down what the others have come to.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from ..artifact.classifier import CLASSIFIER_FILE
from ..console import progress, say
from ..errors import CeresFastError
from ..files import atomic_file, sha256_of
from .optimisation import averaged
from .runs import CONFIG
from .snapshot import Snapshot

HISTORY = "history.csv"

MONITORS = {"val_loss": "min", "val_accuracy": "max", "val_recall": "max", "val_auc": "max"}
"""What may tell the best epoch, and which end of it is good."""


class Report(keras.callbacks.Callback):
    """Print a line per epoch, draw a bar within it, and keep `history.csv`.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    stamps : int
        Stamps per epoch.
    epochs : int
        Epochs at most.

    Attributes
    ----------
    rows : list of dict
        Rows of ``history.csv`` so far, also those from before the run was stopped.
    seconds : float
        Time that the training has taken up to the end of the last epoch, without that between stop and resumption.
    bar : rich.progress.Progress
        To be entered around `fit`, so that an error in the middle of an epoch leaves no bar behind.

    Raises
    ------
    CeresFastError
        When the loss is no longer finite.
    """

    def __init__(self, run: Path, stamps: int, epochs: int) -> None:
        super().__init__()
        self.run, self.stamps, self.epochs = run, stamps, epochs
        self.rows: list[dict[str, float]] = []
        self.seconds = 0.0
        self.bar = progress()
        self._epoch = 0

    def where(self) -> str:
        """Say where the training is."""
        return f"in epoch {self._epoch} of {self.epochs}" if self._epoch else "before the first epoch"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock where it was stopped, with the history up to there."""
        self._begun = time.perf_counter() - self.seconds
        if self.rows:
            self._write()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock and the bar."""
        self._epoch = epoch + 1
        self._trained = math.nan
        self._started = time.perf_counter()
        self.bar.start()
        self._task = self.bar.add_task(f"epoch {epoch + 1}/{self.epochs}", total=self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self.bar.update(self._task, completed=batch + 1)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock: validation is not training."""
        if math.isnan(self._trained):
            self._trained = time.perf_counter() - self._started

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch and keep it."""
        self.bar.remove_task(self._task)
        self.bar.stop()
        self.seconds = time.perf_counter() - self._begun
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = self._trained
        row["stamps_per_second"] = self.stamps / self._trained
        self.rows.append(row)
        self._write()
        say(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {row['loss']:.4f}  "
            f"validation: loss {row['val_loss']:.4f}  accuracy {row['val_accuracy']:.4f}  "
            f"asteroid recall {row['val_recall']:.4f}  {row['stamps_per_second']:,.0f} stamps/s"
        )
        if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
            raise CeresFastError(f"{self.run}: the loss is not finite after epoch {epoch + 1}. {self._advice(epoch)}")

    def _advice(self, epoch: int) -> str:
        advice = "a lower --learning-rate or --precision float32"
        if not epoch:
            return f"There is no classifier yet. Begin again with {advice}."
        return (
            "The best epoch before it has been kept, and so has the state after the last finite one: set a lower "
            f"learning_rate in {self.run / CONFIG} and go on from there with --resume {self.run}. Or begin again with "
            f"{advice} (the loss scaling of mixed_float16 is no guard against activations that overflow)."
        )

    def _write(self) -> None:
        with atomic_file(self.run / HISTORY) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


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
