"""The image of a star, measured from a frame's own stars."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.nddata import NDData
from astropy.table import Table
from photutils.psf import EPSFBuilder, ImagePSF, extract_stars
from threadpoolctl import threadpool_limits

from ...console import warn
from ...errors import InputError
from ...frames.reading import Frame
from ...selection.neighbours import pairs_within
from ..simulate.render import Profile, Psf

CLEAN = ((50.0, 0.02), (20.0, 0.05), (20.0, 0.15))
"""What is asked of a star: its least signal-to-noise ratio, and the largest share of its light that a neighbour in its
box may have. The first row that enough stars meet is used."""

WIDTHS = 0.15
"""Share by which a star's width may differ from that of most stars; cosmic rays are narrower, galaxies wider."""

MERGED = 2
"""FLAGS bit of a deblended detection: whether its neighbour matters depends on its light (`CLEAN`)."""

ROUND = 0.3
"""Largest ellipticity of a star."""

FULL = 0.7
"""Share of the saturation that a star's peak may reach: detectors are not linear to the end."""

RADIUS = 4.0
"""Half side of a star's box in units of the stars' half-light diameter; 99.7 % of a Moffat profile's light."""

FEWEST, MOST_STARS = 12, 100
STARS_PER_SAMPLE = 2
"""Stars needed for each of the samples of a pixel: fewer leave samples without a pixel near them."""

SAMPLED = 9.0
"""Samples wanted across the FWHM; with fewer, smoothing makes the profile wider."""

SMOOTHING = {2: "quartic", 3: "quadratic", 4: "quadratic"}
"""Kernel by samples per pixel (`photutils.psf.EPSFBuilder`)."""

ITERATIONS = 5

CORE = 1.25
"""Where the profile becomes round, in half-light diameters from its centre; wholly so one diameter farther out."""

FEWEST_FOR_MOFFAT = 3
MOFFAT_FWHM = 0.738
"""FWHM over half-light diameter of a Moffat profile of exponent 2.5."""


@dataclass(frozen=True)
class StarImage:
    """The effective PSF of a frame: what a star gives each pixel, at any place within the pixel.

    Parameters
    ----------
    model : photutils.psf.ImagePSF
        Anderson & King 2000 (PASP 112, 1360), normalised to a flux of 1 within the box.
    half : int
        The box has 2·half + 1 pixels on each side.
    stars : int
        How many stars it was measured from.
    """

    model: ImagePSF
    half: int
    stars: int

    @property
    def step(self) -> float:
        """A quarter of a pixel."""
        return 0.25

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return the share of a source's flux in pixels at offsets (dx, dy) from its centre."""
        dx, dy = np.broadcast_arrays(dx, dy)
        share = self.model.evaluate(dx.astype(float), dy.astype(float), 1.0, 0.0, 0.0)
        return np.maximum(share, 0.0).astype(np.float32)

    def reach(self, flux: np.ndarray) -> np.ndarray:
        """Return the box's half side for every source."""
        return np.full(np.shape(flux), float(self.half))


def measure_stars(frame: Frame, sky: np.ndarray, detections: Table) -> Profile:
    """Measure the image of a star from a frame's isolated, unsaturated stars.

    One image stands for the whole frame: where the PSF changes over the CCD it is the mean one.

    Parameters
    ----------
    frame : Frame
        The frame.
    sky : numpy.ndarray
        Its background, ADU, shape (ny, nx).
    detections : astropy.table.Table
        Its detections, as `detect.detect_frame` returns them.

    Returns
    -------
    StarImage or Psf
        With fewer stars than an effective PSF needs, a round Moffat profile of their width, and a warning.

    Raises
    ------
    InputError
        When there are not even enough stars for a width.
    """
    rows, width = find_stars(frame, detections)
    if len(rows) < FEWEST_FOR_MOFFAT:
        raise InputError(
            frame.info.path,
            f"has {len(rows)} isolated, unsaturated stars",
            expected=f"{FEWEST_FOR_MOFFAT} at least, with a signal-to-noise ratio above {CLEAN[-1][0]:g}",
            action="leave this frame out",
        )
    if len(rows) < FEWEST:
        warn(
            f"{frame.info.path}: has {len(rows)} isolated, unsaturated stars; a round Moffat profile of their width "
            f"stands for them ({FEWEST} are needed to measure the profile itself)"
        )
        return Psf(MOFFAT_FWHM * width)
    return _effective(frame, sky, detections[rows], width)


def find_stars(frame: Frame, detections: Table) -> tuple[np.ndarray, float]:
    """Return the rows of isolated, unsaturated stars, brightest first, and the half-light diameter of most stars."""
    found: tuple[np.ndarray, float] = np.empty(0, int), math.nan
    for signal, neighbour in CLEAN:
        found = _stars(frame, detections, signal, neighbour)
        if len(found[0]) >= FEWEST:
            break
    return found


def _stars(frame: Frame, detections: Table, signal: float, neighbour: float) -> tuple[np.ndarray, float]:
    flux, width = np.asarray(detections["FLUX_AUTO"]), np.asarray(detections["FWHM_IMAGE"])
    clean = (flux > signal * np.asarray(detections["FLUXERR_AUTO"])) & (np.asarray(detections["FLAGS"]) & ~MERGED == 0)
    clean &= (np.asarray(detections["ELLIPTICITY"]) < ROUND) & (width > 0)
    peak = np.asarray(detections["FLUX_MAX"] + detections["BACKGROUND"])
    clean &= ~(peak > FULL * frame.info.saturation)
    if not clean.any():
        return np.empty(0, int), math.nan
    typical = _commonest(width[clean])
    rows = np.flatnonzero(clean & (np.abs(width / typical - 1) < WIDTHS))
    places = np.stack([detections["X_IMAGE"], detections["Y_IMAGE"]], axis=1)
    half = _half(typical)
    i, j, _ = pairs_within(places[rows], places, half)
    spoilt = (rows[i] != j) & (flux[j] > neighbour * flux[rows[i]])
    alone = np.setdiff1d(rows, rows[i[spoilt]])
    alone = alone[[_whole(frame.data, places[row], half) for row in alone]] if len(alone) else alone
    return alone[np.argsort(-flux[alone], kind="stable")][:MOST_STARS], typical


def _half(width: float) -> int:
    return max(6, math.ceil(RADIUS * width))


def _commonest(widths: np.ndarray) -> float:
    """Return the median of the widths around which most others are."""
    widths = np.sort(widths)
    low, high = (np.searchsorted(widths, widths * (1 + sign * WIDTHS)) for sign in (-1, 1))
    best = int(np.argmax(high - low))
    return float(np.median(widths[low[best] : max(high[best], low[best] + 1)]))


def _whole(data: np.ndarray, place: np.ndarray, half: int) -> bool:
    """Tell whether the box around a 1-based position is in the frame and has no missing pixel."""
    column, row = (round(float(at) - 1) for at in place)
    box = data[max(0, row - half - 1) : row + half + 2, max(0, column - half - 1) : column + half + 2]
    return box.shape == (2 * half + 3, 2 * half + 3) and bool(np.isfinite(box).all())


def _effective(frame: Frame, sky: np.ndarray, stars: Table, width: float) -> StarImage:
    half, samples = _half(width), _samples(len(stars), width)
    places = Table({"x": stars["X_IMAGE"] - 1, "y": stars["Y_IMAGE"] - 1})
    data = np.where(np.isfinite(frame.data), frame.data - sky, 0.0)
    # Threads for the linear algebra of fits to 25 pixels only wait for each other, ten times as long on a busy machine.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single stars that cannot be fitted: they are left out of the mean
        boxes = extract_stars(NDData(data), places, size=2 * half + 1)
        model, _ = EPSFBuilder(
            oversampling=samples,
            smoothing_kernel=SMOOTHING[samples],
            maxiters=ITERATIONS,
            progress_bar=False,
        )(boxes)
    share = _round_wings(model.data, samples, width)
    total = share.sum() / samples**2
    if not (np.isfinite(total) and total > 0):
        raise InputError(
            frame.info.path, "its stars give no profile", expected="stars that look alike", action="leave it out"
        )
    return StarImage(ImagePSF(share / total, oversampling=samples, origin=model.origin), half, len(stars))


def _samples(stars: int, width: float) -> int:
    """Return the samples per pixel that a width asks for, as far as the stars allow."""
    asked = math.ceil(SAMPLED / (MOFFAT_FWHM * width))
    allowed = math.isqrt(stars // STARS_PER_SAMPLE)
    return max(2, min(asked, allowed, max(SMOOTHING)))


def _round_wings(share: np.ndarray, samples: int, width: float) -> np.ndarray:
    """Replace the wings of a profile by their mean at each distance.

    They are all noise there, and noise that is cut off at zero would add up to several per cent of the light.
    """
    rows, columns = (np.arange(length) - (length - 1) / 2 for length in share.shape)
    distance = np.hypot(rows[:, None], columns) / samples
    ring = np.round(distance).astype(int)
    mean = np.bincount(ring.ravel(), share.ravel()) / np.bincount(ring.ravel())
    wings = np.interp(distance, np.arange(len(mean)), np.maximum(mean, 0))
    weight = np.clip(distance / width - CORE, 0, 1)
    return (1 - weight) * share + weight * wings
