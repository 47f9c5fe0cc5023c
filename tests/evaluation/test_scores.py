"""Scores against scikit-learn, against formulas worked out here, and against what statistics expects."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ceres_fast.evaluation import scores as module
from ceres_fast.evaluation.scores import Interval, score


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 20)


def from_matrix(tn: int, fp: int, fn: int, tp: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities (0.9 or 0.1) that give this confusion matrix."""
    labels = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp])
    probabilities = np.repeat([0.1, 0.9, 0.1, 0.9], [tn, fp, fn, tp])
    return labels, probabilities


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.5]),
)
def test_every_metric_is_scikit_learn_s(pairs: list[tuple[int, float]], threshold: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESAMPLES", 3)
        labels, probabilities = np.array(pairs).T
        found = score(labels, probabilities, threshold=threshold)
    called = probabilities >= threshold
    report = metrics.classification_report(
        labels, called, labels=[0, 1], target_names=list(found.classes), output_dict=True, zero_division=0
    )
    for name, row in found.classes.items():
        wanted = [report[name][key] for key in ("precision", "recall", "f1-score", "support")]
        assert [row.precision, row.recall, row.f1, row.count] == pytest.approx(wanted)
    assert found.confusion == metrics.confusion_matrix(labels, called, labels=[0, 1]).tolist()
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, called))
    certain = np.clip(probabilities, 1e-7, 1 - 1e-7)
    assert found.loss == pytest.approx(metrics.log_loss(labels, certain, labels=[0, 1]))
    if len(set(labels)) == 2:
        assert found.roc_auc.value == pytest.approx(metrics.roc_auc_score(labels, probabilities))
        assert found.average_precision.value == pytest.approx(metrics.average_precision_score(labels, probabilities))
        assert found.recall.value == pytest.approx(metrics.recall_score(labels, called))
        precision = metrics.precision_score(labels, called, zero_division=0)
        assert found.precision.value == (pytest.approx(precision) if any(called) else None)


@pytest.mark.usefixtures("few_resamples")
def test_by_hand() -> None:
    found = score(np.array([0, 1, 0, 1, 1]), np.array([0.2, 0.5, 0.6, 0.4, 0.8]))
    assert found.confusion == [[1, 1], [1, 2]]  # 0.5 is called an asteroid
    assert found.loss == pytest.approx(-(math.log(0.8 * 0.5 * 0.4 * 0.4 * 0.8)) / 5)
    assert found.accuracy == pytest.approx(3 / 5)
    # Pairs (asteroid, other) in the right order: 0.5, 0.4, 0.8 above 0.2; 0.8 above 0.6.
    assert found.roc_auc.value == pytest.approx(4 / 6)
    # Precision at each asteroid from the top: 0.8 -> 1/1, 0.5 -> 2/3, 0.4 -> 3/4.
    assert found.average_precision.value == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@pytest.mark.usefixtures("few_resamples")
def test_the_threshold_decides_what_is_called_an_asteroid() -> None:
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.3, 0.9])
    confusions = {threshold: score(labels, probabilities, threshold=threshold).confusion for threshold in (0, 0.3, 0.4)}
    assert confusions == {0: [[0, 2], [0, 2]], 0.3: [[1, 1], [0, 2]], 0.4: [[2, 0], [1, 1]]}


@pytest.mark.usefixtures("few_resamples")
def test_a_wrong_certainty_costs_much_and_not_infinitely_much() -> None:
    assert score(np.array([0, 1]), np.array([1.0, 0.0])).loss == pytest.approx(-math.log(1e-7), rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=30), st.floats(0, 1))
def test_any_stamps_give_scores_that_json_can_hold(pairs: list[tuple[int, float]], threshold: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESAMPLES", 3)
        labels, probabilities = np.array(pairs).T
        found = score(labels, probabilities, threshold=threshold)
    assert sum(map(sum, found.confusion)) == len(pairs)
    assert found.recall.value is None or 0 <= found.recall.value <= 1
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.usefixtures("few_resamples")
def test_with_one_class_only_what_needs_two_is_not_defined() -> None:
    for label in (0, 1):
        found = score(np.full(4, label), np.array([0.1, 0.6, 0.7, 0.9]))
        assert [found.recall, found.precision, found.roc_auc, found.average_precision] == [Interval(None)] * 4
        assert found.accuracy == (0.75 if label else 0.25)
    assert str(Interval(None)) == "not defined"


@pytest.mark.usefixtures("few_resamples")
def test_precision_is_not_defined_where_nothing_is_called_an_asteroid() -> None:
    found = score(np.array([0, 1, 1]), np.zeros(3))
    assert found.precision == Interval(None)
    assert found.recall.value == 0


@pytest.mark.usefixtures("few_resamples")
def test_two_stamps_do_not_crash() -> None:
    found = score(np.array([0, 1]), np.array([0.4, 0.6]))
    assert (found.recall.value, found.roc_auc.value) == (1, 1)
    assert str(found.recall) == "1.0000  [0.2065, 1.0000]"


@pytest.mark.usefixtures("few_resamples")
def test_one_unit_alone_has_the_interval_of_one_answer() -> None:
    found = score(np.array([0, 1, 1]), np.array([0.4, 0.6, 0.3]), units=np.array(["a", "a", "a"]))
    assert found.recall.value == 0.5
    assert (found.recall.low, found.recall.high) == pytest.approx((0, 0.7935), abs=1e-4)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("exposures", [1, 4])
def test_28_of_28_do_not_say_that_none_can_ever_be_lost(exposures: int) -> None:
    labels = np.repeat([1, 0], [28 * exposures, 40])
    units = np.concatenate([np.repeat(np.arange(28), exposures), 100 + np.arange(40)])
    found = score(labels, np.where(labels == 1, 0.9, 0.1), units=units)
    # Wilson's interval of 28 of 28, however many exposures each asteroid has: 1 / (1 + 1.96^2 / 28).
    assert (found.recall.value, found.recall.high) == (1, 1)
    assert found.recall.low == pytest.approx(28 / (28 + 1.95996**2), abs=1e-4)
    assert found.precision == found.recall
    # Areas have no such formula.
    assert found.roc_auc == found.average_precision == Interval(1.0)
    none = score(labels, np.full(len(labels), 0.1), units=units)
    assert (none.recall.value, none.recall.low) == (0, 0)
    assert none.recall.high == pytest.approx(1 - found.recall.low)


def test_intervals_of_independent_stamps_are_those_of_the_binomial() -> None:
    labels, probabilities = from_matrix(300, 100, 80, 320)
    found = score(labels, probabilities)
    width = 2 * 1.96 * math.sqrt(0.8 * 0.2 / 400)
    assert found.recall.value == 0.8
    assert found.recall.high - found.recall.low == pytest.approx(width, rel=0.1)
    assert found.recall.low == pytest.approx(0.8 - width / 2, abs=0.01)
    area = 1 / 2 + (0.8 - 0.25) / 2  # of a curve with one corner
    assert found.roc_auc.value == pytest.approx(area)
    assert found.roc_auc.low < area < found.roc_auc.high


def test_stamps_of_one_asteroid_are_drawn_together() -> None:
    # Four equal exposures of each asteroid hold no more than one: intervals are as wide as of a quarter of the stamps.
    labels, probabilities = (np.repeat(values, 4) for values in from_matrix(75, 25, 20, 80))
    alone, together = (score(labels, probabilities, units=units) for units in (None, np.repeat(np.arange(200), 4)))
    widths = [found.recall.high - found.recall.low for found in (alone, together)]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.15)


@pytest.mark.usefixtures("few_resamples")
def test_one_seed_gives_one_interval() -> None:
    labels, probabilities = from_matrix(30, 10, 8, 32)
    first, again, other = (score(labels, probabilities, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.recall.value == other.recall.value
    assert first != other


@pytest.mark.parametrize(("labels", "probabilities"), [([], []), ([0, 1], [0.5, math.nan]), ([0, 1], [0.5, math.inf])])
def test_what_cannot_be_scored_is_refused(labels: list[int], probabilities: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no stamps|1 probabilities are not finite"):
        score(np.array(labels), np.array(probabilities))
