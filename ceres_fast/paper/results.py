"""``experiments.json``: what has become of each run, read from the directories that the runs leave."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from .. import __version__
from ..artifact.classifier import CLASSIFIER_FILE, Classifier, read_classifier
from ..artifact.scaling import scaled
from ..console import warn
from ..errors import CeresFastError, InputError
from ..evaluation.operating_point import OperatingPoint, measured
from ..evaluation.predictions import PREDICTIONS, read_predictions
from ..files import read_json, write_json
from ..schema import Mismatch, check
from ..training.members import Member
from ..training.runs import CALIBRATION, HISTORY, METRICS, SCORES, evaluation_folder
from .machine import machine
from .plan import Plan
from .report.results import EXPERIMENTS_FILE

_TRIMMED = ("title", "split")
"""What ``scores.json`` has beside the scores."""

_PLACES = ("records", "cache_dir", "on_error", "start_from", "weights")
"""Options that mean nothing on another machine, or stand elsewhere."""


class EarlierRow(TypedDict):
    """What is kept of a row."""

    run: str
    operating_point_problem: NotRequired[str | None]


class Earlier(TypedDict):
    """What is kept of the file, where the experiments go on."""

    seconds: Annotated[float, Meta(ge=0)]
    rows: list[EarlierRow]


class Results:
    """What has become of the runs so far; every change is written at once, whole or not at all.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the experiments. What it says already is taken over: the time so far, and why runs have no operating
        point.
    plan : Plan
        What is run.

    Attributes
    ----------
    unpromised : dict
        Of members for which the calibration split has too few asteroids: in words.
    """

    def __init__(self, out: Path, plan: Plan) -> None:
        self.path, self.plan, self.members = out / EXPERIMENTS_FILE, plan, plan.members(out)
        earlier = self._earlier()
        self.unpromised = {
            member: problem
            for member in self.members
            if (problem := earlier["rows"].get(member.folder.name, {}).get("operating_point_problem")) is not None
        }
        self._before, self._begun = earlier["seconds"], time.perf_counter()
        self._rows = {member: self._row(member, None) for member in self.members}

    def calibrated(self, member: Member) -> bool:
        """Return whether a run has an operating point, or cannot have one."""
        with suppress(CeresFastError):  # who calibrates it says what is wrong
            return member in self.unpromised or calibrated(member) is not None
        return False

    def problems(self) -> dict[Member, str]:
        """Return why runs are not finished."""
        return {
            member: row["problem"] or "is not finished" for member, row in self._rows.items() if not row["finished"]
        }

    def finished(self, member: Member) -> bool:
        """Return whether a run is trained, evaluated, and calibrated as far as that can be."""
        return bool(self._rows[member]["finished"])

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Those of the file."""
        return list(self._rows.values())

    def update(self, member: Member, problem: str | None = None) -> None:
        """Look again what a run has come to, note what went wrong, and write the file."""
        self._rows[member] = self._row(member, problem)
        self.write()

    def write(self) -> None:
        """Write the file."""
        plan = self.plan
        settings = {name: value for name, value in plan.options.items() if name not in _PLACES}
        write_json(
            self.path,
            {
                "ceres_fast": __version__,
                "records": {
                    "name": plan.manifest.name,
                    "manifest_sha256": plan.manifest.sha256,
                    "counts": {split: plan.manifest.class_counts(split) for split in plan.manifest.splits},
                },
                "settings": settings | {"weights": self._weights} | asdict(plan.guarantee),
                "machine": machine(member.folder for member in self.members),
                "seconds": round(self._before + time.perf_counter() - self._begun, 3),
                "rows": self.rows,
            },
        )

    @property
    def _weights(self) -> str:
        weights = str(self.plan.options["weights"])
        return weights if weights in ("imagenet", "none") else Path(weights).name

    def _row(self, member: Member, problem: str | None) -> dict[str, Any]:
        known = {
            "backbone": member.backbone,
            "experiment": member.experiment,
            "seed": member.seed,
            "run": member.folder.name,
            "weights": self._weights,
        }
        try:
            found = row(member, self.plan.manifest.count("train"), self.unpromised.get(member))
        except CeresFastError as error:
            found = {"finished": False, "problem": str(error)}
        return known | found | ({"problem": problem} if problem else {})

    def _earlier(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {"seconds": 0.0, "rows": {}}
        if not self.path.exists():
            return nothing
        try:
            found = read_json(self.path, what="what `ceres-fast experiments` wrote")
            check(found, Earlier, more="kept")
        except (CeresFastError, Mismatch) as error:
            warn(f"{self.path}: cannot be read, and is written anew ({error}); the time before is not counted")
            return nothing
        return {"seconds": found["seconds"], "rows": {row["run"]: row for row in found["rows"]}}


def row(member: Member, stamps: int, unpromised: str | None = None) -> dict[str, Any]:
    """Return what a run has come to.

    Parameters
    ----------
    member : Member
        The run.
    stamps : int
        Of the training split.
    unpromised : str, optional
        Why there can be no operating point.

    Returns
    -------
    dict
        Those values of a row of ``experiments.json`` that the run's directory decides; None where it has not come to
        them.

    Raises
    ------
    InputError
        When a file of it is damaged.
    """
    values: dict[str, Any] = {"finished": False, "problem": None, "operating_point_problem": unpromised, "history": []}
    values |= _training(member, stamps) if member.trained else dict.fromkeys(_TRAINING)
    values |= {"scores": _scores(member) if member.evaluated("test") else None}
    point = dict.fromkeys(("operating_point", "test_at_point", "reliability"))
    if member.trained and member.evaluated("test") and (classifier := calibrated(member)):
        point = _at_point(member, classifier)
        values["operating_point_problem"] = None
    evaluated = member.trained and member.evaluated("validation") and member.evaluated("test")
    values["finished"] = evaluated and bool(point["operating_point"] or unpromised)
    return values | point


def calibrated(member: Member) -> Classifier | None:
    """Return the classifier of a run, where it has an operating point."""
    if not (member.folder / CLASSIFIER_FILE).is_file():
        return None
    classifier = read_classifier(member.folder)
    return classifier if classifier.operating_point else None


_TRAINING = ("seconds", "prefix_seconds", "epochs", "best_epoch", "stamps_per_second")


def _training(member: Member, stamps: int) -> dict[str, Any]:
    metrics = member.metrics
    try:
        found = {name: metrics[name] for name in _TRAINING[:-1]}
        rate = round(stamps * found["epochs"] / found["seconds"], 1)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            member.folder / METRICS, f"is not what training leaves ({error!r})", action=f"remove {member.folder}"
        ) from error
    history = _history(member.folder / HISTORY)
    if len(history) != found["epochs"]:
        raise _no_history(member.folder / HISTORY, f"{len(history)} of {found['epochs']} epochs")
    return found | {"stamps_per_second": rate, "history": history}


def _history(path: Path) -> list[dict[str, float | None]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_history(path, str(error)) from error
    return [{name: value if math.isfinite(value) else None for name, value in row.items()} for row in rows]


def _no_history(path: Path, problem: str) -> InputError:
    return InputError(path, f"is not the history of its training ({problem})", action=f"remove {path.parent}")


def _scores(member: Member) -> dict[str, Any]:
    found = read_json(evaluation_folder(member.folder, "test") / SCORES, what="the scores of a run")
    return {name: value for name, value in found.items() if name not in _TRIMMED}


def _at_point(member: Member, classifier: Classifier) -> dict[str, Any]:
    """Return the operating point, what it does on the test split, and how far probabilities were and are from shares.

    The test split was evaluated before the calibration, as the paper evaluates: with the probabilities as the network
    gives them, and 0.5 for a threshold.
    """
    path = evaluation_folder(member.folder, "test") / PREDICTIONS
    found = read_predictions(path)
    scaling = found.about.get("scaling")
    if scaling not in (None, classifier.scaling):
        raise InputError(
            path,
            "was made with another scaling than the classifier has now",
            action=f"remove {path.parent}, and give the command again",
        )
    assert classifier.operating_point is not None
    point = OperatingPoint.from_dict(classifier.operating_point)
    probabilities = found.probabilities if scaling else scaled(classifier.scaling, found.probabilities)
    calibration = read_json(member.folder / CALIBRATION, what="what `ceres-fast calibrate` wrote")
    return {
        "operating_point": point.as_dict(),
        "test_at_point": measured(type(found)(found.known, probabilities, found.about), point),
        "reliability": calibration.get("reliability"),
    }
