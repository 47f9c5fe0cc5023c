"""The table of training runs: nothing measured is lost, shares and ratios are those of the figures beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.bounds import Work
from benchmarks.measured import Measured
from benchmarks.operations import Operations
from benchmarks.peaks import Peaks
from benchmarks.training_results import Results, compared
from ceres_fast.settings.training import Settings

WORK = Work(stamps=1000, validation=100, epochs=4)
OPTIONS = {"epochs": 4, "folder": Path("somewhere"), "rows": ["xception/2"]}
COUNTED = Operations(prefix=10**6, suffix=10**5, backward=10**5, trained_parameters=1000)


def run(epochs: int, seconds: float) -> Measured:
    return Measured(seconds * epochs, [seconds] * epochs, [{"val_loss": 1 / (1 + epoch)} for epoch in range(epochs)])


def peaks(gflops: float) -> Peaks:
    return Peaks("CPU", {"float32": gflops}, {"float32": "x"}, 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "training.json"
    results = Results(made, WORK, OPTIONS)
    results.start("xception/2", COUNTED, Settings("xception", 2), peaks(1))
    results.add("xception/2", "a paper", run(2, 10))
    results.add("xception/2", "c cold", run(4, 2))
    return made


def test_what_was_measured_is_there_for_the_next_process(path: Path) -> None:
    results = Results(path, WORK, {**OPTIONS, "rows": ["xception/1"]})
    assert not results.lacks("xception/2", {"a paper": 2, "c cold": 4})
    assert results.lacks("xception/2", {"a paper": 2, "b uncached": 2})
    assert results.lacks("xception/1", {"a paper": 2})


def test_what_was_cut_short_is_run_in_full_when_there_is_time(path: Path) -> None:
    results = Results(path, WORK, {**OPTIONS, "slow": 10**6})
    assert results.lacks("xception/2", {"a paper": 4})
    results.add("xception/2", "a paper", run(4, 11))
    row = json.loads(path.read_text(encoding="utf-8"))["rows"]["xception/2"]
    assert (row["ways"]["a paper"]["seconds"], row["ways"]["a paper"]["extrapolated"]) == (44, False)
    assert row["loss_over_c_cold"]["a paper"]["epoch"] == 4


def test_a_result_of_other_options_is_not_mixed_in(path: Path) -> None:
    with pytest.raises(SystemExit, match="other options"):
        Results(path, WORK, {**OPTIONS, "epochs": 5})


def test_shares_and_ratios(path: Path) -> None:
    row = json.loads(path.read_text(encoding="utf-8"))["rows"]["xception/2"]
    paper, cold = row["ways"]["a paper"], row["ways"]["c cold"]
    assert (paper["seconds"], paper["extrapolated"]) == (40, True)
    assert (cold["seconds"], cold["extrapolated"]) == (8, False)
    assert row["over_c_cold"] == row["over_c_cold_at_fastest"] == {"a paper": 5, "c cold": 1}
    assert row["loss_over_c_cold"]["a paper"] == {"epoch": 2, "loss": 0.5, "loss_of_c_cold": 0.5, "difference": 0}
    for figures in (paper, cold):
        assert figures["share"] == pytest.approx(figures["bound"]["seconds"] / figures["seconds"], abs=1e-4)
    assert paper["stamps_per_second"] == 100


def test_the_best_peak_of_all_rows_bounds_all(path: Path) -> None:
    before = flop_seconds(path)
    results = Results(path, WORK, OPTIONS)
    results.start("xception/1", COUNTED, Settings("xception", 1), peaks(2))
    results.add("xception/1", "c cold", run(4, 2))
    assert flop_seconds(path) == pytest.approx(before / 2, abs=1e-3)


def flop_seconds(path: Path) -> float:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows["xception/2"]["ways"]["c cold"]["bound"]["flop_seconds"]


def test_without_what_it_is_compared_with_there_is_no_ratio() -> None:
    assert compared({"a paper": {}}) == {
        "over_c_cold": {},
        "over_c_cold_at_fastest": {},
        "loss_over_c_cold": {},
    }
