"""Checkpoints: everything that the epochs so far have changed, from which a stopped run can be resumed.

``checkpoint/state.json`` is the commit point. It names two files with their SHA-256: the values of all variables, and
the weights of the best epoch. Other files have no meaning, so a process that is killed while it writes leaves the
checkpoint before intact. A checkpoint is written in the background during the next epoch; the training waits only
while its variables are copied.
"""

from __future__ import annotations

import math
import shutil
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..artifact.classifier import CLASSIFIER_FILE
from ..console import warn
from ..errors import CeresFastError, InputError
from ..files import read_json, sha256_of, write_json
from ..libraries.tensorflow_quiet import keras
from .best_epoch import KeepBest
from .report import Report
from .runs import CONFIG
from .snapshot import Background, Snapshot, assign_variables, load_values, save_values, values_of

FOLDER, STATE = "checkpoint", "state.json"
FORMAT_VERSION = 1

KEPT = {
    "report": ("rows", "seconds"),
    "best": ("best", "best_epoch"),
    "stopping": ("best", "best_epoch", "wait", "stopped_epoch"),
}
"""Attributes of the other callbacks that decide how training continues."""


class Checkpoint(keras.callbacks.Callback):
    """Write, at the end of an epoch, all that is needed to resume the run from there, and the best weights.

    It has to be the last in the list of callbacks, because it stores what the others have computed. Enter it around
    `fit`: on the way out it finishes writing. When an epoch ends before the previous checkpoint has been written, it
    gets none; a run that is killed then repeats two epochs.

    A checkpoint that cannot be written causes only a warning: the previous one is intact, and the training goes on. The
    weights of the best epoch are the purpose of the training, so it ends where they cannot be written.

    Parameters
    ----------
    run : pathlib.Path
        Run directory.
    report : Report
    best : KeepBest
    stopping : keras.callbacks.EarlyStopping
        The other callbacks of the run, whose state is stored.

    Raises
    ------
    CeresFastError
        When the best weights could not be written.
    """

    def __init__(self, run: Path, report: Report, best: KeepBest, stopping: keras.callbacks.EarlyStopping) -> None:
        super().__init__()
        self.run, self.folder = run, run / FOLDER
        self._others = {"report": report, "best": best, "stopping": stopping}
        self._best = best
        self._restored: dict[str, Any] = {}
        self._background = Background()

    def restore(self, trainer: keras.Model) -> int:
        """Restore a compiled model and the other callbacks from the last checkpoint.

        The learning rate is not restored: the settings decide it, and they may have been changed since.

        Parameters
        ----------
        trainer : keras.Model
            Built as it was before the first epoch of the run.

        Returns
        -------
        int
            The next epoch, 0-based: `initial_epoch` of `fit`. 0 where no epoch was finished; the number of epochs where
            all were finished or early stopping had ended the training.

        Raises
        ------
        InputError
            When the checkpoint is damaged, or of another model.
        """
        path = self.folder / STATE
        if not path.exists():
            return 0
        state = read_json(path, what="the state of a run")
        try:
            if state["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format version {state['format_version']}, expected {FORMAT_VERSION}")
            self._check(self.folder, state["variables"])
            if state["best"]:
                self._check(self.run, state["best"])
            restored, epoch = _decoded(state["callbacks"]), int(state["next_epoch"])
            if not 1 <= len(restored["report"]["rows"]) <= epoch:
                raise ValueError(f"a history of {len(restored['report']['rows'])} epochs before epoch {epoch + 1}")
            assign_variables(trainer, load_values(self.folder / state["variables"]["file"]))
            self._restored, self._best.kept = restored, state["best"]
            self._put_back()
            return epoch
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unusable(path, f"is no state of this run ({error})") from error

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the other callbacks once more, because some of them reset themselves when training begins."""
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Copy the state of this epoch and begin to write it."""
        if self._background.busy:
            return
        # Copied here: the next training step overwrites the variables while the background thread writes.
        values = values_of(self.model)
        waiting, self._best.waiting = self._best.waiting, None
        self._background.start(partial(self._write, epoch + 1, self._state(epoch), values, waiting))

    def remove(self) -> None:
        """Remove the checkpoint of a finished run, and the weights that only the checkpoint needed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._best.tidy()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._background.wait()
            if self._best.waiting:
                self._write_best(*self._best.waiting)
        except CeresFastError as lost:
            if error is None:
                raise
            warn(str(lost))

    def _state(self, epoch: int) -> dict[str, Any]:
        callbacks = {name: {key: getattr(self._others[name], key) for key in keys} for name, keys in KEPT.items()}
        ended = self.model.stop_training
        return {
            "format_version": FORMAT_VERSION,
            "next_epoch": self.params["epochs"] if ended else epoch + 1,
            "callbacks": _encoded(callbacks),
        }

    def _write(
        self, epoch: int, state: dict[str, Any], values: list[np.ndarray], waiting: tuple[int, Snapshot] | None
    ) -> None:
        if waiting:
            self._write_best(*waiting)
        path = self.folder / f"epoch-{epoch:03}.npz"
        try:
            save_values(path, values)
            variables = {"file": path.name, "sha256": sha256_of(path)}
            write_json(self.folder / STATE, {**state, "variables": variables, "best": self._best.kept})
        except CeresFastError as error:
            path.unlink(missing_ok=True)  # leaves its space on the disk to the next checkpoint
            warn(f"{error} The training goes on; after a stop, --resume repeats the epochs since the last checkpoint.")
            return
        for other in self.folder.iterdir():
            if other.name not in (path.name, STATE):
                other.unlink(missing_ok=True)
        self._best.tidy()

    def _write_best(self, epoch: int, weights: Snapshot) -> None:
        try:
            self._best.write(epoch, weights)
        except CeresFastError as error:
            raise CeresFastError(f"{error} Then go on with: ceres-fast train --resume {self.run}") from error

    def _put_back(self) -> None:
        for name, values in self._restored.items():
            for key, value in values.items():
                setattr(self._others[name], key, value)

    def _check(self, folder: Path, named: dict[str, str]) -> None:
        path = folder / named["file"]
        if path.parent != folder:
            # A file elsewhere could be named by a state that somebody altered.
            raise ValueError(f"{named['file']!r} is not the name of a file")
        if not path.is_file():
            raise self._unusable(path, "is gone")
        if (found := sha256_of(path)) != named["sha256"]:
            raise self._unusable(path, f"is damaged (SHA-256 {found[:12]}…, expected {named['sha256'][:12]}…)")

    def _unusable(self, path: Path, problem: str) -> InputError:
        return InputError(
            path,
            problem,
            expected=f"a checkpoint of {self.run} as it was written",
            action=f"begin again with `ceres-fast train --config {self.run / CONFIG}`; with `--from {self.run}`, where "
            f"there is a {CLASSIFIER_FILE}, a new run starts with its best classifier so far",
        )


def _encoded(value: Any) -> Any:
    """Return a value for JSON, which has neither infinity nor NaN: these become text."""
    match value:
        case dict():
            return {name: _encoded(each) for name, each in value.items()}
        case list():
            return [_encoded(each) for each in value]
        case float() if not math.isfinite(value):
            return str(value)
    return value


def _decoded(value: Any) -> Any:
    match value:
        case dict():
            return {name: _decoded(each) for name, each in value.items()}
        case list():
            return [_decoded(each) for each in value]
        case str():
            return float(value)
    return value
