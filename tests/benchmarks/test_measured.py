"""What a run took: epochs, what is extrapolated from them, and how they are seen from outside."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import measured as module
from benchmarks.measured import Measured, measured, run_pipeline
from ceres_fast.settings.training import Settings


def test_epochs_begin_where_the_one_before_ends() -> None:
    run = measured(100, [130, 135, 142], 143, [])
    assert run == Measured(43, [30, 5, 7], [])
    assert run.epoch == 6


@pytest.mark.parametrize(("epochs", "seconds"), [(3, 43), (5, 43 + 2 * 6)])
def test_only_what_was_not_run_is_extrapolated(epochs: int, seconds: float) -> None:
    assert Measured(43, [30, 5, 7], []).of_epochs(epochs) == seconds


def test_at_its_fastest_epoch_a_run_has_no_naps() -> None:
    run = Measured(71, [30, 5, 25, 10], [])
    assert run.at_fastest(4) == 71 - 20 - 5
    assert run.at_fastest(6) == 71 - 20 - 5 + 2 * 5
    assert Measured(31, [30], []).at_fastest(2) == 61


@pytest.mark.usefixtures("tiny_classifier")
def test_every_epoch_of_the_pipeline_is_seen(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.001)
    run = run_pipeline(tiny_records, Settings("xception", 2, epochs=3, patience=3), tmp_path / "run")
    with (tmp_path / "run" / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["val_loss"] for row in run.history] == [float(row["val_loss"]) for row in rows]
    assert len(run.epoch_seconds) == 3
    assert min(run.epoch_seconds) > 0
    assert run.seconds >= sum(run.epoch_seconds)
    assert all(took >= float(row["seconds"]) for took, row in zip(run.epoch_seconds, rows, strict=True))
