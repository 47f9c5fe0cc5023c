"""Where the known asteroids are in an exposure, from where they were observed before, in and after it."""

from __future__ import annotations

import numpy as np
from astropy.coordinates import angular_separation, offset_by, position_angle
from astropy.table import Table

from ..frames.info import FrameInfo
from .rules import Rules

UNKNOWN_EXPOSURE = 60.0
"""Exposure time (s) taken where a header does not say one."""

LONGEST_TRAIL = 60.0
"""Half a trail is not taken to be longer than this (arcsec), whatever rate a file gives."""

ARCSEC = np.pi / 180 / 3600


def known_at(truth: Table, info: FrameInfo, rules: Rules) -> Table:
    """Predict where the known asteroids are in the middle of an exposure.

    Between two observations of an asteroid it moves on a great circle at a constant rate; beyond the first or the
    last it goes on as it did from the first to the last, and its place is less and less certain. Only observations
    within `Rules.track_hours` of the exposure are used: over a few hours the turning of the Earth bends the path of a
    main-belt asteroid by less than 1 arcsec.

    Parameters
    ----------
    truth : astropy.table.Table
        As `core.read_truth` returns it, of any number of nights and fields.
    info : FrameInfo
        The exposure: its middle and length.
    rules : Rules
        For the radii, and how far motions are followed.

    Returns
    -------
    astropy.table.Table
        A row per asteroid. ``designation``; ``ra``, ``dec`` (deg); ``magnitude``; ``rate`` (arcsec/min) and
        ``position_angle`` (deg) of the file where it has them, else of the observations; ``validated`` (bool):
        observed in this exposure and validated there, or between two validated observations (never beyond them);
        ``tolerance`` (arcsec): a detection nearer than this may be the asteroid, 0 where its place is a guess;
        ``aside`` (arcsec): one nearer than this to its trail may be it or a part of it; ``trail`` (arcsec): half
        the length of the trail.
    """
    truth, names, group = _by_object(truth, info.mjd, rules.track_hours / 24)
    exposure = info.exposure if info.exposure > 0 else UNKNOWN_EXPOSURE
    minutes = (np.asarray(truth["mjd"], float) - info.mjd) * 1440
    first, last = np.searchsorted(group, names), np.searchsorted(group, names, "right") - 1
    before = first - 1 + np.bincount(group[minutes <= 0], minlength=len(names))
    between = (before >= first) & (before < last)
    start, end = np.where(between, before, first), np.where(between, before + 1, last)
    nearest = np.lexsort((np.abs(minutes), group))[first]
    observed = np.abs(minutes[nearest]) * 60 <= exposure / 2 + 1

    moving = minutes[last] > minutes[first]
    of_file = [np.asarray(truth[name], float)[nearest] for name in ("rate", "position_angle")]
    rate, angle = (
        np.where(np.isfinite(own), own, value) for own, value in zip(of_file, _motion(truth, first, last), strict=True)
    )
    drift = [
        np.where(moving, value, np.nan_to_num(own))
        for value, own in zip(_motion(truth, start, end), of_file, strict=True)
    ]
    ra, dec = _moved(truth, start, drift[0] * -minutes[start], drift[1])
    beyond = np.maximum(minutes[first], -minutes[last]).clip(0)
    spans = beyond / np.where(moving, minutes[last] - minutes[first], np.inf)
    astray = np.minimum(rules.match_radius * (spans - rules.extrapolation).clip(0), rules.unknown_rate * beyond)
    guess = ~moving & ~observed & ~np.isfinite(rate + angle)

    validated = np.asarray(truth["validated"], bool)
    speed = np.abs(np.nan_to_num(rate)) / 60
    tolerance = rules.match_radius + np.minimum(speed * (rules.timing_error + exposure / 2), rules.match_radius)
    aside = np.maximum(rules.aside_radius, tolerance) + np.where(guess, rules.unknown_rate * beyond, astray)
    known = {
        "designation": np.asarray(truth["designation"], str)[first],
        "ra": ra,
        "dec": dec,
        "magnitude": _magnitude(np.asarray(truth["magnitude"], float), minutes, group, (start, end)),
        "rate": rate,
        "position_angle": angle,
        "validated": np.where(observed, validated[nearest], between & validated[start] & validated[end]),
        "tolerance": np.where(guess, 0.0, tolerance),
        "aside": aside,
        "trail": np.minimum(speed * exposure / 2, LONGEST_TRAIL),
    }
    return Table(known)


def _by_object(truth: Table, mjd: float, window: float) -> tuple[Table, np.ndarray, np.ndarray]:
    """Return the rows within a window (d) by object and time, the objects' numbers, and the number of each row's."""
    mjds = np.asarray(truth["mjd"], float)
    near = truth[slice(*np.searchsorted(mjds, [mjd - window, mjd + window]))]
    names, group = np.unique(np.asarray(near["designation"], str), return_inverse=True)
    order = np.argsort(group, kind="stable")
    return near[order], np.arange(len(names)), group[order]


def _motion(truth: Table, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rate (arcsec/min) and position angle (deg) at `start` on the way to `end`; NaN where there is none."""
    ra, dec = (np.radians(np.asarray(truth[name], float)) for name in ("ra", "dec"))
    minutes = (np.asarray(truth["mjd"], float)[end] - np.asarray(truth["mjd"], float)[start]) * 1440
    minutes = np.where(minutes > 0, minutes, np.nan)
    distance = angular_separation(ra[start], dec[start], ra[end], dec[end]) / ARCSEC
    angle = position_angle(ra[start], dec[start], ra[end], dec[end]).to_value("deg") % 360
    return distance / minutes, np.where(np.isfinite(minutes), angle, np.nan)


def _moved(truth: Table, row: np.ndarray, distance: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (deg) at a distance (arcsec) and position angle (deg) from those of some rows."""
    ra, dec = (np.radians(np.asarray(truth[name], float))[row] for name in ("ra", "dec"))
    moved = offset_by(ra, dec, np.radians(angle), distance * ARCSEC)
    return moved[0].to_value("deg"), moved[1].to_value("deg")


def _magnitude(
    magnitude: np.ndarray, minutes: np.ndarray, group: np.ndarray, ends: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Return magnitudes: between two observations where both have one, else the brightest of the object's."""
    start, end = ends
    span = np.where(minutes[end] > minutes[start], minutes[end] - minutes[start], 1)
    share = (-minutes[start] / span).clip(0, 1)
    between = magnitude[start] + (magnitude[end] - magnitude[start]) * share
    between = np.where(share == 0, magnitude[start], np.where(share == 1, magnitude[end], between))
    brightest = np.full(len(start), np.nan)
    np.fmin.at(brightest, group, magnitude)
    return np.where(np.isfinite(between), between, brightest)
