"""Evaluations of runs that never were: predictions as they are kept, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from ceres_fast.evaluation.compare.runs import Answers
from ceres_fast.evaluation.predictions import PREDICTIONS, Predictions, write_predictions
from ceres_fast.files import write_json, write_text
from ceres_fast.stamps import COLUMNS

KINDS = {float: np.float64, int: np.int64, str: np.str_}


def columns(labels: object, **known: object) -> dict[str, np.ndarray]:
    """What is known of stamps; what is not given is not known, but for x, which tells them apart."""
    number = len(np.asarray(labels))
    known = {"x": np.arange(number), **known, "label": labels}
    return {
        column.name: np.broadcast_to(
            np.asarray(known.get(column.name, column.unknown), KINDS[column.dtype]), number
        ).copy()
        for column in COLUMNS
    }


def survey(asteroids: int, others: int, exposures: int = 4) -> dict[str, np.ndarray]:
    """Asteroids in so many exposures of one night each, then non-asteroids."""
    names = [f"2020 A{number}" for number in range(asteroids)]
    return columns(
        np.repeat([1, 0], [asteroids * exposures, others]),
        designation=np.concatenate([np.repeat(names, exposures), np.full(others, "")]),
        mjd=np.concatenate([np.tile(58782.1 + np.arange(exposures) / 100, asteroids), np.full(others, 58782.1)]),
    )


def predictions(known: dict[str, np.ndarray], probabilities: object, **about: object) -> Predictions:
    told = {"split": "test", "records": "sim", "manifest_sha256": "a" * 64, "classifier": "xception, experiment 2"}
    values = np.broadcast_to(np.asarray(probabilities, np.float64), len(known["label"])).copy()
    return Predictions(known, values, {**told, "weights_sha256": "b" * 64, **about})


def answers(
    known: dict[str, np.ndarray], probabilities: object, letter: str = "A", threshold: float = 0.5, **settings: object
) -> Answers:
    made = predictions(known, probabilities)
    return Answers(letter, Path(f"runs/{letter}"), made.about["classifier"], settings, threshold, made)


def write_evaluation(
    run: Path, made: Predictions, *, threshold: Any = 0.5, config: dict[str, Any] | None = None
) -> Path:
    """Write what `evaluate` leaves of predictions, as far as comparing needs it, and return the run."""
    folder = run / f"evaluation-{made.about['split']}"
    write_predictions(made, folder / PREDICTIONS)
    called = made.probabilities >= threshold
    confusion = [
        [int(np.count_nonzero((made.labels == label) & (called == wanted))) for wanted in (0, 1)] for label in (0, 1)
    ]
    write_json(folder / "scores.json", {"threshold": threshold, "confusion": confusion})
    if config is not None:
        write_text(run / "config.toml", tomli_w.dumps(config))
    return run
