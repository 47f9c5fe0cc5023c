"""Detections and tracklets for difi, which counts what a linker found: observations and members of linkages, Parquet.

Format: difi.observations and difi.difi of https://github.com/moeyensj/difi, 2.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...frames.same_sky import NIGHT_GAP
from .arrow import check_installed, numbers, texts, timestamps, write
from .order import Files, Order, errors, known_names, magnitudes, observatory_codes, plain_text

OBSERVATIONS, MEMBERS = "difi_observations.parquet", "difi_linkage_members.parquet"


def files(order: Order) -> Files:
    """Return what writes both files."""
    check_installed()
    observatory_codes(order, order.placed)
    return {
        OBSERVATIONS: lambda path: _write_observations(order, path),
        MEMBERS: lambda path: _write_members(order, path),
    }


def _write_observations(order: Order, path: Path) -> None:
    import pyarrow

    rows = order.placed
    columns = {
        "id": texts(plain_text(rows["detection"])),
        "time": timestamps(rows["mjd"]),
        "ra": numbers(rows["ra"]),
        "dec": numbers(rows["dec"]),
        "ra_sigma": numbers(errors(rows, "position_error")),
        "dec_sigma": numbers(errors(rows, "position_error")),
        "radec_corr": numbers(np.full(len(rows), np.nan)),
        "mag": numbers(magnitudes(rows)),
        "mag_sigma": numbers(errors(rows, "magnitude_error")),
        "filter": texts(plain_text(rows["filter"])),
        "observatory_code": texts(observatory_codes(order, rows)),
        "object_id": texts(known_names(order, rows)),
        "night": pyarrow.array(nights_of(rows["mjd"])),
    }
    write(columns, path)


def nights_of(mjd: np.ndarray) -> np.ndarray:
    """Return the night of each time, (n,), MJD (UTC): the last noon before its first exposure, a whole number.

    UTC noon falls into the nights of the Pacific: they are told apart by the gap between them, as fields are.
    """
    times, where = np.unique(np.asarray(mjd, float), return_inverse=True)
    first = np.where(np.diff(times, prepend=-np.inf) > NIGHT_GAP, times, -np.inf)
    return np.floor(np.maximum.accumulate(first)[where] - 0.5).astype(np.int64)


def _write_members(order: Order, path: Path) -> None:
    rows = order.placed
    linked = rows[np.asarray(rows["meant"], str) != ""]
    write({"linkage_id": texts(plain_text(linked["meant"])), "obs_id": texts(plain_text(linked["detection"]))}, path)
