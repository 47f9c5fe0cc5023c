"""One field after another: measure its frames, draw its asteroids, add them, and see which are detected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ...catalogues.detections import Detections, read_detections
from ...console import warn
from ...errors import Problems
from ...frames.info import FrameInfo
from ...frames.reading import read_frame
from ...selection.neighbours import pairs_within, tangent_plane
from ...selection.rules import Rules
from ...selection.stationary import find_stationary
from ...selection.stationary_checks import why_not_compared
from ..simulate.streams import stream
from ..simulate.survey import VALIDATED_SHARE, VALIDATED_SNR
from .conditions import Conditions, measure
from .paint import View, paint
from .population import Asteroids, Population, draw_asteroids
from .scores import PROBABILITY, Scores, catalogue_of
from .truth_table import designation
from .write import Layer, write_injected

BRIGHTER, FAINTER = 3.0, 1.0
"""Magnitudes around the depth of a field between which asteroids are drawn by default."""

BEFORE_RADIUS = 1.0
"""A detection nearer (pixels) than this to one of before the injection is not a synthetic asteroid."""


@dataclass
class Field:
    """The exposures of a field, CCD and night, their asteroids, and a row for each asteroid in each of them.

    Parameters
    ----------
    exposures : list of Conditions
        In the order of time.
    asteroids : Asteroids
        Those put into them.
    first : int
        Number of the first of the asteroids, from 1.
    rows : list of astropy.table.Table
        For each exposure the asteroids inside it.
    """

    exposures: list[Conditions]
    asteroids: Asteroids
    first: int
    rows: list[Table] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """All rows."""
        return vstack(self.rows, metadata_conflicts="silent")


def plan_field(
    infos: Sequence[FrameInfo],
    population: Population,
    first: int,
    seed: int,
    problems: Problems,
    counts: Counter[str],
    *,
    threshold: float,
    min_area: int,
) -> Field | None:
    """Measure the exposures of a field and draw its asteroids; None where no exposure can be used."""
    exposures = []
    for info in infos:
        with problems.skipping(counts, "frames left out"):
            exposures.append(measure(read_frame(info.path, info.hdu), threshold=threshold, min_area=min_area))
    if not exposures:
        return None
    depth = float(np.median([exposure.depth for exposure in exposures]))
    limits = population.magnitude or (depth - BRIGHTER, depth + FAINTER)
    random = stream(seed, *_names(exposures[0].info), "asteroids")
    infos, wcs = zip(*((exposure.info, exposure.wcs) for exposure in exposures), strict=True)
    least = least_exposures(len(exposures))
    return Field(exposures, draw_asteroids(population, limits, infos, wcs, least, random), first)


def least_exposures(number: int) -> int:
    """Return in how many of a field's exposures an asteroid must be seen to be believed."""
    return min(Rules().track_exposures, number)


def write_files(fields: Sequence[Field], names: Mapping[Path, Path], folder: Path, seed: int) -> None:
    """Write the files of fields that share files (the CCDs of mosaics) with the asteroids in them; fills `rows`."""
    parts: dict[Path, list[tuple[Field, Conditions]]] = {}
    for each in fields:
        for exposure in each.exposures:
            parts.setdefault(exposure.info.path, []).append((each, exposure))
    views: dict[int, list[View]] = {id(each): [] for each in fields}
    for path, ccds in parts.items():
        layers = {}
        for each, exposure in ccds:
            random = stream(seed, *_names(exposure.info), exposure.info.frame, "light")
            light, view = paint(read_frame(exposure.info.path, exposure.info.hdu), exposure, each.asteroids, random)
            views[id(each)].append(view)
            number = int(view.inside.sum())
            layers[exposure.info.hdu] = Layer(light, number, exposure.info.saturation, random)
        write_injected(path, folder / names[path], layers, seed)
    for each in fields:
        each.rows = _rows(each, views[id(each)], names)


def _names(info: FrameInfo) -> tuple[str, str, str]:
    """Return by what the random streams of a field are called; never by its place on the disk."""
    return info.field or info.frame, info.ccd, str(info.night)


def _rows(each: Field, views: Sequence[View], names: Mapping[Path, Path]) -> list[Table]:
    seen = np.array([view.inside & (view.share > VALIDATED_SHARE) & (view.snr > VALIDATED_SNR) for view in views])
    validated = seen & (seen.sum(axis=0) >= least_exposures(len(views)))
    asteroids = each.asteroids
    tables = []
    for exposure, view, valid in zip(each.exposures, views, validated, strict=True):
        rows = np.flatnonzero(view.inside)
        tables.append(
            Table(
                {
                    "designation": np.array([designation(each.first + int(row)) for row in rows], dtype=np.str_),
                    "mjd": np.full(len(rows), exposure.info.mjd),
                    "ra": view.ra[rows],
                    "dec": view.dec[rows],
                    "magnitude": asteroids.magnitude[rows],
                    "rate": asteroids.rate[rows],
                    "position_angle": asteroids.position_angle[rows],
                    "validated": valid[rows],
                    "field": np.full(len(rows), exposure.info.field),
                    "frame": np.full(len(rows), names[exposure.info.path].as_posix()),
                    "x": view.x[rows],
                    "y": view.y[rows],
                    "share": view.share[rows],
                    "snr": view.snr[rows],
                }
            )
        )
    return tables


def add_found(each: Field, names: Mapping[Path, Path], folder: Path, rules: Rules, scores: Scores | None) -> None:
    """Add to the rows of a field what was detected of its asteroids.

    Columns ``detected`` (a detection within the radius of matching, a pixel at least, that was not there before),
    ``moving`` (one of them is not called stationary), ``called`` (a classifier calls one of these an asteroid;
    where there is a classifier), all bool, and ``measured``, MAG_AUTO of the nearest, NaN where there is none.
    """
    exposures = [_detections(exposure, names, folder, scores) for exposure in each.exposures]
    found, comparison = find_stationary(exposures, rules)
    if why := why_not_compared(exposures, found, comparison):
        warn(f"{each.exposures[0].info.place}: nothing can be called stationary, so that all moves: {why}")
    for exposure, detections, stays, rows in zip(each.exposures, exposures, found.stays, each.rows, strict=True):
        places = np.stack([detections.x, detections.y], axis=1)
        old, _, _ = pairs_within(places, exposure.before, BEFORE_RADIUS)
        new = ~np.isin(np.arange(len(places)), old)
        stages = {"detected": new, "moving": new & ~stays}
        if scores is not None:
            probability = _column(detections, PROBABILITY)
            stages["called"] = stages["moving"] & ~(probability < scores.threshold)
        centre = tuple(exposure.wcs.wcs.crval)
        i, j, distance = pairs_within(
            tangent_plane(rows["ra"], rows["dec"], centre),
            tangent_plane(detections.ra, detections.dec, centre),
            float(np.fmax(rules.match_radius, exposure.info.pixel_scale)),
        )
        for name, chosen in stages.items():
            rows[name] = np.isin(np.arange(len(rows)), i[chosen[j]])
        rows["measured"] = _nearest(len(rows), i[new[j]], distance[new[j]], _column(detections, "MAG_AUTO")[j[new[j]]])


def _detections(exposure: Conditions, names: Mapping[Path, Path], folder: Path, scores: Scores | None) -> Detections:
    info = replace(exposure.info, path=folder / names[exposure.info.path])
    return read_detections(info, None if scores is None else catalogue_of(info.path, scores))


def _column(detections: Detections, name: str) -> np.ndarray:
    values = detections.column(name)
    return np.full(len(detections.x), math.nan) if values is None else values


def _nearest(n: int, i: np.ndarray, distance: np.ndarray, values: np.ndarray) -> np.ndarray:
    result = np.full(n, math.nan)
    order = np.argsort(-distance, kind="stable")
    result[i[order]] = values[order]
    return result
