"""A run that is stopped, in whichever way, and goes on, is the run that was never stopped."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .small_run import DEATHS, EPOCHS, PATIENCE, STOPPED_IN

pytestmark = pytest.mark.slow

TIMES = {"seconds", "stamps_per_second"}


def small_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.training.small_run", *map(str, arguments)]
    # What a shell starts in the background ignores SIGINT; here it is to be heard.
    script = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); os.execv(sys.argv[1], "
    command = [sys.executable, "-c", script + "sys.argv[1:])", *command]
    folder = Path(__file__).parents[2]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=300
    )


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as stream:
        return [{name: text for name, text in row.items() if name not in TIMES} for row in csv.DictReader(stream)]


def kept(run: Path) -> dict[str, np.ndarray]:
    import h5py

    found: dict[str, np.ndarray] = {}
    named = json.loads((run / "classifier.json").read_text())["weights"]
    with h5py.File(run / named) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    done = small_run(run, "new")
    assert (done.returncode, done.stderr) == (0, "")
    return run


def assert_same(run: Path, unbroken: Path) -> None:
    assert rows(run) == rows(unbroken)
    assert (run / "metrics.json").read_text() == (unbroken / "metrics.json").read_text()
    found, expected = kept(run), kept(unbroken)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert {path.name for path in run.iterdir()} == {path.name for path in unbroken.iterdir()}


def test_the_unbroken_run_is_one_that_shows_what_is_lost(unbroken: Path) -> None:
    metrics = json.loads((unbroken / "metrics.json").read_text())
    assert 1 < metrics["best_epoch"] < len(rows(unbroken)) < EPOCHS  # stopped early, after the best
    assert metrics["waited"] == PATIENCE
    assert len(rows(unbroken)) > STOPPED_IN
    assert len(kept(unbroken)) == 6


@pytest.mark.parametrize(("at", "status"), [("SIGKILL", -9), ("SIGTERM", 143), ("SIGINT", 130)])
def test_stopped_in_the_middle_of_an_epoch(unbroken: Path, tmp_path: Path, at: str, status: int) -> None:
    run = tmp_path / "a run"
    stopped = small_run(run, "new", at)
    assert stopped.returncode == status
    assert stopped.stderr == (
        f"warning: stopped in epoch {STOPPED_IN} of {EPOCHS}; go on with: ceres-fast train --resume '{run}'\n"
        if at != "SIGKILL"
        else ""
    )
    assert not (run / "metrics.json").exists()
    resumed = small_run(run, "resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert f"first {STOPPED_IN - 1}\n" in resumed.stdout
    assert_same(run, unbroken)


@pytest.mark.parametrize("at", DEATHS)
def test_killed_while_a_checkpoint_is_written(unbroken: Path, tmp_path: Path, at: str) -> None:
    run = tmp_path / "run"
    assert small_run(run, "new", at).returncode == -9
    assert kept(run)  # whole, and named
    resumed = small_run(run, "resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    first = int(resumed.stdout.split("first ")[1].split()[0])
    # Which epochs get a checkpoint depends on how long writing takes; that there is one does not.
    assert first == 0 if at == "in the first epoch" else first >= 2
    assert_same(run, unbroken)


def test_killed_after_the_last_epoch(unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert small_run(run, "new", "after the last epoch").returncode == -9
    assert json.loads((run / "checkpoint" / "state.json").read_text())["next_epoch"] == EPOCHS
    resumed = small_run(run, "resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "epoch" not in resumed.stdout  # early stopping had ended it
    assert_same(run, unbroken)


def test_a_run_that_another_process_has_is_refused(tmp_path: Path) -> None:
    from ceres_fast.training.runs import CONFIG, create_run

    run = create_run(tmp_path / "run", "small", 1)
    (run / CONFIG).touch()
    refused = small_run(run, "resume")
    assert refused.returncode == 1
    assert f"CeresFastError: {run}: is in use by process {os.getpid()} on " in refused.stderr
