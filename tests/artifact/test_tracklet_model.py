"""The probability of a tracklet is a logistic function of what is named, and nothing else decides it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.artifact.tracklet_model import (
    MOST_LOGIT,
    QUANTITIES,
    Evidence,
    check_tracklet_model,
    quantities_of,
    tracklet_probabilities,
    tracklet_threshold,
)
from ceres_fast.schema import Mismatch

MODEL = {"weights": {"mean_logit": 1.0, "log_chance": -0.5}, "intercept": 0.25, "operating_point": None}

TWO = Evidence(
    tracklet=np.array([0, 1, 0, 1, 0]),
    probability=np.array([0.9, 0.2, 0.5, np.nan, 0.1]),
    exposures=np.array([3, 4]),
    rate=np.array([0.5, 2.0]),
    residual=np.array([1.5, np.nan]),
    chance=np.array([0.0, 10.0]),
)


def test_the_quantities_by_hand() -> None:
    found = dict(zip(QUANTITIES, quantities_of(TWO).T, strict=True))
    log_odds = np.log(9)
    np.testing.assert_allclose(found["mean_logit"], [0.0, -np.log(4)], atol=1e-12)
    np.testing.assert_allclose(found["lowest_logit"], [-log_odds, -np.log(4)])
    np.testing.assert_allclose(found["exposures"], [3, 4])
    np.testing.assert_allclose(found["log_chance"], [-2, 1])  # what shuffled times cannot tell from none
    np.testing.assert_allclose(found["residual"], [1.5, 1])  # two positions have none
    np.testing.assert_allclose(found["log_rate"], np.log10([0.5, 2]))
    np.testing.assert_allclose(found["forced"], [0, 0])  # not measured
    shown = replace(TWO, forced=np.array([0.5, 7.0, np.nan, np.nan, -0.1]))
    np.testing.assert_allclose(quantities_of(shown, ["forced"])[:, 0], [0.25, 1])


def test_the_probability_by_hand() -> None:
    odds = np.array([0.25 + 1.0, 0.25 - np.log(4) - 0.5])
    np.testing.assert_allclose(tracklet_probabilities(MODEL, TWO), 1 / (1 + np.exp(-odds)), atol=1e-6)


def test_one_detection_that_is_certain_does_not_decide_for_all() -> None:
    sure = replace(TWO, probability=np.array([0.9, 0.2, 0.5, 0.5, 0.0]))
    assert quantities_of(sure, ["lowest_logit"])[0, 0] == -MOST_LOGIT


def test_a_tracklet_without_a_score_has_no_probability() -> None:
    found = tracklet_probabilities(MODEL, replace(TWO, probability=np.array([np.nan, 0.2, np.nan, 0.3, np.nan])))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_no_tracklets() -> None:
    nothing = Evidence(*(np.empty(0, int) if n in (0, 2) else np.empty(0) for n in range(6)))
    assert tracklet_probabilities(MODEL, nothing).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_a_better_detection_never_makes_a_worse_tracklet(scores: list[float], better: float) -> None:
    model = {"weights": {"mean_logit": 0.7, "lowest_logit": 0.2}, "intercept": 0.0, "operating_point": None}
    raised = [max(scores[0], better), *scores[1:]]
    low, high = (
        tracklet_probabilities(
            model,
            Evidence(np.zeros(len(each), int), np.array(each), *(np.array([value]) for value in (3, 0.5, 1.0, 0.1))),
        )[0]
        for each in (scores, raised)
    )
    assert high >= low


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"weights": {"brightness": 1.0}}, "tracklets.weights.brightness"),
        ({"weights": {"mean_logit": float("nan")}}, "tracklets"),
        ({"weights": {"mean_logit": 1e9}}, "tracklets"),
        ({"intercept": "high"}, "tracklets.intercept"),
        ({"more": 1}, "tracklets"),
    ],
)
def test_a_model_that_cannot_be_applied_is_refused_by_its_key(changed: dict[str, object], key: str) -> None:
    check_tracklet_model(MODEL)
    with pytest.raises(Mismatch) as error:
        check_tracklet_model({**MODEL, **changed})
    assert str(error.value).startswith(key)


def test_the_threshold_is_that_of_the_promise() -> None:
    assert tracklet_threshold(None) is None
    assert tracklet_threshold(MODEL) is None
    assert tracklet_threshold({**MODEL, "operating_point": {"threshold": 0.25}}) == 0.25
