"""What happens at the end of every epoch: report, check, keep the best."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from ..console import progress, say
from ..errors import CeresFastError
from ..files import atomic_file
from ..model.weights import save_weights

HISTORY = "history.csv"


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
        Rows of ``history.csv`` so far.
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
        self.bar = progress()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock and the bar."""
        self._seconds = math.nan
        self._started = time.perf_counter()
        self.bar.start()
        self._task = self.bar.add_task(f"epoch {epoch + 1}/{self.epochs}", total=self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self.bar.update(self._task, completed=batch + 1)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock: validation is not training."""
        if math.isnan(self._seconds):
            self._seconds = time.perf_counter() - self._started

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch and keep it."""
        self.bar.remove_task(self._task)
        self.bar.stop()
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = self._seconds
        row["stamps_per_second"] = self.stamps / self._seconds
        self.rows.append(row)
        self._write()
        say(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {row['loss']:.4f}  "
            f"validation: loss {row['val_loss']:.4f}  accuracy {row['val_accuracy']:.4f}  "
            f"asteroid recall {row['val_recall']:.4f}  {row['stamps_per_second']:,.0f} stamps/s"
        )
        if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
            kept = "The best epoch before it has been kept" if epoch else "There is no classifier yet"
            raise CeresFastError(
                f"{self.run}: the loss is not finite after epoch {epoch + 1}. {kept}. Try a lower --learning-rate or "
                "--precision float32."
            )

    def _write(self) -> None:
        with atomic_file(self.run / HISTORY) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


class KeepBest(keras.callbacks.Callback):
    """Save the classifier whenever the validation loss is lower than before.

    Each best epoch's weights are a file of their own; `publish` then points ``classifier.json`` at it and the
    file before is removed. A kill at any moment leaves a classifier that is whole.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    publish : callable
        Called with the path of the weights once they are on disk.
    """

    def __init__(self, run: Path, publish: Callable[[Path], None]) -> None:
        super().__init__()
        self.run, self.publish = run, publish
        self.best = math.inf
        self.best_epoch = 0
        self._kept: Path | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep this epoch if it is the best."""
        loss = (logs or {})["val_loss"]
        if not loss < self.best:
            return
        self.best, self.best_epoch = loss, epoch + 1
        path = self.run / f"epoch-{epoch + 1:03}.weights.h5"
        save_weights(self.model, path)
        self.publish(path)
        if self._kept:
            self._kept.unlink(missing_ok=True)
        self._kept = path
