"""A bound is the least that must be done: by hand for a small case, and in the right order for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bounds import Work, bound, flop
from benchmarks.operations import Operations
from benchmarks.peaks import Peaks, best_of

COUNTED = Operations(prefix=100, suffix=10, backward=15, trained_parameters=1000)
WORK = Work(stamps=300, validation=50, epochs=4, batch_size=128)

# Multiply-adds: the prefix of all stamps so many times, then 4 epochs of training steps and of validation.
BY_HAND = {
    "none": 4 * 350 * 100 + 4 * (300 * 25 + 50 * 10),
    "cold": 350 * 100 + 4 * (300 * 25 + 50 * 10),
    "warm": 4 * (300 * 25 + 50 * 10),
}


@pytest.mark.parametrize("cache", BY_HAND)
def test_operations_of_a_run(cache: str) -> None:
    assert flop(COUNTED, WORK, cache) == 2 * BY_HAND[cache]


def test_bound_is_arithmetic_at_the_peak_and_the_optimiser_at_the_bandwidth() -> None:
    peaks = Peaks("CPU", {"float32": 2e-6, "bfloat16": 4e-6}, {}, bandwidth=1e-6)  # 2000 operations/s, 1000 B/s
    whole = bound(COUNTED, WORK, "warm", peaks)
    assert whole["flop_seconds"] == 2 * BY_HAND["warm"] / 2000
    assert whole["optimiser_seconds"] == 4 * 3 * 28 * 1000 / 1000  # 3 steps an epoch
    assert whole["seconds"] == whole["flop_seconds"] + whole["optimiser_seconds"]
    assert bound(COUNTED, WORK, "warm", peaks, "bfloat16")["flop_seconds"] == whole["flop_seconds"] / 2


@given(*[st.integers(0, 10**9)] * 3, st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 100))
def test_a_cache_never_costs_operations(
    prefix: int, suffix: int, backward: int, stamps: int, validation: int, epochs: int
) -> None:
    counted, work = Operations(prefix, suffix, backward, 0), Work(stamps, validation, epochs)
    none, cold, warm = (flop(counted, work, cache) for cache in BY_HAND)
    assert warm <= cold <= none
    assert none - cold == 2 * (epochs - 1) * (stamps + validation) * prefix


def test_the_best_of_several_moments_counts() -> None:
    first = Peaks("CPU", {"float32": 100, "bfloat16": 300}, {"float32": "x", "bfloat16": "y"}, 20)
    second = Peaks("CPU", {"float32": 200, "bfloat16": 250}, {"float32": "z", "bfloat16": "w"}, 10)
    best = Peaks("CPU", {"float32": 200, "bfloat16": 300}, {"float32": "z", "bfloat16": "y"}, 20)
    assert best_of([first, second]) == best_of([second, first]) == best
