"""From folders of evaluations to text, JSON and picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from matplotlib import image
from typer.testing import CliRunner

from ceres_fast.cli.compare import compare as command
from ceres_fast.errors import CeresFastError
from ceres_fast.evaluation import scores
from ceres_fast.evaluation.compare import compare as module
from ceres_fast.evaluation.compare.compare import compare
from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.evaluate import evaluate

from ...tiny_networks import write_run
from .evaluations import columns, predictions, survey, write_evaluation

KNOWN = survey(asteroids=60, others=200, exposures=3)
CENTRE = np.repeat([0.7, 0.3], [180, 200])


def spread(width: float, seed: int = 0) -> np.ndarray:
    return np.clip(CENTRE + np.random.default_rng(seed).normal(0, width, 380), 0, 1)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 100)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write_evaluation(tmp_path / "bad", predictions(KNOWN, spread(0.3)))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_evaluation(tmp_path / "good", predictions(KNOWN, spread(0.15)), config={"seed": 1})


def test_what_is_written(bad: Path, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare([bad, good], output=tmp_path / "a" / "b")
    text = (tmp_path / "a" / "b" / "compare.txt").read_text()
    assert text in capsys.readouterr().out
    stored = json.loads((tmp_path / "a" / "b" / "compare.json").read_text())
    assert stored == json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert image.imread(tmp_path / "a" / "b" / "compare.png").ndim == 3

    assert stored["verdicts"][0]["better"] == "B"
    assert (stored["stamps"], stored["non_asteroids"], stored["asteroids"], stored["left_out"]) == (380, 200, 60, 0)
    values = [run["values"] for run in stored["runs"]]
    for name, difference in stored["pairs"][0]["differences"].items():
        assert difference["value"] == pytest.approx(values[1][name] - values[0][name])
        assert difference["low"] <= difference["value"] <= difference["high"]
    assert [run["seed"] for run in stored["runs"]] == [None, 1]


def test_the_text_says_what_the_numbers_mean(bad: Path, good: Path) -> None:
    found = compare([bad, good])
    text = module.as_text(found)
    words = " ".join(text.split())
    assert text.startswith("2 runs compared: test split of sim\n")
    assert max(len(line) for line in text.splitlines() if "/" not in line) <= 80
    assert not any(line.endswith(" ") for line in text.splitlines())
    assert f"A {bad} xception, experiment 2; threshold 0.5" in words
    assert f"B {good} xception, experiment 2, seed 1; threshold 0.5" in words
    test = found.pairs[0].tests["asteroids"]
    assert test.only_second > test.only_first
    assert (
        f"60 asteroids: B finds {test.only_second} that A loses, A finds {test.only_first} that B loses; p = " in words
    )
    assert "B is better: it loses fewer asteroids, leaves fewer non-asteroids and ranks asteroids higher" in words
    assert "pairs" not in words
    for measure in MEASURES.values():
        assert f"\n{measure.title:<22}" in text


def test_scores_are_those_of_the_evaluation(bad: Path, good: Path) -> None:
    found = compare([bad, good], needs=2)
    wanted = scores.score(KNOWN["label"], spread(0.15))
    values = found.runs[1].values
    for name in ("recall", "precision", "roc_auc", "average_precision"):
        assert values[name] == pytest.approx(getattr(wanted, name).value)
    assert values["loss"] == pytest.approx(wanted.loss)


def test_several_runs_and_seeds(tmp_path: Path) -> None:
    runs = [
        write_evaluation(tmp_path / str(seed), predictions(KNOWN, spread(0.2, seed)), config={"seed": seed})
        for seed in range(3)
    ]
    found = compare(runs, output=tmp_path / "out")
    assert len(found.pairs) == len(found.verdicts) == 3
    recalls = [run.values["recall"] for run in found.runs]
    assert found.groups[0].spread["recall"].mean == pytest.approx(np.mean(recalls))
    words = " ".join((tmp_path / "out" / "compare.txt").read_text().split())
    assert "xception, experiment 2, seeds: A 0, B 1, C 2" in words
    assert "(of 3 pairs: " in words
    assert "C against B" in words
    assert [len(row["letters"]) for row in json.loads((tmp_path / "out" / "compare.json").read_text())["groups"]] == [3]


def test_the_same_run_twice(bad: Path) -> None:
    found = compare([bad, bad])
    assert found.verdicts[0].better is None
    assert {test.p for test in found.pairs[0].tests.values()} == {1}
    assert "No difference: both give the same answer on every stamp." in module.as_text(found)


def test_one_answers_as_the_other_does_at_another_threshold(tmp_path: Path) -> None:
    made = predictions(KNOWN, spread(0.2))
    runs = [write_evaluation(tmp_path / str(value), made, threshold=value) for value in (0.5, 0.123456)]
    found = compare(runs)
    differences = found.pairs[0].differences
    assert differences["roc_auc"].value == differences["loss"].value == 0
    assert differences["asteroids_lost"].value < 0 < differences["non_asteroids_left"].value
    assert "threshold 0.123456" in module.as_text(found)


def test_seed_decides_the_samples_and_nothing_else(bad: Path, good: Path) -> None:
    first, again, other = (compare([bad, good], seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.runs == other.runs
    assert first.pairs[0].tests == other.pairs[0].tests
    assert first.pairs[0].differences != other.pairs[0].differences


@pytest.mark.parametrize("labels", [np.zeros(8), np.ones(8), [1] + [0] * 7], ids=["none", "all", "one"])
def test_few_or_no_asteroids_are_written_too(tmp_path: Path, labels: object) -> None:
    known = columns(labels)
    runs = [
        write_evaluation(tmp_path / name, predictions(known, values))
        for name, values in (("a", np.linspace(0, 1, 8)), ("b", np.linspace(1, 0, 8)), ("c", np.zeros(8)))
    ]
    found = compare(runs, output=tmp_path / "out")
    assert "No asteroid has 3 exposures" in found.verdicts[0].words
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["asteroids"] == 0
    assert "—" in (tmp_path / "out" / "compare.txt").read_text()
    assert image.imread(tmp_path / "out" / "compare.png").ndim == 3


def test_asteroids_with_too_few_exposures_are_told(bad: Path, good: Path) -> None:
    found = compare([bad, good], needs=4)
    assert (found.asteroids, found.left_out) == (0, 60)
    assert "(60 more have fewer: no classifier can find those)" in " ".join(module.as_text(found).split())


def test_nothing_is_written_where_runs_do_not_pair(bad: Path, tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "other", predictions(survey(2, 3), 0.5))
    with pytest.raises(CeresFastError, match="380"):
        compare([bad, other], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command(bad: Path, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, seen = typer.Typer(), []
    app.command()(command)
    monkeypatch.setattr(module, "compare", lambda *given, **named: seen.append((given, named)))
    arguments = [str(bad), str(good), "--split", "validation", "--needs", "2", "--output", "x", "--seed", "3"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert seen == [(([bad, good],), {"split": "validation", "needs": 2, "output": Path("x"), "seed": 3})]
    assert CliRunner().invoke(app, []).exit_code == 2
    assert CliRunner().invoke(app, [str(bad), str(good), "--needs", "0"]).exit_code == 2


@pytest.mark.usefixtures("tiny_classifier")
def test_runs_that_were_evaluated(tmp_path: Path, tiny_records: Path) -> None:
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", threshold=0.25)]
    found = [evaluate(run, tiny_records) for run in runs]
    compared = compare(runs)
    assert [run.threshold for run in compared.runs] == [0.5, 0.25]
    for run, wanted in zip(compared.runs, found, strict=True):
        assert run.values["recall"] == pytest.approx(wanted.recall.value)
        assert run.values["roc_auc"] == pytest.approx(wanted.roc_auc.value)
        assert run.values["loss"] == pytest.approx(wanted.loss)
    assert compared.asteroids == sum(wanted.classes["asteroid"].count for wanted in found) / 2 / 3
