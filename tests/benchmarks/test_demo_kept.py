"""Pooling what demos keep and leave."""

from __future__ import annotations

import pytest

from benchmarks.demo_kept import pooled


def test_counts_are_added_before_shares_are_taken() -> None:
    runs = [
        {
            "asteroids": {"could be kept": could, "kept": kept},
            "left": {"rows of the catalogues": rows, "left to look at": left, "non-asteroids": others},
        }
        for could, kept, rows, left, others in ((10, 10, 1000, 60, 20), (30, 29, 3000, 100, 60))
    ]
    found = pooled(runs)
    assert (found["kept"], found["could_be_kept"], found["share"]) == (39, 40, 0.975)
    # Clopper and Pearson: the lower limit is where 39 or more of 40 have a probability of 2.5 %.
    assert found["low"] == pytest.approx(0.8684, abs=1e-4)
    assert found["high"] == pytest.approx(0.9994, abs=1e-4)
    assert (found["left_per_1000"], found["others_per_1000"]) == (40, 20)
