"""The validated asteroids of a night, and which detections they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..errors import InputError
from .frame_info import FrameInfo
from .neighbours import pairs_within, tangent_plane
from .rules import Rules

REQUIRED = {"mjd": (15_000.0, 120_000.0), "ra": (-180.0, 360.0), "dec": (-90.0, 90.0)}
"""Columns of numbers that a truth table must have, and between what they must be."""

OPTIONAL = {"magnitude": np.nan, "rate": np.nan, "position_angle": np.nan, "validated": 1}
"""Columns of numbers that it may have, and what stands for them where it has not."""

UNKNOWN_EXPOSURE = 60.0
"""Exposure time (s) taken where a header does not say one, to tell which rows belong to an exposure."""

SET_ASIDE = -1
"""Label of a detection that is neither an asteroid for certain nor none."""


def read_truth(path: Path) -> Table:
    """Read a table of known asteroids: one row per asteroid and exposure.

    Parameters
    ----------
    path : pathlib.Path
        CSV, ECSV or another table that astropy recognises, with a header.

    Returns
    -------
    astropy.table.Table
        In the order of time. ``designation`` (str), ``mjd`` (middle of the exposure, UTC), ``ra``, ``dec`` (deg,
        J2000), ``magnitude``, ``rate`` (arcsec/min), ``position_angle`` (deg, N through E; NaN where not known),
        ``validated`` (bool; true where the table does not say).

    Raises
    ------
    InputError
        When the file cannot be read, has no rows, lacks a column, or holds a value that cannot be.
    """
    table = _read(path)
    known = {name.lower(): name for name in table.colnames}
    if missing := [name for name in ("designation", *REQUIRED) if name not in known]:
        raise InputError(
            path,
            f"has no column {', '.join(missing)} (its columns: {', '.join(table.colnames)})",
            expected="designation, mjd, ra, dec and optionally magnitude, rate, position_angle, validated",
        )
    result = Table({"designation": [str(name).strip() for name in table[known["designation"]]]})
    if len(table) == 0:
        raise InputError(path, "has no rows", expected="a row per asteroid and exposure")
    for name, (least, most) in REQUIRED.items():
        result[name] = _numbers(path, table, known[name])
        if (bad := ~((result[name] >= least) & (result[name] <= most))).any():
            row = int(np.flatnonzero(bad)[0])
            problem = f"{name} is {result[name][row]}"
            raise InputError(path, problem, row=row + 1, expected=f"a number from {least:g} to {most:g}")
    for name, value in OPTIONAL.items():
        result[name] = _numbers(path, table, known[name]) if name in known else np.full(len(table), value, float)
    result["validated"] = result["validated"] == 1
    result.meta["path"] = str(path)
    return result[np.argsort(result["mjd"], kind="stable")]


def rows_of_exposure(truth: Table, info: FrameInfo) -> np.ndarray:
    """Return which rows of a truth table are of the time of an exposure, shape (rows,), int64.

    A row belongs to the exposure when its time is inside it, to within a second.
    """
    exposure = info.exposure if info.exposure > 0 else UNKNOWN_EXPOSURE
    margin = (exposure / 2 + 1) / 86400
    start, stop = np.searchsorted(truth["mjd"], [info.mjd - margin, info.mjd + margin])
    return np.arange(start, stop)


@dataclass(frozen=True)
class Matches:
    """What the detections of an exposure are.

    Parameters
    ----------
    label : numpy.ndarray
        Shape (n,), int64: 1 asteroid, 0 no asteroid, `SET_ASIDE`.
    asteroid : numpy.ndarray
        Shape (n,), int64: row of the truth table, −1 where the detection is no asteroid.
    contested : numpy.ndarray
        Shape (n,), bool: near a validated asteroid and set aside because another detection is too, or another
        asteroid.
    """

    label: np.ndarray
    asteroid: np.ndarray
    contested: np.ndarray


def match_truth(truth: Table, rows: np.ndarray, ra: np.ndarray, dec: np.ndarray, rules: Rules) -> Matches:
    """Match the known asteroids of an exposure to its detections.

    A detection within `Rules.match_radius` of one validated asteroid is that asteroid. Where two detections are near
    one asteroid or two asteroids near one detection, all these detections are contested; detections near a known
    asteroid that is not validated are set aside. All others are no asteroids.

    Parameters
    ----------
    truth : astropy.table.Table
        As `read_truth` returns it.
    rows : numpy.ndarray
        Which of its rows are of this exposure (`rows_of_exposure`).
    ra, dec : numpy.ndarray
        Detections, shape (n,), deg. One whose position is NaN is set aside.
    rules : Rules
        For the radius.
    """
    label = np.where(np.isfinite(ra) & np.isfinite(dec), 0, SET_ASIDE)
    asteroid = np.full(len(ra), -1)
    contested = np.zeros(len(ra), bool)
    if len(rows) and len(ra):
        centre = float(truth["ra"][rows[0]]), float(truth["dec"][rows[0]])
        places = tangent_plane(truth["ra"][rows], truth["dec"][rows], centre)
        i, j, _ = pairs_within(tangent_plane(ra, dec, centre), places, rules.match_radius)
        validated = np.asarray(truth["validated"])[rows[j]]
        label[i[~validated]] = SET_ASIDE
        doubtful = (np.bincount(i, minlength=len(ra))[i] > 1) | (np.bincount(j, minlength=len(rows))[j] > 1)
        contested[i[doubtful & validated]] = True
        sure = validated & ~doubtful
        label[i[sure]] = 1
        asteroid[i[sure]] = rows[j[sure]]
        label[contested] = SET_ASIDE
    return Matches(label, asteroid, contested)


def set_aside_short_tracks(truth: Table, matches: Sequence[Matches], rules: Rules) -> list[Matches]:
    """Set aside the detections of asteroids that are seen in fewer exposures of a field than the rules ask for.

    Parameters
    ----------
    truth : astropy.table.Table
        As `read_truth` returns it.
    matches : sequence of Matches
        Of all exposures of a field.
    rules : Rules
        For `track_exposures`; of fewer exposures all are asked for.
    """
    least = min(rules.track_exposures, len(matches))
    seen = [set(np.asarray(truth["designation"])[match.asteroid[match.label == 1]]) for match in matches]
    result = []
    for match in matches:
        names = np.asarray(truth["designation"])[match.asteroid]
        short = [sum(name in others for others in seen) < least for name in names]
        aside = (match.label == 1) & np.array(short, bool)
        label, asteroid = np.where(aside, SET_ASIDE, match.label), np.where(aside, -1, match.asteroid)
        result.append(Matches(label, asteroid, match.contested))
    return result


def _read(path: Path) -> Table:
    from astropy.io import ascii as ascii_tables

    try:
        if not path.read_bytes().strip():
            raise InputError(path, "is empty", expected="a table of known asteroids with a header line")
        kind = {".csv": "csv", ".ecsv": "ecsv"}.get(path.suffix.lower())
        return Table.read(path, format=f"ascii.{kind}") if kind else ascii_tables.read(path)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", expected="a truth table") from error
    except (ValueError, TypeError, KeyError) as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(path, f"is no table ({reason})", expected="CSV or ECSV with a header line") from error


def _numbers(path: Path, table: Table, name: str) -> np.ndarray:
    try:
        return np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)
    except (TypeError, ValueError):
        for row, value in enumerate(table[name], start=1):
            try:
                float(value)
            except (TypeError, ValueError):
                raise InputError(path, f"{name} is {str(value)!r}", row=row, expected="a number") from None
        raise
