"""Nights without files: fields with asteroids that move, and what is known of them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ceres_fast.night.detections import Night, table_of
from ceres_fast.night.record import FieldRecord

EXPOSURES, STEP = 4, 5 / 1440
"""Of each field; 5 minutes apart."""


def positions(
    ra: float, dec: float, rate: float, angle: float, times: np.ndarray, start: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (deg) of what moves at a rate (arcsec/min) and angle (deg) from a place at a time (MJD)."""
    way = rate * (times - start) * 1440 / 3600
    north = dec + way * np.cos(np.radians(angle))
    return (ra + way * np.sin(np.radians(angle)) / np.cos(np.radians(dec))) % 360, north


def tracklet_rows(
    name: str, field: str, ra: float, dec: float, rate: float, angle: float, first: float, exposures: int = EXPOSURES
) -> dict[str, Any]:
    """Return the detections of a tracklet, a list for each column."""
    times = first + STEP * np.arange(exposures)
    places = positions(ra, dec, rate, angle, times, first)
    return {
        "detection": [f"{name}/{n}" for n in range(exposures)],
        "field": [field] * exposures,
        "observatory": ["950"] * exposures,
        "mjd": times.tolist(),
        "exposure": [60.0] * exposures,
        "ra": places[0].tolist(),
        "dec": places[1].tolist(),
        "magnitude": [20.0] * exposures,
        "probability": [0.9] * exposures,
        "tracklet": [name] * exposures,
        "tracklet_probability": [0.95] * exposures,
        "kept": [True] * exposures,
    }


def night_of(*tracklets: dict[str, Any], output: Path = Path("classified"), **record: Any) -> Night:
    """Return a night with the detections of some tracklets."""
    columns = {name: list(chain(*(each[name] for each in tracklets))) for name in (tracklets[0] if tracklets else ())}
    fields = sorted({field for each in tracklets for field in each["field"]})
    known = {"version": 1, "provisional": False, "settings": "", "exposures": []} | record
    return Night(output, [FieldRecord(name=field, **known) for field in fields], table_of(columns))
