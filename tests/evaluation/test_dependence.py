"""The estimated dependence of asteroids of one field, against its definition and against what was simulated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway, rankdata

from ceres_fast.evaluation.dependence import Dependence, dependence
from ceres_fast.records.tolerance import upper_bound


def simulated(sizes: np.ndarray, shared: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return critical values of which a share of the variance belongs to the field, and the fields."""
    random, field = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    values = np.sqrt(shared) * random.standard_normal(len(sizes))[field]
    values += np.sqrt(1 - shared) * random.standard_normal(len(field))
    return values, np.strings.add("F", field.astype(np.str_))


def estimated(values: np.ndarray, fields: np.ndarray, lost: int = 0) -> Dependence:
    found = dependence(values, fields, lost, 0.95)
    assert found is not None
    return found


def test_of_equal_groups_it_is_what_the_f_statistic_says() -> None:
    values, fields = simulated(np.full(12, 5), 0.3, 1)
    ranks = rankdata(values).reshape(12, 5)
    f = f_oneway(*ranks).statistic
    assert estimated(values, fields)["rho"] == pytest.approx((f - 1) / (f - 1 + 5))


def test_of_unequal_groups_it_is_what_analysis_of_variance_says() -> None:
    sizes = np.array([1, 2, 7, 4, 1, 10])
    values, fields = simulated(sizes, 0.4, 2)
    groups = np.split(rankdata(values), np.cumsum(sizes)[:-1])
    mean = np.mean(rankdata(values))
    between = sum(len(each) * (each.mean() - mean) ** 2 for each in groups) / 5
    within = sum(((each - each.mean()) ** 2).sum() for each in groups) / (25 - 6)
    size = (25 - (sizes**2).sum() / 25) / 5
    rho = (between - within) / (between + (size - 1) * within)
    found = estimated(values, fields)
    assert found["rho"] == pytest.approx(rho)
    assert 0 < rho < 1
    assert found["n_eff"] == pytest.approx(25 / (1 + ((sizes**2).sum() / 25 - 1) * rho))
    assert found["low"] <= found["rho"] <= found["high"]


@pytest.mark.parametrize("shared", [0, 0.05, 0.2, 0.5])
def test_what_was_simulated_is_found(shared: float) -> None:
    sizes = np.maximum(np.random.default_rng(3).poisson(10, 150), 1)
    found = [estimated(*simulated(sizes, shared, seed)) for seed in range(40)]
    # The ranks of normal values that correlate by r do so by 6 / pi asin(r / 2).
    of_ranks = 6 / np.pi * np.arcsin(shared / 2)
    assert np.mean([each["rho"] for each in found]) == pytest.approx(of_ranks, abs=0.01)
    assert sum(each["low"] <= of_ranks <= each["high"] for each in found) >= 33


def test_scaling_of_probabilities_changes_nothing() -> None:
    values, fields = simulated(np.full(30, 8), 0.2, 4)
    assert estimated(values, fields) == estimated(np.exp(3 * values), fields)


def test_without_dependence_the_limit_is_that_of_all_and_with_it_higher() -> None:
    # Each field has the same values: they differ less than chance would have them differ.
    values, fields = np.tile([0.1, 0.2, 0.3, 0.4], 50), np.repeat([f"F{number}" for number in range(50)], 4)
    found = estimated(values, fields)
    assert (found["rho"], found["low"], found["n_eff"]) == (0, 0, 200)
    assert found["bound"] == pytest.approx(upper_bound(0, 200, 0.95))
    shared = estimated(*simulated(np.full(50, 4), 0.5, 5))
    assert shared["n_eff"] < 150
    assert shared["bound"] > found["bound"]


def test_of_a_few_spoilt_fields_what_is_lost_says_more_than_the_ranks() -> None:
    values, fields = simulated(np.full(60, 10), 0, 7)
    spoilt = np.arange(600) < 20  # two fields
    values[spoilt] -= 6
    ranks, with_lost = estimated(values, fields), estimated(values, fields, lost=20)
    assert ranks["rho"] < 0.2
    assert with_lost["rho"] == with_lost["high"] == 1
    assert with_lost["n_eff"] == pytest.approx(60)
    # Of those lost there, as if each were drawn alone, the estimate is that of analysis of variance too.
    lost = np.sort(np.random.default_rng(8).permutation(600)[:20])
    scattered = np.where(np.isin(np.arange(600), lost), -9.0, values + 6 * spoilt)
    f = f_oneway(*(scattered == -9).reshape(60, 10)).statistic
    rho = (f - 1) / (f - 1 + 10)
    of_ranks = estimated(scattered, fields)["rho"]
    # Those lost are equal; the next is the first that is not.
    assert estimated(scattered, fields, lost=20)["rho"] == pytest.approx(max(rho, of_ranks, 0))


def test_fields_of_equal_asteroids_count_as_one_each() -> None:
    found = estimated(np.repeat(np.arange(60.0), 5), np.repeat([f"F{number}" for number in range(60)], 5), lost=0)
    assert (found["rho"], found["low"], found["high"], found["n_eff"]) == (1, 1, 1, 60)
    assert found["bound"] == pytest.approx(upper_bound(0, 60, 0.95))


def test_asteroids_lost_before_any_score_have_the_lowest_rank() -> None:
    values, fields = simulated(np.full(20, 6), 0.2, 6)
    lowest = values < np.quantile(values, 0.1)
    for lost in (0, int(lowest.sum()), 40):
        first, second = (estimated(np.where(lowest, least, values), fields, lost) for least in (-np.inf, -99))
        assert first == second


@pytest.mark.parametrize(
    ("values", "fields"),
    [([], []), ([0.1, 0.2], ["a", "a"]), ([0.1, 0.2], ["a", "b"]), ([0.5] * 6, ["a", "b", "c"] * 2)],
    ids=["none", "one field", "one each", "all the same"],
)
def test_where_there_is_nothing_to_estimate(values: list[float], fields: list[str]) -> None:
    assert dependence(np.array(values), np.array(fields, np.str_), 0, 0.95) is None


@given(
    st.lists(st.tuples(st.floats(0, 1) | st.just(-np.inf), st.sampled_from("abcdef")), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_it_is_always_a_number(asteroids: list[tuple[float, str]], lost: int) -> None:
    values, fields = np.array([each[0] for each in asteroids]), np.array([each[1] for each in asteroids])
    found = dependence(values, fields, min(lost, len(values)), 0.95)
    if found is None:
        return
    assert all(np.isfinite(value) for value in found.values())
    assert 0 <= found["low"] <= found["high"] <= 1
    assert 0 < found["n_eff"] <= len(values)
    assert found["bound"] >= upper_bound(min(lost, len(values)), len(values), 0.95) - 1e-9
