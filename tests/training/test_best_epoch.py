"""What is kept at the end of an epoch, and what is there when the process ends at the worst moment."""

from __future__ import annotations

import hashlib
import math
from contextlib import nullcontext
from pathlib import Path

import pytest

from ceres_fast.files import atomic_file
from ceres_fast.training import best_epoch
from ceres_fast.training.best_epoch import MONITORS, KeepBest, early_stopping


class Killed(BaseException):
    """The process ends here: nothing after it runs, but what has to be said by `finally`."""


class FakeSnapshot:
    """Weights that are a text, of the model as it is now."""

    def __init__(self, model: FakeModel) -> None:
        self.content, self.killed = model.content, model.killed

    def write(self, path: Path) -> None:
        with atomic_file(path) as temporary:
            temporary.write_text(self.content[: len(self.content) // 2] if self.killed else self.content)
            if self.killed:
                raise Killed


class FakeModel:
    """A model whose weights are a text."""

    content = ""
    killed = False


class Run:
    """A run directory, what was published in it, and a KeepBest that fills it."""

    def __init__(self, folder: Path, monitor: str = "val_loss") -> None:
        self.folder = folder
        self.killed = False
        self.monitor = monitor
        self.model = FakeModel()
        self.keep = KeepBest(folder, self.publish, self.model, monitor)

    def publish(self, weights: Path) -> None:
        assert weights.read_text(encoding="utf-8").startswith("weights of epoch ")
        if self.killed:
            raise Killed
        (self.folder / "classifier.json").write_text(weights.name)

    def epoch(self, number: int, value: float, *, tidy: bool = True) -> None:
        self.model.content = f"weights of epoch {number}"
        self.keep.on_epoch_end(number - 1, {"val_loss": 0.5, self.monitor: value})
        self.model.content = "of the next epoch"
        if self.keep.waiting:
            self.keep.write(*self.keep.waiting)
            self.keep.waiting = None
        if tidy:
            self.keep.tidy()

    def published(self) -> str:
        """The weights that classifier.json names; this fails where it names none."""
        return (self.folder / (self.folder / "classifier.json").read_text()).read_text()

    def weights(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name != "classifier.json")


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_epoch, "Snapshot", FakeSnapshot)
    monkeypatch.setattr(best_epoch, "averaged", lambda model: nullcontext())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_only_a_lower_loss_is_kept(run: Run) -> None:
    kept = []
    for number, loss in enumerate([0.5, 0.7, 0.5, math.nan, 0.2, 0.3, math.inf, -math.inf], start=1):
        run.epoch(number, loss)
        kept.append(run.published())
        assert len(run.weights()) == 1
    assert kept == [f"weights of epoch {number}" for number in (1, 1, 1, 1, 5, 5, 5, 5)]
    assert (run.keep.best, run.keep.best_epoch) == (0.2, 5)
    assert run.weights() == ["epoch-005.weights.h5"]
    assert run.keep.kept == {
        "file": "epoch-005.weights.h5",
        "sha256": hashlib.sha256(b"weights of epoch 5").hexdigest(),
    }


@pytest.mark.parametrize("monitor", sorted(MONITORS))
def test_what_is_monitored_decides(monitor: str, tmp_path: Path) -> None:
    run = Run(tmp_path, monitor)
    for number, value in enumerate([0.5, 0.7, 0.2, 0.7, math.nan, 0.2], start=1):
        run.epoch(number, value)
    assert (run.keep.best, run.keep.best_epoch) == ((0.2, 3) if monitor == "val_loss" else (0.7, 2))
    stopping = early_stopping(2, monitor)
    stopping.set_model(FakeModel())
    stopping.on_train_begin()
    stopped = []
    for number, value in enumerate([0.5, 0.7, 0.2, 0.7, 0.2]):
        stopping.on_epoch_end(number, {monitor: value})
        stopped.append(stopping.stopped_epoch)
    assert stopped == ([0, 0, 0, 0, 4] if monitor == "val_loss" else [0, 0, 0, 3, 4])


def test_a_first_value_that_is_not_finite_is_not_kept(run: Run) -> None:
    for number, loss in enumerate([math.nan, math.inf], start=1):
        run.epoch(number, loss)
    assert list(run.folder.iterdir()) == []


def test_until_no_checkpoint_needs_them_older_weights_stay(run: Run) -> None:
    run.epoch(1, 0.5)
    run.epoch(2, 0.4, tidy=False)
    assert run.published() == "weights of epoch 2"
    assert run.weights() == ["epoch-001.weights.h5", "epoch-002.weights.h5"]


def test_killed_between_weights_and_description(run: Run) -> None:
    run.epoch(1, 0.5)
    run.killed = True
    with pytest.raises(Killed):
        run.epoch(2, 0.4)
    assert run.published() == "weights of epoch 1"
    assert run.weights() == ["epoch-001.weights.h5", "epoch-002.weights.h5"]


def test_killed_while_weights_are_written(run: Run) -> None:
    run.epoch(1, 0.5)
    run.model.killed = True
    with pytest.raises(Killed):
        run.epoch(2, 0.4)
    assert run.published() == "weights of epoch 1"
    assert run.weights() == ["epoch-001.weights.h5"]


@pytest.mark.parametrize("kept", [{"file": "epoch-001.weights.h5"}, {}])
def test_what_came_after_the_last_checkpoint_is_undone(run: Run, kept: dict[str, str]) -> None:
    run.epoch(1, 0.5)
    run.epoch(3, 0.4, tidy=False)
    (run.folder / ".epoch-004.x7.weights.h5").write_text("half")
    run.keep.kept = kept
    run.keep.on_train_begin()
    if kept:
        assert run.published() == "weights of epoch 1"
    assert [path.name for path in run.folder.iterdir() if path.name != "classifier.json"] == list(kept.values())
    assert (run.folder / "classifier.json").exists() == bool(kept)
