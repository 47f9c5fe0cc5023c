"""Bootstrap samples draw units whole; what is scored on many at once is what scikit-learn scores on each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ceres_fast.evaluation import bootstrap
from ceres_fast.evaluation.bootstrap import areas, asteroid_scores, called_leaving, draws, rankings

STAMPS = st.lists(
    # Few probabilities, so that many are equal; weights of whole stamps, some of them not drawn.
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.500001, 1.0]), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)


@given(STAMPS, st.floats(0, 1))
def test_scores_under_weights_are_scikit_learn_s(stamps: list[tuple[int, float, int]], threshold: float) -> None:
    labels, probabilities, weight = (np.array(column) for column in zip(*stamps, strict=True))
    called = (probabilities >= threshold).astype(int)
    found = {
        name: values[0]
        for name, values in asteroid_scores(labels, probabilities, called, weight[None].astype(float)).items()
    }
    asteroids, others = weight @ labels, weight @ (1 - labels)
    given_to = {"sample_weight": weight}
    wanted = {
        "recall": asteroids and metrics.recall_score(labels, called, **given_to),
        "precision": weight @ called and metrics.precision_score(labels, called, **given_to),
        "roc_auc": asteroids * others and metrics.roc_auc_score(labels, probabilities, **given_to),
        "average_precision": asteroids and metrics.average_precision_score(labels, probabilities, **given_to),
    }
    defined = {
        "recall": asteroids > 0,
        "precision": weight @ called > 0,
        "roc_auc": asteroids * others > 0,
        "average_precision": asteroids > 0,
    }
    for name, value in found.items():
        assert value == pytest.approx(wanted[name], abs=1e-12) if defined[name] else np.isnan(value), name


@given(STAMPS, st.sampled_from([0.0, 0.01, 0.05, 0.29, 0.5, 0.99]))
def test_recall_where_a_share_of_the_others_is_left(stamps: list[tuple[int, float, int]], share: float) -> None:
    labels, probabilities, weight = (np.array(column) for column in zip(*stamps, strict=True))
    found = rankings(labels, probabilities, weight[None].astype(float), {"recall": share})
    expected = areas(labels, probabilities, weight[None].astype(float))
    np.testing.assert_array_equal([found["roc_auc"], found["average_precision"]], expected)
    asteroids, others = weight @ labels, weight @ (1 - labels)
    left = [
        threshold
        for threshold in (*probabilities, 2.0)
        if _left(labels, probabilities, weight, threshold) <= share * others
    ]
    best = max(weight @ (labels * (probabilities >= threshold)) for threshold in left)
    assert found["recall"][0] == pytest.approx(best / asteroids) if asteroids else np.isnan(found["recall"][0])
    if 0 < labels.sum() < len(labels):
        unweighted = rankings(labels, probabilities, np.ones((1, len(labels))), {"recall": share})["recall"][0]
        assert called_leaving(labels, probabilities, share)[labels == 1].mean() == pytest.approx(unweighted)


def _left(labels: np.ndarray, probabilities: np.ndarray, weight: np.ndarray, threshold: float) -> float:
    return float(weight @ ((1 - labels) * (probabilities >= threshold)))


def test_a_whole_number_of_others_is_not_one_fewer_for_rounding() -> None:
    labels, probabilities = np.repeat([0, 1], [100, 1]), np.append(np.arange(100), 70.5)
    assert 0.29 * 100 < 29
    assert called_leaving(labels, probabilities, 0.29)[:100].sum() == 29
    assert rankings(labels, probabilities, np.ones((1, 101)), {"recall": 0.29})["recall"] == 1


def test_each_row_of_weights_is_scored_alone() -> None:
    random = np.random.default_rng(4)
    labels, probabilities = random.integers(0, 2, 50), random.random(50).round(1)
    weights = random.integers(0, 3, (7, 50)).astype(float)
    together = areas(labels, probabilities, weights)
    for row, weight in enumerate(weights):
        alone = areas(labels, probabilities, weight[None])
        assert [each[row] for each in together] == pytest.approx([each[0] for each in alone])


def test_units_are_drawn_whole_and_as_many_as_there_are() -> None:
    units = np.array(["b", "a", "b", "c", "b"])
    weights = np.concatenate(list(draws(units, resamples=200, seed=1)))
    assert weights.shape == (200, 5)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 0], weights[:, 4])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), np.full(200, 3.0))
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.2)


def test_samples_do_not_depend_on_how_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    units = np.arange(30)
    whole = list(draws(units, resamples=11, seed=5))
    monkeypatch.setattr(bootstrap, "CELLS", 100)
    parts = list(draws(units, resamples=11, seed=5))
    assert [len(whole), len(parts)] == [1, 4]
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])
