"""Differences are paired: what both runs get wrong alike cancels, and tests count what only one has right."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.evaluation import scores
from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.compare.pairs import Difference, compare_pairs
from ceres_fast.evaluation.compare.verdict import verdict_of

from .evaluations import answers, columns, survey


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 50)


@pytest.mark.usefixtures("few_resamples")
def test_the_same_run_twice_differs_in_nothing() -> None:
    known = survey(10, 30)
    probabilities = np.random.default_rng(0).random(70)
    _, [pair] = compare_pairs([answers(known, probabilities), answers(known, probabilities, "B")], needs=3, seed=0)
    assert pair.same
    assert set(pair.differences.values()) == {Difference(0, 0, 0)}
    assert {(test.only_first, test.only_second, test.p, test.adjusted) for test in pair.tests.values()} == {
        (0, 0, 1, 1)
    }
    verdict = verdict_of(pair, 3)
    assert (verdict.better, verdict.words) == (None, "No difference: both give the same answer on every stamp.")


@pytest.mark.usefixtures("few_resamples")
def test_counts_and_signs() -> None:
    known = survey(asteroids=20, others=50, exposures=3)
    first = np.repeat([0.9, 0.2], [60, 50])
    second = first.copy()
    second[:9] = 0.1  # three asteroids lost
    second[9] = 0.1  # and one more, by one exposure
    second[60:65] = 0.7
    first[65:67] = 0.7
    values, [pair] = compare_pairs([answers(known, first), answers(known, second, "B")], needs=3, seed=0)
    counts = {name: (test.total, test.only_first, test.only_second) for name, test in pair.tests.items()}
    assert counts == {"asteroids": (20, 4, 0), "non_asteroids": (50, 5, 2), "stamps": (110, 15, 2)}
    assert pair.tests["asteroids"].p == pair.tests["asteroids"].adjusted == 0.125
    assert pair.differences["asteroids_lost"].value == pytest.approx(0.2)
    assert pair.differences["recall"].value == pytest.approx(-10 / 60)
    assert pair.differences["non_asteroids_left"].value == pytest.approx(3 / 50)
    assert [row.value for row in pair.differences.values()] == pytest.approx((values[1] - values[0]).tolist())
    assert pair.differences["recall"].sign == -1
    assert not pair.same


@pytest.mark.usefixtures("few_resamples")
def test_every_pair_is_there_and_p_is_adjusted_for_them() -> None:
    known = survey(asteroids=20, others=20, exposures=3)
    perfect = np.repeat([0.9, 0.1], [60, 20])
    worse = perfect.copy()
    worse[:24] = 0.1
    runs = [answers(known, perfect, "A"), answers(known, perfect, "B"), answers(known, worse, "C")]
    _, pairs = compare_pairs(runs, needs=3, seed=0)
    assert [(pair.first, pair.second) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    p = 2 / 2**8
    assert [pair.tests["asteroids"].p for pair in pairs] == [1, p, p]
    assert [pair.tests["asteroids"].adjusted for pair in pairs] == pytest.approx([1, 3 * p, 3 * p])


def test_pairing_sees_what_intervals_of_each_alone_do_not() -> None:
    # Both are as uncertain as 60 stamps let them be, but the second finds all that the first does and six more.
    known = columns(np.repeat([1, 0], [60, 60]))
    random = np.random.default_rng(3)
    first = np.where(random.random(120) < 0.5, 0.9, 0.1)
    second = first.copy()
    second[np.flatnonzero(first[:60] < 0.5)[:6]] = 0.9
    _, [pair] = compare_pairs([answers(known, first), answers(known, second, "B")], needs=1, seed=0)
    alone = scores.score(known["label"], first).recall
    found = pair.differences["recall"]
    assert found.sign == 1
    assert found.high - found.low < 0.8 * (alone.high - alone.low)
    assert alone.low < alone.value + found.value < alone.high


@pytest.mark.usefixtures("few_resamples")
def test_a_figure_that_one_run_has_not_leaves_the_others_alone() -> None:
    known = survey(6, 10)
    some = np.random.default_rng(1).random(34)
    runs = [answers(known, some, "A"), answers(known, some[::-1], "B"), answers(known, 0.1, "C")]
    _, pairs = compare_pairs(runs, needs=3, seed=0)
    defined = [None not in (pair.differences["precision"].value, pair.differences["precision"].low) for pair in pairs]
    assert defined == [True, False, False]
    assert all(pair.differences[name].low is not None for pair in pairs for name in MEASURES if name != "precision")


@pytest.mark.usefixtures("few_resamples")
def test_one_class_only() -> None:
    for labels in (np.zeros(5), np.ones(5)):
        known = columns(labels)
        _, [pair] = compare_pairs(
            [answers(known, 0.9, "A"), answers(known, [0.9, 0.9, 0.9, 0.2, 0.1], "B")], needs=3, seed=0
        )
        assert pair.differences["roc_auc"] == Difference(None, None, None)
        assert pair.tests["asteroids"].p == 1
        assert pair.tests["stamps"].p == 0.5
        assert "No asteroid has 3 exposures" in verdict_of(pair, 3).words


@pytest.mark.usefixtures("few_resamples")
def test_runs_that_both_lose_none_of_28_may_still_differ() -> None:
    known = survey(asteroids=28, others=60, exposures=3)
    first = np.repeat([0.9, 0.1], [84, 60])
    runs = [answers(known, first, "A"), answers(known, first * 0.9, "B"), answers(known, first * 0.8, "C")]
    for count, compared in ((1, runs[:2]), (3, runs)):
        _, pairs = compare_pairs(compared, needs=3, seed=0)
        # None of 28 differs: with 97.5 % (shared among the pairs) at most this share does, in each direction.
        most = 1 - (0.025 / count) ** (1 / 28)
        for pair in pairs:
            for name in ("asteroids_lost", "recall"):
                found = pair.differences[name]
                assert (found.value, found.low, found.high) == pytest.approx((0, -most, most))
            assert pair.differences["non_asteroids_left"].high == pytest.approx(1 - (0.025 / count) ** (1 / 60))
            # Areas have no such formula, and the loss does differ.
            assert pair.differences["roc_auc"] == Difference(0, None, None)
            assert pair.differences["loss"].sign == 1
    assert (
        "B may lose from 12.3% fewer to 12.3% more of them than A"
        in verdict_of(compare_pairs(runs[:2], 3, 0)[1][0], 3).words
    )


@pytest.mark.usefixtures("few_resamples")
def test_precision_is_a_share_of_what_is_called() -> None:
    known = survey(asteroids=100, others=60, exposures=1)
    probabilities = np.zeros(len(known["label"]))
    probabilities[np.flatnonzero(known["label"] == 1)[:2]] = 1.0
    # Two runs that each call two stamps, and are right: that says little about others that they would call.
    runs = [answers(known, probabilities, "A"), answers(known, probabilities * 0.9, "B")]
    _, [pair] = compare_pairs(runs, needs=1, seed=0)
    found = pair.differences["precision"]
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 2))
