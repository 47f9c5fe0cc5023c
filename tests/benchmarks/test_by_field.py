"""Many calibrations at once choose what the package chooses in each, and lose what is called the true loss."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import by_field as module
from benchmarks.by_field import POPULATIONS, RULES, Drawn, Fields, measure, show
from ceres_fast.console import console
from ceres_fast.evaluation.dependence import dependence
from ceres_fast.evaluation.threshold import threshold_for

DRAWS = 6


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
    drawn = Fields("unequal", 0.2).draw(DRAWS, 40, np.random.default_rng(2))
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


def test_bets_win_in_the_mean_no_more_than_they_cost_where_too_much_is_lost() -> None:
    random = np.random.default_rng(5)
    bets = np.array(module.BETS)[:, None] / 0.9
    # Fields of which half lose a fifth, so that 10 % is lost.
    shares = np.where(random.random((200_000, 3)) < 0.5, 0.2, 0.0)
    won = np.prod(1 + bets[:, None] * (0.1 - shares), axis=2).mean(axis=0)
    assert won.mean() == pytest.approx(1, abs=4 * won.std() / np.sqrt(len(won)))
    # By hand: nothing lost in 60 fields wins 20 times the stake; in 29 it cannot.
    drawn = Fields().draw(2, 60, random)
    low = np.full(2, -np.inf)
    assert (drawn.shares(low) == 0).all()
    assert RULES["product of bets"](drawn, 0.1, 0.95) is not None
    assert RULES["product of bets"](Fields().draw(2, 29, random), 0.1, 0.95) is None


def test_rows_and_what_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES", 5000)  # in pieces
    rows = measure(Fields("Poisson", 0.2), 60, 0.95, 20, np.random.default_rng(6))
    assert [(row["max_loss"], row["drawn"]) for row in rows] == [(0.1, "all"), (0.05, "one"), (0.02, "one")]
    refused = [[rule for rule, found in row["rules"].items() if found is None] for row in rows]
    assert refused == [[], ["product of bets"], ["field", "one draw", "product of bets"]]
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
