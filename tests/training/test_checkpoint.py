"""What a checkpoint holds, what is done where it cannot be written or read, and what it never costs."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import write_json
from ceres_fast.training import checkpoint as module
from ceres_fast.training.best_epoch import KeepBest, early_stopping
from ceres_fast.training.checkpoint import Checkpoint
from ceres_fast.training.report import Report
from ceres_fast.training.snapshot import load_values, values_of

from .small_run import EPOCHS, STAMPS, Feed, compiled, network


class Training:
    """A run in `folder`, at its beginning."""

    def __init__(self, folder: Path, optimizer: keras.optimizers.Optimizer | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.feed = folder, Feed()
        self.model = compiled(optimizer)
        self.report = Report(folder, STAMPS, EPOCHS)
        self.best = KeepBest(folder, self.publish, self.model)
        self.stopping = early_stopping(3)
        self.checkpoint = Checkpoint(folder, self.report, self.best, self.stopping)

    def publish(self, weights: Path) -> None:
        write_json(self.folder / "classifier.json", {"weights": weights.name})

    def fit(self, epochs: int, *others: keras.callbacks.Callback, wait: bool = True) -> int:
        """Train up to an epoch, from the checkpoint that there is, and return the epoch it went on with."""
        first = self.checkpoint.restore(self.model)
        waiting = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: wait and self.checkpoint._background.wait())
        callbacks = [self.feed, *others, self.report, self.best, self.stopping, self.checkpoint, waiting]
        with self.checkpoint:
            self.model.fit(
                self.feed.training(),
                validation_data=self.feed.validation(),
                epochs=epochs,
                initial_epoch=first,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        return first

    def state(self) -> dict[str, Any]:
        return json.loads((self.folder / "checkpoint" / "state.json").read_text())

    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "checkpoint").iterdir()}


def test_there_is_none_before_the_first_epoch(tmp_path: Path) -> None:
    training = Training(tmp_path / "run")
    before = values_of(training.model)
    assert training.checkpoint.restore(training.model) == 0
    assert all(np.array_equal(*pair) for pair in zip(before, values_of(training.model), strict=False))


def test_what_it_leaves(tmp_path: Path) -> None:
    training = Training(tmp_path / "run")
    training.fit(3)
    assert training.files() == {"state.json", "epoch-003.npz"}
    state = training.state()
    assert state["next_epoch"] == 3
    assert state["callbacks"]["report"]["rows"] == training.report.rows
    assert state["callbacks"]["best"] == {"best": training.best.best, "best_epoch": training.best.best_epoch}
    assert state["best"]["file"] == f"epoch-{training.best.best_epoch:03}.weights.h5"
    stored = load_values(training.folder / "checkpoint" / "epoch-003.npz")
    assert all(np.array_equal(*pair) for pair in zip(stored, values_of(training.model), strict=True))
    assert len(list(training.folder.glob("*.weights.h5"))) == 1
    training.checkpoint.remove()
    training.checkpoint.remove()
    assert not (training.folder / "checkpoint").exists()


def test_the_other_callbacks_go_on(tmp_path: Path) -> None:
    before, after = Training(tmp_path / "run"), Training(tmp_path / "run")
    before.fit(3)
    assert after.fit(5) == 3
    assert [row["epoch"] for row in after.report.rows] == [1, 2, 3, 4, 5]
    assert after.report.rows[:3] == before.report.rows
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 6
    assert after.report.seconds > before.report.seconds > 0
    losses = [row["val_loss"] for row in after.report.rows]
    assert after.stopping.best == after.best.best == min(losses)
    assert after.stopping.wait == 5 - after.best.best_epoch


def test_a_run_that_early_stopping_ended_does_not_go_on(tmp_path: Path) -> None:
    Training(tmp_path / "run").fit(EPOCHS)
    again = Training(tmp_path / "run")
    assert again.fit(EPOCHS) == EPOCHS
    assert 3 < len(again.report.rows) < EPOCHS


VALUES = st.recursive(
    st.floats() | st.integers() | st.none() | st.booleans(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(VALUES)
def test_any_state_goes_through_json(value: Any) -> None:
    text = json.dumps(module._encoded(value), allow_nan=False)
    # By repr, in which NaN equals NaN, and -0.0 is not 0.0.
    assert repr(module._decoded(json.loads(text))) == repr(value)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def changed(**values: Any) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | values))


DAMAGES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "variables altered": ("checkpoint/epoch-002.npz", flipped, r"epoch-002\.npz: is damaged \(SHA-256"),
    "variables gone": ("checkpoint/epoch-002.npz", Path.unlink, r"epoch-002\.npz: is gone"),
    "best altered": ("*.weights.h5", flipped, r"\.weights\.h5: is damaged"),
    "best gone": ("*.weights.h5", Path.unlink, r"\.weights\.h5: is gone"),
    "another version": ("checkpoint/state.json", changed(format_version=99), r"state\.json: .*format version 99"),
    "no variables": ("checkpoint/state.json", changed(variables=None), r"state\.json: is no state of this run"),
    "no callbacks": ("checkpoint/state.json", changed(callbacks=[]), r"state\.json: is no state of this run"),
    "unknown": ("checkpoint/state.json", changed(callbacks={"no": {"a": 1}}), r"state\.json: is no state of this run"),
    "no history": (
        "checkpoint/state.json",
        changed(callbacks={"report": {"rows": [], "seconds": 1.0}}),
        r"state\.json: is no state of this run \(a history of 0 epochs before epoch \d+\)",
    ),
    "another place": (
        "checkpoint/state.json",
        changed(best={"file": "../run/epoch-001.weights.h5", "sha256": "0"}),
        r"state\.json: is no state of this run \('\.\./run/epoch-001\.weights\.h5' is not the name of a file\)",
    ),
    "no epoch": ("checkpoint/state.json", changed(next_epoch="two"), r"state\.json: is no state of this run"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_says_what_can_be_done(damage: str, tmp_path: Path) -> None:
    Training(tmp_path / "run").fit(2)
    pattern, change, problem = DAMAGES[damage]
    change(next((tmp_path / "run").glob(pattern)))
    again = Training(tmp_path / "run")
    with pytest.raises(InputError, match=rf"{problem}.*Begin again with `ceres-fast train --config .*--from"):
        again.checkpoint.restore(again.model)


def test_a_state_that_is_no_json(tmp_path: Path) -> None:
    training = Training(tmp_path / "run")
    (tmp_path / "run" / "checkpoint").mkdir()
    (tmp_path / "run" / "checkpoint" / "state.json").write_text('{"format_ver')
    with pytest.raises(InputError, match=r"state\.json: is not valid JSON"):
        training.checkpoint.restore(training.model)


def test_that_of_another_network(tmp_path: Path) -> None:
    Training(tmp_path / "run").fit(1)
    other = Training(tmp_path / "run")
    other.model.get_layer("hidden").trainable = False
    other.model.compile("adam", "categorical_crossentropy")
    with pytest.raises(InputError, match="other shapes than those of this network and optimizer"):
        other.checkpoint.restore(other.model)


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, *calls: int) -> None:
    """Let the disk be full at these calls (from 1) of a function that `checkpoint` or `KeepBest` uses."""
    owner = KeepBest if name == "write" else module
    function, made = getattr(owner, name), []

    def full(*arguments: Any) -> None:
        made.append(arguments)
        if len(made) in calls:
            raise CeresFastError("cannot be written (No space left on device).")
        function(*arguments)

    monkeypatch.setattr(owner, name, full)


@pytest.mark.parametrize("name", ["save_values", "write_json"])
def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing(monkeypatch, name, 2, 3)
    training = Training(tmp_path / "run")
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: seen.append(training.state()["next_epoch"]))
    training.fit(1)
    monkeypatch.setattr(training.checkpoint, "restore", lambda model: 1)
    training.fit(4, look)
    said = capsys.readouterr().err
    assert said.count("No space left on device). The training goes on; after a stop, --resume repeats") == 2
    assert seen == [1, 1, 1]
    assert training.files() == {"state.json", "epoch-004.npz"}
    assert Training(tmp_path / "run").fit(4) == 4


def test_a_best_epoch_that_cannot_be_written_ends_it_and_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Training(tmp_path / "whole")
    whole.fit(4)
    training = Training(tmp_path / "run")
    refusing(monkeypatch, "write", 2)
    with pytest.raises(
        CeresFastError, match=rf"No space left on device\)\. Then go on with: .*--resume {tmp_path}/run"
    ):
        training.fit(4)
    monkeypatch.undo()
    again = Training(tmp_path / "run")
    assert 0 < again.fit(4) < 4
    assert [row["val_loss"] for row in again.report.rows] == pytest.approx(
        [row["val_loss"] for row in whole.report.rows], rel=1e-5
    )
    assert again.best.kept["file"] == whole.best.kept["file"]


def test_an_error_beside_another_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing(monkeypatch, "write", 1)
    training = Training(tmp_path / "run")
    fails = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: epoch and 1 // 0)
    with pytest.raises(ZeroDivisionError):
        training.fit(4, fails, wait=False)
    assert "warning: cannot be written (No space left on device)." in capsys.readouterr().err


def test_the_training_never_waits_and_the_best_is_there_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, save, saved = threading.Event(), module.save_values, []

    def slow(path: Path, values: list[np.ndarray]) -> None:
        saved.append(path.name)
        go.wait(60)
        save(path, values)

    monkeypatch.setattr(module, "save_values", slow)
    training = Training(tmp_path / "run")
    last = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: epoch == 3 and go.set())
    training.fit(4, last, wait=False)
    assert saved[0] == "epoch-001.npz"
    assert "epoch-002.npz" not in saved
    assert "epoch-003.npz" not in saved
    assert training.best.best_epoch > 1
    assert json.loads((tmp_path / "run" / "classifier.json").read_text())["weights"] == training.best.kept["file"]
    assert training.best.kept["file"] == f"epoch-{training.best.best_epoch:03}.weights.h5"
    assert 0 < Training(tmp_path / "run").fit(4) < 5


class Explodes(keras.callbacks.Callback):
    """Let the weights be without bounds in the third epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 2:
            self.model.optimizer.learning_rate.assign(1e30)


def test_after_a_loss_that_is_not_finite_it_goes_on_from_the_last_one_that_was(tmp_path: Path) -> None:
    training = Training(tmp_path / "run")
    with pytest.raises(CeresFastError, match=r"not finite after epoch 3\."):
        training.fit(4, Explodes())
    assert training.state()["next_epoch"] == 2
    again = Training(tmp_path / "run", keras.optimizers.Adam(0.001))
    assert again.fit(4) == 2
    assert [row["epoch"] for row in again.report.rows] == [1, 2, 3, 4]
    assert all(math.isfinite(row["loss"]) for row in again.report.rows)
    assert float(again.model.optimizer.learning_rate) == pytest.approx(0.001)


def test_of_averaged_weights_the_average_is_kept_and_training_goes_on_with_the_others(tmp_path: Path) -> None:
    def averaging() -> Training:
        return Training(tmp_path / "run", keras.optimizers.AdamW(0.03, use_ema=True, ema_momentum=0.9))

    training = averaging()
    training.fit(1)
    kernel, average = training.model.trainable_variables[0], training.model.optimizer._model_variables_moving_average[0]
    again, kept = averaging(), network()
    again.checkpoint.restore(again.model)
    # Keras has put the average into the weights when `fit` ended, after the checkpoint was written.
    assert np.array_equal(again.model.optimizer._model_variables_moving_average[0], average)
    assert np.array_equal(kernel, average)
    assert not np.array_equal(again.model.trainable_variables[0], average)
    kept.load_weights(tmp_path / "run" / "epoch-001.weights.h5")
    assert np.array_equal(kept.trainable_variables[0], average)
