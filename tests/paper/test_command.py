"""What the command is told reaches the plan; and, with real processes, it does what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ceres_fast.cli.experiments import experiments
from ceres_fast.paper import run as module
from ceres_fast.paper.plan import Plan
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.settings.training import Settings

app = typer.Typer()
app.command()(experiments)

RUN = """
import sys
import typer
from ceres_fast.cli.experiments import experiments
from ceres_fast.errors import CeresFastError
app = typer.Typer()
app.command()(experiments)
try:
    app()
except CeresFastError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Plan]]:
    """The folder and the plan that are run."""
    found: list[tuple[Path, Plan]] = []
    monkeypatch.setattr(module, "run_experiments", lambda out, plan, scheduler: found.append((out, plan)))
    return found


def invoke(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_defaults(asked: list[tuple[Path, Plan]], tiny_records: Path) -> None:
    invoke("--records", tiny_records)
    ((out, plan),) = asked
    assert out == Path("experiments")
    assert len(plan.members(out)) == 12
    assert plan.guarantee == Guarantee(0.02, 0.95, 3)
    for name in ("weights", "epochs", "patience", "precision"):
        assert plan.options[name] == getattr(Settings("xception"), name)


def test_what_it_is_told(asked: list[tuple[Path, Plan]], tiny_records: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("epochs = 9\ndense = 17")
    invoke(
        *("--records", tiny_records, "--out", tmp_path / "x", "--backbones", "xception", "--experiments", "3,1"),
        *("--seeds", 2, "--config", tmp_path / "mine.toml", "--weights", "none", "--epochs", 4, "--patience", 2),
        *("--precision", "mixed_bfloat16", "--cache-dir", "c", "--max-loss", 0.1, "--confidence", 0.9, "--needs", 1),
    )
    ((out, plan),) = asked
    assert (out, plan.backbones, plan.experiments, plan.seeds) == (tmp_path / "x", ("xception",), (1, 3), 2)
    told = {name: plan.options[name] for name in ("dense", "weights", "epochs", "patience", "precision", "cache_dir")}
    assert told == {
        "dense": 17,
        "weights": "none",
        "epochs": 4,
        "patience": 2,
        "precision": "mixed_bfloat16",
        "cache_dir": "c",
    }
    assert plan.guarantee == Guarantee(0.1, 0.9, 1)


def told(records: Path, out: Path, weights: Path) -> list[object]:
    (out.parent / "mine.toml").write_text("dense = 16\nbatch_size = 8")
    row = ["--records", records, "--out", out, "--backbones", "xception", "--experiments", "2", "--weights", weights]
    return [*row, "--epochs", 2, "--config", out.parent / "mine.toml", "--max-loss", 0.5, "--confidence", 0.5]


def start(records: Path, out: Path, weights: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, told(records, out, weights))],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_real_processes_killed_on_the_way(tiny_records: Path, trained: Path, tmp_path: Path) -> None:
    """Killed by SIGKILL in the middle of the training, given again at once, and once more when it is finished."""
    out, weights = tmp_path / "out", trained.parent.parent / "random.weights.h5"
    run = out / "xception-experiment2-seed0"
    with start(tiny_records, out, weights) as first:
        while not (run / "provenance.json").exists():
            assert first.poll() is None, first.stdout.read() if first.stdout else ""
            time.sleep(0.05)
        first.kill()
    with start(tiny_records, out, weights) as second:
        said, _ = second.communicate()
    assert second.returncode == 0, said
    assert "--resume" not in said
    found = json.loads((out / "experiments.json").read_text())
    (values,) = found["rows"]
    assert values["finished"]
    assert values["epochs"] == 2
    assert values["prefix_seconds"] > 0
    assert values["weights"] == "random.weights.h5"
    assert values["operating_point"]["max_loss"] == 0.5
    assert values["test_at_point"]["asteroids"] > 0
    assert values["reliability"]["before"].keys() >= {"ece", "brier"}
    assert found["machine"]["devices"]
    assert not list((out / "cache").iterdir())
    assert (out / "report" / "index.html").is_file()
    assert "seed0 is finished" in invoke(*told(tiny_records, out, weights)).output  # nothing is left for a process
