"""Which synthetic asteroids the rule for forced fluxes would take for what is always there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import InputError
from ..footprints import Plane
from .exposures import OtherExposures
from .forced import Forced, share_of_peak

SEED = 16_180_339
"""Of the fluxes that synthetic asteroids get."""


def asteroids_elsewhere(
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
    rank = np.random.default_rng(SEED).uniform(size=len(places[0]))
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
