"""What catalogues say of the detections of a field's exposures, put together for finding what moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..catalogues.detections import Detections
from .apart import matching_radii
from .footprints import Footprint, plane_of
from .rules import Rules

TO_SIGMA = 1 / 2.355
"""A Gaussian's sigma, in units of its FWHM."""

UNKNOWN_SNR = 5.0
"""Signal-to-noise ratio of a detection of which the catalogue says nothing: that of the faintest."""

FARTHEST = 1e6
"""arcsec: no field is so wide."""

LEAST_REGISTERED = 20
"""Stationary detections that two exposures must share so that their places and magnitudes are compared."""


@dataclass(frozen=True)
class Measured:
    """The detections of all exposures, one exposure after the other, and at the end a row that is none of them.

    Parameters
    ----------
    start : numpy.ndarray
        The first row of each exposure, and at the end the row that is none; shape (exposures + 1,), int64.
    place : numpy.ndarray
        arcsec to the east and north in the plane of the field, shape (n + 1, 2); NaN where it is not known.
    variance : numpy.ndarray
        Of each coordinate of the place, arcsec², shape (n + 1,); infinite for the row that is none.
    magnitude, magnitude_error : numpy.ndarray
        mag, shape (n + 1,), in the zero point of one exposure where `_registration` finds it; NaN where not known.
    trail : numpy.ndarray
        How far each is drawn out, and in what direction, arcsec to the east and north, shape (n + 1, 2): the length of
        the trail that is as long as A_IMAGE and as wide as B_IMAGE. NaN where it is not known.
    """

    start: np.ndarray
    place: np.ndarray
    variance: np.ndarray
    magnitude: np.ndarray
    magnitude_error: np.ndarray
    trail: np.ndarray

    def rows(self, masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the rows of the detections of each exposure that a mask chooses, one of those at one place.

        Detections whose place is not known, or absurd, are left out.
        """
        result = []
        for start, mask in zip(self.start, masks, strict=False):
            rows = start + np.flatnonzero(mask)
            rows = rows[(np.abs(self.place[rows]) < FARTHEST).all(axis=1)]
            result.append(rows[np.sort(np.unique(self.place[rows], axis=0, return_index=True)[1])])
        return result


def measure(exposures: Sequence[Detections], stationary: Sequence[np.ndarray], rules: Rules) -> Measured:
    """Return what the catalogues of a field's exposures say, with places and magnitudes compared on what is stationary.

    The variance of a position is that of the catalogue (ERRAWIN_WORLD and the like; else what follows from the
    signal-to-noise ratio and the width) and at least half of `Rules.position_error`, which is 2 sigma of the distance
    of two faint detections.

    Parameters
    ----------
    exposures : sequence of Detections
        Of one field and CCD.
    stationary : sequence of numpy.ndarray
        Which detections of each are stationary, (n,) bool.
    rules : Rules
        For `position_error` and the radius of matching.
    """
    plane, radii = plane_of(exposures), matching_radii([each.info for each in exposures], rules)
    widths = np.diag(radii) / rules.stationary_radius  # FWHM, arcsec
    magnitudes = [first_known(each, "MAG_AUTO") for each in exposures]
    shifts = _registration(plane.places, magnitudes, stationary, radii)
    errors, snr, trails = [], [], []
    for exposure, width, footprint in zip(exposures, widths, plane.footprints, strict=True):
        snr.append(_snr(exposure))
        errors.append(_errors(exposure, width, snr[-1], rules))
        trails.append(_trails(exposure, footprint))
    none = np.full((1, 2), np.nan)
    return Measured(
        np.cumsum([0, *[len(each.x) for each in exposures]]),
        np.concatenate([*[each - shift[:2] for each, shift in zip(plane.places, shifts, strict=True)], none]),
        np.concatenate([*errors, [np.inf]]) ** 2,
        np.concatenate([*[each - shift[2] for each, shift in zip(magnitudes, shifts, strict=True)], none[0, :1]]),
        np.concatenate([*[1.0857 / each for each in snr], none[0, :1]]),
        np.concatenate([*trails, none]),
    )


def first_known(exposure: Detections, *names: str) -> np.ndarray:
    """Return the first of some columns that has a value above 0 (any, for magnitudes), row by row; else NaN."""
    found = np.full(len(exposure.x), np.nan)
    for name in names:
        values = exposure.column(name)
        if values is not None:
            found = np.where(np.isnan(found) & ((values > 0) | (name == "MAG_AUTO")), values, found)
    return found


def _snr(exposure: Detections) -> np.ndarray:
    """Return the signal-to-noise ratio of each detection; `UNKNOWN_SNR` where nothing is known."""
    snr = first_known(exposure, "FLUX_AUTO") / first_known(exposure, "FLUXERR_AUTO")
    of_magnitude = 1.0857 / first_known(exposure, "MAGERR_AUTO")
    return np.nan_to_num(np.where(np.isnan(snr), of_magnitude, snr), nan=UNKNOWN_SNR).clip(1e-3, 1e6)


def _errors(exposure: Detections, width: float, snr: np.ndarray, rules: Rules) -> np.ndarray:
    """Return the error of each coordinate of the places, arcsec, 1 sigma: at most the width of a star."""
    scale = exposure.info.pixel_scale
    own = first_known(exposure, "ERRAWIN_WORLD", "ERRA_WORLD") * 3600
    own = np.where(np.isnan(own), first_known(exposure, "ERRAWIN_IMAGE", "ERRA_IMAGE") * scale, own)
    drawn_out = np.fmax(first_known(exposure, "A_IMAGE") * scale, width * TO_SIGMA)
    own = np.where(np.isnan(own), drawn_out / snr, own)
    return np.clip(own, width * rules.position_error / 2 / np.sqrt(2), width)


def _trails(exposure: Detections, footprint: Footprint | None) -> np.ndarray:
    long, wide = (first_known(exposure, name) for name in ("A_IMAGE", "B_IMAGE"))
    angle = exposure.column("THETA_IMAGE")
    if footprint is None or angle is None:
        return np.full((len(exposure.x), 2), np.nan)
    # A trail of a length l has an RMS of l / sqrt(12) along itself.
    length = np.sqrt(12 * np.clip(long**2 - wide**2, 0, None))
    return (length * np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))])).T @ footprint.matrix


def _registration(
    places: Sequence[np.ndarray],
    magnitudes: Sequence[np.ndarray],
    stationary: Sequence[np.ndarray],
    radii: np.ndarray,
) -> np.ndarray:
    """Return how far each exposure is shifted against that with most stationary detections, (exposures, 3).

    To the east and north (arcsec) and in mag: medians of the stationary detections that both show; 0 where these are
    fewer than `LEAST_REGISTERED`.
    """
    shifts = np.zeros((len(places), 3))
    fixed = [mask & np.isfinite(each).all(axis=1) for each, mask in zip(places, stationary, strict=True)]
    best = int(np.argmax([mask.sum() for mask in fixed]))
    if fixed[best].sum() < LEAST_REGISTERED:
        return shifts
    tree = cKDTree(places[best][fixed[best]])
    for e, mask in enumerate(fixed):
        distance, row = tree.query(places[e][mask], distance_upper_bound=radii[e, best])
        there = np.isfinite(distance)
        columns = [np.column_stack([places[i], magnitudes[i]])[fixed[i]] for i in (e, best)]
        apart = columns[0][there] - columns[1][row[there]]
        for axis in range(3):
            known = apart[np.isfinite(apart[:, axis]), axis]
            if len(known) >= LEAST_REGISTERED:
                shifts[e, axis] = np.median(known)
    return shifts
