"""Regions for SAOImage DS9: a file for each frame, with a circle around each detection.

Format: https://ds9.si.edu/doc/ref/region.html.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

from ...classify.scores import STATIONARY
from ...file_names import fitting
from .order import Files, Order, plain_text, widths

FOLDER = "ds9"

COLOURS = {"tracklet": "green", "kept": "yellow", "left out": "red", "stationary": "blue"}
"""Of what became of a detection; the first that fits is taken, from the left."""

RADIUS, LEAST = 2.0, 2.0
"""Of a circle: in FWHM, and at least in arcsec."""

IN_PIXELS = 6.0
"""Radius of what has no place on the sky."""


def files(order: Order) -> Files:
    """Return what writes a file for each frame."""
    detections = order.night.detections
    frame = np.asarray(detections["frame"], str)
    result: Files = {}
    for exposure in order.exposures():
        place = Path(FOLDER) / exposure.table
        rows = frame == exposure.frame
        write = partial(_write, detections[rows], order.meant[rows])
        result[place.with_name(fitting(place.name, ".reg")).as_posix()] = write
    return result


def kind_of(rows: Table, meant: np.ndarray) -> np.ndarray:
    """Return which of `COLOURS` each row gets, shape (n,), str."""
    conditions = [meant != "", np.asarray(rows["flags"]) & STATIONARY > 0, np.asarray(rows["kept"], bool)]
    return np.select(conditions, ["tracklet", "stationary", "kept"], "left out")


def _write(rows: Table, meant: np.ndarray, path: Path) -> None:
    x, y, ra, dec = (np.asarray(rows[name], float) for name in ("x", "y", "ra", "dec"))
    radius = np.fmax(RADIUS * widths(rows), LEAST)
    # A detection without a place on the sky is drawn where it is in the frame, if that is one CCD.
    on_sky = np.isfinite(ra) & np.isfinite(dec)
    in_frame = np.isfinite(x) & np.isfinite(y) & (len(set(rows["hdu"].tolist())) == 1)
    labels, kinds = plain_text(meant).tolist(), kind_of(rows, meant).tolist()
    lines = ["# Region file format: DS9 version 4.1", "global width=1"]
    for row in np.flatnonzero(on_sky | in_frame).tolist():
        if on_sky[row]:
            place = f'icrs; circle({ra[row] % 360:.7f},{dec[row]:.7f},{radius[row]:.2f}")'
        else:
            place = f"image; circle({x[row]:.3f},{y[row]:.3f},{IN_PIXELS})"
        label = _label(labels[row], rows["tracklet_probability"][row])
        lines.append(f"{place} # color={COLOURS[kinds[row]]}{label} tag={{{kinds[row]}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _label(name: str, probability: float) -> str:
    """Return the text beside a circle: a brace would end it, and a semicolon or # some readers' line."""
    if not name:
        return ""
    text = name.translate(dict.fromkeys(map(ord, "{};#|\"'"), " "))
    return f" text={{{text}" + ("" if np.isnan(probability) else f", P {probability:.3f}") + "}"
