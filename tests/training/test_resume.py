"""A run that is stopped, in whichever way, and goes on, is the run that was never stopped."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from .small_run import DEATHS, EPOCHS, PATIENCE, STOPPED_IN

pytestmark = pytest.mark.slow

TIMES = {"seconds", "stamps_per_second"}


SmallRun = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallRun]:
    """What trains in a process of its own, and returns how that ended and what it said."""
    folder, repository = tmp_path_factory.mktemp("said"), Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.training.small_run"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": str(repository)}
    with subprocess.Popen(command, cwd=repository, env=environment, **pipes) as server:  # type: ignore[call-overload]

        def run(run: Path, how: str, at: str = "") -> subprocess.CompletedProcess[str]:
            said = [folder / f"{len(list(folder.iterdir()))}.{name}" for name in ("out", "err")]
            server.stdin.write(json.dumps([*map(str, [*said, run]), how, at]) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
            return subprocess.CompletedProcess(how, status, *(path.read_text() for path in said))

        yield run
        server.stdin.close()


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
def unbroken(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def test_stopped_in_the_middle_of_an_epoch(
    small_run: SmallRun, unbroken: Path, tmp_path: Path, at: str, status: int
) -> None:
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
def test_killed_while_a_checkpoint_is_written(small_run: SmallRun, unbroken: Path, tmp_path: Path, at: str) -> None:
    run = tmp_path / "run"
    assert small_run(run, "new", at).returncode == -9
    assert kept(run)  # whole, and named
    resumed = small_run(run, "resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    first = int(resumed.stdout.split("first ")[1].split()[0])
    # Which epochs get a checkpoint depends on how long writing takes; that there is one does not.
    assert first == 0 if at == "in the first epoch" else first >= 2
    assert_same(run, unbroken)


def test_killed_after_the_last_epoch(small_run: SmallRun, unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert small_run(run, "new", "after the last epoch").returncode == -9
    assert json.loads((run / "checkpoint" / "state.json").read_text())["next_epoch"] == EPOCHS
    resumed = small_run(run, "resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "epoch" not in resumed.stdout  # early stopping had ended it
    assert_same(run, unbroken)


def test_a_run_that_another_process_has_is_refused(small_run: SmallRun, tmp_path: Path) -> None:
    from ceres_fast.training.runs import CONFIG, create_run

    run = create_run(tmp_path / "run", "small", 1)
    (run / CONFIG).touch()
    refused = small_run(run, "resume")
    assert refused.returncode == 1
    assert f"CeresFastError: {run}: is in use by process {os.getpid()} on " in refused.stderr
