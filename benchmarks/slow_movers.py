"""Asteroids down to the slowest in simulated fields under many conditions, and what forced fluxes do to them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.equal_asteroids import NEEDS
from benchmarks.simulated_truth import ASTEROID, Sources, true_kinds
from ceres_fast.catalogues.detections import Detections
from ceres_fast.folders import atomic_directory
from ceres_fast.selection.track_cost import rate_edges
from ceres_fast.synthetic.simulate.constants import CONSTANTS, Constants
from ceres_fast.synthetic.simulate.frame import View, render_exposure, write_frame
from ceres_fast.synthetic.simulate.pointing import Field
from ceres_fast.synthetic.simulate.sky import AsteroidSet, build_scene
from ceres_fast.synthetic.simulate.survey import (
    TRUTH_COLUMNS,
    VALIDATED_SHARE,
    VALIDATED_SNR,
    Plan,
    night_name,
)

PART = "training"

PASSED = 0.2
"""An asteroid passes a source in an exposure where those within `RADIUS` have this share of its flux."""


@dataclass(frozen=True)
class Condition:
    """How a field is observed.

    Attributes
    ----------
    exposures : int
        Of each field.
    seeing, depth : tuple of float
        By what the seeing and the exposure time of one exposure after the other are multiplied, in turn.
    constants : mapping
        Constants of the simulation that are others than usual, by component.
    """

    exposures: int = 4
    seeing: tuple[float, ...] = (1.0,)
    depth: tuple[float, ...] = (1.0,)
    constants: dict[str, dict[str, float]] = field(default_factory=dict)


CONDITIONS = {
    "as usual": Condition(),
    "seeing 1.5 times as wide in every second exposure": Condition(seeing=(1.0, 1.5)),
    "every second exposure four times as long": Condition(depth=(1.0, 4.0)),
    "two exposures only": Condition(exposures=2),
    "two exposures, the second with a seeing 1.5 times as wide": Condition(exposures=2, seeing=(1.0, 1.5)),
    "no dithers": Condition(constants={"cadence": {"dither_least": 0.0, "dither_most": 0.0}}),
    "dithers of 200 to 300 pixels": Condition(constants={"cadence": {"dither_least": 200.0, "dither_most": 300.0}}),
    "five times as many stars": Condition(constants={"stars": {"density": 5 * CONSTANTS.stars.density}}),
}
"""A row of the table each."""

ASTEROIDS = {"per_ccd": 750.0, "faintest": 22.5, "near_earth": 1.0}
"""Three times as many as usual, brighter than the limit of one exposure, all with any rate (uniform in the logarithm,
from the slowest that is wanted) in any direction."""


def plan_of(condition: Condition, fields: int, seed: int, slowest: float) -> Plan:
    """Return what is simulated under a condition."""
    edges = rate_edges(slowest)
    rates = {"near_earth_slowest": edges[0], "near_earth_fastest": edges[-1]}
    constants = CONSTANTS
    for component, values in (condition.constants | {"asteroids": ASTEROIDS | rates}).items():
        constants = replace(constants, **{component: replace(getattr(constants, component), **values)})
    side = constants.detector.small
    return Plan(fields, condition.exposures, 0, seed, (side, side), constants)


def simulate(condition: Condition, plan: Plan, out: Path) -> None:
    """Write the frames of a condition and the table of its asteroids, as `ceres-fast simulate` does."""
    with atomic_directory(out, overwrite=True) as folder:
        rows: list[Sequence[object]] = []
        for each in dict(plan.parts())[PART]:
            rows += _write_field(folder, each, condition, plan)
        with (folder / "asteroids.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([TRUTH_COLUMNS, *rows])


def _write_field(folder: Path, pointing: Field, condition: Condition, plan: Plan) -> list[Sequence[object]]:
    scene = build_scene(pointing, plan.seed, plan.shape, plan.constants)
    views, middles = [], []
    for exposure, seeing, depth in zip(pointing.exposures, cycle(condition.seeing), cycle(condition.depth)):
        longer = replace(scene, constants=_longer(plan.constants, depth))
        rendered = render_exposure(longer, replace(exposure, seeing=seeing * exposure.seeing))
        place = folder / night_name(pointing.night) / pointing.name / "resamp"
        write_frame(place / f"{pointing.name}-{exposure.number}.fits", rendered)
        views.append(rendered.view)
        middles.append(exposure.mjd + longer.constants.cadence.exposure / 2 / 86400)
    seen = np.array([(view.share > VALIDATED_SHARE) & (view.snr > VALIDATED_SNR) for view in views])
    validated = seen & (seen.sum(axis=0) >= min(NEEDS, len(views)))
    return [
        row
        for middle, view, valid in zip(middles, views, validated, strict=True)
        for row in _rows(pointing.name, scene.asteroids, middle, view, valid)
    ]


def _longer(constants: Constants, depth: float) -> Constants:
    return replace(constants, cadence=replace(constants.cadence, exposure=depth * constants.cadence.exposure))


def _rows(name: str, asteroids: AsteroidSet, mjd: float, view: View, validated: np.ndarray) -> list[tuple[object, ...]]:
    """Return the rows of an exposure in the table of asteroids, with `TRUTH_COLUMNS`."""
    known = (asteroids.designation, view.ra, view.dec, view.magnitude, asteroids.rate, asteroids.position_angle)
    inside = np.flatnonzero(view.inside)
    return [
        (designation, f"{mjd:.8f}", *numbers, int(valid), name)
        for designation, *numbers, valid in zip(*(each[inside].tolist() for each in (*known, validated)), strict=True)
    ]


@dataclass(frozen=True)
class Tracks:
    """What became of the asteroids of a condition; arrays of n, one each.

    Attributes
    ----------
    rate : numpy.ndarray
        arcsec/min.
    detected, moving, kept : numpy.ndarray
        In how many exposures each was detected, and then not called stationary, and then left by the forced rule.
    passes : numpy.ndarray
        Whether it passes a star or a galaxy in one of them.
    """

    rate: np.ndarray
    detected: np.ndarray
    moving: np.ndarray
    kept: np.ndarray
    passes: np.ndarray


@dataclass(frozen=True)
class Seen:
    """Detections of one exposure that are asteroids: the asteroid's name, rate, and what was said of the detection."""

    designation: list[str]
    rate: list[float]
    passes: list[bool]
    stationary: list[bool]
    elsewhere: list[bool]


def seen(
    exposure: Detections, sources: Sources, asteroids: Table, stationary: np.ndarray, elsewhere: np.ndarray
) -> Seen:
    """Return the asteroids among the detections of an exposure; two masks say what is dropped, and by which rule."""
    kind, designation = true_kinds(exposure, sources, asteroids)
    rows = np.flatnonzero(kind == ASTEROID)
    row_of = {str(name): row for row, name in enumerate(asteroids["designation"])}
    of = [row_of[name] for name in designation[rows]]
    known = asteroids[of]
    flux = 10 ** (0.4 * (exposure.header["MAGZPT"] - np.asarray(known["magnitude"], float)))
    near = sum(sources.flux_near(exposure, np.asarray(known["ra"]), np.asarray(known["dec"]))) if of else flux
    return Seen(
        designation[rows].tolist(),
        np.asarray(known["rate"], float).tolist(),
        (near > PASSED * flux).tolist(),
        stationary[rows].tolist(),
        elsewhere[rows].tolist(),
    )


def tracks(exposures: Sequence[Seen]) -> Tracks:
    """Put the exposures of some fields together, by the names of the asteroids."""
    rates: dict[str, float] = {}
    counts = {name: Counter[str]() for name in ("detected", "moving", "kept", "passes")}
    for each in exposures:
        for name, rate, passes, stationary, elsewhere in zip(*vars(each).values(), strict=True):
            rates[name] = rate
            counts["detected"][name] += 1
            counts["moving"][name] += not stationary
            counts["kept"][name] += not stationary and not elsewhere
            counts["passes"][name] += passes
    of = {name: np.array([count[each] for each in rates]) for name, count in counts.items()}
    return Tracks(np.array(list(rates.values())), of["detected"], of["moving"], of["kept"], of["passes"] > 0)


def kept_by_rate(found: Tracks, exposures: int, slowest: float) -> dict[str, dict[str, Any]]:
    """Return by rate, of all, and of those that pass a source, how many asteroids the rules leave in enough exposures.

    ``asteroids`` are those detected in enough exposures, ``moving`` those of them that the rule for stationary
    detections leaves in enough, ``kept`` those that the forced rule leaves then; ``share`` is of the last two.
    """
    needs = min(NEEDS, exposures)
    every = np.ones(len(found.rate), bool)
    bins = {
        f"{low:g}-{high:g}": (found.rate >= low) & (found.rate < high) for low, high in pairwise(rate_edges(slowest))
    }
    result = {}
    for name, chosen in (bins | {"all": every, "passing a source": found.passes}).items():
        detected, moving, kept = (
            int((chosen & (each >= needs)).sum()) for each in (found.detected, found.moving, found.kept)
        )
        share = kept / moving if moving else None
        result[name] = {"asteroids": detected, "moving": moving, "kept": kept, "share": share}
    return result
