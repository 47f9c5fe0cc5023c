"""Experiments go on after whatever stopped them, keep what failed as failed, and do nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceres_fast import console
from ceres_fast.errors import CeresFastError
from ceres_fast.paper.plan import Plan
from ceres_fast.paper.run import run_experiments
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.training.processes import Problem

from .conftest import TOO_FEW, Commands

Made = Callable[..., Plan]
ROOT = Path(__file__).parents[2]
FAILS = Problem("the loss is not finite.", "CeresFastError")


def rows(out: Path) -> dict[str, dict[str, Any]]:
    return {row["run"]: row for row in json.loads((out / "experiments.json").read_text())["rows"]}


def of(run: str) -> list[str]:
    """What is done with a run; training evaluates on the validation split."""
    return [f"train {run}", f"evaluate test {run}", f"calibrate {run}"]


NAMES = [f"{backbone}-experiment{number}-seed0" for backbone in ("xception", "resnet152v2") for number in (1, 2)]


def test_all_of_them(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_experiments(out, plan()) == out / "experiments.json"
    assert commands.told == [what for name in NAMES for what in of(name)]
    assert [row["finished"] for row in rows(out).values()] == [True] * 4
    assert reports == [1, 2, 3, 4, 4]
    printed = " ".join(capsys.readouterr().out.split())
    assert "features of frozen layers take up to" in printed
    assert "xception 2" in printed
    assert "ROC AUC" in printed
    assert printed.endswith(f"the report, for a browser: {out / 'report' / 'index.html'}")

    commands.told.clear()
    run_experiments(out, plan())
    assert not commands.told
    assert "run 4 of 4" in capsys.readouterr().out


def test_seeds_have_mean_and_spread(
    plan: Made,
    tmp_path: Path,
    commands: Commands,
    reports: list[int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console.console, "_width", None)
    run_experiments(tmp_path / "out", plan(backbones="xception", experiments="2", seeds=3))
    assert list(rows(tmp_path / "out")) == [f"xception-experiment2-seed{seed}" for seed in range(3)]
    printed = capsys.readouterr().out
    assert "±" in printed
    assert max(map(len, printed.split("Test split")[1].splitlines()[:-3])) <= 80


def test_one_that_fails_is_kept_as_failed_and_tried_again(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int]
) -> None:
    out, failed = tmp_path / "out", NAMES[1]
    commands.failing = {f"evaluate test {failed}": FAILS}
    message = rf"1 of 4 runs failed: {failed} \(evaluation on the test split: the loss .* again: the same command$"
    with pytest.raises(CeresFastError, match=message):
        run_experiments(out, plan())
    assert commands.told[3:7] == [f"train {failed}", f"evaluate test {failed}", *of(NAMES[2])[:2]]
    assert [row["finished"] for row in rows(out).values()] == [True, False, True, True]
    found = rows(out)[failed]
    assert found["problem"] == "evaluation on the test split: the loss is not finite."
    assert (found["epochs"], found["scores"]) == (3, None)  # what there is of it
    assert reports == [1, 1, 2, 3, 3]

    commands.told, commands.failing = [], {}
    run_experiments(out, plan())
    assert commands.told == [f"evaluate test {failed}", f"calibrate {failed}"]
    assert rows(out)[failed]["problem"] is None
    assert rows(out)[failed]["finished"]


def test_all_fail(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> None:
    commands.failing = {f"train {name}": FAILS for name in NAMES}
    with pytest.raises(CeresFastError, match="4 of 4 runs failed"):
        run_experiments(tmp_path / "out", plan())
    assert {row["problem"] for row in rows(tmp_path / "out").values()} == {"training: the loss is not finite."}


@pytest.mark.parametrize("at", range(6))
def test_a_signal_at_any_step(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int], capsys: pytest.CaptureFixture[str], at: int
) -> None:
    out, names = tmp_path / "out", NAMES[:2]
    what = [what for name in names for what in of(name)]
    commands.signal_at = what[at], signal.SIGTERM
    with pytest.raises(SystemExit) as ended:
        run_experiments(out, plan(backbones="xception"))
    assert ended.value.code == 128 + signal.SIGTERM
    assert "go on with: the same command" in capsys.readouterr().err
    assert all(row["problem"] is None for row in rows(out).values())
    commands.signal_at = None
    run_experiments(out, plan(backbones="xception"))
    assert commands.told == [*what[: at + 1], *what[at:]]
    assert all(row["finished"] for row in rows(out).values())


def test_too_few_asteroids_are_no_failure(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    out, without = tmp_path / "out", NAMES[2]
    commands.failing = {f"calibrate {without}": TOO_FEW}
    run_experiments(out, plan())
    assert f"{without}: goes on without an operating point" in capsys.readouterr().out
    found = rows(out)[without]
    assert (found["finished"], found["problem"], found["operating_point"]) == (True, None, None)
    assert found["operating_point_problem"] == TOO_FEW.text
    assert rows(out)[NAMES[0]]["operating_point_problem"] is None
    commands.told.clear()
    run_experiments(out, plan())  # and it is not asked again
    assert not commands.told
    assert rows(out)[without] == found


def test_a_calibration_that_fails_otherwise_is_one(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int]
) -> None:
    commands.failing = {f"calibrate {NAMES[2]}": FAILS}
    with pytest.raises(CeresFastError, match=rf"{NAMES[2]} \(calibration: the loss is not finite"):
        run_experiments(tmp_path / "out", plan())


@pytest.mark.parametrize("name", ["metrics.json", "history.csv", "classifier.json", "calibration/calibration.json"])
def test_a_damaged_run_is_a_failed_one(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int], name: str
) -> None:
    out = tmp_path / "out"
    run_experiments(out, plan())
    (out / NAMES[1] / name).write_text("{")
    commands.failing = {f"calibrate {NAMES[1]}": FAILS}
    with pytest.raises(CeresFastError, match=f"1 of 4 runs failed: {NAMES[1]}"):
        run_experiments(out, plan())
    assert [row["finished"] for row in rows(out).values()] == [True, False, True, True]


def cache_entry(out: Path, number: int) -> Path:
    entry = out / "cache" / f"{number:016x}"
    entry.mkdir(parents=True)
    (entry / "lock").touch()
    return entry


def test_the_cache_is_emptied_when_a_row_s_seeds_are_done(
    plan: Made, tmp_path: Path, commands: Commands, reports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    there: list[tuple[str, bool]] = []
    calibrate = commands._calibrate

    def with_cache(run: Path, named: dict[str, str]) -> None:
        entry = out / "cache" / f"{1:016x}"
        there.append((run.name, entry.exists()))
        if not entry.exists():
            cache_entry(out, 1)
        calibrate(run, named)

    monkeypatch.setattr(commands, "_calibrate", with_cache)
    run_experiments(out, plan(backbones="xception", seeds=2))
    assert there == [
        ("xception-experiment1-seed0", False),
        ("xception-experiment1-seed1", True),
        ("xception-experiment2-seed0", False),
        ("xception-experiment2-seed1", True),
    ]
    assert not list((out / "cache").iterdir())


def test_a_cache_that_others_use_is_kept(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> None:
    entry = cache_entry(tmp_path / "shared", 1)
    run_experiments(tmp_path / "out", plan(told={"cache_dir": str(tmp_path / "shared" / "cache")}))
    assert entry.exists()


def test_a_folder_that_is_there_and_empty(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> None:
    (tmp_path / "out" / "lost+found").mkdir(parents=True)
    run_experiments(tmp_path / "out", plan())
    assert (tmp_path / "out" / "experiments.json").is_file()


def test_a_folder_of_something_else_is_refused(plan: Made, tmp_path: Path, commands: Commands) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(CeresFastError, match=r"out: holds thesis\.tex, and no experiments\. Choose another --out"):
        run_experiments(out, plan())
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_killed_before_the_first_run(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in (".lock", ".config.x.toml", "config.toml"):
        (out / name).touch()
    run_experiments(out, plan())
    assert all(row["finished"] for row in rows(out).values())


def test_a_report_that_cannot_be_written_holds_up_nothing(
    plan: Made,
    tmp_path: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(out: Path) -> Path:
        raise CeresFastError("the disk is full.")

    monkeypatch.setattr("ceres_fast.paper.run.write_report", fails)
    run_experiments(tmp_path / "out", plan())
    assert len(commands.told) == 12
    said = capsys.readouterr()
    assert "the report cannot be written now: the disk is full" in said.err
    assert "browser" not in said.out


OTHER = """
import sys
from pathlib import Path
from ceres_fast.training.runs import lock_folder
lock_folder(Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


def test_two_at_once_in_one_folder(plan: Made, tmp_path: Path, commands: Commands) -> None:
    out = tmp_path / "out"
    command, environment = [sys.executable, "-c", OTHER, str(out)], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        with pytest.raises(CeresFastError, match=rf"out: is in use by process {other.pid}"):
            run_experiments(out, plan())
        other.communicate()
    assert not commands.told


def test_a_promise_reaches_the_calibration(plan: Made, tmp_path: Path, commands: Commands, reports: list[int]) -> None:
    run_experiments(tmp_path / "out", plan(guarantee=Guarantee(0.75, 0.25, 1), backbones="xception", experiments="1"))
    (found,) = rows(tmp_path / "out").values()
    point = found["operating_point"]
    assert (point["max_loss"], point["confidence"], point["needs"]) == (0.75, 0.25, 1)
