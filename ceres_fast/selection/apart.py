"""How near each other things of two exposures are at one place, and how far apart in time the two must be for that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..frames.info import FrameInfo
from .rules import Rules


def minutes_needed(infos: Sequence[FrameInfo], rules: Rules) -> np.ndarray:
    """Return how far apart in time (min) each pair of exposures must be to be compared, (exposures, exposures)."""
    # The radius and the error of positions, which the slowest asteroid must have left behind, over its rate.
    return matching_radii(infos, rules) * (1 + rules.position_error / rules.stationary_radius) / rules.slowest


def matching_radii(infos: Sequence[FrameInfo], rules: Rules) -> np.ndarray:
    """Return within what distance each pair of exposures shows the same place, arcsec.

    Where neither seeing nor pixel scale is known, a pixel counts as 1 arcsec.
    """
    seeing = np.array([info.seeing for info in infos], float)
    scale = np.array([info.pixel_scale for info in infos], float)
    # fmax takes the known one of two
    seeing, scale = np.fmax(seeing[:, None], seeing), np.fmax(scale[:, None], scale)
    in_pixels = rules.stationary_radius_pixels * np.where(np.isnan(scale), 1.0, scale)
    return np.where(np.isnan(seeing), in_pixels, rules.stationary_radius * seeing)
