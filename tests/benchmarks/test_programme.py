"""A run is extrapolated part by part; what was measured in full counts as it was."""

from __future__ import annotations

import pytest

from benchmarks.bounds import Work
from benchmarks.measured import measured
from benchmarks.programme import extrapolated, total

SAMPLE, WHOLE = Work(1000, 100, 3), Work(10000, 100, 20)


def test_only_what_grows_with_the_stamps_is_scaled() -> None:
    # Epochs of 5 s, 4 of them in training; 7 s before the first and 2 s after the last.
    run = measured(0, [12, 17, 22], 24, [{"seconds": seconds} for seconds in (9, 4, 4)])
    found = extrapolated(500, run, SAMPLE, WHOLE)
    assert found["suffix_stamps_per_second"] == 250
    assert found["start_seconds"] == 9
    assert found["prefix_seconds"] == 10100 / 500
    assert found["epoch_seconds"] == 4 * 10 + 1
    assert found["seconds"] == pytest.approx(9 + 20.2 + 20 * 41)


def test_a_sample_as_large_as_the_whole_takes_its_own_time() -> None:
    run = measured(0, [6, 10, 14], 15, [{"seconds": 3}] * 3)
    assert extrapolated(1e12, run, SAMPLE, SAMPLE)["seconds"] == pytest.approx(run.seconds)


def test_the_sum_takes_what_was_measured_where_it_was() -> None:
    rows = {
        "xception/1": {"extrapolated": {"seconds": 100}, "bound": {"seconds": 50}},
        "xception/2": {"extrapolated": {"seconds": 10}, "measured": {"seconds": 20}, "bound": {"seconds": 5}},
    }
    assert total(rows) == {
        "rows": 2,
        "seconds": 120,
        "of_it_measured": 20,
        "of_it_extrapolated": 100,
        "bound_seconds": 55,
    }
