"""Which detections are asteroids, which are contested, and which are set aside."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.match import (
    REASONS,
    SET_ASIDE,
    Matches,
    match_known,
    set_aside_short_tracks,
    set_aside_too_bright,
)
from ceres_fast.selection.rules import Rules


def known(*places, validated=True, tolerance=2.0, aside=5.0, trail=0.0):
    """Asteroids at offsets in arcsec north of (10, 5)."""
    table = Table({"designation": [f"A{number}" for number in range(len(places))], "ra": np.full(len(places), 10.0)})
    table["dec"] = 5 + np.array(places, float) / 3600
    columns = {"position_angle": 0.0, "validated": validated, "tolerance": tolerance, "aside": aside, "trail": trail}
    for name, value in columns.items():
        table[name] = np.broadcast_to(value, len(table))
    return table


def match(table, *places, east=0.0, **rules):
    dec = 5 + np.array(places, float) / 3600
    ra = np.full(len(places), 10.0) + np.array(east) / 3600 / np.cos(np.radians(5))
    return match_known(table, ra, dec, Rules(**rules))


def test_near_is_asteroid_far_is_not_and_between_is_set_aside():
    result = match(known(0, 100), 1.9, 50, 97.9, 101, -5.1)
    assert result.label.tolist() == [1, 0, SET_ASIDE, 1, 0]
    assert result.asteroid.tolist() == [0, -1, -1, 1, -1]
    assert result.reason.tolist() == ["", "", "set_aside", "", ""]
    assert match(known(0, tolerance=1.5), 1.9).label.tolist() == [SET_ASIDE]


def test_contested_detections_are_set_aside():
    two_detections = match(known(0), 0.5, -1.0, 50)
    assert two_detections.label.tolist() == [SET_ASIDE, SET_ASIDE, 0]
    assert two_detections.reason.tolist() == ["contested", "contested", ""]
    two_asteroids = match(known(0, 2), 1.0)
    assert two_asteroids.reason.tolist() == ["contested"]


@pytest.mark.parametrize(("other", "wins"), [(-1.9, True), (-1.5, True), (-1.3, False), (0.5, False)])
def test_by_far_the_nearest_detection_wins_and_the_other_is_set_aside(other, wins):
    result = match(known(0), 0.45, other)
    assert result.reason.tolist() == (["", "set_aside"] if wins else ["contested"] * 2)
    assert result.label.tolist() == ([1, SET_ASIDE] if wins else [SET_ASIDE] * 2)


def test_nearness_below_the_certainty_of_places_wins_nothing():
    assert match(known(0), 0.0, 0.9).reason.tolist() == ["contested"] * 2
    assert match(known(0), 0.0, 1.1).label.tolist() == [1, SET_ASIDE]
    assert match(known(0), 0.0, 0.9, contest_ratio=2.0).label.tolist() == [1, SET_ASIDE]


def test_by_far_the_nearest_asteroid_wins():
    result = match(known(0, 1.9), 0.1)
    assert (result.label.tolist(), result.asteroid.tolist()) == ([1], [0])
    both = match(known(0, 1.9), 0.1, 1.8)
    assert both.asteroid.tolist() == [0, 1]


def test_known_but_not_validated_is_never_called_no_asteroid():
    result = match(known(0, 100, validated=[False, True]), 0.5, 4.9, 5.1, 100.5)
    assert result.label.tolist() == [SET_ASIDE, SET_ASIDE, 0, 1]
    assert result.reason.tolist() == ["set_aside", "set_aside", "", ""]
    both = match(known(0, 1, validated=[False, True]), 0.5)
    assert both.label.tolist() == [SET_ASIDE]


def test_a_guess_sets_aside_but_contests_nothing():
    table = known(0, 10, validated=[False, True], tolerance=[0.0, 2.0], aside=[60.0, 5.0])
    result = match(table, 0.0, 10.5, 40, 61)
    assert result.label.tolist() == [SET_ASIDE, 1, SET_ASIDE, 0]


def test_what_is_along_the_trail_is_set_aside():
    table = known(0, trail=30.0)
    result = match(table, 0, 34.9, -34.9, 35.1, 20, 20, east=[0, 0, 0, 0, 4.9, 5.1])
    assert result.label.tolist() == [1, SET_ASIDE, SET_ASIDE, 0, SET_ASIDE, 0]


def test_unknown_positions_are_set_aside():
    assert match(known(0), np.nan, 0).reason.tolist() == ["set_aside", ""]
    assert match(known(), np.nan).reason.tolist() == ["set_aside"]


def test_nothing_matches_nothing():
    assert match(known(), 1.0).label.tolist() == [0]
    assert match(known(0)).label.tolist() == []
    assert match(known(90 * 3600.0, -170 * 3600.0), 1.0).label.tolist() == [0]


def test_right_ascension_zero_and_a_broken_catalogue():
    table = known(0)
    table["ra"] = 359.9999
    ra, dec = np.array([0.0009, 359.9999, 1e300]), np.array([5.0, 5.0, 1e300])
    assert match_known(table, ra, dec, Rules()).label.tolist() == [SET_ASIDE, 1, SET_ASIDE]


offsets = st.lists(st.floats(-50, 50), max_size=12)


@given(offsets, offsets, st.data())
def test_whatever_is_where_labels_are_safe(places, detections, data):
    validated = np.array(data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places))), bool)
    result = match(known(*places, validated=validated), *detections)
    asteroids = result.asteroid[result.asteroid >= 0]
    assert len(set(asteroids.tolist())) == len(asteroids)
    assert ((result.asteroid >= 0) == (result.label == 1)).all()
    assert set(result.reason.tolist()) <= {"", *REASONS}
    assert validated[asteroids].all()
    for place, label, asteroid in zip(detections, result.label, result.asteroid, strict=True):
        distances = [abs(place - other) for other in places]
        if label == 0:
            assert all(distance >= 5.0 - 1e-6 for distance in distances)
        if label == 1:
            assert distances[asteroid] == pytest.approx(min(distances), abs=1e-6)
            assert distances[asteroid] <= 2.0 + 1e-6


def test_short_tracks_are_set_aside():
    table = known(0, 100)
    seen = [match(table, 0, 100), match(table, 0), match(table, 0, 50), match(table, 100)]
    accepted = set_aside_short_tracks([table] * 4, seen, Rules())
    assert [result.label.tolist() for result in accepted] == [[1, SET_ASIDE], [1], [1, 0], [SET_ASIDE]]
    assert accepted[3].asteroid.tolist() == [-1]
    assert accepted[3].reason.tolist() == ["set_aside"]
    single = set_aside_short_tracks([table], seen[:1], Rules())
    assert single[0].label.tolist() == [1, 1]
    strict = set_aside_short_tracks([table] * 4, seen, Rules(track_exposures=4))
    assert all((result.label != 1).all() for result in strict)
    assert set_aside_short_tracks([], [], Rules()) == []


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


def test_unknown_magnitudes_are_not_judged():
    known, match, magnitude = exposure([0, 0, 0, 0, 0, -9, 0])
    magnitude[0] = np.nan
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
