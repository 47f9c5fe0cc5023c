"""Which detections of an exposure are known asteroids, by their place, their exposures and their brightness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from astropy.table import Table

from .neighbours import pairs_within, sky_centre, tangent_plane
from .rules import Rules

SET_ASIDE = -1
"""Label of a detection that is neither an asteroid for certain nor none."""

REASONS = ("contested", "flux_mismatch", "set_aside")
"""Why a detection has the label `SET_ASIDE`."""

CERTAIN = 6.0
"""Two places nearer to a third than `Rules.match_radius` over this (0.33 arcsec) count as equally near:
reported positions are no better than that."""

LEAST_MAGNITUDES = 5
"""Asteroids whose magnitudes must be known so that their median difference is the zero point of an exposure; with fewer
the brightness is not used."""


@dataclass(frozen=True)
class Matches:
    """What the detections of an exposure are.

    Parameters
    ----------
    asteroid : numpy.ndarray
        Shape (n,), int64: row of the table of known asteroids, −1 where the detection is none of them.
    reason : numpy.ndarray
        Shape (n,), str: one of `REASONS` where a detection can be called neither class, else empty. ``contested``:
        two detections may be one asteroid, or two asteroids one detection; ``flux_mismatch``: much brighter than the
        asteroid at its place; ``set_aside``: near a known asteroid and not it for certain, or of an asteroid that is
        not validated or seen in too few exposures, or without a position.
    """

    asteroid: np.ndarray
    reason: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """Labels, shape (n,), int64: 1 asteroid, 0 no asteroid, `SET_ASIDE`."""
        return np.where(self.reason != "", SET_ASIDE, (self.asteroid >= 0).astype(int))

    def without(self, rows: np.ndarray, reason: str) -> Matches:
        """Return the same with some detections (mask, shape (n,), bool) set aside for a reason."""
        return replace(
            self, asteroid=np.where(rows, -1, self.asteroid), reason=np.where(rows, reason, self.reason).astype("U16")
        )


def match_known(known: Table, ra: np.ndarray, dec: np.ndarray, rules: Rules) -> Matches:
    """Match the known asteroids of an exposure to its detections.

    A detection is a validated asteroid when it is within its tolerance and each is the only one near the other, or
    by far the nearest (`Rules.contest_ratio`). Where none is, all near it are contested. Every other detection near a
    known asteroid, validated or not, or near its trail, is set aside. All others are no asteroids.

    Parameters
    ----------
    known : astropy.table.Table
        Where the known asteroids are (`tracks.known_at`).
    ra, dec : numpy.ndarray
        Detections, shape (n,), deg. One whose position is NaN, or none, is set aside.
    rules : Rules
        For the contest.
    """
    asteroid = np.full(len(ra), -1)
    on_sky = (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    reason = np.where(on_sky, "", "set_aside").astype("U16")
    if len(known) == 0 or not on_sky.any():
        return Matches(asteroid, reason)
    i, j, distance, from_trail = _pairs(known, np.where(on_sky, ra, np.nan), np.where(on_sky, dec, np.nan))
    reason[i[from_trail <= np.asarray(known["aside"])[j]]] = "set_aside"
    tolerance = np.asarray(known["tolerance"])[j]
    close = (distance <= tolerance) & (tolerance > 0)
    i, j, distance = i[close], j[close], distance[close]
    floor = rules.match_radius / CERTAIN
    clear = _clear(i, distance, rules.contest_ratio, floor) & _clear(j, distance, rules.contest_ratio, floor)
    validated = np.asarray(known["validated"], bool)[j]
    contested = validated & ~np.isin(i, i[clear]) & ~np.isin(j, j[clear])
    reason[i[contested]] = "contested"
    sure = clear & validated
    asteroid[i[sure]], reason[i[sure]] = j[sure], ""
    return Matches(asteroid, reason)


def _pairs(known: Table, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return detections and known asteroids that are near each other, and distances to place and trail in arcsec."""
    centre = sky_centre(ra, dec)
    points, places = tangent_plane(ra, dec, centre), tangent_plane(known["ra"], known["dec"], centre)
    trail = np.nan_to_num(np.asarray(known["trail"]))
    radius = float((np.maximum(known["aside"], known["tolerance"]) + trail).max())
    here = (places >= np.nanmin(points, axis=0) - radius) & (places <= np.nanmax(points, axis=0) + radius)
    places = np.where(here.all(axis=1, keepdims=True), places, np.nan)
    i, j, distance = pairs_within(points, places, radius)
    angle = np.radians(np.nan_to_num(np.asarray(known["position_angle"])))[j]
    direction = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    offset = points[i] - places[j]
    along = (offset * direction).sum(axis=1).clip(-trail[j], trail[j])
    return i, j, distance, np.hypot(*(offset - along[:, None] * direction).T)


def _clear(index: np.ndarray, distance: np.ndarray, ratio: float, floor: float) -> np.ndarray:
    """Tell which pairs are by far the nearest of all pairs with the same index."""
    order = np.lexsort((distance, index))
    index, distance = index[order], distance[order]
    following = np.append(index[1:] == index[:-1], False)
    next_distance = np.where(following, np.append(distance[1:], np.inf), np.inf)
    first = np.append(True, index[1:] != index[:-1])[: len(index)]
    result = np.empty(len(index), bool)
    result[order] = first & (next_distance >= ratio * np.maximum(distance, floor))
    return result


def set_aside_short_tracks(known: Sequence[Table], matches: Sequence[Matches], rules: Rules) -> list[Matches]:
    """Set aside the detections of asteroids that are seen in fewer exposures of a field than the rules ask for.

    Parameters
    ----------
    known : sequence of astropy.table.Table
        The known asteroids of each exposure of a field (`tracks.known_at`).
    matches : sequence of Matches
        What they were matched to.
    rules : Rules
        For `track_exposures`; where there are fewer exposures, all must show the asteroid.
    """
    least = min(rules.track_exposures, len(matches))
    names = [np.append(table["designation"], "")[match.asteroid] for table, match in zip(known, matches, strict=True)]
    seen = Counter(chain.from_iterable(set(each.tolist()) for each in names))
    short = [name for name, count in seen.items() if name and count < least]
    return [match.without(np.isin(each, short), "set_aside") for match, each in zip(matches, names, strict=True)]


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
        ``MAG_AUTO`` of the detections (`Detections.column`), shape (n,); NaN where it is not known.
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
        values = own if len(own) >= LEAST_MAGNITUDES else whole
        zero = float(np.median(values)) if len(values) >= LEAST_MAGNITUDES else np.nan
        result.append(match.without(difference - zero < -rules.flux_limit, "flux_mismatch"))
    return result


def _difference(known: Table, match: Matches, magnitude: np.ndarray | None) -> np.ndarray:
    """Return MAG_AUTO less the asteroid's magnitude, shape (n,); NaN where it is no asteroid or one is not known."""
    if magnitude is None:
        return np.full(len(match.asteroid), np.nan)
    of_asteroid = np.append(np.asarray(known["magnitude"], float), np.nan)[match.asteroid]
    return magnitude - of_asteroid
