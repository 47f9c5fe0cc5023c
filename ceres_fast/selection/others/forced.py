"""Forced fluxes: what apertures in the other exposures hold at the place of a detection, against its own flux."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .images import Image
from .links import Link

SEEN = 3.0
"""A source is seen where the flux is this many times its standard deviation."""

SPARED = 4
"""One of so many exposures need not show a source that is always there. Of few, all must; but the least of many is low
by noise alone, and a long series would tell less than a short one (``benchmarks/results/other_exposures_real.json``).
"""

PEAK = 0.25
"""What of a limit must be there as a peak, too."""

DIGITS = 4
"""Decimals of ratios in columns: the same in records, which networks may learn from, and in catalogues."""

FORCED = ("forced_min", "forced_max", "forced_seen", "forced_looked")
"""The columns that `Forced.columns` makes."""


@dataclass(frozen=True)
class Forced:
    """Fluxes at the places of n detections in m other exposures, relative to the detections' own.

    Parameters
    ----------
    ratio, error : numpy.ndarray
        Flux there over the flux here, in the same aperture and scaled by stars, and the standard deviation of the flux
        there in the same unit: the detection's own flux is taken as it is. float64, shape (n, m). NaN where the other
        exposure has not looked. Where the detection's own flux is not above 0, the unit is that standard deviation, so
        that no exposure can tell more than whether something is there.
    left : numpy.ndarray or float
        What share of its flux the slowest asteroid that is wanted would have left in each of the others, where it has
        moved since, float64, shape (m,).
    peak : numpy.ndarray or float
        What the others have in the mean above their surroundings, as a share of what the detection has above its own,
        float64, (n,); NaN where that is not known, or where the detection is no peak.
    """

    ratio: np.ndarray
    error: np.ndarray
    left: np.ndarray | float = 0.0
    peak: np.ndarray | float = 1.0

    @property
    def looked(self) -> np.ndarray:
        """How many of the others have the whole aperture at each place, int64 (n,)."""
        return np.isfinite(self.ratio).sum(axis=1)

    @property
    def seen(self) -> np.ndarray:
        """How many of the others show something at each place, at 3 sigma, int64 (n,)."""
        return (self.ratio > SEEN * self.error).sum(axis=1)

    @property
    def least(self) -> np.ndarray:
        """The smallest ratio at each place, float64 (n,); NaN where no other exposure could tell.

        Only exposures count that would show what is as bright as the detection, at 3 sigma: of a bad one nothing can be
        said.
        """
        return _known(np.where(self._deep, self.ratio, np.inf).min(axis=1, initial=np.inf))

    @property
    def most(self) -> np.ndarray:
        """The largest ratio at each place in the same exposures, float64 (n,); NaN where there is none."""
        return _known(np.where(self._deep, self.ratio, -np.inf).max(axis=1, initial=-np.inf))

    @property
    def _deep(self) -> np.ndarray:
        return SEEN * self.error <= 1

    def elsewhere(self, limit: float | None) -> np.ndarray:
        """Tell which detections have more than `limit` of their flux in all exposures that could tell, bool (n,).

        Of `SPARED` and more, one in so many need not have it. An asteroid has left its place in all of them, so that
        one that passes a star in one of few is kept.

        In a pair of exposures that are just far enough apart, the slowest asteroid has a quarter of its flux left, and
        noise would lift that above the limit. So what it would have left in all of them is not counted: `limit` is a
        share of the rest. Where one of them is farther away in time, it would have nothing left there.

        The wings of a bright star are at a place in all exposures. So half of the share must also be there as a peak,
        in the mean of the others: noise is less in that, so that few faint stars are kept by it.
        """
        if limit is None:
            return np.zeros(len(self.ratio), bool)
        told = self._deep.any(axis=1)
        ratio, left = (np.where(told, self._low(each), 0.0) for each in (self.ratio, self.left))
        with np.errstate(invalid="ignore"):
            return told & (ratio > left + limit * (1 - left)) & (self.peak > PEAK * limit)

    def _low(self, values: np.ndarray | float) -> np.ndarray:
        """Return the least of the values (n, m) of exposures that could tell that are not spared, (n,)."""
        known = np.pad(np.where(self._deep, values, np.inf), ((0, 0), (0, 1)), constant_values=np.inf)
        spared = self._deep.sum(axis=1) // SPARED
        return np.take_along_axis(np.sort(known, axis=1), spared[:, None], axis=1)[:, 0]

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of `FORCED`: float64, rounded, and int64, (n,)."""
        # A zero is added because what is rounded to it may have a sign.
        ratios = (np.round(each, DIGITS) + 0 for each in (self.least, self.most))
        return dict(zip(FORCED, (*ratios, self.seen, self.looked), strict=True))

    def __getitem__(self, rows: Any) -> Forced:
        """Return the fluxes of some of the detections."""
        return Forced(self.ratio[rows], self.error[rows], self.left, np.broadcast_to(self.peak, len(self.ratio))[rows])


def forced_fluxes(image: Image, others: Sequence[tuple[Image, Link]], x: np.ndarray, y: np.ndarray) -> Forced:
    """Measure fluxes at the places of detections in other exposures.

    Parameters
    ----------
    image : Image
        Of the exposure with the detections.
    others : sequence of (Image, Link)
        The others, and how they lie to it.
    x, y : numpy.ndarray
        The detections, pixels from 1, (n,).
    """
    ratio, error, own_peaks, peaks = np.full((4, len(x), len(others)), np.nan)
    for number, (other, link) in enumerate(others):
        at, (here, there) = link.pixels(x, y), link.radii
        own, _ = image.flux(x, y, here)
        flux, deviation = link.scale * np.stack(other.flux(*at, there))
        own_peaks[:, number], peaks[:, number] = image.peak(x, y, here), link.scale * other.peak(*at, there)
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = np.where(own > 0, own, np.where(np.isnan(own), np.nan, deviation))
            ratio[:, number], error[:, number] = flux / unit, deviation / unit
    return Forced(ratio, error, peak=share_of_peak(peaks, own_peaks, error))


def share_of_peak(peaks: np.ndarray, own: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return `Forced.peak`, (n,), of peaks in others and of the detections' own, and errors, (n, m) each."""
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(np.isfinite(peaks) & np.isfinite(own), error**-2.0, 0.0)
        peak, of = ((weight * np.nan_to_num(each)).sum(axis=1) for each in (peaks, own))
        return np.where(of > 0, peak / of, np.nan)


def _known(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
