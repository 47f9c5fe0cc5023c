"""Predictions of a few asteroids, each with its exposures of one night, and of other detections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.stamps import COLUMNS

MANIFEST = "5" * 64
EVENING = 58782.6
"""MJD in the night 20191026."""


def of_asteroids(exposures: Sequence[Sequence[float]], others: Sequence[float] = (), **known: object) -> Predictions:
    """Return predictions of asteroids 0, 1 … with the probabilities of their exposures, then of non-asteroids.

    Asteroids are seen in one night, each in a field of its own, and the exposures of each are ten minutes apart;
    `known` sets other columns.
    """
    asteroid = np.repeat(np.arange(len(exposures)), np.array([len(each) for each in exposures], np.int64))
    times = [EVENING + number / 144 for each in exposures for number in range(len(each))]
    probabilities = np.array([value for each in exposures for value in each] + list(others), np.float64)
    count = len(probabilities)
    columns = {column.name: np.full(count, column.unknown) for column in COLUMNS}
    columns["label"] = (np.arange(count) < len(asteroid)).astype(np.int64)
    columns["mjd"] = np.append(np.array(times, np.float64), np.full(len(others), EVENING))
    for name, text in (("designation", "A"), ("field", "F")):
        columns[name] = np.array([f"{text}{number}" for number in asteroid] + [""] * len(others), np.str_)
    columns |= {name: np.broadcast_to(np.asarray(value), (count,)) for name, value in known.items()}
    return Predictions(columns, probabilities, {"split": "calibration", "manifest_sha256": MANIFEST})


def shuffled(predictions: Predictions, random: np.random.Generator) -> Predictions:
    """Return the same predictions in another order."""
    order = random.permutation(len(predictions.labels))
    known = {name: values[order] for name, values in predictions.known.items()}
    return Predictions(known, predictions.probabilities[order], predictions.about)
