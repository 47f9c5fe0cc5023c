"""What is kept at the end of an epoch, and what is there when the process ends at the worst moment."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from ceres_fast import console
from ceres_fast.errors import CeresFastError
from ceres_fast.files import atomic_file
from ceres_fast.training import callbacks
from ceres_fast.training.callbacks import HISTORY, MONITORS, KeepBest, Report, early_stopping


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
        assert weights.read_text().startswith("weights of epoch ")
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
    monkeypatch.setattr(callbacks, "Snapshot", FakeSnapshot)
    monkeypatch.setattr(callbacks, "averaged", lambda model: nullcontext())


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


LOGS = {"loss": 0.5, "accuracy": 0.75, "recall": 1.0, "val_loss": 0.25, "val_accuracy": 0.9, "val_recall": 0.8}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says; the test moves it."""
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def report(tmp_path: Path) -> Report:
    made = Report(tmp_path, stamps=80, epochs=3)
    made.set_params({"steps": 10})
    return made


def epoch(report: Report, clock: list[float], number: int, **changed: float) -> None:
    report.on_epoch_begin(number - 1)
    for batch in range(10):
        report.on_train_batch_end(batch)
    clock[0] += 4
    report.on_test_begin()
    clock[0] += 1000
    report.on_epoch_end(number - 1, LOGS | changed)


def test_every_epoch_is_printed_and_in_the_history(
    report: Report, clock: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.on_train_begin()
    for number in (1, 2):
        epoch(report, clock, number, loss=0.5 / number)
        with (tmp_path / HISTORY).open(newline="") as stream:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
        assert rows == report.rows
        assert len(rows) == number
    # The 1000 s of validation are not training.
    assert rows[1] == {"epoch": 2, **LOGS, "loss": 0.25, "seconds": 4, "stamps_per_second": 20}
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines()[1] == (
        "epoch   2/3  loss 0.2500  validation: loss 0.2500  accuracy 0.9000  asteroid recall 0.8000  20 stamps/s"
    )


def test_it_says_where_the_training_is(report: Report, clock: list[float]) -> None:
    assert report.where() == "before the first epoch"
    report.on_train_begin()
    epoch(report, clock, 2)
    assert report.where() == "in epoch 2 of 3"


def test_it_goes_on_with_the_rows_and_the_clock_of_before(report: Report, clock: list[float], tmp_path: Path) -> None:
    report.rows, report.seconds = [{"epoch": 1, **LOGS, "seconds": 4, "stamps_per_second": 20}], 77
    report.on_train_begin()
    assert len((tmp_path / HISTORY).read_text().splitlines()) == 2
    epoch(report, clock, 2)
    assert report.seconds == 77 + 1004
    assert [row["epoch"] for row in report.rows] == [1, 2]
    assert len((tmp_path / HISTORY).read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["loss", "val_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_it_with_advice(
    report: Report, clock: list[float], tmp_path: Path, name: str, value: float
) -> None:
    report.on_train_begin()
    with pytest.raises(
        CeresFastError, match=r"not finite after epoch 1\. There is no classifier yet\. Begin again with"
    ):
        epoch(report, clock, 1, **{name: value})
    report.rows.clear()
    epoch(report, clock, 1)
    with pytest.raises(
        CeresFastError, match=r"epoch 2\. The best epoch .* kept.*lower learning_rate in .*config\.toml"
    ):
        epoch(report, clock, 2, **{name: value})
    assert len((tmp_path / HISTORY).read_text().splitlines()) == 3


def test_no_bar_is_left_on_the_terminal_by_an_error_within_an_epoch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=screen, force_terminal=True, width=80))
    report = Report(tmp_path, stamps=80, epochs=3)
    report.set_params({"steps": 10})
    with pytest.raises(Killed), report.bar:
        report.on_epoch_begin(0)
        report.on_train_batch_end(0)
        report.bar.refresh()
        raise Killed
    assert "epoch 1/3" in screen.getvalue()
    assert not report.bar.live.is_started
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")  # the cursor is back
