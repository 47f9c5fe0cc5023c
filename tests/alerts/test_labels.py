"""What an alert is called; when in doubt, nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts.labels import KINDS, REASONS, AlertRules, Evidence, decide

RULES = AlertRules()
KNOWN = {"known": "111678", "known_distance": 1.0, "known_magnitude": 18.2, "magnitude": 18.9, "score": 0.6}
OFTEN = {"detections": 9, "days": 30.0}


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (KNOWN, "asteroid"),
        (KNOWN | {"known_distance": 0.0}, "asteroid"),
        (KNOWN | {"known_distance": 2.0}, "asteroid"),
        (KNOWN | {"score": 0.0}, "asteroid"),  # faint and trailed asteroids score low
        (KNOWN | {"detections": 2}, "asteroid"),  # a slow one, twice in a night
        (KNOWN | {"known_magnitude": math.nan}, "asteroid"),
        (KNOWN | {"known_distance": 2.1}, "near_known"),
        (KNOWN | {"known_distance": 2.1, "score": 0.0}, "near_known"),
        (KNOWN | {"known_distance": 9.9} | OFTEN, "near_known"),
        (KNOWN | {"known_distance": math.nan, "score": 0.0}, "near_known"),
        (KNOWN | OFTEN, "history"),
        (KNOWN | {"negative": True}, "negative"),
        (KNOWN | {"known_magnitude": 21.5}, "magnitude"),
        (KNOWN | {"known": "C/2017 T2"}, "comet"),
        (KNOWN | {"known": "29P/Schwassmann-Wachmann"}, "comet"),
        (KNOWN | {"known": "64P", "known_distance": 5.0}, "comet"),
        (KNOWN | {"known": "P/LINEAR"}, "comet"),
        (KNOWN | {"known": "67P Churyumov-Gerasimenko"}, "comet"),
        (KNOWN | {"known": "CK17M040"}, "comet"),
        (KNOWN | {"known": "Jupiter 13"}, "comet"),
        (KNOWN | {"known": "A/2017 U7"}, "asteroid"),  # an asteroid on the orbit of a comet
        (KNOWN | {"known": "2040P-L"}, "asteroid"),  # of the survey of Palomar and Leiden, as ZTF writes it
        (KNOWN | {"known": "2010 PD12"}, "asteroid"),
        (KNOWN | {"known": "1981 DA"}, "asteroid"),
        (KNOWN | {"known_distance": 12.0, "score": 0.1}, "bogus"),
        (KNOWN | {"known_distance": 12.0} | OFTEN, "stationary"),
        ({"score": 0.29}, "bogus"),
        ({"score": 0.3}, "unknown"),
        ({"score": math.nan}, "unknown"),
        ({"score": 0.9, "detections": 2, "days": 30.0}, "unknown"),
        ({"score": 0.9, "detections": 3, "days": 0.1}, "unknown"),  # a distant object, three times in a night
        ({"score": 0.9, "detections": 3, "days": 5.0}, "stationary"),
        ({"known_distance": 1.0, "score": 0.9}, "unknown"),  # near something without a name
        ({}, "unknown"),
    ],
)
def test_what_an_alert_is(evidence: dict, expected: str) -> None:
    assert decide(Evidence(**evidence), RULES) == expected


ANY = st.floats(allow_nan=True, allow_infinity=True)
EVIDENCE = st.builds(
    Evidence,
    known=st.sampled_from(["", "111678", "64P", "2010 AB12"]),
    known_distance=st.one_of(st.floats(0, 30), st.just(math.nan)),
    known_magnitude=ANY,
    magnitude=ANY,
    negative=st.booleans(),
    score=st.one_of(st.floats(0, 1), st.just(math.nan)),
    detections=st.integers(0, 100),
    days=ANY,
)


@given(EVIDENCE)
def test_nothing_near_a_known_object_is_called_non_asteroid(alert: Evidence) -> None:
    kind = decide(alert, RULES)
    assert kind in KINDS or kind in REASONS
    if KINDS.get(kind) == 0:
        assert alert.known == "" or alert.known_distance > RULES.near_radius
        assert alert.score < RULES.bogus_score or alert.detections >= RULES.stationary_detections
    if kind == "asteroid":
        assert alert.known
        assert alert.known_distance <= RULES.match_radius


def test_other_rules() -> None:
    alert = Evidence(**KNOWN | {"known_distance": 4.0})
    assert decide(alert, AlertRules(match_radius=5)) == "asteroid"
    assert decide(Evidence(score=0.5), AlertRules(bogus_score=0.6)) == "bogus"
