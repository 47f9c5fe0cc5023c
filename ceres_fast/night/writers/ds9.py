"""Regions for SAOImage DS9: a file for each frame, with a circle around each detection.

Format: https://ds9.si.edu/doc/ref/region.html.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

from ...file_names import fitting
from .order import Files, Order, plain_text

FOLDER = "ds9"

STATIONARY = 4
"""Bit of CERES_FLAGS (`classify.scores.STATIONARY`)."""

COLOURS = {"tracklet": "green", "kept": "yellow", "left out": "red", "stationary": "blue"}
"""Of what became of a detection; the first that fits is taken, from the left."""

RADIUS, LEAST = 2.0, 2.0
"""Of a circle: in FWHM, and at least in arcsec."""


def files(order: Order) -> Files:
    """Return what writes a file for each frame."""
    detections = order.night.detections
    frames = np.asarray(detections["frame"], str)
    places = order.places()
    return {
        (Path(FOLDER) / place).with_name(fitting(Path(place).name, ".reg")).as_posix(): partial(
            _write, detections[frames == frame], order.meant[frames == frame]
        )
        for frame, place in places.items()
    }


def kind_of(rows: Table, meant: np.ndarray) -> np.ndarray:
    """Return which of `COLOURS` each row gets, shape (n,), str."""
    conditions = [meant != "", np.asarray(rows["flags"]) & STATIONARY > 0, np.asarray(rows["kept"], bool)]
    return np.select(conditions, ["tracklet", "stationary", "kept"], "left out")


def _write(rows: Table, meant: np.ndarray, path: Path) -> None:
    lines = ["# Region file format: DS9 version 4.1", "global width=1"]
    width = np.nan_to_num(np.asarray(rows["fwhm"], float) * np.asarray(rows["pixel_scale"], float))
    radius = np.maximum(np.where(np.isfinite(width), RADIUS * width, 0), LEAST)
    # A detection without a place on the sky is drawn where it is in the frame, if that is one CCD.
    on_sky = np.isfinite(rows["ra"]) & np.isfinite(rows["dec"])
    in_frame = ~on_sky & np.isfinite(rows["x"]) & np.isfinite(rows["y"]) & (len(set(rows["hdu"].tolist())) == 1)
    labels = [_label(name, value) for name, value in zip(plain_text(meant), rows["tracklet_probability"], strict=True)]
    kinds = kind_of(rows, meant).tolist()
    for number in np.flatnonzero(on_sky).tolist():
        place = f'icrs; circle({rows["ra"][number] % 360:.7f},{rows["dec"][number]:.7f},{radius[number]:.2f}")'
        lines.append(f"{place} # color={COLOURS[kinds[number]]}{labels[number]} tag={{{kinds[number]}}}")
    scale = np.asarray(rows["pixel_scale"], float)
    for number in np.flatnonzero(in_frame).tolist():
        pixels = radius[number] / scale[number] if scale[number] > 0 else radius[number]
        place = f"image; circle({rows['x'][number]:.3f},{rows['y'][number]:.3f},{pixels:.2f})"
        lines.append(f"{place} # color={COLOURS[kinds[number]]}{labels[number]} tag={{{kinds[number]}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _label(name: str, probability: float) -> str:
    """Return the text beside a circle: a brace would end it, and a semicolon or # some readers' line."""
    if not name:
        return ""
    text = name.translate(dict.fromkeys(map(ord, "{};#|\"'"), " "))
    return f" text={{{text}" + ("" if np.isnan(probability) else f", P {probability:.3f}") + "}"
