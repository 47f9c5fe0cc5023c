"""Nights that are written for others: tracklets with names that formats must bear, beside detections in none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ceres_fast.classify.account import CLASSIFIED
from ceres_fast.night.detections import Night, table_of
from ceres_fast.night.observatory import Observatory
from ceres_fast.night.record import ExposureRecord, FieldRecord

AWKWARD = 'F<2>, "a\'b" | c;{#}\n&é: 2'
"""What a header may call a field, and a tracklet in it."""

PLAIN = "F0001, 2026-11-29: 1"

OBSERVATORY = Observatory(
    code="950",
    submitter="S. Mitter",
    measurers=["M. <One> & Co.", "M. Two"],
    telescope={"design": "Reflector", "aperture": 2.54, "detector": "CCD"},
    star_catalogue="Gaia3",
    magnitude_catalogue="Gaia3",
    observers=["O. Server"],
    programme="@",
    bands={"r": "Sr"},
)

STATIONARY = 4


def a_night(output: Path = Path("classified"), **changed: Any) -> Night:
    """Return a night of two tracklets, of four exposures across RA 0 and of three near the pole, and four others.

    Those are one that is kept, a stationary one, one that was left out, and one without place or magnitude.
    """
    first, second = np.arange(4), np.arange(3)
    columns: dict[str, Any] = {
        "tracklet": [PLAIN] * 4 + [AWKWARD] * 3 + [""] * 4,
        "frame": [f"/night/a-{n}.fits" for n in first]
        + [f"/night/b<{n}>,é.fits" for n in second]
        + ["/night/a-0.fits"] * 4,
        "mjd": [*(61373.1 + first * 5 / 1440), *(61373.2 + second * 5 / 1440), *[61373.1] * 4],
        "ra": [*((359.9995 + first * 0.0005) % 360), *(120 + second * 0.3), 0.1, 0.2, 0.3, np.nan],
        "dec": [*(10 + first * 0.0001), *[-89.9999, -90.0, -89.9999], 10.1, 10.2, 10.3, np.nan],
        "x": np.arange(11) + 10.25,
        "y": np.arange(11) + 20.5,
        "position_error": [0.1] * 4 + [np.nan] * 3 + [0.0, 1e9, 0.2, np.nan],
        "magnitude": [20.0, 20.123456, np.nan, 20.2] + [99.0] * 3 + [18.0, 14.0, 21.0, np.nan],
        "magnitude_error": [0.05] * 4 + [np.nan] * 7,
        "fwhm": [3.0] * 10 + [np.nan],
        "pixel_scale": [0.333] * 11,
        "filter": ["r"] * 4 + ['V, "wide"'] * 3 + ["r"] * 4,
        "exposure": [60.0] * 4 + [np.nan] * 3 + [60.0] * 4,
        "observatory": ["950"] * 11,
        "probability": [0.9, 0.95, np.nan, 0.99] + [0.8] * 3 + [0.6, 0.0, 0.01, np.nan],
        "tracklet_probability": [0.97] * 4 + [np.nan] * 7,
        "kept": [True] * 9 + [False, True],
        "flags": [0] * 8 + [STATIONARY, 0, 8],
    }
    columns |= changed
    columns["detection"] = [
        f"{frame.rpartition('/')[2]}.cat:{row}" for row, frame in enumerate(columns["frame"], start=1)
    ]
    columns["row"] = np.arange(1, len(columns["frame"]) + 1)
    exposures = [
        ExposureRecord(
            frame=frame, catalogue="none.cat", table=f"{Path(frame).name}.cat", signature=[], fate=CLASSIFIED
        )
        for frame in dict.fromkeys(columns["frame"])
    ]
    record = FieldRecord(name="F0001", version=1, provisional=False, settings="", exposures=exposures)
    return Night(output, [record], table_of(columns))


def empty_night(output: Path = Path("classified")) -> Night:
    """Return a night of which nothing was detected."""
    return Night(output, [], table_of({}))
