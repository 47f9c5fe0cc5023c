"""What a training reports: a line and a bar for each epoch, ``history.csv``, learning curves, logs for TensorBoard."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
from matplotlib.figure import Figure

from ..console import progress, say
from ..errors import CeresFastError
from ..files import atomic_file
from .runs import CONFIG

HISTORY = "history.csv"

TENSORBOARD = "tensorboard"
"""Folder of a run for logs of TensorBoard."""

PANELS = (("loss", "loss"), ("accuracy", "accuracy"), ("recall", "asteroid recall"))


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


def draw_learning_curves(rows: Sequence[dict[str, float]], best_epoch: int, path: Path) -> None:
    """Draw loss, accuracy and asteroid recall of training and validation against the epoch, as a PNG.

    Parameters
    ----------
    rows : sequence of dict
        Rows of ``history.csv``.
    best_epoch : int
        1-based epoch that was kept.
    path : pathlib.Path
        The PNG.
    """
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, (key, title) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        axes.plot(epochs, [row[key] for row in rows], "o-", ms=3, label="training")
        axes.plot(epochs, [row[f"val_{key}"] for row in rows], "s-", ms=3, label="validation")
        axes.axvline(best_epoch, color="0.6", ls=":", label="kept")
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def require_tensorboard() -> None:
    """Make sure, before anything is trained, that logs can be written.

    Raises
    ------
    CeresFastError
        When the package is not installed, with which TensorFlow writes its summaries.
    """
    if find_spec("tensorboard") is None:
        raise CeresFastError(
            "--tensorboard needs a package that is not installed. Install it with: pip install tensorboard"
        )


def tensorboard(run: Path) -> keras.callbacks.TensorBoard:
    """Return the callback that logs loss, metrics and learning rate of every epoch into ``tensorboard/`` of the run.

    Neither the graph nor profiles: of a backbone, they take more room than its weights and seconds to write.
    """
    return keras.callbacks.TensorBoard(run / TENSORBOARD, write_graph=False)
