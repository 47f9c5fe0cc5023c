"""The benchmark of the guarantee at a small size: its figures agree with each other and with what is expected."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks import guarantee as module
from benchmarks.calibration_draws import Population
from benchmarks.guarantee import main, measure, together
from ceres_fast.console import console
from ceres_fast.evaluation.predictions import write_predictions

from ..asteroid_predictions import of_asteroids

DRAWS = 1000


@pytest.mark.parametrize("population", [Population(), Population(4, 3, 0.5)], ids=lambda each: each.name)
def test_a_kept_promise(population: Population) -> None:
    (row,) = measure(population, 149, [0.02], 0.95, DRAWS, np.random.default_rng(1))
    assert row["expected"] == pytest.approx(binom.cdf(0, 149, 0.02))
    rules = row["rules"]
    assert rules["asteroids"]["low"] <= row["expected"] <= rules["asteroids"]["high"]
    assert rules["quantile"]["share"] > 0.3
    assert rules["0.5"]["share"] == 1
    assert rules["0.5"]["mean_loss"] == pytest.approx(float(population.loss(np.array(-1.5))))
    for each in rules.values():
        assert each["share"] == each["exceeds"] / DRAWS
        assert 0 < each["mean_loss"] < each["largest_loss"] + 1e-9 < 1
    assert rules["asteroids"]["mean_loss"] < rules["quantile"]["mean_loss"]
    assert rules["asteroids"]["non_asteroids_left"] > rules["quantile"]["non_asteroids_left"]


def test_all_exposures_needed_a_bound_on_stamps_breaks_the_promise() -> None:
    (row,) = measure(Population(3, 3), 500, [0.02], 0.95, 200, np.random.default_rng(2))
    assert row["rules"]["stamps"]["share"] > 0.9
    assert row["rules"]["asteroids"]["share"] < 0.1


def test_asteroids_that_share_fields_break_the_promise_more_often() -> None:
    (row,) = measure(Population(4, 3, 0.5, fields=5, shared=0.2), 500, [0.02], 0.95, 200, np.random.default_rng(3))
    assert row["expected"] is None
    assert row["rules"]["asteroids"]["low"] > 0.05


def test_in_pieces_all_draws_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES", 1000)
    (row,) = measure(Population(), 149, [0.02], 0.95, 20, np.random.default_rng(4))
    assert row["rules"]["0.5"]["exceeds"] == 20


def test_a_promise_that_there_are_too_few_asteroids_for_is_left_out() -> None:
    rows = measure(Population(), 29, [0.02, 0.1], 0.95, 5, np.random.default_rng(5))
    assert [row["max_loss"] for row in rows] == [0.1]


def test_rows_together() -> None:
    rows = [
        {"max_loss": max_loss, "expected": expected, "rules": {"asteroids": {"exceeds": exceeds}}}
        for max_loss, expected, exceeds in ((0.1, 0.04, 3), (0.1, 0.02, 1), (0.1, None, 90), (0.02, 0.01, 80))
    ]
    found = together(rows, 0.1, 100)
    assert (found["draws"], found["exceeds"], found["share"], found["expected"]) == (200, 4, 0.02, 0.03)
    assert found["low"] < 0.02 < found["high"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(6)
    found = of_asteroids(random.random((80, 4)), random.random(50))
    about = {**found.about, "classifier": "xception, experiment 2", "split": "test", "records": "stamps"}
    object.__setattr__(found, "about", about)
    write_predictions(found, tmp_path / "predictions.ecsv")
    output = tmp_path / "guarantee.json"
    monkeypatch.setattr(module, "SIZES", (160,))
    monkeypatch.setattr(console, "width", 200)
    arguments = ["--draws", "20", "--predictions", str(tmp_path / "predictions.ecsv"), "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["guarantee.py", *arguments])
    main()
    result = json.loads(output.read_text())
    assert result["machine"]["command"].startswith("python -m benchmarks.guarantee --draws 20")
    independent = [row for row in result["simulated"] if row["fields"] is None]
    # Of 29, 149 and 160 asteroids, two sizes are enough for 2 % and all for 10 %.
    assert len(independent) == len(module.INDEPENDENT) * 5
    assert len(result["simulated"]) == (len(module.INDEPENDENT) + len(module.OF_FIELDS)) * 5
    whole = [20 * len(module.INDEPENDENT) * sizes for sizes in (2, 3)]
    assert [row["draws"] for row in result["independent_asteroids_together"]] == whole
    first, second = result["predictions"]
    assert first["problem"] == "half of the asteroids are too few for the promise"
    assert (second["max_loss"], second["asteroids"], second["drawn"]["asteroid"]["draws"]) == (0.1, 80, 20)
    printed = capsys.readouterr().out
    for text in ("3 of 4, correlation 0.9", "5 fields share 0.2", "xception, experiment 2, test of stamps", "too few"):
        assert text in printed
