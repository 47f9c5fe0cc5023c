"""Scores are what --drop does with a row, and what is chosen is chosen by what is left."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.classified import EDGE, Classified, kinds
from benchmarks.equal_asteroids import ALWAYS, DROPPED, NOBODY, Rows, Way
from benchmarks.simulated_truth import ARTEFACT, ASIDE, ASTEROID, STAR
from benchmarks.ways import LIMITS, ONE, THREE, choose, ways
from ceres_fast.classify.limits import Limits, kept_rows
from ceres_fast.classify.scores import NOT_SCORED, PADDED, PROVISIONAL, STATIONARY, Scores

NAN = np.nan


def classified_of(probability: list[float], flags: list[int], least: list[float]) -> Classified:
    """Return rows that are all stars, of which both classifiers say the same."""
    n = len(probability)
    rows = Rows(np.full(n, "F"), np.full(n, ""), np.full(n, STAR))
    forced = np.stack([least, least, np.ones(n), np.ones(n)], axis=1).astype(float)
    both = {network: np.array(probability, float) for network in (ONE, THREE)}
    elsewhere = {limit: np.array(least) > limit for limit in (0.3, 0.5)}
    return Classified(rows, both, {network: np.array(flags) for network in both}, forced, elsewhere)


def test_a_score_is_what_drop_compares_with_the_threshold() -> None:
    flags = [0, 0, STATIONARY, NOT_SCORED, PROVISIONAL, 0]
    night = classified_of([0.2, 0.8, 0.0, NAN, 0.1, 0.6], flags, [0.9, 0.3, NAN, NAN, NAN, NAN])
    assert night.score(ONE).tolist() == [0.2, 0.8, DROPPED, ALWAYS, ALWAYS, 0.6]
    assert night.score(ONE, 0.5).tolist() == [DROPPED, 0.8, DROPPED, ALWAYS, ALWAYS, 0.6]
    assert night.score(ONE, 0.3).tolist() == [DROPPED, 0.8, DROPPED, ALWAYS, ALWAYS, 0.6]  # not more than the limit
    assert night.score(ONE, instead=np.full(6, 0.4)).tolist() == [0.4, 0.4, DROPPED, ALWAYS, ALWAYS, 0.4]
    for threshold in (0.1, 0.5, 0.9):
        kept = kept_rows(Scores(night.probability[ONE], np.array(flags, np.int32)), Limits(threshold))
        assert (night.score(ONE) >= threshold).tolist() == kept.tolist()


def test_side_numbers_know_what_is_not_known() -> None:
    night = classified_of([0.5, NAN, 1.0], [0, NOT_SCORED, 0], [0.3, NAN, 9.0])
    numbers = night.side_numbers(ONE)
    assert numbers.shape == (3, 5)
    assert (numbers[0, :2].tolist(), numbers[2, 1]) == ([0.0, 0.3], 2.0)
    assert np.isnan(numbers[1, :2]).all()
    assert np.isfinite(numbers[2]).all()


def test_kinds_of_non_asteroids_say_first_that_nobody_looked_and_then_that_it_is_at_the_edge() -> None:
    true = np.array([ASTEROID, ASIDE, STAR, STAR, STAR, ARTEFACT, ARTEFACT])
    flags = np.array([0, 0, PROVISIONAL | PADDED, PADDED, 0, 0, 0])
    forced = np.stack([np.full(7, NAN)] * 3 + [[2, 2, -1, 2, -1, 0, 2]], axis=1)
    assert kinds(true, flags, forced).tolist() == ["", "", NOBODY, EDGE, STAR, NOBODY, ARTEFACT]


def night_of(seed: int, fields: int = 12, asteroids: int = 10, others: int = 30) -> Classified:
    """Return a night in which asteroids have nothing in the other exposures, and half of the others their own flux."""
    random = np.random.default_rng(seed)
    n = fields * (3 * asteroids + others)
    field = np.repeat([f"F{number:02}" for number in range(fields)], 3 * asteroids + others)
    of = np.tile([*np.repeat(np.arange(asteroids), 3), *np.full(others, -1)], fields)
    name = np.where(of < 0, "", np.char.add(np.char.add(field, "-A"), of.astype(str)))
    star = (of < 0) & (random.random(n) < 0.5)
    least = np.where(star, random.normal(1.0, 0.05, n), random.normal(0.0, 0.1, n))
    forced = np.stack([least, least + 0.1, np.where(star, 3.0, 0.0), np.full(n, 3.0)], axis=1)
    probability = {
        network: np.clip(random.normal(np.where(of < 0, 0.4, 0.7), 0.15, n), 0.01, 0.99) for network in (ONE, THREE)
    }
    kind = np.where(of >= 0, "", np.where(star, STAR, ARTEFACT))
    flags = {network: np.zeros(n, int) for network in probability}
    return Classified(Rows(field, name, kind), probability, flags, forced, {limit: least > limit for limit in LIMITS})


def test_what_is_chosen_leaves_less_on_another_night() -> None:
    choices, out_of_fold = choose(night_of(0))
    # Stars have 0.8 and more: all limits are as good, and the largest of them is taken.
    assert choices.limits == {ONE: LIMITS[-1], THREE: LIMITS[-1]}
    assert np.isfinite(out_of_fold).all()
    other = night_of(1)
    found = ways(other, choices, choices.side(other))
    assert len(found) == 5
    left = {name: int(way.left(way.threshold(118)).sum()) for name, way in found.items()}
    assert left[f"{ONE}, forced rule"] < 0.65 * left[ONE]
    assert left[f"{ONE}, forced fluxes as side numbers"] < 0.65 * left[ONE]
    assert left[f"{THREE}, forced rule"] < 0.65 * left[THREE]


def test_a_night_in_which_no_limit_keeps_the_asteroids_has_none() -> None:
    night = night_of(2)
    for elsewhere in night.elsewhere.values():
        elsewhere[night.rows.asteroid != ""] = True
    with pytest.raises(SystemExit, match="no limit"):
        choose(night)
    assert Way.of(night.rows, night.score(ONE, LIMITS[-1])).could_keep == 0
