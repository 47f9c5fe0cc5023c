"""The statistics of a comparison: McNemar's test, intervals that hold together, runs that differ in the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.stats import binomtest, rankdata

from .measures import MEASURES
from .runs import Answers

PLACES = ("records", "cache_dir", "prefix_cache", "tensorboard", "on_error")
"""Options of training that do not decide what a run is compared by."""


def discordant(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Return how often only the first, and only the second, is right; bool (n,) each."""
    return int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))


def exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value that both are right equally often, given where they differ; 1 where they never do.

    McNemar 1947, Psychometrika 12, 153, with the binomial distribution in the place of its approximation.
    """
    different = only_first + only_second
    return float(binomtest(only_first, different).pvalue) if different else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values, (k,), adjusted for there being k of them.

    Holm 1979, Scandinavian Journal of Statistics 6, 65: below 0.05, the chance that any of them is so by accident is
    below 0.05 too.
    """
    order = np.argsort(p)
    rising = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(rising, 1)
    return adjusted


def simultaneous(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Return percentile intervals that together cover their values in a share `confidence` of the samples.

    Parameters
    ----------
    samples : numpy.ndarray
        Shape (resamples, k): k differences in the same bootstrap samples; NaN where one is not defined.
    confidence : float
        Such as 0.95.

    Returns
    -------
    numpy.ndarray
        Shape (k, 2): low and high; NaN where no sample defines a difference. For k = 1 they are the ordinary
        percentiles; the more differences, and the less alike, the wider.

    Notes
    -----
    Mandel and Betensky 2008, "Simultaneous confidence intervals based on the percentile bootstrap approach",
    Computational Statistics and Data Analysis 52, 2158: the tails that all intervals cut off alike are made so small
    that the share of samples with any difference in a tail is 1 − `confidence`.
    """
    known = np.count_nonzero(~np.isnan(samples), axis=0)
    defined = known > 0
    result = np.full((samples.shape[1], 2), np.nan)
    if not defined.any():
        return result
    samples, known = samples[:, defined], known[defined]
    below = rankdata(samples, "max", axis=0, nan_policy="omit") / known
    above = (known - rankdata(samples, "min", axis=0, nan_policy="omit") + 1) / known
    outermost = np.fmin.reduce(np.column_stack([below, above]), axis=1)
    # Of few values, many samples are in the outermost; a single interval is never narrower than its percentiles.
    tail = min(np.nanquantile(outermost, 1 - confidence, method="lower"), (1 - confidence) / 2)
    result[defined] = np.nanquantile(samples, [tail, 1 - tail], axis=0).T
    return result


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
