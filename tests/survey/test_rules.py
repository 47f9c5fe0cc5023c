"""Rules survive JSON and say in what they differ."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.survey.rules import Rules

positive = st.floats(min_value=1e-3, max_value=1e3)


@given(st.builds(Rules, remove_stationary=st.booleans(), stationary_radius=positive, stationary_exposures=st.just(3)))
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
        ({"surprise": 1}, "not known: surprise"),
        ({"stationary_radius": "wide"}, "stationary_radius is 'wide'"),
        ({"stationary_radius": -1.0}, "above 0"),
        ({"stationary_radius": float("nan")}, "above 0"),
        ({"remove_stationary": 1}, "remove_stationary is 1"),
        ({"bad_column_radius": 0.0}, "bad_column_radius is 0.0"),
        ({"chance_coincidence": True}, "chance_coincidence is True"),
        ({"stationary_exposures": True}, "stationary_exposures is True"),
        ({"stationary_exposures": 2.5}, "stationary_exposures is 2.5"),
        ({"stationary_exposures": 1}, "stationary_exposures is 1"),
        ({"reject_flags": -1}, "reject_flags is -1, not a sum of flags from 0 to 65535"),
        ({"reject_flags": 65536}, "reject_flags is 65536"),
        ({"reject_flags": 4.0}, "reject_flags is 4.0"),
    ],
)
def test_impossible_rules_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Rules.from_dict(Rules().as_dict() | change)


def test_rejected_flags_matter_for_classifying():
    assert Rules().reject_flags == 0
    assert Rules(reject_flags=65535).differences(Rules(reject_flags=4)) == ["reject_flags: 65535 here, 4 there"]


def test_missing_rules_are_refused():
    with pytest.raises(ValueError, match="missing: match_radius"):
        Rules.from_dict({name: value for name, value in Rules().as_dict().items() if name != "match_radius"})
