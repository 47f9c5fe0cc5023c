"""What the rules by which detections go cost: synthetic asteroids put through them, in every field."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from ..errors import InputError
from ..settings.guarantee import NEEDS
from .footprints import Plane
from .others.exposures import OtherExposures
from .others.forced import Forced, share_of_peak
from .stationary import SEED, Comparison

FASTEST = 10.0
"""arcsec/min: the fastest synthetic asteroids."""

LAST_BIN = 0.8
"""The last bin by rate begins below this share of the fastest, so that it is not too narrow."""

PLACES = 40_000
"""Places of synthetic asteroids in a field, all exposures together."""

LEAST_TRACKS = 150
"""Synthetic asteroids of each bin by rate, at least, also where there are many exposures."""

TRACKS, LOST = "synthetic tracks", "lost"
"""Names of the counts: ``"synthetic tracks at 0.1-0.2 arcsec/min, 3 exposures needed"``, and with ``": lost"``."""

_SEED_OF_FLUXES = 16_180_339

_NAME = re.compile(rf"{TRACKS} at (\S+) arcsec/min, (\d+) exposures needed")


def rate_edges(slowest: float) -> list[float]:
    """Return the edges (arcsec/min) of the bins by rate: doubled from `slowest` to `FASTEST`."""
    edges = [slowest]
    while edges[-1] * 2 < LAST_BIN * FASTEST:
        edges.append(edges[-1] * 2)
    return [*edges, max(FASTEST, slowest * 2)]


def track_cost(comparison: Comparison, needs: int = NEEDS, others: OtherExposures | None = None) -> Counter[str]:
    """Put synthetic asteroids through the rules, with the field's own detections, times and, for `others`, pixels.

    They start at a random place of a random exposure in a random direction and move at a constant rate; half of the
    error of positions (`Rules.position_error`, which is 2 sigma) is added. An asteroid counts as detected in every
    exposure that covers its place: the loss in detection is not part of this cost.

    Parameters
    ----------
    comparison : Comparison
        Of the exposures of a field.
    needs : int
        An asteroid is lost when it is left in fewer exposures (in all of them, where there are fewer). Asteroids that
        are inside fewer exposures are not counted.
    others : OtherExposures, optional
        The same exposures, where `Rules.forced_limit` is applied to what is not stationary.

    Returns
    -------
    collections.Counter
        By rate, how many there are and how many of them are lost (`LOST`). Empty where no two exposures are compared,
        and no `others` are given: nothing is lost then.
    """
    counts: Counter[str] = Counter()
    asked = min(needs, sum(footprint is not None for footprint in comparison.plane.footprints))
    if not asked or not (comparison.partners.any() or others is not None):
        return counts
    rates, places, own = tracks_of(comparison)
    inside = np.isfinite(np.stack(places, axis=1)[..., 0])
    gone = np.stack(comparison.apply(places, own).stays, axis=1)
    if others is not None and (limit := comparison.rules.forced_limit) is not None:
        moving = [~mask for mask in comparison.found.stays]
        gone |= np.stack(_elsewhere(others, comparison.plane, places, moving, limit), axis=1)
    left = (inside & ~gone).sum(axis=1)
    counted = inside.sum(axis=1) >= asked
    for low, high in pairwise(rate_edges(comparison.rules.slowest)):
        chosen = counted & (rates >= low) & (rates < high)
        name = f"{TRACKS} at {low:g}-{high:g} arcsec/min, {asked} exposures needed"
        counts[name] += int(chosen.sum())
        counts[f"{name}: {LOST}"] += int((chosen & (left < asked)).sum())
    return counts


def tracks_of(comparison: Comparison) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return synthetic asteroids, as many in each bin by rate, the same in every run.

    Returns
    -------
    rates : numpy.ndarray
        arcsec/min, shape (n,).
    places, own : list of numpy.ndarray
        What `Comparison.apply` takes: where they are in each exposure, and which other exposures show them there.
    """
    edges = rate_edges(comparison.rules.slowest)
    number = max(LEAST_TRACKS, PLACES // len(comparison.minutes) // (len(edges) - 1))
    random = np.random.default_rng(SEED)
    rates = np.concatenate([np.exp(random.uniform(*pair, number)) for pair in pairwise(np.log(edges).tolist())])
    places = _tracks(comparison, rates, random)
    everywhere = np.stack(places, axis=1)
    own = [
        np.hypot(*(everywhere - each[:, None]).transpose(2, 0, 1)) <= comparison.radii[e]
        for e, each in enumerate(places)
    ]
    return rates, places, own


def _elsewhere(
    others: OtherExposures, plane: Plane, places: Sequence[np.ndarray], moving: Sequence[np.ndarray], limit: float
) -> list[np.ndarray]:
    """Tell which synthetic asteroids have more than a share of their flux in all other exposures.

    An asteroid is as bright as one of the exposure's own detections that are not stationary, of one rank among these in
    every exposure. Its light is added to what is there and not painted, and so is what of it is still, or already,
    within the aperture in another exposure; for that the profile of stars is taken to be a Gaussian.

    Parameters
    ----------
    others : OtherExposures
        The exposures of the field.
    plane : Plane
        Where their detections are.
    places : sequence of numpy.ndarray
        For each exposure where n asteroids are, arcsec in the plane, (n, 2); NaN for one that is not seen.
    moving : sequence of numpy.ndarray
        For each exposure which of its detections are not stationary, bool.
    limit : float
        As `Forced.elsewhere` takes it.

    Returns
    -------
    list of numpy.ndarray
        For each exposure which ones, bool (n,): none where an exposure has no detection to draw from or
        cannot be read.
    """
    rank = np.random.default_rng(_SEED_OF_FLUXES).uniform(size=len(places[0]))
    found = []
    for e, (each, footprint) in enumerate(zip(places, plane.footprints, strict=True)):
        none = np.zeros(len(each), bool)
        drawn = plane.pixels[e][moving[e]]
        try:
            linked = others.links(e) if footprint is not None and len(drawn) else []
        except InputError:
            linked = []  # that it cannot be read is said, or ends the work, when it is its turn
        if footprint is None or not linked:
            found.append(none)
            continue
        (x, y), image = footprint.pixels(each).T, others.image(e)
        ratio, error, own_peaks, peaks = np.full((4, len(each), len(linked)), np.nan)
        for column, (number, other, link, seeing, _) in enumerate(linked):
            fluxes, _ = image.flux(drawn[:, 0], drawn[:, 1], link.radii[0])
            fluxes = fluxes[fluxes > 0]
            if not len(fluxes):
                continue
            own = np.quantile(fluxes, rank, method="inverted_cdf")
            at = link.pixels(x, y)
            flux, deviation = link.scale * np.stack(other.flux(*at, link.radii[1]))
            peaks[:, column] = link.scale * other.peak(*at, link.radii[1])
            own_peaks[:, column] = image.peak(x, y, link.radii[0]) + own
            if number < len(places):  # a template is of another time, when the asteroid was elsewhere
                left = own * link.left(np.hypot(*(places[number] - each).T), seeing)
                flux += left
                peaks[:, column] += left
            total = image.flux(x, y, link.radii[0])[0] + own
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio[:, column], error[:, column] = flux / total, deviation / total
        left_of = np.array([each.left for each in linked])
        found.append(Forced(ratio, error, left_of, share_of_peak(peaks, own_peaks, error)).elsewhere(limit))
    return found


def cost_rows(counts: Mapping[str, int]) -> tuple[tuple[str, str, str, str], list[tuple[str, str, int, str]]]:
    """Return heading and rows of a table from counts of `track_cost`: rate, exposures needed, tracks, share lost.

    No rows without any. Where none is lost, the share is the largest that fits that with 95 % confidence.
    """
    rows = []
    for name, tracks in counts.items():
        if (found := _NAME.fullmatch(name)) and tracks:
            rate, asked = found.groups()
            lost = counts.get(f"{name}: {LOST}", 0)
            rows.append((rate, asked, tracks, f"{lost / tracks:.2%}" if lost else f"< {min(3 / tracks, 1):.2%}"))
    rows.sort(key=lambda row: (int(row[1]), float(row[0].split("-")[0])))
    return ("arcsec/min", "exposures needed", TRACKS, "left in fewer"), rows


def _tracks(comparison: Comparison, rates: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Return where asteroids are in each exposure, arcsec, (n, 2); NaN where an exposure did not look there."""
    footprints, number = comparison.plane.footprints, len(rates)
    usable = [e for e, footprint in enumerate(footprints) if footprint is not None]
    if not usable:
        return [np.full((number, 2), np.nan)] * len(footprints)
    of = random.choice(usable, number)
    start = np.empty((number, 2))
    for e in usable:
        footprint, rows = footprints[e], np.flatnonzero(of == e)
        assert footprint is not None
        start[rows] = footprint.places(random.uniform(footprint.low - 0.5, footprint.high + 0.5, (len(rows), 2)))
    angle = random.uniform(0, 2 * np.pi, number)
    motion = rates[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rules = comparison.rules
    places = []
    for e, footprint in enumerate(footprints):
        true = start + (comparison.minutes[e] - comparison.minutes[of])[:, None] * motion
        sigma = comparison.radii[e, e] * rules.position_error / rules.stationary_radius / 2 / np.sqrt(2)
        inside = footprint.covers(true) if footprint is not None else np.zeros(number, bool)
        places.append(np.where(inside[:, None], random.normal(true, sigma), np.nan))
    return places
