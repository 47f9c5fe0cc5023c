"""What becomes of the validated asteroids of an exposure: a stamp, or why none."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from astropy.table import Table

from ..catalogues.detections import Detections
from ..frames.sky import to_pixels
from .labels import Labelled
from .neighbours import pairs_within, tangent_plane

RATES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, np.inf)
"""Edges (arcsec/min) of the bins in which asteroids, and those of `BY_RATE`, are counted by rate."""

BY_RATE = ("lost_stationary", "lost_elsewhere")
"""What the rules for what does not move cost."""


def rate_names(name: str) -> list[str]:
    """Return the names of a count by rate, one for each bin of `RATES`, the last for those of unknown rate."""
    bins = [f"{name} at {low:g}-{high:g} arcsec/min" for low, high in pairwise(RATES[:-1])]
    return [*bins, f"{name} above {RATES[-2]:g} arcsec/min", f"{name} at unknown rate"]


COLUMNS: dict[str, type] = {
    "designation": str,
    "field": str,
    "ccd": str,
    "frame": str,
    "mjd": float,
    "ra": float,
    "dec": float,
    "magnitude": float,
    "rate": float,
    "reason": str,
    "row": int,
}
"""What is known of a validated asteroid in an exposure: ``mjd`` is the middle of the exposure (UTC), ``ra`` and ``dec``
(deg) are where it is then, ``rate`` is in arcsec/min, ``row`` that of its detection in the catalogue, from 1, −1 where
it has none; ``reason`` is one of `REASONS`, or "" where it is a stamp."""

REASONS = {
    "not_detected": "lost_not_detected",
    "stationary": "lost_stationary",
    "elsewhere": "lost_elsewhere",
    "contested": "lost_contested",
    "flux_mismatch": "lost_flux",
    "set_aside": "lost_set_aside",
    "no_template": "lost_no_template",
    "other": "lost_other",
}
"""Why an asteroid is no stamp, and as what it is counted; the first that applies counts."""


def fates(labelled: Labelled, table: Table, without_template: np.ndarray | None = None) -> Table:
    """Return the validated asteroids of an exposure, and why those that are no stamp are none.

    Parameters
    ----------
    labelled : Labelled
        The detections of the exposure and what they are.
    table : astropy.table.Table
        The stamps that were made.
    without_template : numpy.ndarray of int, optional
        Rows in the catalogue, from 1, of those that were not made for want of a template.

    Returns
    -------
    astropy.table.Table
        `COLUMNS`, a row for each in the order of ``labelled.known``. The detection of an asteroid is the one that was
        matched to it, or else the nearest within its tolerance.
    """
    exposure, known = labelled.exposure, labelled.known
    rows = np.flatnonzero(known["validated"])
    rows = rows[_inside(known, rows, exposure) | np.isin(rows, labelled.match.asteroid)]
    nearest = _nearest_detection(known, rows, exposure)
    aside = np.append(labelled.accepted.reason, "")[nearest]
    row = np.append(exposure.rows + 1, -1)[nearest]
    of_another = np.append(labelled.accepted.asteroid, -1)[nearest]
    applies = {
        "not_detected": nearest < 0,
        "stationary": np.append(labelled.stays, False)[nearest],
        "elsewhere": np.append(labelled.elsewhere, False)[nearest],
        "contested": (aside == "contested") | ((of_another >= 0) & (of_another != rows)),
        "flux_mismatch": aside == "flux_mismatch",
        "set_aside": aside == "set_aside",
        "no_template": np.isin(row, [] if without_template is None else without_template),
        "other": ~np.isin(row, table["row"]),
    }
    info = exposure.info
    of_known = {name: known[name][rows] for name in ("designation", "ra", "dec", "magnitude", "rate")}
    of_frame = {"field": info.field, "ccd": info.ccd, "frame": info.frame, "mjd": info.mjd}
    values = {
        **of_known,
        **{name: np.full(len(rows), value) for name, value in of_frame.items()},
        "reason": np.select([applies[reason] for reason in REASONS], list(REASONS), ""),
        "row": row,
    }
    return Table({name: np.asarray(values[name], kind) for name, kind in COLUMNS.items()})


def no_fates() -> Table:
    """Return a table of no validated asteroid."""
    return Table({name: np.empty(0, kind) for name, kind in COLUMNS.items()})


def count_lost(fates: Table) -> Counter[str]:
    """Count validated asteroids and what became of them.

    Parameters
    ----------
    fates : astropy.table.Table
        As `fates` gives it.

    Returns
    -------
    collections.Counter
        ``validated`` and the values of `REASONS`, the first and those of `BY_RATE` by rate too.
    """
    reason, rate = np.asarray(fates["reason"], str), np.asarray(fates["rate"], float)
    counts: Counter[str] = Counter(validated=len(reason))
    for why, name in REASONS.items():
        counts[name] += int((reason == why).sum())
        if name in BY_RATE:
            counts += _by_rate(name, rate[reason == why])
    return counts + _by_rate("validated", rate)


def _by_rate(name: str, rates: np.ndarray) -> Counter[str]:
    bins = np.where(np.isfinite(rates), np.digitize(rates, RATES[1:-1]), len(RATES) - 1)
    names = rate_names(name)
    return Counter(names[number] for number in bins)


def _inside(known: Table, rows: np.ndarray, exposure: Detections) -> np.ndarray:
    """Tell which rows are inside the frame; without coordinates, inside the part of the sky with detections."""
    ra, dec = np.asarray(known["ra"])[rows], np.asarray(known["dec"])[rows]
    if len(rows) == 0:
        return np.zeros(0, bool)
    if exposure.wcs is None:
        if len(exposure.x) == 0:
            return np.zeros(len(rows), bool)
        centre = float(np.nanmedian(exposure.ra)), float(np.nanmedian(exposure.dec))
        places, points = tangent_plane(ra, dec, centre), tangent_plane(exposure.ra, exposure.dec, centre)
        return ((places >= np.nanmin(points, axis=0)) & (places <= np.nanmax(points, axis=0))).all(axis=1)
    ny, nx = exposure.info.shape
    # A gnomonic projection also has a solution for the far side of the sky.
    near = np.isfinite(tangent_plane(ra, dec, tuple(exposure.wcs.wcs.crval))).all(axis=1)
    x, y = to_pixels(exposure.wcs, ra, dec)
    return near & (x >= 0.5) & (x < nx + 0.5) & (y >= 0.5) & (y < ny + 0.5)


def _nearest_detection(known: Table, rows: np.ndarray, exposure: Detections) -> np.ndarray:
    """Return the detection nearest to each asteroid within its tolerance, −1 where there is none."""
    result = np.full(len(rows), -1)
    if len(rows) == 0:
        return result
    centre = float(known["ra"][rows[0]]), float(known["dec"][rows[0]])
    places = tangent_plane(known["ra"][rows], known["dec"][rows], centre)
    tolerance = np.asarray(known["tolerance"])[rows]
    i, j, distance = pairs_within(places, tangent_plane(exposure.ra, exposure.dec, centre), float(tolerance.max()))
    for number in np.argsort(-distance, kind="stable"):
        if distance[number] <= tolerance[i[number]]:
            result[i[number]] = j[number]
    return result
