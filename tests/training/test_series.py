"""A series is a run per backbone and seed: what fails holds up no other, and what is finished is not done again."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.model.backbones import IMAGENET
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training.config import CONFIG, RunConfig, read_config
from ceres_fast.training.processes import CHILD, Problem, Processes
from ceres_fast.training.series import is_series, resume_series, summary, train_series


@pytest.fixture
def options(tiny_records: Path) -> dict[str, Any]:
    settings = dataclasses.asdict(Settings("xception", seed=5, epochs=3))
    return {"records": str(tiny_records), "on_error": "stop", "seeds": 3, **settings}


class Faked:
    """In the place of processes: leaves what a run leaves, or fails where `failing` says so."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.failing: set[str] = set()
        self.stop_in: str | None = None

    def run(self, processes: Processes, command: Sequence[str]) -> Problem | None:
        assert tuple(command[: len(CHILD)]) == CHILD
        command = list(command[len(CHILD) :])
        self.commands.append(command)
        asked = dict(zip(command[1::2], command[2::2], strict=True)) if command[0] == "train" else {}
        run = Path(asked["--run"] if "--run" in asked else asked.get("--resume") or command[1])
        if "--run" in asked:
            run.mkdir()
            of = {**read_config(Path(asked["--config"])), "backbone": asked["--backbone"], "seed": int(asked["--seed"])}
            RunConfig.of(of).write(run)
            (run / "provenance.json").write_text("{}")
        if run.name == self.stop_in:
            processes.stopped_by = signal.SIGTERM
            return Problem("exit status 143")
        if run.name in self.failing:
            return Problem("the loss is not finite.", "CeresFastError")
        seed = int(run.name.partition("-seed")[2])
        (run / "metrics.json").write_text(json.dumps({"best": {"epoch": 2, "loss": 1.0, "val_loss": 0.5 + seed / 8}}))
        (run / "evaluation-validation").mkdir(exist_ok=True)
        (run / "evaluation-validation" / "scores.json").write_text("{}")
        return None


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    fake = Faked()
    monkeypatch.setattr(Processes, "run", lambda self, command: fake.run(self, command))
    return fake


def test_what_is_a_series() -> None:
    assert is_series({"backbone": "all", "seeds": 1})
    assert is_series({"backbone": "xception", "seeds": 2})
    assert not is_series({"backbone": "xception", "seeds": 1})


def test_a_run_per_seed(
    options: dict[str, Any], tmp_path: Path, faked: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train_series(options, tmp_path / "series")
    assert folder == tmp_path / "series"
    assert [command[-1] for command in faked.commands] == [str(folder / f"xception-seed{seed}") for seed in (5, 6, 7)]
    assert faked.commands[1] == [
        *("train", "--config", str(folder / CONFIG), "--backbone", "xception", "--experiment", "2"),
        *("--seed", "6", "--seeds", "1", "--run", str(folder / "xception-seed6")),
    ]
    found = json.loads((folder / "series.json").read_text())
    assert [(run["run"], run["backbone"], run["seed"], run["finished"]) for run in found["runs"]] == [
        (f"xception-seed{seed}", "xception", seed, True) for seed in (5, 6, 7)
    ]
    losses = [0.5 + seed / 8 for seed in (5, 6, 7)]
    assert [run["best"] for run in found["runs"]] == [{"val_loss": loss} for loss in losses]
    assert found["summary"] == {"xception": {"val_loss": {"mean": losses[1], "std": stdev(losses)}}}
    printed = capsys.readouterr().out
    assert "1.2500 ± 0.1250" in printed
    assert "run 3 of 3" in printed


def test_its_config_repeats_it(options: dict[str, Any], tmp_path: Path, faked: Faked) -> None:
    train_series(options, tmp_path / "first")
    again = read_config(tmp_path / "first" / CONFIG)
    again["start_from"] = None
    train_series(again, tmp_path / "second")
    assert read_config(tmp_path / "second" / CONFIG) == read_config(tmp_path / "first" / CONFIG)


def test_all_backbones(options: dict[str, Any], tmp_path: Path, faked: Faked) -> None:
    folder = train_series({**options, "backbone": "all", "seeds": 1}, tmp_path / "series")
    assert [Path(command[-1]).name for command in faked.commands] == [f"{name}-seed5" for name in IMAGENET]
    found = json.loads((folder / "series.json").read_text())["summary"]
    assert found == {name: {"val_loss": {"mean": 1.125, "std": None}} for name in IMAGENET}


def test_one_that_fails_holds_up_no_other_and_is_tried_again(
    options: dict[str, Any], tmp_path: Path, faked: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    faked.failing = {"xception-seed6"}
    folder = tmp_path / "series"
    with pytest.raises(CeresFastError, match=r"1 of 3 runs failed: xception-seed6 \(training: the loss is .*--resume"):
        train_series(options, folder)
    assert len(faked.commands) == 3
    found = json.loads((folder / "series.json").read_text())
    assert [run["finished"] for run in found["runs"]] == [True, False, True]
    assert found["summary"]["xception"]["val_loss"]["mean"] == 1.25
    assert "1.2500 ± 0.1768" in capsys.readouterr().out  # of two

    faked.commands, faked.failing = [], set()
    assert resume_series(folder) == folder
    where = ["--records", str(Path(options["records"]).resolve())]
    assert faked.commands == [["train", "--resume", str(folder / "xception-seed6"), *where]]
    assert "seed7 is finished" in capsys.readouterr().out


def test_where_the_records_have_been_moved_to(options: dict[str, Any], tmp_path: Path, faked: Faked) -> None:
    faked.failing = {"xception-seed6"}
    folder = tmp_path / "series"
    with pytest.raises(CeresFastError, match="1 of 3 runs failed"):
        train_series(options, folder)
    moved = Path(shutil.copytree(options["records"], tmp_path / "moved"))
    faked.failing = set()
    with pytest.raises(InputError, match=r"moved/manifest\.json: is not of the records that .*-seed5 began with"):
        resume_series(folder, moved)  # the faked ones began with none
    for number in (5, 6, 7):
        provenance = {"manifest_sha256": load_manifest(moved).sha256}
        (folder / f"xception-seed{number}" / "provenance.json").write_text(json.dumps(provenance))
    faked.commands = []
    resume_series(folder, moved)
    assert faked.commands[0] == ["train", "--resume", str(folder / "xception-seed6"), "--records", str(moved)]
    assert read_config(folder / CONFIG)["records"] == str(moved.resolve())


def test_one_that_was_trained_and_not_evaluated(options: dict[str, Any], tmp_path: Path, faked: Faked) -> None:
    folder = train_series(options, tmp_path / "series")
    (folder / "xception-seed7" / "evaluation-validation" / "scores.json").unlink()
    faked.commands = []
    resume_series(folder)
    of = ["--split", "validation", "--records", options["records"], "--on-error", "stop"]
    assert faked.commands == [["evaluate", str(folder / "xception-seed7"), *of]]


def test_a_signal_ends_the_series(
    options: dict[str, Any], tmp_path: Path, faked: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    faked.stop_in = "xception-seed6"
    folder = tmp_path / "series"
    with pytest.raises(SystemExit) as caught:
        train_series(options, folder)
    assert caught.value.code == 128 + signal.SIGTERM
    assert f"stopped in run 2 of 3; go on with: ceres-fast train --resume {folder}" in capsys.readouterr().err
    faked.stop_in = None
    resume_series(folder)
    assert [command[1] for command in faked.commands] == ["--config", "--config", "--resume", "--config"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backbone": "all", "start_from": "runs/x"}, "--backbone all: the classifier of --from has one backbone"),
        ({"backbone": "all", "weights": "x.weights.h5"}, "--backbone all: --weights PATH is of one backbone"),
        ({"seed": 2**32 - 2}, "--seed 4294967296: expected a whole number from 0"),
        ({"warmup_epochs": 3}, "--warmup-epochs: expected fewer"),
        ({"records": "nowhere"}, r"manifest\.json: does not exist"),
    ],
)
def test_what_would_make_every_run_fail_is_said_before_the_first(
    options: dict[str, Any], tmp_path: Path, faked: Faked, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(CeresFastError, match=message):
        train_series({**options, **changed}, tmp_path / "series")
    assert not faked.commands
    assert not (tmp_path / "series").exists()


def test_a_run_is_no_series(tmp_path: Path) -> None:
    RunConfig(Path("records"), Settings("xception")).write(tmp_path)
    with pytest.raises(InputError, match=r"config\.toml: is of one run; expected that of a series"):
        resume_series(tmp_path)


def test_mean_and_sample_standard_deviation() -> None:
    found = summary({"a": [{"x": 1.0}, {"x": 3.0}], "b": [{"x": 2.0}]})
    assert found["a"]["x"] == {"mean": 2, "std": pytest.approx(2**0.5)}
    assert found["b"]["x"] == {"mean": 2, "std": None}


@pytest.mark.slow
def test_a_series_of_real_processes(tiny_records: Path, trained: Path, tmp_path: Path) -> None:
    weights = trained.parent.parent / "random.weights.h5"
    settings = Settings("xception", 2, str(weights), batch_size=8, epochs=3, dense=64, **PAPER)
    options = {"records": str(tiny_records), "on_error": "stop", "seeds": 2, **dataclasses.asdict(settings)}
    folder = train_series(options, tmp_path / "series")
    first, second = (run["best"] for run in json.loads((folder / "series.json").read_text())["runs"])
    alone = json.loads((trained / "metrics.json").read_text())["best"]
    assert first == {name: value for name, value in alone.items() if name.startswith("val_")}
    assert first != second
