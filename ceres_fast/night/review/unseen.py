"""Where a tracklet would be in the exposures in which it has no detection: a star may hide it there, or nothing be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.coordinates import offset_by
from astropy.table import Table

from ...selection.tracks import ARCSEC
from ..known import motion_of

MOST = 8
"""Exposures that a field may have: of long sequences only detections are shown, else a page has too many stamps."""

_EXPOSURE = ("field", "ccd", "frame", "hdu", "mjd")


def unseen_of(detections: Table, linked: Table, rows_of: Mapping[str, list[int]]) -> Table:
    """Return where tracklets would be in exposures of their field and CCD that show nothing of them.

    Parameters
    ----------
    detections : astropy.table.Table
        All of a night.
    linked : astropy.table.Table
        Those in tracklets.
    rows_of : mapping
        The rows of `linked`, from 0, of each tracklet.

    Returns
    -------
    astropy.table.Table
        A row for each such exposure, in the order of tracklets and times. ``tracklet``, ``field``, ``frame``, ``hdu``,
        ``mjd``, ``ra`` and ``dec`` (deg), on the motion of the tracklet from its detection that is nearest in time;
        ``x`` and ``y`` are NaN. None for tracklets without a motion, and in fields with more than `MOST` exposures.
    """
    exposures: dict[tuple[str, str], list[tuple[float, str, int]]] = {}
    for field, ccd, frame, hdu, mjd in sorted(
        set(zip(*(detections[name].tolist() for name in _EXPOSURE), strict=True))
    ):
        exposures.setdefault((field, ccd), []).append((mjd, frame, hdu))
    found = []
    for name, rows in rows_of.items():
        own = linked[rows]
        mjd = np.asarray(own["mjd"], float)
        motion = motion_of(mjd, own["ra"], own["dec"])
        there = exposures[str(own["field"][0]), str(own["ccd"][0])]
        if not np.isfinite(motion.rate) or len(there) > MOST:
            continue
        seen = set(own["frame"].tolist())
        for time, frame, hdu in sorted(there):
            if frame not in seen and np.isfinite(time):
                near = int(np.nanargmin(np.abs(mjd - time)))
                way = motion.rate * (time - mjd[near]) * 1440 * ARCSEC
                place = (own["ra"][near], own["dec"][near], motion.position_angle)
                found.append((name, str(own["field"][0]), frame, hdu, time, way, *place))
    names = ("tracklet", "field", "frame", "hdu", "mjd")
    table = Table({name: [row[number] for row in found] for number, name in enumerate(names)})
    way, ra, dec, angle = np.array([row[5:] for row in found], float).reshape(-1, 4).T
    moved = offset_by(np.radians(ra), np.radians(dec), np.radians(angle), way)
    table["ra"], table["dec"] = (each.to_value("deg") for each in moved)
    table["x"] = table["y"] = np.nan if len(table) else np.empty(0)
    return table
