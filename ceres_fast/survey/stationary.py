"""Which detections stay in place between the exposures of a field: stars, galaxies, hot pixels; not asteroids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np

from .bad_columns import in_bad_columns
from .chance import poisson_tail
from .frame_info import FrameInfo
from .neighbours import have_near, sky_centre, tangent_plane
from .rules import Rules

Radii = dict[tuple[int, int], dict[str, float]]
"""For each pair of exposures within what distance they show the same place, in each plane."""


def stationary(exposures: Sequence[tuple[Any, ...]], rules: Rules) -> list[np.ndarray]:
    """Find the detections that stay in place.

    A detection stays in place when it is seen in enough exposures within `Rules.stationary_radius` of the seeing on
    the sky, or within `Rules.hot_pixel_radius` on the detector; or when it is in a bad column or row of the detector
    (`bad_columns.in_bad_columns`). Exposures without sky positions are compared with others on the detector only,
    with the seeing too: right for exposures that are not dithered.

    Enough are `Rules.stationary_exposures`, or as many more (all, at most) as it takes to lose no more than a share
    of `Rules.chance_coincidence` of what moves: many exposures, or fields with much noise, have a detection near any
    place in some other exposure.

    Parameters
    ----------
    exposures : sequence of (x, y, ra, dec, info)
        Of one field and CCD, as `detections.read_detections` gives them (what follows ``info`` is not used):
        pixels, deg and a `FrameInfo`; arrays of shape (n,).
    rules : Rules
        With `remove_stationary` false nothing stays in place.

    Returns
    -------
    list of numpy.ndarray
        For each exposure a mask of shape (n,), bool. All false where there is one exposure only.
    """
    if not rules.remove_stationary or len(exposures) < 2:
        return [np.zeros(len(x), bool) for x, *_ in exposures]
    planes = _planes(exposures)
    radii = {
        (first, second): _radii(exposures[first][4], exposures[second][4], _both_on_sky(planes, first, second), rules)
        for first, second in combinations(range(len(exposures)), 2)
    }
    seen = _times_seen(planes, radii)
    least = rules.stationary_exposures
    in_column = in_bad_columns(planes["detector"], [times < least for times in seen], rules)
    while True:
        stays = [(times >= least) | column for times, column in zip(seen, in_column, strict=True)]
        moving = [int((~mask).sum()) for mask in stays]
        if least >= len(exposures) or _by_chance(moving, exposures, rules, least) <= rules.chance_coincidence:
            return stays
        least += 1


def lacks_sky(exposures: Sequence[tuple[Any, ...]]) -> bool:
    """Tell whether some of several exposures have detections, but none with a sky position.

    Such are compared on the detector only. If they are dithered, every star in them seems to move.

    Parameters
    ----------
    exposures : sequence of (x, y, ra, dec, info)
        As for `stationary`.
    """
    return len(exposures) > 1 and any(len(x) and not _have_sky(ra, dec).any() for x, _, ra, dec, *_ in exposures)


def _times_seen(planes: dict[str, list[np.ndarray]], radii: Radii) -> list[np.ndarray]:
    """Return in how many exposures something is at the place of each detection, on the sky or on the detector."""
    seen = {kind: [np.ones(len(points), int) for points in planes[kind]] for kind in planes}
    for (first, second), each in radii.items():
        for kind, radius in each.items():
            here, there = have_near(planes[kind][first], planes[kind][second], radius)
            seen[kind][first] += here
            seen[kind][second] += there
    return [np.maximum.reduce(times) for times in zip(*seen.values(), strict=True)]


def _by_chance(moving: Sequence[int], exposures: Sequence[tuple[Any, ...]], rules: Rules, least: int) -> float:
    """Return the mean probability that what moves has others that move near it in `least` − 1 exposures or more.

    For detections spread evenly over the frame; 0 where no frame's size is known. Stars are not counted: an asteroid
    on a star is lost however often the star must be seen.
    """
    area = max(math.prod(exposure[4].shape) for exposure in exposures)
    if not area or not sum(moving):
        return 0.0
    expected = np.zeros(len(exposures))
    for first, second in permutations(range(len(exposures)), 2):
        infos = exposures[first][4], exposures[second][4]
        radii = _radii(*infos, False, rules)["detector"], rules.hot_pixel_radius
        expected[first] += moving[second] * math.pi * sum(radius**2 for radius in radii) / area
    return float(np.average(poisson_tail(least - 1, expected), weights=moving))


def slowest_seen(infos: Sequence[FrameInfo], rules: Rules) -> float:
    """Return the rate (arcsec/min) below which an asteroid seems to stay in place in some exposure of a field.

    It is set by the exposures that are nearest in time. NaN where the rule is not applied, or times are not known.
    Where neither seeing nor pixel scale is known, a pixel counts as 1 arcsec, as in `stationary`.
    """
    others = rules.stationary_exposures - 1
    if not rules.remove_stationary or len(infos) <= others:
        return math.nan
    rates = []
    for info in infos:
        pairs = ((_radii(info, other, True, rules)["sky"], abs(info.mjd - other.mjd) * 1440) for other in infos)
        each = sorted((radius / minutes for radius, minutes in pairs if minutes > 0), reverse=True)
        rates += each[others - 1 : others]
    return max(rates, default=math.nan)


def _planes(exposures: Sequence[tuple[Any, ...]]) -> dict[str, list[np.ndarray]]:
    """Return the positions in planes: "detector" in pixels, and "sky" in arcsec where they are known."""
    planes = {"detector": [np.stack([x, y], axis=1) for x, y, *_ in exposures]}
    ra, dec = (np.concatenate([np.asarray(exposure[axis], float) for exposure in exposures]) for axis in (2, 3))
    if _have_sky(ra, dec).any():
        centre = sky_centre(ra, dec)
        planes["sky"] = [tangent_plane(exposure[2], exposure[3], centre) for exposure in exposures]
    return planes


def _have_sky(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    return np.isfinite(np.asarray(ra, float)) & np.isfinite(np.asarray(dec, float))


def _both_on_sky(planes: dict[str, list[np.ndarray]], first: int, second: int) -> bool:
    return "sky" in planes and all(np.isfinite(planes["sky"][number]).any() for number in (first, second))


def _radii(first: FrameInfo, second: FrameInfo, sky: bool, rules: Rules) -> dict[str, float]:
    """Return within what distance two exposures show the same place: pixels, and arcsec where the sky is known."""
    # fmax takes the known one of two, max whichever comes first where one is NaN
    seeing, scale = np.fmax(first.seeing, second.seeing), np.fmax(first.pixel_scale, second.pixel_scale)
    in_pixels = _known(rules.stationary_radius * seeing / scale, rules.stationary_radius_pixels)
    if not sky:
        return {"detector": max(in_pixels, rules.hot_pixel_radius)}
    in_arcsec = _known(rules.stationary_radius * seeing, in_pixels * _known(scale, 1.0))
    return {"detector": rules.hot_pixel_radius, "sky": in_arcsec}


def _known(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else float(value)
