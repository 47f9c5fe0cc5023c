"""Detections for heliolinx, and the file that tells its make_tracklets which column is which.

Format: README of https://github.com/heliolinx/heliolinx, "Original Input Data".
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .order import Files, Order, errors, known_names, letter_of, magnitudes, observatory_codes, plain_text

NAME, COLUMN_FORMAT = "heliolinx.csv", "heliolinx_columns.txt"

LARGEST = 999
"""Of the whole numbers from 0 that say how likely something is."""

NOT_KNOWN = -1
NO_MAGNITUDE, NO_MAGNITUDE_ERROR, NO_POSITION_ERROR = 99.999, 9.999, 1.0
NO_BAND = "V"
"""What heliolinx itself takes where a value is missing."""

KEYWORDS = {
    "id": "IDCOL",
    "mjd": "MJDCOL",
    "ra": "RACOL",
    "dec": "DECCOL",
    "mag": "MAGCOL",
    "band": "BANDCOL",
    "obscode": "OBSCODECOL",
    "sig_mag": "SIGMAGCOL",
    "sig_across": "SIGACROSSCOL",
    "sig_along": "SIGALONGCOL",
    "known_obj": "KNOWNOBJCOL",
    "det_qual": "DETQUALCOL",
}
"""Our columns that it reads, and what its column format calls them. The last columns of ours it passes over."""

OURS = ("probability", "tracklet", "detection")


def files(order: Order) -> Files:
    """Return what writes both files."""
    observatory_codes(order, order.placed)  # what is missing is said before anything is written
    return {NAME: lambda path: _write(order, path), COLUMN_FORMAT: _write_columns}


def detection_quality(order: Order) -> np.ndarray:
    """Return how likely each detection is real, a whole number from 0 to 999, −1 where it was not scored; (n,) int.

    That of its tracklet where it has one, else its own.
    """
    rows = order.placed
    of_tracklet, own = (np.asarray(rows[name], float) for name in ("tracklet_probability", "probability"))
    best = np.where(np.isfinite(of_tracklet), of_tracklet, own)
    return np.where(np.isfinite(best), np.rint(np.nan_to_num(best) * LARGEST), NOT_KNOWN).astype(int)


def _write(order: Order, path: Path) -> None:
    rows = order.placed
    bands = {} if order.observatory is None else order.observatory.bands
    names = known_names(order, rows)
    texts = [
        np.arange(1, len(rows) + 1).tolist(),
        _decimals(rows["mjd"], 9),
        _decimals(rows["ra"], 8),
        _decimals(rows["dec"], 8),
        _decimals(magnitudes(rows), 3, NO_MAGNITUDE),
        [_band(name, bands) for name in np.asarray(rows["filter"], str).tolist()],
        observatory_codes(order, rows).tolist(),
        _decimals(errors(rows, "magnitude_error"), 3, NO_MAGNITUDE_ERROR),
        *[_decimals(errors(rows, "position_error"), 4, NO_POSITION_ERROR)] * 2,
        (np.where(names != "", LARGEST, 0) if order.looked_up else np.full(len(rows), NOT_KNOWN)).tolist(),
        detection_quality(order).tolist(),
        _decimals(rows["probability"], 6),
        plain_text(rows["meant"]).tolist(),
        plain_text(rows["detection"]).tolist(),
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*KEYWORDS, *OURS])
        writer.writerows(zip(*texts, strict=True))


def _write_columns(path: Path) -> None:
    lines = [f"{keyword} {number}\n" for number, keyword in enumerate(KEYWORDS.values(), start=1)]
    path.write_text("".join(lines), encoding="utf-8")


def _decimals(values: np.ndarray, digits: int, missing: float = np.nan) -> list[str]:
    numbers = np.asarray(values, float)
    return [f"{value:.{digits}f}" for value in np.where(np.isfinite(numbers), numbers, missing).tolist()]


def _band(name: str, bands: Mapping[str, str]) -> str:
    """Return the letter of a band: that of the band of ADES, or the name of the filter where this is a letter."""
    letter = letter_of(bands[name]) if name in bands else name
    return letter if len(letter) == 1 and letter.isascii() and letter.isalnum() else NO_BAND
