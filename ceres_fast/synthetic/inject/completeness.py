"""Completeness: the share of synthetic asteroids that are found, by magnitude and rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from astropy.stats import binom_conf_interval
from astropy.table import Table
from scipy.optimize import minimize
from scipy.special import expit

from .fields import least_exposures

MAGNITUDE_BINS, RATE_BINS = 10, 8

STAGES = {
    "detected": "exposures with a detection of the asteroid",
    "moving": "of these: it is not called stationary",
    "called": "of these: the classifier calls it an asteroid",
    "track": "asteroids with all of that in three exposures (all, where there are fewer)",
}
"""What is counted, in the order in which a survey does it."""


@dataclass(frozen=True)
class Limit:
    """Completeness as a function of magnitude m: ``bright / (1 + exp((m - half) / width))``.

    A Fermi function, fitted by maximum likelihood to every asteroid; all NaN where the data do not determine it.

    Parameters
    ----------
    bright : float
        Completeness of bright asteroids.
    half : float
        Magnitude where it is half of that.
    width : float
        How fast it falls, mag.
    """

    bright: float
    half: float
    width: float

    def __call__(self, magnitude: np.ndarray) -> np.ndarray:
        """Return the completeness at a magnitude."""
        return self.bright * expit((self.half - magnitude) / self.width)


@dataclass(frozen=True)
class Completeness:
    """How many synthetic asteroids are found.

    Parameters
    ----------
    injected : astropy.table.Table
        A row per asteroid and exposure with the asteroid in the frame: what `fields.add_found` leaves.
    tracks : astropy.table.Table
        A row per asteroid that is inside enough exposures: ``magnitude``, ``rate``, ``track`` (bool).
    bins : astropy.table.Table
        ``stage``, ``by`` ("all", "magnitude", "rate"), ``low``, ``high`` (edges), ``injected``, ``found``, ``share``,
        ``share_low``, ``share_high`` (Wilson's 95 % interval; NaN where nothing was injected).
    limits : dict of str to Limit
        By stage.
    """

    injected: Table
    tracks: Table
    bins: Table
    limits: dict[str, Limit]

    @classmethod
    def of(cls, injected: Table, exposures: dict[str, int]) -> Completeness:
        """Count; `exposures` says how many exposures the field of each asteroid (by designation) has."""
        tracks = _tracks(injected, exposures)
        samples = {name: (injected, name) for name in STAGES if name in injected.colnames}
        samples["track"] = (tracks, "track")
        edges = {"magnitude": _edges(injected["magnitude"], MAGNITUDE_BINS), "rate": _rate_edges(injected["rate"])}
        rows = [row for stage, (table, name) in samples.items() for row in _bins(stage, table, table[name], edges)]
        names = ("stage", "by", "low", "high", "injected", "found", "share", "share_low", "share_high")
        limits = {stage: fit_limit(table["magnitude"], table[name]) for stage, (table, name) in samples.items()}
        return cls(injected, tracks, Table(rows=rows, names=names), limits)

    def of_stage(self, stage: str, by: str) -> Table:
        """Return the bins of a stage."""
        return self.bins[(self.bins["stage"] == stage) & (self.bins["by"] == by)]

    @property
    def stages(self) -> list[str]:
        """The stages that were counted."""
        return list(self.limits)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: None for NaN."""
        bins = [{name: _json(row[name]) for name in self.bins.colnames} for row in self.bins]
        limits = {
            stage: {name: _json(value) for name, value in asdict(limit).items()} for stage, limit in self.limits.items()
        }
        return {"stages": {stage: STAGES[stage] for stage in self.stages}, "limits": limits, "bins": bins}


def fit_limit(magnitude: np.ndarray, found: np.ndarray) -> Limit:
    """Fit the fall of completeness with magnitude.

    Parameters
    ----------
    magnitude, found : numpy.ndarray
        Of each asteroid injected, shape (n,), float64 and bool.
    """
    magnitude, found = np.asarray(magnitude, float), np.asarray(found, bool)
    unknown = Limit(math.nan, math.nan, math.nan)
    if len(magnitude) < 10 or found.all() or not found.any():
        return unknown

    def unlikely(values: np.ndarray) -> float:
        share = expit(values[0]) * expit((values[1] - magnitude) / np.exp(values[2]))
        return float(-np.log(np.clip(np.where(found, share, 1 - share), 1e-9, 1)).sum())

    starts = [(2.0, half, math.log(0.2)) for half in np.quantile(magnitude, (0.25, 0.5, 0.75))]
    fits = [minimize(unlikely, start, method="Nelder-Mead", options={"maxiter": 2000}) for start in starts]
    best = min(fits, key=lambda fit: fit.fun)
    limit = Limit(float(expit(best.x[0])), float(best.x[1]), float(np.exp(best.x[2])))
    return limit if magnitude.min() < limit.half < magnitude.max() and limit.width < 2 else unknown


def _tracks(injected: Table, exposures: dict[str, int]) -> Table:
    last = "called" if "called" in injected.colnames else "moving"
    names, first, of_row = np.unique(np.asarray(injected["designation"]), return_index=True, return_inverse=True)
    inside = np.bincount(of_row, minlength=len(names))
    found = np.bincount(of_row, weights=np.asarray(injected[last], float), minlength=len(names))
    least = np.array([least_exposures(exposures[name]) for name in names], int)
    table = Table({"designation": names, "track": found >= least})
    for name in ("magnitude", "rate"):
        table[name] = np.asarray(injected[name])[first]
    return table[inside >= least]


def _bins(stage: str, table: Table, found: np.ndarray, edges: dict[str, np.ndarray]) -> Iterator[tuple[Any, ...]]:
    found = np.asarray(found, bool)
    yield (stage, "all", math.nan, math.nan, *_share(found))
    for by, sides in edges.items():
        bins = np.clip(np.searchsorted(sides, table[by], "right") - 1, 0, len(sides) - 2)
        for number in range(len(sides) - 1):
            yield (stage, by, sides[number], sides[number + 1], *_share(found[bins == number]))


def _share(found: np.ndarray) -> tuple[int, int, float, float, float]:
    total, number = len(found), int(found.sum())
    if total == 0:
        return 0, 0, math.nan, math.nan, math.nan
    low, high = binom_conf_interval(number, total, confidence_level=0.95, interval="wilson")
    return total, number, number / total, float(low), float(high)


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    low, high = float(np.min(values)), float(np.max(values))
    return np.linspace(low, high if high > low else low + 1e-3, bins + 1)


def _rate_edges(values: np.ndarray) -> np.ndarray:
    return np.exp(_edges(np.log(values), RATE_BINS))


def _json(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
