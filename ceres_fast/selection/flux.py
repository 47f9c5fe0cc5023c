"""Detections at the place of an asteroid that are too bright to be it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from .match import Matches
from .rules import Rules

LEAST = 5
"""Asteroids whose magnitudes must be known to tell the zero point of an exposure; else the flux is not used."""


def set_aside_too_bright(
    known: Sequence[Table],
    matches: Sequence[Matches],
    magnitudes: Sequence[np.ndarray | None],
    moving: Sequence[np.ndarray],
    rules: Rules,
) -> list[Matches]:
    """Set aside the detections that are much brighter than the asteroids they were matched to.

    A catalogue's magnitudes have a zero point of their own, and a truth file's a filter of their own: the median
    difference of an exposure's matches, or where it has too few, of all exposures, is taken off. A fainter detection
    stays an asteroid: clouds and trails take light away, nothing but another source adds much.

    Parameters
    ----------
    known, matches : sequence of astropy.table.Table, sequence of Matches
        Of all exposures of a field.
    magnitudes : sequence of (numpy.ndarray or None)
        ``MAG_AUTO`` of the detections, shape (n,); NaN or above 90 where it is not known.
    moving : sequence of numpy.ndarray
        Which detections are not stationary, shape (n,), bool: of them the median is taken.
    rules : Rules
        For `flux_limit`.
    """
    differences = [
        _difference(table, match, magnitude) for table, match, magnitude in zip(known, matches, magnitudes, strict=True)
    ]
    used = [each[moves & np.isfinite(each)] for each, moves in zip(differences, moving, strict=True)]
    whole = np.concatenate([*used, np.empty(0)])
    result = []
    for match, difference, own in zip(matches, differences, used, strict=True):
        values = own if len(own) >= LEAST else whole
        zero = float(np.median(values)) if len(values) >= LEAST else np.nan
        result.append(match.without(difference - zero < -rules.flux_limit, "flux_mismatch"))
    return result


def _difference(known: Table, match: Matches, magnitude: np.ndarray | None) -> np.ndarray:
    """Return MAG_AUTO less the asteroid's magnitude, shape (n,); NaN where it is no asteroid or one is not known."""
    if magnitude is None:
        return np.full(len(match.asteroid), np.nan)
    of_asteroid = np.append(np.asarray(known["magnitude"], float), np.nan)[match.asteroid]
    return np.where(magnitude < 90, magnitude, np.nan) - of_asteroid
