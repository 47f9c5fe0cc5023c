"""Precisions agree where every metric is within its bound, and shares are of the peak of their own type."""

from __future__ import annotations

import pytest

from benchmarks.operations import Operations
from benchmarks.precision import METRICS, compared, rates, spread

FLOAT32 = dict.fromkeys(METRICS, 0.5)
BOUNDS = dict.fromkeys(METRICS, 0.01)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("difference", "agrees"), [(0.009, True), (-0.009, True), (0.011, False), (-0.011, False)])
def test_one_metric_beyond_its_bound_is_enough(metric: str, difference: float, agrees: bool) -> None:
    found = compared({"float32": FLOAT32, "mixed_float16": FLOAT32 | {metric: 0.5 + difference}}, BOUNDS)
    assert found["float32"]["agrees"]
    assert found["mixed_float16"]["agrees"] is agrees
    assert found["mixed_float16"]["differences"][metric] == pytest.approx(difference)


def test_spread_is_the_largest_less_the_smallest() -> None:
    runs = [FLOAT32, FLOAT32 | {"val_loss": 0.8}, FLOAT32 | {"val_loss": 0.4}]
    assert spread(runs) == {"val_loss": pytest.approx(0.4), "val_accuracy": 0, "val_recall": 0}


def test_shares_are_of_the_peak_of_the_type() -> None:
    counted = Operations(prefix=8 * 10**6, suffix=10**6, backward=10**6, trained_parameters=1)
    took = {"whole": {"float32": [4.0, 2.0, 2.0]}, "suffix": {"mixed_bfloat16": [1.0]}}
    found = rates(took, counted, 100, {"float32": 2000, "bfloat16": 800})
    assert found["whole"]["float32"]["gflops"] == 2 * 10**7 * 100 / 2e-3 / 1e9
    assert found["whole"]["float32"]["share"] == 0.5
    assert found["suffix"]["mixed_bfloat16"]["share"] == 0.5
