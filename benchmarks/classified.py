"""The catalogues of simulated nights, with what classifiers and forced fluxes say of each row, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.equal_asteroids import ALWAYS, DROPPED, NOBODY, Rows
from benchmarks.simulated_truth import ASIDE, ASTEROID, exposures_of, in_exposure, planned, read_asteroids, true_kinds
from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify.scores import ELSEWHERE, FLAGS, NEAR_EDGE, PADDED, PROBABILITY, PROVISIONAL, STATIONARY

FORCED = ("FORCED_MIN", "FORCED_MAX", "FORCED_SEEN", "FORCED_LOOKED")

EDGE = "edge"


@dataclass(frozen=True)
class Classified:
    """Rows of catalogues, and what is said of them.

    Attributes
    ----------
    rows : Rows
        Which they are, n of them.
    probability, flags : dict
        What each classifier writes of them, (n,) each; the first is of one plane.
    forced : numpy.ndarray
        `FORCED`, float64 (n, 4).
    elsewhere : dict
        What the forced rule drops, (n,) bool, by its limit.
    """

    rows: Rows
    probability: dict[str, np.ndarray]
    flags: dict[str, np.ndarray]
    forced: np.ndarray
    elsewhere: dict[float, np.ndarray]

    def score(self, network: str, limit: float | None = None, instead: np.ndarray | None = None) -> np.ndarray:
        """Return what a threshold is compared with: as with --drop, what is not scored, provisional, or near an edge
        and not stationary always stays.

        `instead` replaces the probabilities that are known; `limit` is that of the forced rule.
        """
        probability, flags = self.probability[network], self.flags[network]
        score = probability if instead is None else np.where(np.isnan(probability), np.nan, instead)
        dropped = flags & STATIONARY > 0
        if limit is not None:
            dropped |= self.elsewhere[limit]
        score = np.where(dropped, DROPPED, score)
        near_edge = ~dropped & (flags & NEAR_EDGE > 0)
        return np.where(np.isnan(score) | (flags & PROVISIONAL > 0) | near_edge, ALWAYS, score)

    def side_numbers(self, network: str) -> np.ndarray:
        """Return the logit of a classifier's probability and the forced fluxes, (n, 5); NaN where not known."""
        probability = np.clip(self.probability[network], 1e-6, 1 - 1e-6)
        least, most, seen, looked = self.forced.T
        share = np.divide(seen, looked, out=np.full(len(seen), np.nan), where=looked > 0)
        logit = np.log(probability / (1 - probability))
        return np.stack([logit, np.clip(least, -1, 2), np.clip(most, -1, 2), share, looked], axis=1)

    def __add__(self, more: Classified) -> Classified:
        def both(name: str) -> dict[Any, np.ndarray]:
            mine, theirs = getattr(self, name), getattr(more, name)
            return {key: np.concatenate([values, theirs[key]]) for key, values in mine.items()}

        forced = np.concatenate([self.forced, more.forced])
        return Classified(self.rows + more.rows, both("probability"), both("flags"), forced, both("elsewhere"))


def read_classified(
    survey: Path, part: str, name: str, classified: dict[str, Path], ruled: dict[float, Path]
) -> Classified:
    """Read classified catalogues of a part of a survey, and what is true of it.

    Parameters
    ----------
    survey : pathlib.Path
        What `ceres-fast simulate` wrote.
    part : str
        ``training`` or ``held-out``.
    name : str
        Of the survey: fields and asteroids of several are told apart by it.
    classified : dict
        The folder that each classifier's tables are in. Frames without a table are left out.
    ruled : dict
        The folder of tables that were made with the forced rule, by its limit.
    """
    tables = {network: tables_in(folder) for network, folder in classified.items()}
    by_limit = {limit: tables_in(folder) for limit, folder in ruled.items()}
    first = next(iter(tables))
    found = []
    asteroids = read_asteroids(survey / part / "asteroids.csv")
    for field, exposures, sources in exposures_of(survey / part, planned(survey), part):
        for exposure in exposures:
            if (frame := exposure.info.path.stem) not in tables[first]:
                continue
            read = {network: read_catalogue(paths[frame]).table for network, paths in tables.items()}
            probability = {network: np.asarray(each[PROBABILITY], float) for network, each in read.items()}
            flags = {network: np.asarray(each[FLAGS], int) for network, each in read.items()}
            forced = np.stack([np.asarray(read[first][what], float) for what in FORCED], axis=1)
            kind, asteroid = true_kinds(exposure, sources, in_exposure(asteroids, field.name, exposure))
            named = np.where(asteroid == "", "", np.char.add(f"{name} ", asteroid))
            rows = Rows(np.full(len(kind), f"{name} {field.name}"), named, kinds(kind, flags[first], forced))
            elsewhere = {limit: dropped_elsewhere(paths[frame]) for limit, paths in by_limit.items()}
            found.append(Classified(rows, probability, flags, forced, elsewhere))
    return reduce(add, found)


def dropped_elsewhere(path: Path) -> np.ndarray:
    """Tell which rows of a classified table the forced rule drops, bool (n,)."""
    return np.asarray(read_catalogue(path).table[FLAGS], int) & ELSEWHERE > 0


def tables_in(folder: Path) -> dict[str, Path]:
    """Return the classified tables in a folder, by the names of their frames."""
    return {path.stem: path for path in folder.rglob("*") if path.is_file()}


def kinds(kind: np.ndarray, flags: np.ndarray, forced: np.ndarray) -> np.ndarray:
    """Return what the non-asteroids are: where nobody looked and at the edge, that; "" for asteroids and set aside."""
    nobody = (flags & PROVISIONAL > 0) | (forced[:, FORCED.index("FORCED_LOOKED")] == 0)
    places = np.select([nobody, flags & PADDED > 0], [NOBODY, EDGE], kind)
    return np.where(np.isin(kind, (ASTEROID, ASIDE)), "", places)
