"""Many calibrations at once choose what the package chooses in each, and lose what is called the true loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from benchmarks import by_field as module
from benchmarks.by_field import POPULATIONS, RULES, Drawn, Fields, mean_p_value, measure, show
from ceres_fast.console import console
from ceres_fast.evaluation.dependence import dependence
from ceres_fast.evaluation.threshold import threshold_for

DRAWS = 6
RULE = "twice the mean p-value"


def each_of(drawn: Drawn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return critical values and fields of each calibration."""
    parts = np.split(np.arange(len(drawn.critical)), drawn.ends[1:-1])
    return [(drawn.critical[rows], np.strings.add("F", drawn.field[rows].astype(np.str_))) for rows in parts]


@pytest.mark.parametrize("of_fields", POPULATIONS, ids=lambda each: each.name)
def test_thresholds_are_those_of_the_package(of_fields: Fields) -> None:
    drawn = of_fields.draw(DRAWS, 60, np.random.default_rng(1))
    for rule in ("asteroid", "field"):
        thresholds = RULES[rule](drawn, 0.1, 0.95)
        assert thresholds is not None
        correlations = drawn.correlations(thresholds)
        for (critical, fields), threshold, rho in zip(each_of(drawn), thresholds, correlations, strict=True):
            chosen = threshold_for(critical, fields, max_loss=0.1, confidence=0.95, by=rule)  # type: ignore[arg-type]
            assert 0 <= threshold - chosen.threshold < 1.001e-6
            assert chosen.drawn == ("each" if rule == "asteroid" else "all")
            found = dependence(critical, fields, chosen.lost, 0.95)
            assert found is not None
            assert found["rho"] == pytest.approx(rho)


def test_where_fields_are_few_one_asteroid_of_each_counts() -> None:
    drawn = Fields("unequal", 0.2).draw(DRAWS, 44, np.random.default_rng(2))
    thresholds = RULES["field"](drawn, 0.1, 0.95)
    one = RULES["one draw"](drawn, 0.1, 0.95)
    assert (thresholds != one).any()
    few = Fields("unequal", 0.2).draw(DRAWS, 35, np.random.default_rng(3))
    np.testing.assert_array_equal(RULES["field"](few, 0.1, 0.95), RULES["one draw"](few, 0.1, 0.95))
    for (critical, fields), threshold in zip(each_of(few), RULES["one draw"](few, 0.1, 0.95), strict=True):
        _, first = np.unique(fields, return_index=True)
        assert threshold == np.sort(critical[first])[0]  # of 35, none may be lost


@pytest.mark.parametrize("of_fields", POPULATIONS, ids=lambda each: each.name)
def test_the_true_loss_is_that_of_many_fields(of_fields: Fields) -> None:
    drawn = of_fields.draw(1, 40_000, np.random.default_rng(4))
    for threshold in (-3.0, -2.0, -1.0):
        expected = float(of_fields.loss(np.array(threshold)))
        assert drawn.shares(np.array([threshold])).mean() == pytest.approx(expected, abs=0.004)
        assert (drawn.critical < threshold).mean() == pytest.approx(expected, abs=0.004)
    assert drawn.sizes.min() == 1 or of_fields.sizes == "Poisson"
    assert drawn.sizes.mean() == pytest.approx(10, abs=0.2)


def test_a_mean_p_value_by_hand() -> None:
    # One of two fields loses half: no or one asteroid of a draw is lost, and P(X <= 0) is 1/4, P(X <= 1) 3/4.
    assert mean_p_value(np.array([0.5, 0]), 0.5) == 0.5
    assert mean_p_value(np.array([0.5, 0.5]), 0.5) == (1 / 4 + 2 * 3 / 4 + 1) / 4


@given(st.integers(1, 300), st.just(0.0) | st.floats(1e-9, 1), st.floats(0.001, 0.99))  # scipy overflows at 1e-308
def test_a_mean_p_value_of_equal_shares(fields: int, share: float, max_loss: float) -> None:
    k = np.arange(fields + 1)
    expected = binom.pmf(k, fields, share) @ binom.cdf(k, fields, max_loss)
    assert mean_p_value(np.full(fields, share), max_loss) == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_a_mean_p_value_is_that_of_many_random_draws() -> None:
    random = np.random.default_rng(1)
    shares = random.choice([0, 0, 0.1, 1 / 3, 0.5, 1], 60)
    lost = (random.random((100_000, 60)) < shares).sum(axis=1)
    drawn = binom.cdf(lost, 60, 0.3)
    assert mean_p_value(shares, 0.3) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(100_000))


@given(st.lists(st.booleans(), max_size=200), st.floats(0.001, 0.99))
def test_where_all_draws_are_the_same_it_is_their_p_value(lost: list[bool], max_loss: float) -> None:
    shares = np.array(lost, np.float64)
    assert mean_p_value(shares, max_loss) == binom.cdf(sum(lost), len(lost), max_loss)


def test_many_at_once_are_each_as_alone() -> None:
    shares = np.random.default_rng(2).random((3, 4, 50)) * 0.2
    found = mean_p_value(shares, 0.1)
    assert found.shape == (3, 4)
    assert found[2, 1] == pytest.approx(mean_p_value(shares[2, 1], 0.1), rel=1e-12)


def test_rows_and_what_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES", 5000)  # in pieces
    rows = measure(Fields("Poisson", 0.2), 60, 0.95, 20, np.random.default_rng(6))
    assert [(row["max_loss"], row["drawn"]) for row in rows] == [(0.1, "all"), (0.05, "one"), (0.02, "one")]
    refused = [[rule for rule, found in row["rules"].items() if found is None] for row in rows]
    assert refused == [[], [RULE], ["field", "one draw", RULE]]
    assert rows[0]["rules"]["asteroid"]["share"] == rows[0]["rules"]["asteroid"]["exceeds"] / 20
    monkeypatch.setattr(console, "width", 250)
    show(rows, 0.95)
    printed = capsys.readouterr().out
    assert "Poisson, 0.2 shared" in printed
    assert "refused" in printed


def test_calibrations_with_too_few_asteroids_are_left_out() -> None:
    drawn = Fields("unequal").draw(50, 15, np.random.default_rng(8))
    number = np.diff(drawn.ends)
    assert 0 < (number < 149).sum() < 50
    np.testing.assert_array_equal(np.isnan(module.by_asteroid(drawn, 0.02, 0.95)), number < 149)
    row = measure(Fields("unequal"), 15, 0.95, 50, np.random.default_rng(8))[2]
    assert row["rules"]["asteroid"]["draws"] == row["estimate"]["draws"] == (number >= 149).sum()
    assert row["rules"]["field"] is None


def test_by_field_the_promise_is_kept_where_by_asteroid_it_is_broken() -> None:
    rows = measure(Fields("unequal", spoilt=0.05), 60, 0.95, 400, np.random.default_rng(7))
    rules = rows[0]["rules"]
    assert rules["asteroid"]["low"] > 0.05
    for rule in module.OF_FIELDS:
        assert rules[rule]["low"] <= 0.05
    assert rules["field"]["non_asteroids_left"] > rules["asteroid"]["non_asteroids_left"]
