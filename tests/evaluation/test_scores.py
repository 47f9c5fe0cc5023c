"""Scores against the paper's printed figures, against formulas worked out here, and against what statistics expects."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.evaluation import scores as module
from ceres_fast.evaluation.scores import Interval, score

# TN, FP, FN, TP, then accuracy, and precision, recall, F1 of the asteroid class, as printed to two digits. Where print
# and matrix differ, the matrix is taken: InceptionResNetV2 experiment 3 prints F1 0.86, Xception experiments 2 and 3
# print accuracy 0.90, ResNet152V2 experiment 1 prints FN 105.
PAPER = {
    "InceptionV3, 1": (5266, 717, 359, 1972, 0.87, 0.73, 0.85, 0.79),
    "InceptionV3, 2": (5507, 476, 192, 2139, 0.92, 0.82, 0.92, 0.86),
    "InceptionV3, 3": (5456, 527, 112, 2219, 0.92, 0.81, 0.95, 0.87),
    "Xception, 1": (5147, 836, 366, 1965, 0.86, 0.70, 0.84, 0.77),
    "Xception, 2": (5362, 621, 144, 2187, 0.91, 0.78, 0.94, 0.85),
    "Xception, 3": (5356, 627, 123, 2208, 0.91, 0.78, 0.95, 0.85),
    "InceptionResNetV2, 1": (5236, 747, 588, 1743, 0.84, 0.70, 0.75, 0.72),
    "InceptionResNetV2, 2": (5540, 443, 218, 2113, 0.92, 0.83, 0.91, 0.86),
    "InceptionResNetV2, 3": (5541, 442, 208, 2123, 0.92, 0.83, 0.91, 0.87),
    "ResNet152V2, 1": (4861, 1122, 405, 1926, 0.82, 0.63, 0.83, 0.72),
    "ResNet152V2, 2": (5460, 523, 245, 2086, 0.91, 0.80, 0.89, 0.84),
    "ResNet152V2, 3": (5606, 377, 313, 2018, 0.92, 0.84, 0.87, 0.85),
}


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 20)


def from_matrix(tn: int, fp: int, fn: int, tp: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities (0.9 or 0.1) that give this confusion matrix."""
    labels = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp])
    probabilities = np.repeat([0.1, 0.9, 0.1, 0.9], [tn, fp, fn, tp])
    return labels, probabilities


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("row", PAPER.values(), ids=PAPER.keys())
def test_the_paper_s_tables_are_reproduced(row: tuple[float, ...]) -> None:
    tn, fp, fn, tp, accuracy, precision, recall, f1 = row
    found = score(*from_matrix(tn, fp, fn, tp))
    asteroid, other = found.classes["asteroid"], found.classes["non_asteroid"]
    assert found.confusion == [[tn, fp], [fn, tp]]
    assert [round(value, 2) for value in (found.accuracy, asteroid.precision, asteroid.recall, asteroid.f1)] == [
        accuracy,
        precision,
        recall,
        f1,
    ]
    assert (asteroid.count, other.count) == (2331, 5983)
    assert other.precision == pytest.approx(tn / (tn + fn))
    assert other.recall == pytest.approx(tn / (tn + fp))
    assert found.recall.value == pytest.approx(asteroid.recall)
    assert found.precision.value == pytest.approx(asteroid.precision)


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
    assert str(found.recall) == "1.0000  [1.0000, 1.0000]"


@pytest.mark.usefixtures("few_resamples")
def test_one_unit_alone_has_no_interval() -> None:
    found = score(np.array([0, 1, 1]), np.array([0.4, 0.6, 0.3]), units=np.array(["a", "a", "a"]))
    assert found.recall.value == 0.5
    assert found.recall.low == found.recall.high == 0.5


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
