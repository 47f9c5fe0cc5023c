"""Counting the validated asteroids that do not become stamps, and why."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from astropy.table import Table

from .detections import Detections
from .labels import Labelled
from .neighbours import pairs_within, tangent_plane
from .rules import Rules
from .truth import SET_ASIDE

RATES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, np.inf)
"""Edges (arcsec/min) of the bins in which asteroids, and those removed as stationary, are counted by rate."""


def rate_names(name: str) -> list[str]:
    """Return the names of a count by rate, one for each bin of `RATES`, the last for those of unknown rate."""
    bins = [f"{name} at {low:g}-{high:g} arcsec/min" for low, high in pairwise(RATES[:-1])]
    return [*bins, f"{name} above {RATES[-2]:g} arcsec/min", f"{name} at unknown rate"]


def count_lost(truth: Table, labelled: Labelled, table: Table, rules: Rules) -> Counter[str]:
    """Count the validated asteroids of an exposure and what became of them.

    Parameters
    ----------
    truth : astropy.table.Table
        The known asteroids.
    labelled : Labelled
        The detections of the exposure and what they are.
    table : astropy.table.Table
        The stamps that were made.
    rules : Rules
        For the radius of matching.

    Returns
    -------
    collections.Counter
        ``validated``, ``lost_not_detected``, ``lost_stationary``, ``lost_contested``, ``lost_set_aside`` and
        ``lost_other``, the first and third by rate too. Each asteroid counts for the first reason that applies.
    """
    exposure = labelled.exposure
    rows = labelled.known[np.asarray(truth["validated"])[labelled.known]]
    rows = rows[_inside(truth, rows, exposure)]
    nearest = _nearest_detection(truth, rows, exposure, rules.match_radius)
    reasons = {
        "lost_not_detected": nearest < 0,
        "lost_stationary": _of(nearest, labelled.stays),
        "lost_contested": _of(nearest, labelled.match.contested),
        "lost_set_aside": _of(nearest, labelled.accepted.label == SET_ASIDE),
        "lost_other": ~np.isin(np.append(exposure.rows, -2)[nearest] + 1, table["row"]),
    }
    counts: Counter[str] = Counter(validated=len(rows))
    left = np.ones(len(rows), bool)
    for name, applies in reasons.items():
        counts[name] += int((left & applies).sum())
        if name == "lost_stationary":
            counts += _by_rate(name, truth["rate"][rows[left & applies]])
        left &= ~applies
    return counts + _by_rate("validated", truth["rate"][rows])


def _of(nearest: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the values of detections, false where there is no detection."""
    return np.append(values, False)[nearest]


def _by_rate(name: str, rates: np.ndarray) -> Counter[str]:
    bins = np.where(np.isfinite(rates), np.digitize(rates, RATES[1:-1]), len(RATES) - 1)
    names = rate_names(name)
    return Counter(names[number] for number in bins)


def _inside(truth: Table, rows: np.ndarray, exposure: Detections) -> np.ndarray:
    """Tell which rows are inside the frame; without coordinates, inside the part of the sky with detections."""
    ra, dec = np.asarray(truth["ra"])[rows], np.asarray(truth["dec"])[rows]
    if len(rows) == 0:
        return np.zeros(0, bool)
    if exposure.wcs is None:
        if len(exposure.x) == 0:
            return np.zeros(len(rows), bool)
        centre = float(np.nanmedian(exposure.ra)), float(np.nanmedian(exposure.dec))
        places, known = tangent_plane(ra, dec, centre), tangent_plane(exposure.ra, exposure.dec, centre)
        return ((places >= np.nanmin(known, axis=0)) & (places <= np.nanmax(known, axis=0))).all(axis=1)
    ny, nx = exposure.info.shape
    # A gnomonic projection also has a solution for the far side of the sky.
    near = np.isfinite(tangent_plane(ra, dec, tuple(exposure.wcs.wcs.crval))).all(axis=1)
    x, y = exposure.wcs.all_world2pix(ra, dec, 1, quiet=True)
    return near & (x >= 0.5) & (x < nx + 0.5) & (y >= 0.5) & (y < ny + 0.5)


def _nearest_detection(truth: Table, rows: np.ndarray, exposure: Detections, radius: float) -> np.ndarray:
    """Return the detection nearest to each row within the radius of matching, −1 where there is none."""
    result = np.full(len(rows), -1)
    if len(rows) == 0:
        return result
    centre = float(truth["ra"][rows[0]]), float(truth["dec"][rows[0]])
    places = tangent_plane(truth["ra"][rows], truth["dec"][rows], centre)
    i, j, distance = pairs_within(places, tangent_plane(exposure.ra, exposure.dec, centre), radius)
    for number in np.argsort(-distance, kind="stable"):
        result[i[number]] = j[number]
    return result
