"""Half of the asteroids choose, the others are the truth: as often as the beta-binomial distribution says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.resampled import resample

from ..asteroid_predictions import of_asteroids


def test_exchangeable_asteroids_lose_as_often_as_expected() -> None:
    random = np.random.default_rng(1)
    found = resample(of_asteroids(random.random((240, 4))), 0.1, 0.9, 3, 400, random)
    assert found is not None
    assert (found["asteroids"], found["fields"]) == (240, 240)
    assert found["drawn"].keys() == {"asteroid", "field"}
    for each in found["drawn"].values():
        assert each["draws"] == 400
        assert each["share"] == each["exceeds"] / 400
        assert 0.03 < each["expected"] < 0.15
        assert binomtest(each["exceeds"], 400, each["expected"]).pvalue > 0.001
        assert 0 < each["mean_loss"] < 0.1


def test_fields_that_differ_break_the_promise_and_asteroids_drawn_one_by_one_hide_it() -> None:
    random = np.random.default_rng(2)
    field = np.repeat(np.arange(6), 40)
    values = random.normal(np.where(field == 0, 0.4, 0.8), 0.02)[:, None]
    found = resample(of_asteroids(values, field=field.astype(str)), 0.1, 0.9, 1, 200, random)
    assert found is not None
    assert found["fields"] == 6
    drawn = found["drawn"]
    assert drawn["asteroid"]["share"] < 0.2 < drawn["field"]["share"]


def test_few_fields_are_not_drawn() -> None:
    random = np.random.default_rng(3)
    found = resample(of_asteroids(random.random((100, 1)), field="one"), 0.1, 0.9, 1, 5, random)
    assert found is not None
    assert found["drawn"].keys() == {"asteroid"}


def test_a_field_with_nearly_all_asteroids_leaves_out_draws_without_others() -> None:
    random = np.random.default_rng(4)
    fields = np.array(["large"] * 97 + ["a", "b", "c"])
    found = resample(of_asteroids(random.random((100, 1)), field=fields), 0.1, 0.9, 1, 40, random)
    assert found is not None
    # The large field is always drawn, and last in a quarter of the draws: then nothing is left.
    assert 15 < found["drawn"]["field"]["draws"] < 40


@pytest.mark.parametrize("asteroids", [0, 3, 297])
def test_too_few_are_told(asteroids: int) -> None:
    random = np.random.default_rng(5)
    assert resample(of_asteroids(random.random((asteroids, 4)), [0.5]), 0.02, 0.95, 3, 5, random) is None
