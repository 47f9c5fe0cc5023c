"""What a training prints, keeps, draws and logs of each epoch."""

from __future__ import annotations

import csv
import errno
import io
import math
import re
from pathlib import Path

import keras
import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from ceres_fast import console
from ceres_fast.errors import CeresFastError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.training import report as module
from ceres_fast.training.report import Report, TensorBoard, draw_learning_curves, require_tensorboard
from ceres_fast.training.runs import HISTORY

LOGS = {"loss": 0.5, "accuracy": 0.75, "recall": 1.0, "val_loss": 0.25, "val_accuracy": 0.9, "val_recall": 0.8}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says; the test moves it."""
    now = [100.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
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
    assert printed.out.splitlines() == [
        "            training  validation",
        "    epoch       loss        loss  accuracy  asteroid recall   stamps/s",
        "      1/3     0.5000      0.2500    0.9000           0.8000         20",
        "      2/3     0.2500      0.2500    0.9000           0.8000         20",
    ]


@pytest.mark.parametrize(("guessing", "fine", "absurd"), [(0.693, 6.9, 7.0), (0.173, 1.7, 1e6)])
def test_an_absurd_validation_loss_is_warned_of_once(
    tmp_path: Path,
    clock: list[float],
    capsys: pytest.CaptureFixture[str],
    guessing: float,
    fine: float,
    absurd: float,
) -> None:
    report = Report(tmp_path, stamps=80, epochs=5, guessing=guessing)
    report.set_params({"steps": 10})
    report.on_train_begin()
    epoch(report, clock, 1, val_loss=fine, loss=1e9)
    assert capsys.readouterr().err == ""
    epoch(report, clock, 2, val_loss=absurd)
    said = " ".join(capsys.readouterr().err.split())
    assert f"the validation loss is {absurd:.4g} after epoch 2, and that of mere guessing is {guessing:.2g}" in said
    assert "begin again with a tenth of --learning-rate" in said
    epoch(report, clock, 3, val_loss=1e9)
    assert capsys.readouterr().err == ""
    assert len(report.rows) == 3


def test_lines_of_long_trainings_fit_on_a_screen_of_80_columns(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(tmp_path, stamps=4 * 1_234_567, epochs=1000)
    report.set_params({"steps": 10})
    report.on_train_begin()
    epoch(report, clock, 1000, loss=1234.5678, val_loss=12345.6789)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["1000/1000", "1234.5678", "12345.6789", "0.9000", "0.8000", "1,234,567"]
    assert max(map(len, lines)) <= 80


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


def test_the_bar_shows_the_time_left_of_the_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: list[float]
) -> None:
    """Also where a step takes a minute, and after a stop: 10 of 40 steps, of 60 s each, were done before it."""
    screen = io.StringIO()
    drawn = Console(file=screen, force_terminal=True, width=80, get_time=lambda: clock[0])
    monkeypatch.setattr(console, "errors", drawn)
    report = Report(tmp_path, stamps=80, epochs=4)
    report.set_params({"steps": 10})
    with report.bar:
        report.on_train_begin()
        report.on_epoch_begin(1)
        for batch in range(2):
            clock[0] += 60
            report.on_train_batch_end(batch)
        report.bar.refresh()
    assert re.search(r"epoch 2/4 .* 12/40 0:28:00 left", without_escapes(screen.getvalue()))


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_no_bar_is_left_on_the_terminal_by_an_error_within_an_epoch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=screen, force_terminal=True, width=80))
    report = Report(tmp_path, stamps=80, epochs=3)
    report.set_params({"steps": 10})
    with pytest.raises(KeyboardInterrupt), report.bar:
        report.on_epoch_begin(0)
        report.on_train_batch_end(0)
        report.bar.refresh()
        raise KeyboardInterrupt
    assert "epoch 1/3" in screen.getvalue()
    assert not report.bar.live.is_started
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")  # the cursor is back


def history(epochs: int) -> list[dict[str, float]]:
    names = [f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy", "recall")]
    return [
        {"epoch": epoch, **{name: number + 1 / epoch for number, name in enumerate(names)}}
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    drawn: list[Figure] = []

    class Kept(Figure):
        def savefig(self, *arguments: object, **options: object) -> None:
            drawn.append(self)
            super().savefig(*arguments, **options)

    monkeypatch.setattr(module, "Figure", Kept)
    rows = history(epochs)
    draw_learning_curves(rows, 1, tmp_path / "figures" / "curves.png")
    assert matplotlib.image.imread(tmp_path / "figures" / "curves.png").shape[2] == 4
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss", "accuracy", "asteroid recall"]
    for axes, name in zip(drawn[0].axes, ("loss", "accuracy", "recall"), strict=True):
        training, validation, kept = axes.lines
        np.testing.assert_array_equal(training.get_xydata(), [(row["epoch"], row[name]) for row in rows])
        np.testing.assert_array_equal(validation.get_ydata(), [row[f"val_{name}"] for row in rows])
        assert list(kept.get_xdata()) == [1, 1]


def test_a_loss_that_is_not_finite_draws_no_warning(tmp_path: Path) -> None:
    rows = history(3)
    rows[1]["val_loss"], rows[2]["loss"] = math.inf, math.nan
    draw_learning_curves(rows, 1, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(CeresFastError, match=r"--tensorboard needs .* pip install tensorboard$"):
        require_tensorboard()
    monkeypatch.setattr(module, "find_spec", lambda name: name == "tensorboard" or None)
    require_tensorboard()


def fit_with_logs(run: Path) -> None:
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae"])
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[TensorBoard(run)])


def test_it_logs_into_the_run(tmp_path: Path) -> None:
    fit_with_logs(tmp_path)
    found: dict[str, list[tuple[int, str]]] = {}
    for path in (tmp_path / "tensorboard").rglob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            found.setdefault(path.parent.name, []).extend((event.step, each.tag) for each in event.summary.value)
    tags = ["epoch_loss", "epoch_mae"]
    assert sorted(found["validation"]) == [(step, tag) for step in (0, 1) for tag in tags]
    assert sorted(found["train"]) == [(step, tag) for step in (0, 1) for tag in ["epoch_learning_rate", *tags]]


def test_a_log_that_cannot_be_written_costs_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_printed", set())
    (tmp_path / "tensorboard").write_text("no folder", encoding="utf-8")
    fit_with_logs(tmp_path)
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: {tmp_path / 'tensorboard'}: cannot be written (")
    assert warning.endswith("The training goes on.")


def test_a_history_that_cannot_be_written_is_written_after_the_next_epoch(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def epoch(number: int) -> None:
        report.on_epoch_begin(number)
        report.on_test_begin()
        report.on_epoch_end(number, LOGS)

    def full(temporary: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    report.on_train_begin()
    with monkeypatch.context() as patch:
        patch.setattr("ceres_fast.files.sync", full)
        epoch(0)
        assert "The training goes on" in capsys.readouterr().err
        report.on_train_begin()  # resumed, with a row of before
        assert "The training goes on" in capsys.readouterr().err
        with pytest.raises(CeresFastError, match="No space left"):
            report.write()
    assert not (tmp_path / HISTORY).exists()
    epoch(1)
    assert [line.split(",")[0] for line in (tmp_path / HISTORY).read_text().splitlines()] == ["epoch", "1", "2"]
