"""At equal asteroids kept: thresholds and what they leave, by hand and as the package counts them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.equal_asteroids import ALWAYS, DROPPED, NEEDS, Rows, Way, compared
from ceres_fast.evaluation.asteroids import critical
from ceres_fast.evaluation.operating_point import choose

from ..asteroid_predictions import of_asteroids


def rows_of(asteroids: int, exposures: int, others: int, fields: int = 4) -> Rows:
    """Return rows of asteroids with so many exposures each, then of others, spread over fields."""
    asteroid = np.repeat([f"A{number:04}" for number in range(asteroids)], exposures)
    number = np.concatenate([np.repeat(np.arange(asteroids), exposures), np.arange(others)])
    field = np.char.add("F", (number % fields).astype(str))
    kind = np.array([""] * len(asteroid) + ["star", "edge"] * (others // 2) + ["star"] * (others % 2))
    return Rows(field, np.append(asteroid, np.full(others, "")), kind)


def test_an_asteroid_is_kept_as_the_package_says() -> None:
    random = np.random.default_rng(0)
    exposures = random.random((100, 4))
    way = Way.of(rows_of(100, 4, 0), exposures.ravel())
    names, expected, _ = critical(predictions := of_asteroids(exposures), NEEDS)
    order = np.argsort([int(name.split()[0][1:]) for name in names])
    np.testing.assert_array_equal(way.critical, expected[order])
    assert way.calibrated(0.1, 0.95) == pytest.approx(choose(predictions, max_loss=0.1).threshold, abs=2e-6)


@pytest.mark.parametrize("wanted", [1, 50, 95, 100])
def test_the_threshold_is_the_highest_that_keeps_so_many(wanted: int) -> None:
    random = np.random.default_rng(1)
    way = Way.of(rows_of(100, 3, 10), random.random(310))
    threshold = way.threshold(wanted)
    assert way.kept(threshold) == wanted > way.kept(np.nextafter(threshold, 1))


def test_what_is_dropped_by_a_rule_no_threshold_keeps_and_what_is_always_kept_every_one_does() -> None:
    rows, score = rows_of(10, 3, 4), np.full(34, 0.5)
    score[0], score[30:32], score[32] = DROPPED, ALWAYS, DROPPED  # one exposure of an asteroid with three; others
    way = Way.of(rows, score)
    assert way.could_keep == 9
    assert np.isnan(way.threshold(10))
    assert [way.kept(each) for each in (DROPPED, 0.5, 0.6)] == [9, 9, 0]
    assert [int(way.left(each).sum()) for each in (DROPPED, 0.5, 0.6)] == [3, 3, 2]


def test_asteroids_in_too_few_rows_are_not_counted() -> None:
    way = Way.of(rows_of(10, NEEDS - 1, 4), np.full(24, 0.5))
    assert way.could_keep == len(way.critical) == 0
    assert np.isnan(way.threshold(1))


def test_a_way_that_leaves_half_has_a_factor_of_two() -> None:
    rows = rows_of(100, 3, 400)
    reference = np.concatenate([np.full(300, 0.5), np.full(400, 0.7)])
    half = reference.copy()
    half[300:500] = 0.1
    lost = reference.copy()
    lost[:3] = DROPPED
    ways = {name: Way.of(rows, score) for name, score in {"all": reference, "half": half, "lost": lost}.items()}
    found = compared(rows, ways, {"all": 0.6, "half": 0.2, "lost": 0.2}, seed=0)
    assert (found["rows"], found["fields"], found["asteroids"], found["reference_could_keep"]) == (700, 4, 100, 100)
    cell = found["ways"]["half"]["98 %"]
    assert (cell["kept"], cell["left"], cell["factor"]) == (100, 200, 2.0)
    assert cell["low"] == cell["high"] == 2.0  # each field has as many of both
    assert cell["left_per_1000"] == pytest.approx(1000 * 200 / 700)
    assert cell["by_kind"] == {"star": 100, "edge": 100}
    assert found["ways"]["half"]["own threshold"]["kept"] == 100
    assert found["ways"]["all"]["own threshold"]["kept"] == 0
    assert found["ways"]["lost"]["99 %"]["kept"] == found["ways"]["lost"]["could_keep"] == 99


def test_a_way_that_cannot_keep_so_many_says_so() -> None:
    rows = rows_of(100, 3, 10)
    lost = np.full(310, 0.5)
    lost[:30] = DROPPED
    ways = {"all": Way.of(rows, np.full(310, 0.5)), "lost": Way.of(rows, lost)}
    found = compared(rows, ways, {"all": 0.5, "lost": 0.5}, seed=0)["ways"]["lost"]
    assert found["95 %"] is found["99 %"] is None
    assert found["own threshold"]["kept"] == 90


def test_what_is_set_aside_is_neither() -> None:
    rows = rows_of(3, 3, 4)
    kind = rows.kind.copy()
    kind[-1] = ""
    way = Way.of(Rows(rows.field, rows.asteroid, kind), np.full(13, 0.5))
    assert len(way.other_score) == 3
