"""What counts as found, as false and as come out of the chain, by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.chain import Field, false_tracklets, out_at, stages
from ceres_fast.classify.scores import NEAR_EDGE, STATIONARY

FIELD = Field(
    # Of 12 detections: A is 0, 3, 6; B 1, 4, 7, 10; C 2, 5 (detected twice); D 8, 9, 11 (not reported).
    rows=np.array([[0, 3, 6, -1], [1, 4, 7, 10], [2, 5, -1, -1], [8, 9, 11, -1]]),
    validated=np.array([True, True, True, False]),
    magnitude=np.array([18.0, 20.2, 21.0, 22.7]),
    probability=np.array([0.9, 0.9, 0.1, 0.9, 0.2, 0.1, 0.1, 0.9, 0.8, 0.8, 0.9, 0.8]),
    flags=np.array([0, 0, 0, 0, 0, 0, NEAR_EDGE, STATIONARY, 0, 0, 0, 0]),
    # A is in tracklet 1, B in 2 but for one, C in 3 beside somebody else's, D in 4.
    tracklet=np.array([1, 2, 3, 1, 2, 0, 1, 0, 4, 4, 2, 4]),
    of_tracklet=np.array([0.9, 0.6, 0.5, 0.9, 0.6, np.nan, 0.9, np.nan, 0.7, 0.7, 0.6, 0.7]),
)


def test_stages() -> None:
    assert stages([FIELD], 0.5, 0.8) == {
        "detected": 2,
        "left by the rules": 2,  # B has three of four left
        "not below the threshold of detections": 1,  # A, by the edge
        "linked": 2,
        "linked, and not below the threshold of detections": 1,
        "linked, and not below the threshold of tracklets": 1,
    }
    assert "linked, and not below the threshold of tracklets" not in stages([FIELD], 0.5, None)


def test_false_tracklets() -> None:
    assert FIELD.false().tolist() == []  # the only member of the third is an asteroid's
    wrong = np.where(np.isin(np.arange(12), [1, 4, 10]), 5, FIELD.tracklet)
    rows = np.array([[0, 3, 6, -1], [1, -1, -1, -1], [2, 5, -1, -1], [8, 9, 11, -1]])
    field = Field(rows, FIELD.validated, FIELD.magnitude, FIELD.probability, FIELD.flags, wrong, FIELD.of_tracklet)
    assert field.false().tolist() == [5]
    assert false_tracklets([field], 0.5, 0.6) == {
        "found": 1,
        "left by the threshold of detections": 0,
        "left by the threshold of tracklets": 1,
    }


def test_what_comes_out_at_as_many_false_ones() -> None:
    out = out_at([FIELD], 0)
    assert (out["out"], out["above"]) == (3, -1.0)  # none is false: all that are linked come out, reported or not
    assert np.sum(out["asteroids_by_magnitude"][0]) == 4


def test_a_false_tracklet_that_is_more_probable_costs_asteroids() -> None:
    more = Field(
        np.full((1, 4), -1),
        np.array([False]),
        np.array([23.0]),
        np.full(3, 0.9),
        np.zeros(3, int),
        np.ones(3, int),
        np.full(3, 0.65),
    )
    assert out_at([FIELD, more], 0)["out"] == 2  # B's 0.6 is below it
    assert out_at([FIELD, more], 1)["out"] == 3
