"""Detections that are too bright to be the asteroid at their place."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.flux import set_aside_too_bright
from ceres_fast.selection.match import Matches
from ceres_fast.selection.rules import Rules


def exposure(differences, zero=-5.0, magnitude=20.0):
    """Return known asteroids, one detection of each, and their MAG_AUTO."""
    n = len(differences)
    known = Table({"designation": [f"A{i}" for i in range(n)], "magnitude": np.full(n, float(magnitude))})
    return known, Matches(np.arange(n), np.full(n, "", "U16")), 20.0 + zero + np.array(differences, float)


def judged(*exposures, moving=None, **rules):
    known, matches, magnitudes = zip(*exposures, strict=True)
    moving = moving or [np.ones(len(match.asteroid), bool) for match in matches]
    return [match.reason.tolist() for match in set_aside_too_bright(known, matches, magnitudes, moving, Rules(**rules))]


@given(st.floats(-30, 30))
def test_much_brighter_than_the_others_is_set_aside_whatever_the_zero_point(zero):
    (reason,) = judged(exposure([0, 0.4, -0.4, 0.1, -1.4, -1.7, 3.0], zero))
    assert reason == ["", "", "", "", "", "flux_mismatch", ""]


def test_the_limit_is_a_rule_and_what_is_set_aside_is_no_asteroid():
    known, match, magnitude = exposure([0, 0, 0, 0, -1.2])
    for limit, last in [(1.0, -1), (1.5, 4)]:
        moving = [np.ones(5, bool)]
        (result,) = set_aside_too_bright([known], [match], [magnitude], moving, Rules(flux_limit=limit))
        assert result.asteroid[-1] == last


def test_few_matches_borrow_from_other_exposures_or_are_not_judged():
    assert judged(exposure([0, 0, 0, -9])) == [[""] * 4]
    assert judged(exposure([0, 0, 0]), exposure([0, -9])) == [[""] * 3, ["", "flux_mismatch"]]
    clouds = judged(exposure([0, 0, 0, 0, 0]), exposure([2, 2, 2, 2, 0.3], zero=-5))
    assert clouds[1] == ["", "", "", "", "flux_mismatch"]


@pytest.mark.parametrize("missing", [np.nan, 99.0])
def test_unknown_magnitudes_are_not_judged(missing):
    known, match, magnitude = exposure([0, 0, 0, 0, 0, -9, 0])
    magnitude[0] = missing
    known["magnitude"][6] = np.nan
    assert judged((known, match, magnitude)) == [["", "", "", "", "", "flux_mismatch", ""]]
    assert judged((known, match, None)) == [[""] * 7]


def test_what_is_stationary_does_not_set_the_zero_point():
    stars = exposure([-6, -6, -6, -6, -6, -6, 0, 0, 0, 0, 0])
    moving = np.array([False] * 6 + [True] * 5)
    assert judged(stars, moving=[moving]) == [["flux_mismatch"] * 6 + [""] * 5]


def test_nothing_at_all():
    assert judged(exposure([])) == [[]]
    assert set_aside_too_bright([], [], [], [], Rules()) == []
