"""From which probability of a fast network on a larger one is asked, so that it loses no asteroid that this one keeps.

It is chosen on the validation split, which no promise is made of; what the choice loses is counted on the calibration
split, before the cascade is calibrated there as any classifier is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..artifact.classifier import CLASSIFIER_FILE, Classifier
from ..artifact.products import in_words
from ..artifact.scaling import DIGITS, published
from ..console import say
from ..errors import CeresFastError, InputError
from ..evaluation.scores import wilson
from ..model.cascade import MARGIN, Answered
from ..model.load import load_model, predict
from ..records.manifest import load_manifest
from ..records.pipeline import read_columns

FEWEST = 100
"""Asteroid detections that the larger network keeps. The least probability that the fast one gives to fewer of them
says little of others."""


def start_of(first: Classifier, larger: Classifier, records: Path | None) -> float:
    """Return the probability of the first classifier from which the larger one is to be asked, and say what it costs.

    Parameters
    ----------
    first, larger : Classifier
        Runs. The larger one is calibrated: its threshold says which asteroids it keeps.
    records : pathlib.Path or None
        Records with the splits validation and calibration.

    Returns
    -------
    float
        The least probability that the first gives to a validation stamp of an asteroid that the larger one keeps, over
        `MARGIN`.

    Raises
    ------
    CeresFastError
        When there are no records, or the larger one keeps too few asteroids.
    InputError
        When the larger one is not calibrated, or the records or weights are damaged.
    """
    if records is None:
        raise CeresFastError(
            "--cascade: needs records, to see about which stamps the larger network must be asked. Name those that "
            "both were trained on, with --records."
        )
    if larger.operating_point is None or larger.folder is None:
        where = (larger.folder or Path()) / CLASSIFIER_FILE
        raise InputError(
            where,
            "is not calibrated",
            expected="a threshold that says which asteroids the larger network is to keep",
            action=f"run `ceres-fast calibrate {larger.folder}`",
        )
    manifest = load_manifest(records)
    networks = load_model(first), load_model(larger)

    def kept(answers: np.ndarray) -> np.ndarray:
        return published(larger.scaling, answers[:, 1]) >= larger.threshold

    split = read_columns(manifest, "validation", ("stamp", "label"))
    before, alone = (predict(network, split["stamp"]) for network in networks)
    wanted = kept(alone) & (split["label"] == 1)
    if wanted.sum() < FEWEST:
        raise CeresFastError(
            f"{records}: of the asteroid stamps of the validation split, {larger.folder} keeps {wanted.sum()} at its "
            f"threshold {larger.threshold:g}; --cascade needs {FEWEST}. Name records with more, or run the larger "
            "network alone."
        )
    start = max(round(float(before[wanted, 1].min()) / MARGIN, DIGITS), 10.0**-DIGITS)

    if not manifest.count("calibration"):
        return start
    split = read_columns(manifest, "calibration", ("stamp", "label", "designation"))
    before, alone = (predict(network, split["stamp"]) for network in networks)
    asked, asteroid = before[:, 1] >= start, split["label"] == 1
    both = kept(np.asarray(Answered(start)((before, np.concatenate([alone[:1], alone[asked]])))))
    say(f"{in_words(larger)} is asked from {start:.3g} on: about {asked.mean():.1%} of the calibration stamps")
    wanted = kept(alone) & asteroid
    if wanted.any():
        lost = wilson(~both[wanted], split["designation"][wanted])
        say(
            f"of {wanted.sum():,} stamps of asteroids that it keeps alone, at its threshold {larger.threshold:g}, the "
            f"cascade loses {(wanted & ~both).sum()} (95 % interval {lost.low:.2%} to {lost.high:.2%}); of the others "
            f"it leaves {both[~asteroid].mean():.1%}, the larger one alone {kept(alone)[~asteroid].mean():.1%}"
        )
    return start
