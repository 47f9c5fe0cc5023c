"""Rules survive JSON and say in what they differ."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.rules import STATIONARY_RULE, Rules

positive = st.floats(min_value=1e-3, max_value=1e3)


@given(
    st.builds(
        Rules, remove_stationary=st.booleans(), stationary_radius=positive, slowest=positive, chance=st.floats(1e-3, 1)
    )
)
def test_rules_survive_json(rules):
    assert Rules.from_dict(json.loads(json.dumps(rules.as_dict()))) == rules
    assert rules.differences(rules) == []


def test_differences_name_rule_and_both_values():
    (difference,) = Rules().differences(Rules(stationary_radius=2))
    assert difference == f"stationary_radius: {Rules().stationary_radius} here, 2.0 there"


def test_rules_of_labelling_do_not_count_as_differences():
    assert Rules().differences(Rules(match_radius=3.0, track_exposures=2)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "has unknown surprise"),
        ({"stationary_radius": "wide"}, "stationary_radius is 'wide'"),
        ({"stationary_radius": -1.0}, "expected a number above 0"),
        ({"stationary_radius": float("nan")}, "expected a number above 0"),
        ({"slowest": float("inf")}, "slowest is inf, expected a number above 0"),
        ({"track_exposures": 3.0}, "track_exposures is 3.0, expected a whole number of at least 1"),
        ({"remove_stationary": 1}, "remove_stationary is 1"),
        ({"bad_column_radius": 0.0}, "bad_column_radius is 0.0"),
        ({"chance": True}, "chance is True"),
        ({"slowest": 0.0}, "slowest is 0.0, expected a number above 0"),
        ({"position_error": -0.3}, "position_error is -0.3, expected a number above 0"),
        ({"stationary_rule": True}, "stationary_rule is True"),
        ({"stationary_rule": 2.5}, "stationary_rule is 2.5"),
        ({"stationary_rule": 1}, "stationary_rule is 1, expected 2"),
        ({"reject_flags": -1}, "reject_flags is -1, expected a sum of flags from 0 to 65535"),
        ({"reject_flags": 65536}, "reject_flags is 65536"),
        ({"reject_flags": 4.0}, "reject_flags is 4.0"),
        ({"most_missing": 1.5}, "most_missing is 1.5, expected a number from 0 to 1"),
        ({"most_missing_at_centre": 10}, "most_missing_at_centre is 10, expected a whole number from 0 to 9"),
    ],
)
def test_impossible_rules_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Rules.from_dict(Rules().as_dict() | change)


def test_rejected_flags_matter_for_classifying():
    assert Rules().reject_flags == 0
    assert Rules(reject_flags=65535).differences(Rules(reject_flags=4)) == ["reject_flags: 65535 here, 4 there"]


def test_missing_rules_are_refused():
    with pytest.raises(ValueError, match="lacks match_radius"):
        Rules.from_dict({name: value for name, value in Rules().as_dict().items() if name != "match_radius"})


def old_rules(**other):
    """Return the rules as version 1 of the rule for stationary detections wrote them."""
    new = ("stationary_rule", "slowest", "chance", "position_error")
    kept = {name: value for name, value in Rules().as_dict().items() if name not in new}
    return kept | {"stationary_exposures": 2, "chance_coincidence": 0.005} | other


@pytest.mark.parametrize(
    "other", [{}, {"stationary_exposures": 3}, {"remove_stationary": True}, {"remove_stationary": 1}]
)
def test_rules_of_the_old_rule_for_stationary_detections_are_refused_in_words(other):
    with pytest.raises(ValueError, match=r"version 1 of the rule.*removed slow asteroids"):
        Rules.from_dict(old_rules(**other))


def test_old_rules_under_which_nothing_was_removed_are_read():
    found = Rules.from_dict(old_rules(remove_stationary=False, match_radius=3.0, stationary_radius_pixels=2.0))
    assert found == Rules(remove_stationary=False, match_radius=3.0, stationary_radius_pixels=2.0)
    assert found.stationary_rule == STATIONARY_RULE


@pytest.mark.parametrize("other", [{"surprise": 1}, {"match_radius": -1.0}])
def test_old_rules_are_checked_like_others(other):
    with pytest.raises(ValueError, match=r"has unknown surprise|match_radius is -1.0"):
        Rules.from_dict(old_rules(remove_stationary=False, **other))


@pytest.mark.parametrize("name", ["stationary_exposures", "chance_coincidence"])
def test_half_of_the_old_rules_are_no_old_rules(name):
    half = {key: value for key, value in old_rules(remove_stationary=False).items() if key != name}
    with pytest.raises(ValueError, match="lacks stationary_rule, expected 2"):
        Rules.from_dict(half)


@pytest.mark.parametrize("version", [STATIONARY_RULE - 1, STATIONARY_RULE + 1])
def test_other_versions_are_refused(version):
    with pytest.raises(ValueError, match=f"stationary_rule is {version}, expected {STATIONARY_RULE}"):
        Rules.from_dict(Rules().as_dict() | {"stationary_rule": version})


def test_what_decides_what_is_stationary_matters_for_classifying():
    for change in ({"slowest": 0.2}, {"chance": 0.01}, {"position_error": 0.5}, {"remove_stationary": False}):
        assert len(Rules().differences(Rules(**change))) == 1


def test_numbers_of_numpy_are_numbers() -> None:
    rules = Rules(slowest=np.float64(0.2), reject_flags=np.int64(4))
    assert rules == Rules(slowest=0.2, reject_flags=4)
    assert [type(value) for value in (rules.slowest, rules.reject_flags)] == [float, int]


def test_rules_of_before_there_was_one_for_missing_pixels_get_it():
    new = ("most_missing", "most_missing_at_centre")
    earlier = {name: value for name, value in Rules().as_dict().items() if name not in new}
    assert Rules.from_dict(earlier) == Rules()
    assert Rules().missing == (0.5, 0)
    assert Rules().differences(Rules(most_missing=0.6)) == ["most_missing: 0.5 here, 0.6 there"]
