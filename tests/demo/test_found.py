"""Counting what a night found and lost."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ceres_fast.demo.found import Night
from ceres_fast.stamps import stamp_table


def night() -> Night:
    """Two asteroids in four exposures: A called in all, B in two; three other detections, one of them called."""
    labels = [1] * 8 + [0] * 3
    names = ["A"] * 4 + ["B"] * 4 + [""] * 3
    stamps = stamp_table(np.zeros((11, 32, 32)), label=np.array(labels), designation=np.array(names))
    stamps["probability"] = [0.9, 0.8, 0.7, 0.5, 0.9, 0.9, 0.4, 0.1, 0.6, 0.2, 0.3]
    counts = Counter(
        validated=12, lost_not_detected=2, lost_stationary=1, lost_set_aside=1, non_asteroid=3, stationary=7
    )
    return Night(stamps, counts, 0.5)


def test_rows_come_with_the_most_wrong_first() -> None:
    assert night().rows(1, called=False).tolist() == [7, 6]
    assert night().rows(0, called=True).tolist() == [8]
    assert night().rows(1, called=True).tolist()[0] == 3


def test_a_track_needs_three_exposures() -> None:
    summary = dict(night().summary())
    assert summary["asteroids to be found in 3 exposures or more"] == 2
    assert summary["  found"] == 1
    assert summary["  called asteroids"] == 6
    assert summary["  lost by the classifier"] == 2
    assert summary["  taken for asteroids"] == 1
    assert summary["  rejected"] == 2


def test_the_threshold_itself_is_called_an_asteroid() -> None:
    assert 3 in night().rows(1, called=True)
