"""The fields of a survey: find their frames, draw their asteroids, add them, and see which are detected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ...catalogues import find_catalogue
from ...catalogues.detections import Detections, read_detections
from ...console import warn
from ...errors import InputError, Problems
from ...file_names import written
from ...frames.camera import GENERIC, Camera
from ...frames.exposures import group_exposures, without_no_sky
from ...frames.headers.cards import say_doubts
from ...frames.info import FrameInfo
from ...frames.reading import find_frames, read_frame, read_headers, relative_to_sources
from ...selection.neighbours import pairs_within, tangent_plane
from ...selection.rules import Rules
from ...selection.stationary import find_stationary
from ...selection.stationary_checks import why_not_compared
from ..simulate.streams import stream
from ..simulate.survey import VALIDATED_SHARE, VALIDATED_SNR
from .conditions import Conditions, check, measure
from .paint import KEYWORD, Layer, View, paint, write_injected
from .population import Asteroids, Population, designation, draw_asteroids

PROBABILITY = "PROB_ASTEROID"
"""Column of `classify`: NaN where a detection could not be scored, 0 where it is stationary."""

BRIGHTER, FAINTER = 3.0, 1.0
"""Magnitudes around the depth of a field between which asteroids are drawn by default."""

BEFORE_RADIUS = 1.0
"""A detection nearer (pixels) than this to one of before the injection is not a synthetic asteroid."""


def find_fields(
    sources: Sequence[Path], problems: Problems, counts: Counter[str], camera: Camera = GENERIC
) -> tuple[list[list[list[FrameInfo]]], dict[Path, Path]]:
    """Return the frames by field, CCD and night, fields that share files together, and each file's relative name.

    Raises
    ------
    InputError
        For a bad frame, one whose header lacks what is needed (`conditions.check`), one that holds synthetic
        asteroids already, or two files that would have one name.
    """
    infos: list[FrameInfo] = []
    for path in find_frames(sources, camera):
        with problems.skipping(counts, "frames left out"):
            found = read_headers(path, camera)
            if any(KEYWORD in head.header for head in found):
                raise InputError(
                    path,
                    f"holds synthetic asteroids already ({KEYWORD} in its header)",
                    expected="frames as the camera took them",
                    action="name the folder of the originals",
                )
            for info, _, wcs in found:
                if not info.no_sky:
                    check(info, wcs)
            infos += [head.info for head in found]
    infos, others = without_no_sky(infos)
    counts += Counter({"no exposures of the sky": others})
    say_doubts((info.place, info.doubts) for info in infos)
    groups = group_exposures(infos, lambda _, error: problems.report(error, counts, "frames left out"))
    names: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path in dict.fromkeys(info.path for group in groups for info in group):
        names[path] = relative_to_sources(path, sources)
        if (other := taken.setdefault(names[path], path)) != path:
            problem = f"would be written to {names[path]}, as {other} would"
            raise InputError(path, problem, expected="a name per frame", action="name the folder above both")
    return _batches(groups), names


def _batches(groups: Sequence[list[FrameInfo]]) -> list[list[list[FrameInfo]]]:
    """Put together the groups that share files: the CCDs of mosaics, whose files are written once."""
    batches: dict[int, list[list[FrameInfo]]] = {}
    of_path: dict[Path, int] = {}
    for number, group in enumerate(groups):
        shared = {of_path[info.path] for info in group if info.path in of_path}
        batches[number] = [*(part for other in sorted(shared) for part in batches.pop(other)), group]
        of_path.update({info.path: number for part in batches[number] for info in part})
    return list(batches.values())


Scorer = Callable[[Path, Path], float]
"""Classifies the frames in a folder, writes their catalogues with `PROBABILITY` to the same places in another folder,
and returns from what probability on a detection is called an asteroid. The caller hands it in, because this folder
comes before the engines and may not import one."""


@dataclass(frozen=True)
class Scores:
    """From what probability on a detection is called an asteroid, and where the tables of which frames are."""

    threshold: float
    frames: Path
    tables: Path


def catalogue_of(frame: Path, scores: Scores) -> Path | None:
    """Return the table of a frame; None where it has none."""
    catalogue = find_catalogue(frame)
    return None if catalogue is None else scores.tables / catalogue.relative_to(scores.frames)


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
            measured = measure(read_frame(info.path, info.hdu, info.camera), threshold=threshold, min_area=min_area)
            exposures.append(replace(measured, info=info))  # with the field that the sky says
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


def write_files(
    fields: Sequence[Field],
    names: Mapping[Path, Path],
    folder: Path,
    seed: int,
    problems: Problems,
    counts: Counter[str],
) -> list[Field]:
    """Write the files of fields that share files (the CCDs of mosaics) with the asteroids in them; fills `rows`.

    Returns the fields of which something could be written, without the exposures that could not.
    """
    parts: dict[Path, list[tuple[Field, Conditions]]] = {}
    for each in fields:
        for exposure in each.exposures:
            parts.setdefault(exposure.info.path, []).append((each, exposure))
    views: dict[tuple[Path, int], View] = {}
    for path, ccds in parts.items():
        with problems.skipping(counts, "frames left out"):
            layers, seen = {}, {}
            for each, exposure in ccds:
                random = stream(seed, *_names(exposure.info), exposure.info.frame, "light")
                light, view = paint(
                    read_frame(path, exposure.info.hdu, exposure.info.camera), exposure, each.asteroids, random
                )
                seen[path, exposure.info.hdu] = view
                number = int(view.inside.sum())
                layers[exposure.info.hdu] = Layer(light, number, exposure.info.saturation, random)
            write_injected(path, folder / names[path], layers, seed)
            views |= seen
    for each in fields:
        each.exposures = [one for one in each.exposures if (one.info.path, one.info.hdu) in views]
        each.rows = _rows(each, [views[one.info.path, one.info.hdu] for one in each.exposures], names)
    return [each for each in fields if each.exposures]


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
                    "frame": np.full(len(rows), written(names[exposure.info.path])),
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
