"""How two runs differ: figures with intervals, and who is right where the other is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .. import scores
from .measures import MEASURES, bootstrapped, survivors
from .runs import Answers
from .statistics import discordant, exact, holm, simultaneous


@dataclass(frozen=True)
class Difference:
    """A figure of the second run less that of the first, and its interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def sign(self) -> int:
        """1 or −1 where the interval does not hold 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class McNemar:
    """What one run gets right and the other wrong.

    Attributes
    ----------
    total : int
        Asteroids, non-asteroids or stamps in all.
    only_first, only_second : int
        Of them, right by this run alone.
    p : float
        Of McNemar's exact test.
    adjusted : float
        That, adjusted for the number of pairs (Holm).
    """

    total: int
    only_first: int
    only_second: int
    p: float
    adjusted: float


TESTS = ("asteroids", "non_asteroids", "stamps")
"""What is right: an asteroid that is found, a non-asteroid stamp that is not called one, a stamp of either class."""


@dataclass(frozen=True)
class Pair:
    """Two runs, by their letters; differences by the names of `MEASURES`, tests by those of `TESTS`."""

    first: str
    second: str
    same: bool
    differences: dict[str, Difference]
    tests: dict[str, McNemar]


def compare_pairs(runs: Sequence[Answers], needs: int, seed: int) -> tuple[np.ndarray, list[Pair]]:
    """Compare each run with each that follows it.

    Parameters
    ----------
    runs : sequence of Answers
        Two or more, with their rows in one order.
    needs : int
        Exposures of an asteroid that must be found.
    seed : int
        Of the bootstrap.

    Returns
    -------
    values : numpy.ndarray
        Shape (runs, measures), NaN where one is not defined.
    pairs : list of Pair
        Intervals and adjusted p-values hold for all pairs together.
    """
    values, samples = bootstrapped(runs, needs, seed)
    numbers = list(combinations(range(len(runs)), 2))
    first, second = np.transpose(numbers)
    differences = _differences(values[second] - values[first], samples[second] - samples[first])
    counted = [_counted(runs[a], runs[b], needs) for a, b in numbers]
    tests = _tests(runs, numbers, needs)
    return values, [
        Pair(runs[a].letter, runs[b].letter, same, found if same else _opened(found, count, len(numbers)), test)
        for (a, b), same, found, count, test in zip(
            numbers, (_same(runs[a], runs[b]) for a, b in numbers), differences, counted, tests, strict=True
        )
    ]


def _same(first: Answers, second: Answers) -> bool:
    equal = np.array_equal(first.predictions.probabilities, second.predictions.probabilities)
    return equal and first.threshold == second.threshold


def _differences(values: np.ndarray, samples: np.ndarray) -> list[dict[str, Difference]]:
    """Return the differences of each pair, from (pairs, measures) and (pairs, measures, resamples)."""
    # A figure that is not defined on the split has no interval, though it may be defined on some samples.
    samples = np.where(np.isnan(values)[..., None], np.nan, samples)
    intervals = np.stack([simultaneous(each.T, scores.CONFIDENCE) for each in samples.swapaxes(0, 1)], axis=1)
    table = np.concatenate([values[..., None], intervals], axis=-1)
    return [{name: Difference(*map(_plain, row)) for name, row in zip(MEASURES, pair, strict=True)} for pair in table]


def _counted(one: Answers, other: Answers, needs: int) -> dict[str, int]:
    """Return how many independent things each share is of; what is not a share is not in it."""
    labels, units = one.predictions.labels, one.predictions.units
    asteroids, others = (len(np.unique(units[labels == label])) for label in (1, 0))
    # Precision is a share of what is called an asteroid; of two runs the one that calls fewer says less.
    called = min(len(np.unique(units[run.called == 1])) for run in (one, other))
    of_asteroids = {"asteroids_lost": len(survivors(one, needs)), "recall": asteroids, "precision": called}
    return of_asteroids | {"non_asteroids_left": others}


def _opened(found: dict[str, Difference], counted: dict[str, int], pairs: int) -> dict[str, Difference]:
    """Return differences with an exact interval where the bootstrap's has shrunk to a point.

    Two runs that both find 28 of 28 asteroids do so in every bootstrap sample, which would claim that they can never
    differ. Where n independent things show no other difference, the share that would is at most 1 − (α/2)^(1/n)
    (Clopper and Pearson 1934), with α divided by the number of pairs, for all of which it is to hold (Bonferroni).
    Areas and loss have no such formula: they get no interval.
    """
    return {
        name: _open(each, counted.get(name), pairs) if each.low == each.high else each for name, each in found.items()
    }


def _open(found: Difference, count: int | None, pairs: int) -> Difference:
    if found.value is None or not count:
        return Difference(found.value, None, None)
    tail = (1 - scores.CONFIDENCE) / 2 / pairs
    most = 1 - tail ** (1 / count)
    return Difference(found.value, max(-1.0, found.value - most), min(1.0, found.value + most))


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _tests(runs: Sequence[Answers], numbers: Sequence[tuple[int, int]], needs: int) -> list[dict[str, McNemar]]:
    right = [_right(run, needs) for run in runs]
    tests: list[dict[str, McNemar]] = [{} for _ in numbers]
    for name in TESTS:
        counts = [discordant(right[a][name], right[b][name]) for a, b in numbers]
        p = [exact(*count) for count in counts]
        for pair, count, each, adjusted in zip(tests, counts, p, holm(np.array(p)), strict=True):
            pair[name] = McNemar(len(right[0][name]), *count, each, float(adjusted))
    return tests


def _right(run: Answers, needs: int) -> dict[str, np.ndarray]:
    labels = run.predictions.labels
    return {
        "asteroids": survivors(run, needs),
        "non_asteroids": run.called[labels == 0] == 0,
        "stamps": run.called == labels,
    }
