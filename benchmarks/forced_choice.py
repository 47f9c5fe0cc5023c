"""By which apertures and which statistic of forced fluxes fixed sources are told from asteroids.

python -m benchmarks.forced_choice s11 s12

Each argument is a survey of `ceres-fast simulate --small`, with the catalogues of `ceres-fast detect`. Of all
detections that are not stationary the fluxes in the other exposures are measured, in apertures of several radii
(in units of the larger FWHM). Counted are the detections of asteroids that a rule would lose and those of stars and
galaxies, and of artefacts, that it would remove, by the statistic of the ratios that is compared with the limit, and by
how deep an exposure must be to count.

The asteroids of the simulation are fast. ``in_a_pair`` says what would be lost of them in two exposures that are just
far enough apart if each were the slowest that is wanted: what is left of it in the aperture is added to the ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.builds import SLOWEST
from benchmarks.machine import command_line, write_result
from benchmarks.simulated_truth import (
    ARTEFACT,
    ASTEROID,
    GALAXY,
    STAR,
    exposures_of,
    planned,
    read_asteroids,
    true_kinds,
)
from ceres_fast.catalogues.detections import Detections
from ceres_fast.console import say, table
from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.others import links
from ceres_fast.selection.others.exposures import OtherExposures
from ceres_fast.selection.others.forced import SEEN
from ceres_fast.selection.others.images import Image
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary

PART = "training"
APERTURES = (0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2)
LIMITS = (0.2, 0.3, 0.4, 0.5, 0.6)
DEEP = {"all that looked": 0.0, "2 sigma": 2.0, "3 sigma": SEEN, "5 sigma": 5.0}
"""An exposure counts that would show what is as bright as the detection, at so many sigma."""

MOFFAT = 3.0
"""The profile of stars by which it is reckoned what the slowest asteroid leaves in an aperture."""

Measured = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Kind of each detection, str (n,); ratio and error in each other exposure, NaN where there is none, (n, m)."""


def _mean(ratio: np.ndarray, error: np.ndarray) -> np.ndarray:
    weight = np.where(np.isfinite(ratio), 1 / error**2, 0)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (weight * np.nan_to_num(ratio)).sum(axis=1) / total, np.nan)


def _ranked(which: Callable[[int], int]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def statistic(ratio: np.ndarray, error: np.ndarray) -> np.ndarray:
        known = np.isfinite(ratio).sum(axis=1)
        at = np.array([which(int(number)) for number in np.maximum(known, 1)], int)
        return np.take_along_axis(np.sort(ratio, axis=1), at[:, None], axis=1)[:, 0]

    return statistic


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "least": _ranked(lambda number: 0),
    "second least": _ranked(lambda number: min(1, number - 1)),
    "lower median": _ranked(lambda number: (number - 1) // 2),
    "weighted mean": _mean,
}
"""What of the ratios of a detection, (n, m) sorted by exposure, is compared with the limit, (n,)."""


def fields_of(surveys: list[Path]) -> Iterator[tuple[list[Detections], list[np.ndarray], list[np.ndarray]]]:
    """Yield the exposures of each field, which of their detections are not stationary, and what these are."""
    for survey in surveys:
        asteroids = read_asteroids(survey / PART / "asteroids.csv")
        mjd, of_field = np.asarray(asteroids["mjd"]), np.asarray(asteroids["field"])
        for field, exposures, sources in exposures_of(survey / PART, planned(survey), PART):
            found, _ = find_stationary(exposures, Rules(slowest=SLOWEST))
            kinds = []
            for each in exposures:
                here = asteroids[(of_field == field.name) & (np.abs(mjd - each.info.mjd) < 1e-5)]
                kinds.append(true_kinds(each, sources, here)[0])
            yield exposures, [np.flatnonzero(~stays) for stays in found.stays], kinds


def measure(surveys: list[Path]) -> dict[float, Measured]:
    """Return the forced fluxes of all surveys, by aperture."""
    found: dict[float, list[Measured]] = {aperture: [] for aperture in APERTURES}
    for exposures, moving, kinds in fields_of(surveys):
        images: dict[str, Image] = {}

        def read(info: FrameInfo, images: dict[str, Image] = images) -> Image:
            if info.place not in images:
                images[info.place] = Image.read(info)
            return images[info.place]

        for aperture in APERTURES:
            with patch.object(links, "APERTURE", aperture):
                others = OtherExposures(exposures, Rules(slowest=SLOWEST), read=read)
                for e, (rows, kind) in enumerate(zip(moving, kinds, strict=True)):
                    forced = others.forced(e, rows)
                    none = ((0, 0), (0, len(exposures) - forced.ratio.shape[1]))
                    ratio, error = (
                        np.pad(np.where(np.isfinite(forced.error), each, np.nan), none, constant_values=np.nan)
                        for each in (forced.ratio, forced.error)
                    )
                    found[aperture].append((kind[rows], ratio, error))
    return {
        aperture: (np.concatenate(each[0]), np.concatenate(each[1]), np.concatenate(each[2]))
        for aperture, parts in found.items()
        for each in [tuple(zip(*parts, strict=True))]
    }


def left_of_the_slowest(aperture: float, rules: Rules, beta: float) -> float:
    """Return what share of its flux an asteroid has in its old aperture when it has just moved as far as is needed.

    The profile of stars is Moffat's; with a large `beta` it is a Gaussian.
    """
    moved = rules.stationary_radius + rules.position_error
    axis = np.linspace(-3, 3, 601)
    x, y = np.meshgrid(axis, axis)
    core = 0.5 / np.sqrt(2 ** (1 / beta) - 1)
    inside = np.hypot(x, y) <= aperture
    now, then = ((1 + ((x - by) ** 2 + y**2) / core**2) ** -beta for by in (0.0, moved))
    return float(then[inside].sum() / now[inside].sum())


def counted(measured: Measured, statistic: str, deep: float) -> dict[str, dict[str, int]]:
    """Return what is lost and removed, by limit."""
    kind, ratio, error = measured
    value = STATISTICS[statistic](np.where(deep * error <= 1, ratio, np.nan), error)
    value = np.nan_to_num(value, nan=-np.inf)
    return {
        f"{limit:g}": {
            "asteroids_lost": int(np.sum(value[kind == ASTEROID] > limit)),
            "fixed_removed": int(np.sum(value[(kind == STAR) | (kind == GALAXY)] > limit)),
            "artefacts_removed": int(np.sum(value[kind == ARTEFACT] > limit)),
        }
        for limit in LIMITS
    }


def in_a_pair(measured: Measured, aperture: float) -> dict[str, Any]:
    """Return which shares of detections are removed in a pair, of the slowest asteroids and of fixed sources, by limit.

    ``raised``: with the limit that `Forced.elsewhere` has there, which does not count what the slowest has left.
    """
    kind, ratio, error = measured
    known = np.isfinite(ratio) & (SEEN * error <= 1)
    left, gaussian = (left_of_the_slowest(aperture, Rules(), beta) for beta in (MOFFAT, 1e4))
    slowest = ratio[known & (kind == ASTEROID)[:, None]] + left
    fixed = ratio[known & ((kind == STAR) | (kind == GALAXY))[:, None]]
    limits = {"plain": {limit: limit for limit in LIMITS}}
    limits["raised"] = {limit: gaussian + limit * (1 - gaussian) for limit in LIMITS}
    return {"left_of_the_slowest": round(left, 3), "by_a_gaussian": round(gaussian, 3)} | {
        name: {
            f"{limit:g}": {
                "slowest_lost": round(float(np.mean(slowest > at)), 4),
                "fixed_removed": round(float(np.mean(fixed > at)), 4),
            }
            for limit, at in each.items()
        }
        for name, each in limits.items()
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("surveys", type=Path, nargs="+")
    given = parser.parse_args()
    measured = measure(given.surveys)
    kind, ratio, _ = measured[links.APERTURE]
    looked = np.isfinite(ratio).sum(axis=1) > 0
    by_aperture: dict[str, Any] = {}
    for aperture, each in measured.items():
        by_aperture[f"{aperture:g}"] = {
            **{name: counted(each, name, SEEN) for name in STATISTICS},
            "in_a_pair": in_a_pair(each, aperture),
        }
    result = {
        "seeds": [planned(survey).seed for survey in given.surveys],
        "slowest_arcsec_per_min": SLOWEST,
        "chosen": {"aperture": links.APERTURE, "statistic": "least", "deep": f"{SEEN:g} sigma"},
        "detections": {name: int((kind == name).sum()) for name in (ASTEROID, STAR, GALAXY, ARTEFACT)},
        "looked_at": {name: int(looked[kind == name].sum()) for name in (ASTEROID, STAR, GALAXY, ARTEFACT)},
        "by_aperture": by_aperture,
        "by_depth": {name: counted(measured[links.APERTURE], "least", deep) for name, deep in DEEP.items()},
    }
    write_result(given.output, result)
    rows = [
        (aperture, name, *(f"{at['fixed_removed']} / {at['asteroids_lost']}" for at in each[name].values()))
        for aperture, each in by_aperture.items()
        for name in STATISTICS
    ]
    table("Stars and galaxies removed / asteroids lost", ("aperture", "statistic", *map(str, LIMITS)), rows)
    say(f"{result['detections']}, looked at {result['looked_at']}")


if __name__ == "__main__":
    main()
