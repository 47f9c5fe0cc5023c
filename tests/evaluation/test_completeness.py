"""Recall by brightness: bins are those of the failures, thresholds those of the whole split."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ceres_fast.evaluation.bootstrap import called_leaving
from ceres_fast.evaluation.completeness import completeness, completeness_text
from ceres_fast.model.side import SIDE_NUMBERS

from ..asteroid_predictions import of_asteroids
from .failures.cases import survey


def numbers_of(count: int, signal_to_noise: float | np.ndarray = 10.0) -> np.ndarray:
    zero, unit = SIDE_NUMBERS["inner_flux"]
    numbers = np.zeros((count, len(SIDE_NUMBERS)), np.float32)
    numbers[:, list(SIDE_NUMBERS).index("inner_flux")] = (np.arcsinh(signal_to_noise) - zero) / unit
    return numbers


def test_bins_of_magnitude_and_the_recalls_in_them() -> None:
    found = survey()
    trees = np.random.default_rng(1).random(len(found.labels))
    measured = completeness(found, {"network": found.probabilities, "trees": trees}, numbers_of(len(trees)))
    assert measured is not None
    assert measured["quantity"] == "magnitude"
    assert len(measured["bins"]) > 3
    magnitude, asteroid = found.known["magnitude"], found.labels == 1
    for name, each in (("network", found.probabilities), ("trees", trees)):
        called = called_leaving(found.labels, each, 0.05)
        assert np.mean(called[~asteroid]) <= 0.05
        for one in measured["bins"]:
            if one["low"] is None or one["high"] is None:
                continue
            here = asteroid & (magnitude >= one["low"]) & (magnitude < one["high"])
            share = one[name]["recall_at_5"]
            assert (share["count"], share["of"]) == ((called & here).sum(), here.sum())
            assert share["low"] <= share["value"] <= share["high"]
            assert one["asteroid_stamps"] == here.sum()
            inside = (magnitude >= one["low"]) & (magnitude < one["high"])
            assert one[name]["roc_auc"] == pytest.approx(roc_auc_score(asteroid[inside], each[inside]))
    assert sum(one["asteroid_stamps"] for one in measured["bins"]) == asteroid.sum()
    assert sum(one["non_asteroids"] for one in measured["bins"]) == (~asteroid).sum()
    json.dumps(measured, allow_nan=False)
    text = completeness_text(measured)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[2].split() == [
        "stamps",
        "network,",
        "1%",
        "network,",
        "5%",
        "trees,",
        "1%",
        "trees,",
        "5%",
    ]


def test_a_network_that_only_learnt_that_the_faint_are_others_finds_the_bright() -> None:
    random = np.random.default_rng(2)
    magnitude = np.repeat(random.uniform(18, 22, 80), 3)
    others = random.uniform(18, 22, 300)
    probabilities = np.concatenate([magnitude, others]) * -0.2 + 4.6
    found = of_asteroids(
        probabilities[:240].reshape(-1, 3).tolist(),
        probabilities[240:].tolist(),
        magnitude=np.concatenate([magnitude, others]),
    )
    measured = completeness(found, {"network": found.probabilities}, numbers_of(len(probabilities)))
    assert measured is not None
    recalls = [one["network"]["recall_at_5"]["value"] for one in measured["bins"] if one["asteroid_stamps"]]
    assert recalls[0] > recalls[-1] == 0
    within = [one["network"]["roc_auc"] for one in measured["bins"] if one["asteroid_stamps"]]
    assert max(within) < 0.7
    assert "trees" not in completeness_text(measured)


@pytest.mark.parametrize("known", [np.nan, 0.0, 99.0, -999.0])
def test_without_magnitudes_brightness_over_noise_is_what_every_stamp_has(known: float) -> None:
    found = of_asteroids([[0.9] * 3] * 60 + [[0.1] * 3] * 60, [0.2] * 99 + [0.5], magnitude=known)
    brightness = np.append(np.repeat([50.0, 4.0], 180), np.linspace(-9, 4000, 100))
    measured = completeness(found, {"network": found.probabilities}, numbers_of(len(brightness), brightness))
    assert measured is not None
    assert measured["quantity"] == "signal_to_noise"
    faint, bright = (one for one in measured["bins"] if one["asteroid_stamps"])
    assert faint["high"] == bright["low"]
    assert 4 < bright["low"] <= 50
    assert (faint["network"]["recall_at_1"]["value"], bright["network"]["recall_at_1"]["value"]) == (0, 1)
    assert "S/N within 3 pixels" in completeness_text(measured)


def test_what_is_not_known_is_a_bin_of_its_own() -> None:
    magnitude = np.append(np.tile([19.0, 21.0, np.nan], 60), [np.nan] * 50)
    found = of_asteroids([[0.9] * 3] * 60, [0.2] * 50, magnitude=magnitude)
    measured = completeness(found, {"network": found.probabilities}, numbers_of(230))
    assert measured is not None
    assert {one["label"]: one["asteroid_stamps"] for one in measured["bins"]}["unknown"] == 60
    # Within the others there is no class to rank against.
    assert [one["network"]["roc_auc"] for one in measured["bins"] if one["label"] != "unknown"] == [None] * (
        len(measured["bins"]) - 1
    )


def test_without_both_classes_there_is_no_threshold() -> None:
    for found in (of_asteroids([[0.9], [0.2]]), of_asteroids([], [0.2, 0.3])):
        assert completeness(found, {"network": found.probabilities}, numbers_of(2)) is None
