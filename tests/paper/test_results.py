"""``experiments.json`` says what the runs say, and survives whatever is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.scaling import scaled
from ceres_fast.errors import InputError
from ceres_fast.evaluation.operating_point import OperatingPoint, measured
from ceres_fast.evaluation.predictions import PREDICTIONS, read_predictions, write_predictions
from ceres_fast.paper.machine import machine
from ceres_fast.paper.plan import Plan
from ceres_fast.paper.results import Results, row
from ceres_fast.paper.run import run_experiments
from ceres_fast.training.members import Member

from .conftest import Commands

Made = Callable[..., Plan]
ROW = {
    *("backbone", "experiment", "seed", "run", "finished", "problem", "seconds", "prefix_seconds", "epochs"),
    *("best_epoch", "stamps_per_second", "history", "scores", "operating_point", "operating_point_problem"),
    *("test_at_point", "reliability", "weights"),
}


@pytest.fixture
def one(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> tuple[Plan, Member]:
    """A finished run and its plan."""
    made = plan(backbones="xception", experiments="2")
    run_experiments(tmp_path / "out", made)
    (member,) = made.members(tmp_path / "out")
    return made, member


def test_what_it_says(one: tuple[Plan, Member], tmp_path: Path) -> None:
    plan, member = one
    found = json.loads((tmp_path / "out" / "experiments.json").read_text())
    assert found.keys() == {"ceres_fast", "records", "settings", "machine", "seconds", "rows"}
    assert found["records"]["manifest_sha256"] == plan.manifest.sha256
    assert found["records"]["counts"]["test"] == plan.manifest.class_counts("test")
    assert found["settings"]["epochs"] == 3
    assert found["settings"]["max_loss"] == 0.5
    assert str(tmp_path) not in json.dumps(found)  # no place on this machine
    assert found["machine"]["devices"] == ["a device"]
    (values,) = found["rows"]
    assert values.keys() == ROW
    assert (values["backbone"], values["experiment"], values["seed"], values["run"]) == (
        "xception",
        2,
        0,
        member.folder.name,
    )
    assert (values["finished"], values["problem"], values["weights"]) == (True, None, "imagenet")
    assert (values["seconds"], values["prefix_seconds"], values["epochs"], values["best_epoch"]) == (1.5, 0.25, 3, 3)
    assert values["stamps_per_second"] == round(plan.manifest.count("train") * 3 / 1.5, 1)
    assert values["history"][1] == {"epoch": 2, "loss": 0.5, "val_loss": 0.25}
    assert "split" not in values["scores"]
    assert np.sum(values["scores"]["confusion"]) == plan.manifest.count("test")
    assert values["reliability"]["after"]["ece"] == 0.125


def test_the_point_is_measured_with_the_scaled_probabilities(one: tuple[Plan, Member]) -> None:
    _, member = one
    classifier = read_classifier(member.folder)
    predictions = read_predictions(member.folder / "evaluation-test" / PREDICTIONS)
    assert classifier.operating_point is not None
    point = OperatingPoint.from_dict(classifier.operating_point)
    probabilities = scaled(classifier.scaling, predictions.probabilities)
    assert not np.allclose(probabilities, predictions.probabilities)
    after = type(predictions)(predictions.known, probabilities, {})
    found = row(member, 10)
    assert found["test_at_point"] == measured(after, point)
    assert found["operating_point"] == classifier.operating_point

    # Evaluated again by hand after the calibration, it is not scaled twice.
    path = member.folder / "evaluation-test" / PREDICTIONS
    write_predictions(type(after)(after.known, after.probabilities, {"scaling": classifier.scaling}), path)
    assert row(member, 10)["test_at_point"] == found["test_at_point"]
    write_predictions(type(after)(after.known, after.probabilities, {"scaling": {"method": "x"}}), path)
    with pytest.raises(InputError, match=r"predictions\.ecsv: was made with another scaling"):
        row(member, 10)


def test_a_run_that_has_not_begun(one: tuple[Plan, Member], tmp_path: Path) -> None:
    found = row(Member(tmp_path / "none", "xception", 1, 0), 10)
    assert (found["finished"], found["history"]) == (False, [])
    assert {name for name, value in found.items() if value is not None} == {"finished", "history"}
    assert row(Member(tmp_path / "none", "xception", 1, 0), 10, "too few")["operating_point_problem"] == "too few"


def test_trained_and_no_more(one: tuple[Plan, Member]) -> None:
    _, member = one
    (member.folder / "evaluation-test" / "scores.json").unlink()
    found = row(member, 10, "too few")
    assert (found["finished"], found["epochs"], found["scores"]) == (False, 3, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics.json", "{}"),
        ("metrics.json", '{"epochs": 3, "best_epoch": 1, "seconds": 0, "prefix_seconds": null}'),
        ("metrics.json", '{"epochs": "3", "best_epoch": 1, "seconds": 1, "prefix_seconds": null}'),
        ("history.csv", "epoch,loss\n1,x\n"),
        ("history.csv", "epoch,loss\n1\n"),
        ("history.csv", "epoch,loss\n1,2,3\n"),
        ("history.csv", "\xff"),
        ("history.csv", "epoch,loss\n1,2\n2,2\n"),
        ("history.csv", ""),
        ("evaluation-test/scores.json", "[]"),
        ("evaluation-test/predictions.ecsv", ""),
        ("classifier.json", "{}"),
    ],
)
def test_a_damaged_file_is_named(one: tuple[Plan, Member], name: str, text: str) -> None:
    _, member = one
    (member.folder / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=Path(name).name):
        row(member, 10)


def test_a_loss_without_a_value_can_be_json(one: tuple[Plan, Member]) -> None:
    _, member = one
    (member.folder / "history.csv").write_text("epoch,loss\n1,nan\n2,inf\n3,2\n")
    assert [epoch["loss"] for epoch in row(member, 10)["history"]] == [None, None, 2]


def test_the_time_goes_on(one: tuple[Plan, Member], tmp_path: Path) -> None:
    plan, _ = one
    path = tmp_path / "out" / "experiments.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps(before | {"seconds": 5000.0}))
    Results(tmp_path / "out", plan).write()
    after = json.loads(path.read_text())
    assert after["seconds"] >= 5000
    assert after["rows"] == before["rows"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"seconds": "x", "rows": []}',
        '{"seconds": NaN, "rows": []}',
        '{"seconds": -1, "rows": []}',
        '{"seconds": 1, "rows": 3}',
        '{"seconds": 1, "rows": [[]]}',
        '{"seconds": 1, "rows": [{"run": []}]}',
        '{"seconds": 1, "rows": [{}]}',
    ],
)
def test_what_was_there_is_written_anew(
    one: tuple[Plan, Member],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    plan, member = one
    clock = iter([100.0, 103.0])
    monkeypatch.setattr("ceres_fast.paper.results.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    (tmp_path / "out" / "experiments.json").write_text(text)
    results = Results(tmp_path / "out", plan)
    results.write()
    assert "cannot be read, and is written anew" in " ".join(capsys.readouterr().err.split())
    found = json.loads((tmp_path / "out" / "experiments.json").read_text())
    assert found["rows"][0]["finished"]
    assert found["seconds"] == 3
    assert results.finished(member)


def test_a_problem_that_is_no_text_is_none(one: tuple[Plan, Member], tmp_path: Path) -> None:
    plan, _ = one
    path = tmp_path / "out" / "experiments.json"
    found = json.loads(path.read_text())
    found["rows"][0]["operating_point_problem"] = {"text": "x"}
    path.write_text(json.dumps(found))
    assert Results(tmp_path / "out", plan).unpromised == {}


def test_the_machine(tmp_path: Path) -> None:
    for name, text in {"a": '{"trained_on": "CPU"}', "b": '{"trained_on": ["GPU"]}', "c": "{", "d": "{}"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "provenance.json").write_text(text)
    found = machine([tmp_path / name for name in "abcde"])
    assert found["devices"] == ["CPU"]
    assert found["processor"]
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0.1
