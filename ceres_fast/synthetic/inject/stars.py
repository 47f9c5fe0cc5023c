"""The image of a star, measured from a frame's own stars."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.nddata import NDData
from astropy.table import Table
from photutils.psf import EPSFBuilder, ImagePSF, extract_stars

from ...console import warn
from ...errors import InputError
from ...frames.reading import Frame
from ...machine.cores import one_thread
from ..simulate.render import Profile, Psf
from ..star_finding import CLEAN, FEWEST, FEWEST_FOR_MOFFAT, MOFFAT_FWHM, box_half, find_stars

STARS_PER_SAMPLE = 2
"""Stars needed for each of the samples of a pixel: fewer leave samples without a pixel near them."""

SAMPLED = 9.0
"""Samples wanted across the FWHM; with fewer, smoothing makes the profile wider."""

SMOOTHING = {2: "quartic", 3: "quadratic", 4: "quadratic"}
"""Kernel by samples per pixel (`photutils.psf.EPSFBuilder`)."""

ITERATIONS = 5

CORE = 1.25
"""Where the profile becomes round, in half-light diameters from its centre; wholly so one diameter farther out."""


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


def _effective(frame: Frame, sky: np.ndarray, stars: Table, width: float) -> StarImage:
    half, samples = box_half(width), _samples(len(stars), width)
    places = Table({"x": stars["X_IMAGE"] - 1, "y": stars["Y_IMAGE"] - 1})
    data = np.where(np.isfinite(frame.data), frame.data - sky, 0.0)
    # Threads for the linear algebra of fits to 25 pixels only wait for each other, ten times as long on a busy machine.
    with one_thread(), warnings.catch_warnings():
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
