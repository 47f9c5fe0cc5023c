"""Runs that are said to have been done: what each command leaves, as small as can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.evaluation.operating_point import choose
from ceres_fast.evaluation.predictions import PREDICTIONS, Predictions, write_predictions
from ceres_fast.evaluation.scores import score
from ceres_fast.paper.plan import Plan, planned
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.stamps import COLUMNS
from ceres_fast.training.config import RunConfig, read_config
from ceres_fast.training.processes import CHILD, Problem, Processes

from ..tiny_models import classifier

EASY = Guarantee(max_loss=0.5, confidence=0.5, needs=2)
"""A guarantee for which the tiny records have enough asteroids."""

TOO_FEW = Problem("12 asteroids are too few.", "TooFewAsteroids")


@pytest.fixture
def plan(tiny_records: Path, tmp_path: Path) -> Callable[..., Plan]:
    """Make a plan of the tiny records in ``out``: of Xception and ResNet152V2, experiments 1 and 2."""

    def made(**changed: Any) -> Plan:
        told = {"records": str(tiny_records), "epochs": 3} | changed.pop("told", {})
        values = {"backbones": "resnet152v2,xception", "experiments": "1,2", "guarantee": EASY} | changed
        given = {name: value for name, value in told.items() if value is not None}
        return planned(tmp_path / "out", options=given, **values)

    return made


def answers(records: Path, split: str, seed: int) -> Predictions:
    """Answers on a split, right nine times of ten."""
    known = read_columns(load_manifest(records), split, [column.name for column in COLUMNS])
    random = np.random.default_rng(seed)
    labels = known["label"]
    right = random.random(len(labels)) < 0.9
    probabilities = np.round(np.where(labels == right, 0.5, 0) + random.random(len(labels)) / 2, 6)
    return Predictions(known, probabilities, {"split": split, "scaling": None})


class Commands:
    """In the place of processes: leaves what `ceres-fast` would leave, or fails where `failing` says how.

    Attributes
    ----------
    told : list of str
        What was run so far: "evaluate test xception-experiment1-seed0".
    failing : dict
        By the same words.
    """

    def __init__(self, records: Path) -> None:
        self.records = records
        self.told: list[str] = []
        self.failing: dict[str, Problem] = {}
        self.signal_at: tuple[str, int] | None = None

    def run(self, processes: Processes, command: Sequence[str]) -> Problem | None:
        name, *words = command[len(CHILD) :]
        named = dict(pairwise(words))
        run = Path(named.get("--run") or named.get("--resume") or words[0])
        what = " ".join([name, *([named["--split"]] if name == "evaluate" else []), run.name])
        self.told.append(what)
        if self.signal_at and self.signal_at[0] == what:
            processes.stopped_by = self.signal_at[1]
            return Problem("exit status 143")
        if what in self.failing:
            return self.failing[what]
        getattr(self, f"_{name}")(run, named)
        return None

    def _train(self, run: Path, named: dict[str, str]) -> None:
        seed = int(run.name.partition("-seed")[2])
        if "--run" in named:
            run.mkdir()
            of = {"backbone": named["--backbone"], "experiment": int(named["--experiment"]), "seed": seed}
            RunConfig.of(read_config(Path(named["--config"])) | of).write(run)
            (run / "provenance.json").write_text('{"trained_on": "a device"}')
        rows = [f"{epoch},{1 / epoch},{0.5 / epoch + seed}" for epoch in (1, 2, 3)]
        (run / "history.csv").write_text("\n".join(["epoch,loss,val_loss", *rows, ""]))
        classifier(backbone=named.get("--backbone", "xception")).write(run)
        metrics = {"best_epoch": 3, "epochs": 3, "seconds": 1.5, "prefix_seconds": 0.25, "best": {"val_loss": 1.0}}
        (run / "metrics.json").write_text(json.dumps(metrics))
        self._evaluate(run, {"--split": "validation"})

    def _evaluate(self, run: Path, named: dict[str, str]) -> None:
        split, seed = named["--split"], int(run.name.partition("-seed")[2])
        found = answers(self.records, split, seed)
        folder = run / f"evaluation-{split}"
        folder.mkdir(exist_ok=True)
        write_predictions(found, folder / PREDICTIONS)
        scores = score(found.labels, found.probabilities).as_dict()
        (folder / "scores.json").write_text(json.dumps({"title": "x", "split": split, **scores}))

    def _calibrate(self, run: Path, named: dict[str, str]) -> None:
        kinds = {"max_loss": float, "confidence": float, "needs": int}
        asked = {name: kind(named[f"--{name.replace('_', '-')}"]) for name, kind in kinds.items()}
        point = choose(answers(self.records, "calibration", 0), **asked)
        (run / "calibration").mkdir(exist_ok=True)
        reliability = {"before": {"ece": 0.25, "brier": 0.5}, "after": {"ece": 0.125, "brier": 0.25}}
        (run / "calibration" / "calibration.json").write_text(json.dumps({"reliability": reliability}))
        scaling = {"method": "temperature", "temperature": 2.0}
        point_values = {"threshold": point.threshold, "operating_point": point.as_dict(), "scaling": scaling}
        replace(read_classifier(run), **point_values).write(run)


@pytest.fixture
def commands(tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands that leave something, in the place of processes; and no report is written."""
    made = Commands(tiny_records)
    monkeypatch.setattr(Processes, "run", lambda self, command: made.run(self, command))
    return made


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs were finished whenever the report was written."""
    written: list[int] = []

    def write_report(out: Path) -> Path:
        found = json.loads((out / "experiments.json").read_text())
        written.append(sum(row["finished"] for row in found["rows"]))
        return out / "report" / "index.html"

    monkeypatch.setattr("ceres_fast.paper.run.write_report", write_report)
    return written
