"""What a training reports: lines of epochs, a progress bar, ``history.csv``, learning curves, logs for TensorBoard."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import TaskID

from ..console import progress, say, warn, warn_once
from ..errors import CeresFastError
from ..files import atomic_file
from ..libraries.matplotlib_quiet import Figure
from ..libraries.tensorflow_quiet import keras, tf
from ..pictures import BLUE, GREY, ORANGE, save
from .runs import CONFIG, HISTORY

TENSORBOARD = "tensorboard"
"""Folder of a run for logs of TensorBoard."""

ABSURD = 10
"""From how many times that of guessing on a validation loss is called absurd. On two small sets it stayed below 1.2
times that up to a rate of 0.01 (Adam, LAMB; AdamW up to 0.1), and was hundreds of times that, or not finite, from
rates of 1000 (LAMB: 10) on. The training loss would not do: on raw features it begins high at any rate."""

_LINE = (9, 9, 10, 8, 15, 9)
"""Widths of the columns of the line of an epoch."""

PANELS = (("loss", "loss"), ("accuracy", "accuracy"), ("recall", "asteroid recall"))


class Report(keras.callbacks.Callback):
    """Print a line for each epoch, draw a bar with the time left, and write `history.csv`.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    stamps : int
        Stamps per epoch.
    epochs : int
        Epochs at most.
    guessing : float
        The loss of a classifier that knows nothing.

    Attributes
    ----------
    rows : list of dict
        Rows of ``history.csv`` so far, also those from before the run was stopped.
    seconds : float
        Duration of the training up to the end of the last epoch, without the time between a stop and its resumption.
    bar : rich.progress.Progress
        Enter it around `fit`, so that an error in the middle of an epoch leaves no bar behind. It counts the steps of
        all epochs, so that the time left is that of the training: at most, because training may stop early.

    Raises
    ------
    CeresFastError
        When the loss is no longer finite.
    """

    def __init__(self, run: Path, stamps: int, epochs: int, guessing: float = math.log(2)) -> None:
        super().__init__()
        self.run, self.stamps, self.epochs, self.guessing = run, stamps, epochs, guessing
        self.rows: list[dict[str, float]] = []
        self.seconds = 0.0
        self.bar = progress()
        self._task: TaskID | None = None
        self._epoch = 0
        self._warned = False
        self._in_file = 0

    def where(self) -> str:
        """Return where the training is, in words."""
        return f"in epoch {self._epoch} of {self.epochs}" if self._epoch else "before the first epoch"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock where it was stopped."""
        self._begun = time.perf_counter() - self.seconds
        if self.rows:
            self._try_to_write()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock of the epoch, and show the bar; before the first, print the heading of the lines to come."""
        self._epoch = epoch + 1
        self._trained = math.nan
        self._started = time.perf_counter()
        steps, description = self.params["steps"], f"epoch {epoch + 1}/{self.epochs}"
        if self._task is None:
            # Not earlier: a resumed run may have no epoch left.
            say(self._line("", "training", "validation", "", "", ""))
            say(self._line("epoch", "loss", "loss", "accuracy", "asteroid recall", "stamps/s"))
            # A resumed run begins in the middle: the steps of before are done, and do not count for the speed.
            self._task = self.bar.add_task(description, total=steps * self.epochs, completed=steps * epoch)
        self.bar.update(self._task, description=description)
        self.bar.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        assert self._task is not None
        self.bar.update(self._task, completed=self.params["steps"] * (self._epoch - 1) + batch + 1)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock of the epoch: the time of validation is not that of training."""
        if math.isnan(self._trained):
            self._trained = time.perf_counter() - self._started

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line of the epoch, and write it into the history."""
        self.bar.stop()
        self.seconds = time.perf_counter() - self._begun
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = self._trained
        row["stamps_per_second"] = self.stamps / self._trained
        self.rows.append(row)
        self._try_to_write()
        shown = [f"{row[name]:.4f}" for name in ("loss", "val_loss", "val_accuracy", "val_recall")]
        say(self._line(f"{epoch + 1}/{self.epochs}", *shown, f"{row['stamps_per_second']:,.0f}"))
        if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
            # Before what keeps the best epoch, and before the checkpoint: neither keeps such an epoch.
            raise CeresFastError(f"{self.run}: the loss is not finite after epoch {epoch + 1}. {self._advice(epoch)}")
        if row["val_loss"] > ABSURD * self.guessing and not self._warned:
            self._warned = True
            warn(
                f"{self.run}: the validation loss is {row['val_loss']:.4g} after epoch {epoch + 1}, and that of mere "
                f"guessing is {self.guessing:.2g}: the learning rate is probably too high. The training goes on, and "
                "the best epoch is kept; unless the loss comes down, begin again with a tenth of --learning-rate"
            )

    def _line(self, *cells: str) -> str:
        """Return a line of the table of epochs, which fits on a screen of 80 columns with whole names."""
        return "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, _LINE, strict=True)).rstrip()

    def _advice(self, epoch: int) -> str:
        advice = "a lower --learning-rate or --precision float32"
        if not epoch:
            return f"There is no classifier yet. Begin again with {advice}."
        return (
            "The best epoch before it has been kept, and so has the state after the last finite one: set a lower "
            f"learning_rate in {self.run / CONFIG} and go on from there with --resume {self.run}. Or begin again with "
            f"{advice} (the loss scaling of mixed_float16 is no guard against activations that overflow)."
        )

    def _try_to_write(self) -> None:
        """Write `history.csv`; a disk that refuses costs no training, because every later write has all rows."""
        try:
            self.write()
        except CeresFastError as error:
            warn(f"{error} The training goes on; the rows are kept, and written after the next epoch.")

    def write(self) -> None:
        """Write `history.csv`, unless all rows are in it.

        Raises
        ------
        CeresFastError
            When the disk refuses.
        """
        if self._in_file == len(self.rows):
            return
        with atomic_file(self.run / HISTORY) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        self._in_file = len(self.rows)


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
    for axes, (key, label) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        axes.plot(epochs, [row[key] for row in rows], "o-", color=BLUE, ms=3, label="training")
        axes.plot(epochs, [row[f"val_{key}"] for row in rows], "s--", color=ORANGE, ms=3, label="validation")
        axes.axvline(best_epoch, color=GREY, ls=":", label="kept epoch")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    save(figure, path)


def require_tensorboard() -> None:
    """Check, before anything is trained, that logs for TensorBoard can be written.

    Raises
    ------
    CeresFastError
        When the package with which TensorFlow writes its summaries is not installed.
    """
    if find_spec("tensorboard") is None:
        raise CeresFastError(
            "--tensorboard needs a package that is not installed. Install it with: pip install tensorboard"
        )


class TensorBoard(keras.callbacks.Callback):
    """Log loss, metrics and learning rate of every epoch into ``tensorboard/`` of the run.

    The names are those of Keras's own callback, which would end the training where a log cannot be written.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.folder = run / TENSORBOARD
        self._writers: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write what the epoch has come to; a log that cannot be written costs itself."""
        values: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            values["validation" if name.startswith("val_") else "train"][name.removeprefix("val_")] = value
        values["train"]["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        try:
            for split, scalars in values.items():
                self._log(split, scalars, epoch)
        except (OSError, tf.errors.OpError) as error:
            reason = str(error).partition("\n")[0]
            warn_once("tensorboard", f"{self.folder}: cannot be written ({reason}). The training goes on.")

    def _log(self, split: str, scalars: dict[str, float], epoch: int) -> None:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self.folder / split))
        with self._writers[split].as_default(epoch):
            for name, value in scalars.items():
                tf.summary.scalar(f"epoch_{name}", value)
        self._writers[split].flush()
