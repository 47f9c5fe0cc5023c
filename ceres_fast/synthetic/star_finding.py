"""Finding the stars of a frame that are fit to be measured: isolated, not saturated, as wide as most."""

from __future__ import annotations

import math

import numpy as np
from astropy.table import Table

from ..frames.reading import Frame
from ..selection.neighbours import pairs_within

CLEAN = ((50.0, 0.02), (20.0, 0.05), (20.0, 0.15))
"""What is asked of a star: its least signal-to-noise ratio, and the largest share of its light that a neighbour in its
box may have. The first row that enough stars meet is used."""

WIDTHS = 0.15
"""Share by which a star's width may differ from that of most stars; cosmic rays are narrower, galaxies wider."""

MERGED = 2
"""FLAGS bit of a deblended detection: whether its neighbour matters depends on its light (`CLEAN`)."""

ROUND = 0.3
"""Largest ellipticity of a star."""

FULL = 0.7
"""Share of the saturation that a star's peak may reach: detectors are not linear to the end."""

RADIUS = 4.0
"""Half side of a star's box in units of the stars' half-light diameter; 99.7 % of a Moffat profile's light."""

FEWEST, MOST_STARS = 12, 100

FEWEST_FOR_MOFFAT = 3
MOFFAT_FWHM = 0.738
"""FWHM over half-light diameter of a Moffat profile of exponent 2.5."""


def find_stars(frame: Frame, detections: Table) -> tuple[np.ndarray, float]:
    """Return the rows of isolated, unsaturated stars, brightest first, and the half-light diameter of most stars."""
    found: tuple[np.ndarray, float] = np.empty(0, int), math.nan
    for signal, neighbour in CLEAN:
        found = _stars(frame, detections, signal, neighbour)
        if len(found[0]) >= FEWEST:
            break
    return found


def _stars(frame: Frame, detections: Table, signal: float, neighbour: float) -> tuple[np.ndarray, float]:
    flux, width = np.asarray(detections["FLUX_AUTO"]), np.asarray(detections["FWHM_IMAGE"])
    clean = (flux > signal * np.asarray(detections["FLUXERR_AUTO"])) & (np.asarray(detections["FLAGS"]) & ~MERGED == 0)
    clean &= (np.asarray(detections["ELLIPTICITY"]) < ROUND) & (width > 0)
    peak = np.asarray(detections["FLUX_MAX"] + detections["BACKGROUND"])
    clean &= ~(peak > FULL * frame.info.saturation)
    if not clean.any():
        return np.empty(0, int), math.nan
    typical = _commonest(width[clean])
    rows = np.flatnonzero(clean & (np.abs(width / typical - 1) < WIDTHS))
    places = np.stack([detections["X_IMAGE"], detections["Y_IMAGE"]], axis=1)
    half = box_half(typical)
    i, j, _ = pairs_within(places[rows], places, half)
    spoilt = (rows[i] != j) & (flux[j] > neighbour * flux[rows[i]])
    alone = np.setdiff1d(rows, rows[i[spoilt]])
    alone = alone[[_whole(frame.data, places[row], half) for row in alone]] if len(alone) else alone
    return alone[np.argsort(-flux[alone], kind="stable")][:MOST_STARS], typical


def box_half(width: float) -> int:
    """Return the half side (pixels) of the box of a star of a half-light diameter."""
    return max(6, math.ceil(RADIUS * width))


def _commonest(widths: np.ndarray) -> float:
    """Return the median of the widths around which most others are."""
    widths = np.sort(widths)
    low, high = (np.searchsorted(widths, widths * (1 + sign * WIDTHS)) for sign in (-1, 1))
    best = int(np.argmax(high - low))
    return float(np.median(widths[low[best] : max(high[best], low[best] + 1)]))


def _whole(data: np.ndarray, place: np.ndarray, half: int) -> bool:
    """Tell whether the box around a 1-based position is in the frame and has no missing pixel."""
    column, row = (round(float(at) - 1) for at in place)
    box = data[max(0, row - half - 1) : row + half + 2, max(0, column - half - 1) : column + half + 2]
    return box.shape == (2 * half + 3, 2 * half + 3) and bool(np.isfinite(box).all())
