"""Where a place in one exposure is in another one, and how bright the same source is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS

from ...frames.sky import to_pixels, to_sky
from ..footprints import Footprint
from .images import Image

APERTURE = 0.5
"""Radius of an aperture in units of the larger FWHM of the two exposures. The signal-to-noise ratio of a star is
greatest at 0.7; but the slowest asteroid that is wanted moves 0.9 between exposures that are just far enough apart, and
leaves 0.2 to 0.26 of its flux in such an aperture and 0.3 to 0.36 in that one
(``benchmarks/results/forced_choice.json``)."""

BRIGHT = 10.0
"""Signal-to-noise ratio of the stars that two exposures are compared by, in both."""

FEWEST, MOST = 5, 300
"""So many stars are needed to compare two exposures; and the brightest so many are used."""

FEWEST_FOR_LINEAR = 30
"""With so many stars, exposures may be turned and stretched against each other; with fewer they are only shifted."""

SPREAD = 0.05
"""But not in a direction in which the stars are spread (standard deviation) over less than this share of the frame."""

FARTHEST = 1.0
"""How far (in FWHM) coordinates may be off: what is farther is another star."""

ALIKE = 0.3
"""How far (in FWHM) a star may be from where the others say that it is. Half of them must be nearer: where exposures do
not show the same stars, others are found as far as `FARTHEST` from their places, anywhere."""

CLIP = 3.5
"""Stars farther from the median than this, in robust standard deviations, are not used."""

STEP = 12.0
"""Pixels: how far apart places are from which it is found how the pixels of two exposures lie to each other."""


@dataclass(frozen=True)
class Pointing:
    """Where an exposure looks: by its coordinates, and where it or the other one has none, by its footprint.

    `scale` is its pixel scale, arcsec per pixel.
    """

    wcs: WCS | None
    footprint: Footprint | None
    scale: float

    def to(self, other: Pointing, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of another exposure, (n,) each, that pixels (from 1) of this one are; NaN for unknown."""
        if self.wcs is not None and other.wcs is not None:
            return to_pixels(other.wcs, *to_sky(self.wcs, x, y))
        if self.footprint is None or other.footprint is None:
            return np.full(len(x), np.nan), np.full(len(x), np.nan)
        there = other.footprint.pixels(self.footprint.places(np.stack([x, y], axis=1)))
        return there[:, 0], there[:, 1]


@dataclass(frozen=True)
class Stars:
    """The stars of an exposure that others are compared with: windowed centres, pixels from 1, (n,) each."""

    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, image: Image, x: np.ndarray, y: np.ndarray, seeing: float) -> Stars:
        """Return the brightest of the detections at `x`, `y` that are not saturated, centred anew.

        `seeing` is the FWHM of stars in pixels.
        """
        flux = _of_stars(image, x, y, APERTURE * seeing, seeing)
        rows = np.argsort(-flux, kind="stable")[:MOST]
        rows = rows[np.isfinite(flux[rows])]
        return cls(*image.centred(x[rows], y[rows], seeing))


@dataclass(frozen=True)
class Link:
    """What makes places and fluxes of one exposure into those of another.

    Parameters
    ----------
    here, there : Pointing
        Of the exposure and of the other one.
    correction : numpy.ndarray
        Shape (3, 2): ``[x, y, 1] @ correction`` is what has to be added to the pixels that the coordinates give.
    radii : tuple of float
        Of an aperture here and there, pixels; on the sky they are the same.
    scale : float
        Flux here over flux there, of stars in such apertures: exposure time, air, and what a different seeing spreads
        outside them.
    """

    here: Pointing
    there: Pointing
    correction: np.ndarray
    radii: tuple[float, float]
    scale: float = 1.0

    def pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of the other exposure, (n,) each, that pixels (from 1) of this one are."""
        found = np.stack(self.here.to(self.there, x, y), axis=1)
        found = found + np.column_stack([found, np.ones(len(found))]) @ self.correction
        return found[:, 0], found[:, 1]

    def left(self, distance: np.ndarray, seeing: float) -> np.ndarray:
        """Return what a source that has moved by a distance (arcsec) leaves in its old aperture in the other exposure.

        As a share of what it had there, (n,); 0 for NaN. `seeing` is the other one's FWHM, arcsec; the profile is taken
        to be a Gaussian.
        """
        from scipy.special import chndtr  # here: most runs measure no cost of a limit

        sigma = seeing / 2.355
        radius = self.radii[1] * self.there.scale
        # The distance of a normally distributed point to a place beside its mean: a non-central chi-square, 2
        # dimensions.
        known = np.where(np.isnan(distance), np.inf, distance)
        share: np.ndarray = chndtr((radius / sigma) ** 2, 2, np.minimum((known / sigma) ** 2, 1e4))
        return np.where(np.isnan(distance), 0.0, share / chndtr((radius / sigma) ** 2, 2, 0.0))

    def left_by_stars(self, other: Image, stars: Stars, distance: float) -> float:
        """Return the same share as stars show it in the other exposure, at least 0: whatever profile they have.

        Median of all stars and of eight directions, so that what is beside a few does not count.
        """
        x, y = self.pixels(stars.x, stars.y)
        flux, _ = other.flux(x, y, self.radii[1])
        angle = np.arange(8)[:, None] * np.pi / 4
        step = distance / self.there.scale
        beside, _ = other.flux((x + step * np.cos(angle)).ravel(), (y + step * np.sin(angle)).ravel(), self.radii[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(flux > 0, beside.reshape(8, -1) / flux, np.nan)
        return max(float(np.nanmedian(share)), 0.0) if np.isfinite(share).any() else 0.0

    def grid(self, x: np.ndarray, y: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pixels of the other exposure around n places of this one.

        Parameters
        ----------
        x, y : numpy.ndarray
            Places, pixels from 1, (n,).
        offsets : numpy.ndarray
            Columns and rows from a place, the same on both axes, (m,).

        Returns
        -------
        x, y : numpy.ndarray
            Shape (n, m, m), axes (place, y, x). Around a place the pixels are taken to lie regularly.
        area : numpy.ndarray
            How many pixels there a pixel here covers, (n,).
        """
        steps = [(0.0, 0.0), (STEP, 0.0), (-STEP, 0.0), (0.0, STEP), (0.0, -STEP)]
        at = np.stack([np.stack(self.pixels(x + dx, y + dy)) for dx, dy in steps])
        by_x, by_y = (at[1] - at[2]) / (2 * STEP), (at[3] - at[4]) / (2 * STEP)
        grid = (
            at[0][:, :, None, None]
            + by_x[:, :, None, None] * offsets[None, None, None, :]
            + by_y[:, :, None, None] * offsets[None, None, :, None]
        )
        return grid[0], grid[1], np.abs(by_x[0] * by_y[1] - by_x[1] * by_y[0])


def link(image: Image, other: Image, here: Pointing, there: Pointing, stars: Stars, seeing: float) -> Link | None:
    """Find how an exposure lies to another one, and how bright its stars are there.

    Parameters
    ----------
    image, other : Image
        Of the exposure and the other one.
    here, there : Pointing
        Where they look.
    stars : Stars
        Of the exposure.
    seeing : float
        The larger FWHM of the two, arcsec.

    Returns
    -------
    Link or None
        None where they have too few stars in common to be compared: then the other one has not looked.
    """
    width = seeing / there.scale
    radii = APERTURE * seeing / here.scale, APERTURE * width
    expected = np.stack(here.to(there, stars.x, stars.y), axis=1)
    residual = np.full_like(expected, np.nan)
    for _ in range(2):  # from a start that is off by half a FWHM, a faint star's centre is not found at once
        start = expected + _median(residual)
        x, y = other.centred(start[:, 0], start[:, 1], width)
        # Where there is no star, as at the place of a cosmic ray, noise has its centre near where it was looked for.
        shown = np.isfinite(_of_stars(other, x, y, radii[1], width))
        residual = np.where(shown[:, None], np.stack([x, y], axis=1) - expected, np.nan)
    good = np.hypot(*residual.T) < FARTHEST * width
    if good.sum() < FEWEST:
        return None
    linked = Link(here, there, _correction(expected, residual, good, max(other.data.shape)), radii)
    x, y = linked.pixels(stars.x, stars.y)
    ratio = _of_stars(image, stars.x, stars.y, radii[0], seeing / here.scale) / _of_stars(other, x, y, radii[1], width)
    alike = good & np.isfinite(ratio) & (np.hypot(*(np.stack([x, y]) - (expected + residual).T)) < ALIKE * width)
    return replace(linked, scale=float(np.median(ratio[alike]))) if alike.sum() >= max(FEWEST, good.sum() / 2) else None


def _of_stars(image: Image, x: np.ndarray, y: np.ndarray, radius: float, seeing: float) -> np.ndarray:
    """Return the flux in circles, (n,), by which stars are compared; NaN where it is not `BRIGHT`, or saturated.

    `radius` and `seeing`, the FWHM of stars, are in pixels.
    """
    flux, error = image.flux(x, y, radius)
    # A star of this flux has its peak at half the saturation: pi / (4 ln 2) is a Gaussian's area in FWHM^2.
    most = 0.5 * image.info.saturation * 1.13 * seeing**2 if image.info.saturation > 0 else np.inf
    with np.errstate(invalid="ignore"):
        return np.where((flux > BRIGHT * error) & (flux <= most), flux, np.nan)


def _median(offsets: np.ndarray) -> np.ndarray:
    known = offsets[np.isfinite(offsets).all(axis=1)]
    return np.median(known, axis=0) if len(known) else np.zeros(2)


def _correction(places: np.ndarray, residual: np.ndarray, good: np.ndarray, size: float) -> np.ndarray:
    """Return the linear function of places that residuals are, robustly; only a shift where there are few.

    `size` is that of the frame, pixels: places that all are near a point or a line do not say what is far from there.
    """
    correction = np.zeros((3, 2))
    columns = np.column_stack([places, np.ones(len(places))])
    correction[2] = _median(residual[good])
    for _ in range(2):
        off = np.hypot(*(residual - columns @ correction).T)
        with np.errstate(invalid="ignore"):
            kept = good & (off <= CLIP * 1.4826 * np.nanmedian(off[good]) + 1e-6)
        if kept.sum() >= FEWEST_FOR_LINEAR:
            middle = np.append(places[kept].mean(axis=0), 0)
            turned = np.linalg.lstsq((columns[kept] - middle) / (size, size, 1), residual[kept], rcond=SPREAD)[0]
            correction[:2] = turned[:2] / size
            correction[2] = turned[2] - middle[:2] @ correction[:2]
        else:
            correction[2] = residual[kept].mean(axis=0)
    return correction
