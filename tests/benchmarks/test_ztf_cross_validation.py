"""No answer is from a network that has seen the stamp; features of all folds are those of each."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks import ztf_cross_validation as benchmark
from benchmarks.ztf_cross_validation import Stamps, at_operating_point, measure, out_of_fold, over_seeds, parts
from benchmarks.ztf_networks import NETWORKS, Prepared, xception
from ceres_fast.model.backbones import EXPERIMENTS
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import COLUMNS
from ceres_fast.training.assemble import seeded_model

COUNT = 300


@pytest.fixture
def data() -> Stamps:
    """Stamps of 100 groups of three; half of the groups are asteroids, each seen in one exposure."""
    number = np.arange(COUNT)
    group = np.char.add("g", (number // 3).astype(str))
    labels = (number // 3) % 2
    known = {column.name: np.zeros(COUNT, column.dtype) for column in COLUMNS}
    known |= {
        "label": labels,
        "designation": np.where(labels == 1, np.char.add("2020 A", number.astype(str)), ""),
        "mjd": 60000.5 + number / 1e4,
        "field": group,
        "filled": np.where(number % 10 == 0, 3, 0),
    }
    stamps = np.random.default_rng(3).normal(100 * labels[:, None, None, None], 10, (COUNT, 32, 32, 1))
    return Stamps(stamps.astype(np.float32), known, group)


class Oracle:
    """A network that remembers what it was fitted on, and knows the answers to nothing else."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.fitted: list[np.ndarray] = []

    def fit(self, dataset: object, validation_data: object, **options: object) -> None:
        self.fitted = [
            np.concatenate([inputs.numpy().ravel() for inputs, _ in each])  # type: ignore[attr-defined]
            for each in (dataset, validation_data)
        ]

    def predict(self, inputs: np.ndarray, verbose: int) -> np.ndarray:
        seen = np.isin(inputs, np.concatenate(self.fitted)).astype(float)
        return np.stack([1 - seen, seen], axis=1)


def test_no_answer_is_from_a_network_that_has_seen_the_group(data: Stamps) -> None:
    made: list[Oracle] = []

    def build(seed: int) -> Oracle:
        made.append(Oracle(seed))
        return made[-1]

    _, number_of_group = np.unique(data.group, return_inverse=True)
    network = Prepared(number_of_group.astype(np.float32), Settings("xception"), build)  # type: ignore[arg-type]
    assert not out_of_fold(network, data, 2).any()
    assert [each.seed for each in made] == [10, 11, 12, 13, 14]
    for each in made:
        training, stopping = each.fitted
        assert not np.isin(training, stopping).any()
        assert len(training) > len(stopping) > 0


def test_parts_are_all_of_it_once(data: Stamps) -> None:
    assert sorted(np.concatenate(parts(data, 0))) == list(range(COUNT))
    assert not np.array_equal(parts(data, 0)[0], parts(data, 1)[0])


def test_the_loss_at_the_operating_point(data: Stamps) -> None:
    probabilities = np.where(data.labels == 1, 0.8, 0.2) + np.random.default_rng(1).uniform(-0.1, 0.1, COUNT)
    found = at_operating_point(data, probabilities, parts(data, 0))
    assert found["asteroids"] == sum(found["asteroids_by_part"]) == 150
    assert found["lost"] == sum(found["lost_by_part"])
    assert 0 < found["lost"] < 0.1 * 150
    assert found["left"] == 0
    assert all(0.7 < threshold < 0.8 for threshold in found["thresholds"])
    assert found["share_lost"]["low"] < found["share_lost"]["value"] < found["share_lost"]["high"]
    # A part that is unlike the others loses what the others did not promise for it.
    test = parts(data, 0)[0]
    probabilities[test] = 0.5
    worse = at_operating_point(data, probabilities, parts(data, 0))
    assert worse["lost_by_part"][0] == worse["asteroids_by_part"][0]


def test_too_few_asteroids_are_said(data: Stamps) -> None:
    few = np.flatnonzero(np.arange(COUNT) < 60)
    some = Stamps(data.stamps[few], {name: column[few] for name, column in data.known.items()}, data.group[few])
    found = at_operating_point(some, np.full(60, 0.5), parts(some, 0))
    assert "are too few" in found["problem"]
    run = {name: {"value": 0.5} for name in benchmark.METRICS} | {"operating_point": found}
    assert over_seeds([run])["roc_auc"] == {"mean": 0.5, "std": None}
    assert "share_lost" not in over_seeds([run])


def test_mean_and_spread() -> None:
    runs = [
        {name: {"value": value} for name in benchmark.METRICS}
        | {"operating_point": {"share_lost": {"value": value}, "left_per_1000": 10 * value}}
        for value in (1.0, 3.0)
    ]
    found = over_seeds(runs)
    assert found["recall"] == {"mean": 2, "std": pytest.approx(2**0.5)}
    assert found["left_per_1000"]["mean"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_features_and_the_rest_are_the_whole(data: Stamps, trained: Path, experiment: int) -> None:
    weights = str(trained.parent.parent / "random.weights.h5")
    network = xception(experiment, data.stamps[:6], "asinh", 1e-3, weights)
    suffix = network.build(7)
    whole = seeded_model(Settings("xception", experiment, weights, normalise="asinh", head="paper", seed=7))
    np.testing.assert_allclose(
        suffix.predict(network.inputs, verbose=0), whole.predict(data.stamps[:6], verbose=0), atol=1e-5
    )
    again = network.build(7).predict(network.inputs, verbose=0)
    np.testing.assert_array_equal(suffix.predict(network.inputs, verbose=0), again)
    assert len(suffix.trainable_weights) == len(whole.trainable_weights)
    keras.utils.clear_session()


@pytest.mark.slow
def test_it_learns_and_leaves_json(data: Stamps) -> None:
    given = argparse.Namespace(learning_rate=1e-3, weights="none", seeds=1)
    some = slice(90)
    few = Stamps(data.stamps[some], {name: column[some] for name, column in data.known.items()}, data.group[some])
    found = measure(few, "small network from scratch", "minmax", given)
    assert "small network from scratch" in NETWORKS
    json.dumps(found, allow_nan=False)
    assert found["runs"][0].keys() >= {"roc_auc", "roc_auc_without_filled", "operating_point"}
    benchmark.show([found])
