"""What a reviewer decided of a night's tracklets: the file that the review saves."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.coordinates import angular_separation
from astropy.table import Table

from ...errors import InputError
from ...truth.core import SAME_PLACE, SAME_TIME
from ..detections import Night

COLUMNS = ("tracklet", "mjd", "ra", "dec")

EXPECTED = "the ECSV that the page of `ceres-fast review` saves"


class Decided(NamedTuple):
    """The tracklets that were accepted, and the designations that the file has of them."""

    accepted: frozenset[str]
    designations: dict[str, str]


def read_decisions(night: Night, path: Path) -> Decided:
    """Read which tracklets of a night were accepted.

    Parameters
    ----------
    night : Night
    path : pathlib.Path
        A row for each detection of an accepted tracklet: ``tracklet``, ``mjd`` (UTC), ``ra``, ``dec`` (deg) and, where
        it is there, ``designation``.

    Raises
    ------
    InputError
        When it cannot be read, or a tracklet of this name has no detection there: the night was classified again since.
    """
    table = _read(path)
    texts = {
        name: [str(value) for value in table[name].tolist()]
        for name in ("tracklet", "designation")
        if name in table.colnames
    }
    places = np.array([np.ma.filled(np.ma.asarray(table[name], float), np.nan) for name in COLUMNS[1:]]).reshape(3, -1)
    detections = night.detections
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(np.asarray(detections["tracklet"], str).tolist()):
        rows_of.setdefault(name, []).append(row)
    there = np.array([np.asarray(detections[name], float) for name in COLUMNS[1:]])
    for row, name in enumerate(texts["tracklet"]):
        if not name or not _is_there(places[:, row], there[:, rows_of.get(name, [])]):
            raise InputError(
                path,
                f"has a detection of the tracklet {name!r} that is not in it",
                row=row + 1,
                expected="decisions about this version of the night",
                action="open the page of this night again, and save what was decided from there",
            )
    named = zip(texts["tracklet"], texts.get("designation", []), strict=False)
    return Decided(frozenset(texts["tracklet"]), dict(named))


def _read(path: Path) -> Table:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text in UTF-8"
        raise InputError(path, f"cannot be read ({reason})", expected=EXPECTED) from error
    try:
        table = Table.read(text.split("\n"), format="ascii.ecsv")
        missing = [name for name in COLUMNS if name not in table.colnames]
        numbers = [table[name].dtype.kind in "iuf" or not len(table) for name in COLUMNS[1:] if not missing]
    except Exception as error:  # whatever YAML, and what astropy makes of it, may raise
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(path, f"is no ECSV ({reason})", expected=EXPECTED) from error
    if missing or not all(numbers):
        problem = f"has no column {', '.join(missing)}" if missing else "has no numbers where places are"
        raise InputError(path, problem, expected=EXPECTED)
    return table


def _is_there(place: np.ndarray, places: np.ndarray) -> bool:
    """Tell whether one of some places (mjd, ra, dec), (3, n), is this one, (3,)."""
    (mjd, ra, dec), (times, longitudes, latitudes) = place, places
    distance = angular_separation(*np.radians([ra, dec]), np.radians(longitudes), np.radians(latitudes))
    near = np.degrees(distance) * 3600 <= SAME_PLACE
    return bool((near & (np.abs(times - mjd) * 86400 <= SAME_TIME)).any())
