"""A small night with frames, for its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from ceres_fast.night.detections import Night

from ...survey_files import ASTEROID, STEP, write_field
from ..nights import night_of, tracklet_rows

FIRST, DATE = 60000.1, "2023-02-24"
FIELDS = ("F0001", "F0002")
EACH = 3
"""Tracklets of a field: the asteroid, a star that is nearly still, and places at the edge in three exposures only."""


def small_night(folder: Path, **record: Any) -> Night:
    """Write frames, and return a night with six tracklets, whose probabilities and magnitudes are all different."""
    rows = []
    for number, field in enumerate(FIELDS):
        frames = [str(frame) for frame in write_field(folder, 4, field=field)]
        for tracklet in range(EACH):
            exposures = 3 if tracklet == 2 else 4
            name = f"{field}, {DATE}"
            row = tracklet_rows(
                f"{name}: {tracklet + 1}",
                name,
                150.0 + 0.002 * tracklet,
                2.0 + number,
                0.3 + tracklet,
                70.0 * tracklet,
                FIRST + number / 24,
                exposures,
            )
            place = {0: ASTEROID, 1: np.array([60.0, 60.0]), 2: np.array([3.0, 198.0])}[tracklet]
            step = {0: STEP, 1: np.array([0.2, 0.1]), 2: np.array([-1.0, 1.0])}[tracklet]
            row["frame"] = frames[:exposures]
            row["x"], row["y"] = np.array([place + step * each for each in range(exposures)]).T.tolist()
            row["magnitude"] = [20.0 + number - 0.4 * tracklet] * exposures
            row["filter"] = ["r"] * exposures
            row["tracklet_probability"] = [0.9 - 0.1 * tracklet - 0.35 * number] * exposures
            rows.append(row)
    return night_of(*rows, output=folder, **record)


def known_table(**names: str) -> Table:
    """Return what is known: the name by tracklet ("F0001_1"), of which all others were looked up."""
    tracklets = [f"{field}, {DATE}: {number + 1}" for field in FIELDS for number in range(EACH)]
    name = [names.get(f"{each[:5]}_{each[-1]}", "") for each in tracklets]
    offset = [1.5 if each else np.nan for each in name]
    columns = {
        "tracklet": tracklets,
        "name": name,
        "separation": offset,
        "rate_difference": offset,
        "magnitude": offset,
    }
    return Table(columns | {"source": ["SkyBoT"] * len(tracklets)})
