"""The interval of a loss of recall keeps its promise, and says how little few asteroids tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ceres_fast.export.proof.decisions import Decisions, loss_interval, recall_of

ALONE = np.arange(400)


def some(count: int, of: int) -> np.ndarray:
    return np.arange(of) < count


def test_of_independent_stamps_it_is_the_two_exact_intervals_together() -> None:
    low, high = loss_interval(some(6, 400), some(2, 400)[::-1], ALONE)
    lost, regained = (binomtest(count, 400).proportion_ci(0.975, method="exact") for count in (6, 2))
    assert (low, high) == pytest.approx((lost.low - regained.high, lost.high - regained.low))


def test_nothing_lost_is_not_nothing_to_lose() -> None:
    none = np.zeros(400, bool)
    low, high = loss_interval(none, none, ALONE)
    assert (low, high) == pytest.approx((-high, 1 - 0.0125 ** (1 / 400)))
    # The four exposures of each of 100 asteroids tell as much as 100 stamps, as far as can be known.
    assert loss_interval(none, none, ALONE // 4)[1] == pytest.approx(1 - 0.0125 ** (1 / 100))


def test_all_lost() -> None:
    low, high = loss_interval(np.ones(10, bool), np.zeros(10, bool), np.arange(10))
    assert 0 < low < high == 1


@pytest.mark.parametrize("exposures", [1, 4])
def test_it_covers_the_truth(exposures: int) -> None:
    random, truth, inside = np.random.default_rng(7), 0.02 - 0.005, 0
    for _ in range(200):
        chance = np.repeat(random.random(150), exposures)  # of an asteroid all exposures are lost, or none
        low, high = loss_interval(chance < 0.02, chance > 0.995, np.repeat(np.arange(150), exposures))
        inside += low <= truth <= high
    assert inside >= 190


@given(st.integers(1, 60), st.data())
def test_it_holds_what_is_observed(count: int, data: st.DataObject) -> None:
    change = np.array(data.draw(st.lists(st.sampled_from([-1, 0, 0, 0, 1]), min_size=count, max_size=count)))
    owners = np.array(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    low, high = loss_interval(change == 1, change == -1, owners)
    assert -1 <= low <= np.mean(change) <= high <= 1
    found = Decisions(np.ones(count, bool), change >= 0, change <= 0)
    recall = recall_of(found, owners)
    assert recall is not None
    assert recall.loss == pytest.approx(np.mean(change)) == found.recall_loss
    assert (recall.of, recall.lost + recall.regained) == (count, found.changed)


def test_no_asteroid_has_no_recall() -> None:
    nothing = np.zeros(5, bool)
    assert recall_of(Decisions(nothing, nothing, ~nothing), np.zeros(0, int)) is None
    assert Decisions(nothing, ~nothing, nothing).recall_loss == 0
