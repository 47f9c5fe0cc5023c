"""Runs that differ in nothing but the seed: their mean, and how much chance in training moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from .measures import MEASURES
from .runs import Answers

PLACES = ("records", "cache_dir", "prefix_cache", "tensorboard", "on_error")
"""Options of training that do not decide what a run is compared by."""


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (divided by n − 1)."""

    mean: float
    std: float


@dataclass(frozen=True)
class Group:
    """Runs of the same settings but for the seed; `spread` by the names of `MEASURES`, without what is not defined."""

    classifier: str
    letters: list[str]
    seeds: list[int]
    spread: dict[str, Spread]


def groups(runs: Sequence[Answers], values: np.ndarray) -> list[Group]:
    """Return the runs that were trained with the same options and two seeds or more.

    Parameters
    ----------
    runs : sequence of Answers
        All of a comparison. One of which the options are not known is in no group.
    values : numpy.ndarray
        Shape (runs, measures): their figures.
    """
    members: dict[str, dict[int, int]] = {}
    for number, run in enumerate(runs):
        if run.seed is not None:
            options = {name: value for name, value in run.settings.items() if name not in ("seed", *PLACES)}
            # The same run named twice, or trained twice, counts once.
            members.setdefault(f"{run.classifier} {sorted(options.items())}", {}).setdefault(run.seed, number)
    return [_group(runs, values, list(seeds.values())) for seeds in members.values() if len(seeds) > 1]


def _group(runs: Sequence[Answers], values: np.ndarray, numbers: list[int]) -> Group:
    spread = {
        name: Spread(fmean(column), stdev(column))
        for name, column in zip(MEASURES, values[numbers].T.tolist(), strict=True)
        if not np.isnan(column).any()
    }
    return Group(
        runs[numbers[0]].classifier,
        [runs[number].letter for number in numbers],
        [seed for number in numbers if (seed := runs[number].seed) is not None],
        spread,
    )
