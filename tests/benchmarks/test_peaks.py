"""A peak is the best repeat, and a slow one is not repeated for long."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from benchmarks import peaks as module


def clock(durations: Iterator[float]) -> Iterator[float]:
    now = 0.0
    for duration in durations:
        yield now
        now += duration
        yield now


# Times of the repeats, seconds to spend; the best, and how often it was run (once more than it was timed).
REPEATS = {
    "until the time is spent": ([3, 1, 2, 4, 9], 10, 1, 5),
    "three at least": ([5, 6, 4, 1], 6, 4, 4),
    "not where one takes twice the time": ([30, 1], 10, 30, 2),
}


@pytest.mark.parametrize("name", REPEATS)
def test_the_best_of_as_many_repeats_as_fit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    durations, seconds, best, runs = REPEATS[name]
    times = clock(iter(durations))
    counter = itertools.count(1)
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(times))
    assert module._best(lambda: next(counter), seconds) == best
    assert next(counter) == runs + 1
