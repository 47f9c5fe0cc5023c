"""Which detections stay in place between the exposures of a field: stars, galaxies, hot pixels; not asteroids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from .frame_info import FrameInfo
from .neighbours import have_near, sky_centre, tangent_plane
from .rules import Rules


def stationary(exposures: Sequence[tuple[Any, ...]], rules: Rules) -> list[np.ndarray]:
    """Find the detections that stay in place.

    A detection stays in place when it is seen in `Rules.stationary_exposures` exposures or more within
    `Rules.stationary_radius` of the seeing on the sky, or within `Rules.hot_pixel_radius` on the detector.
    Detections without sky positions are compared on the detector only, with the seeing too: right for exposures
    that are not dithered.

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
    seen = [{"sky": np.ones(len(x), int), "detector": np.ones(len(x), int)} for x, *_ in exposures]
    if rules.remove_stationary and len(exposures) > 1:
        planes = _planes(exposures)
        for first, second in combinations(range(len(exposures)), 2):
            for kind, radius in _radii(exposures[first][4], exposures[second][4], "sky" in planes, rules).items():
                here, there = have_near(planes[kind][first], planes[kind][second], radius)
                seen[first][kind] += here
                seen[second][kind] += there
    least = rules.stationary_exposures
    return [(counts["sky"] >= least) | (counts["detector"] >= least) for counts in seen]


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
    if (np.isfinite(ra) & np.isfinite(dec)).any():
        centre = sky_centre(ra, dec)
        planes["sky"] = [tangent_plane(exposure[2], exposure[3], centre) for exposure in exposures]
    return planes


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
