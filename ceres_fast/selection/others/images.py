"""The image of an exposure without its sky, and what an aperture in it is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import cached_property

import numpy as np
import sep

from ...frames.info import FrameInfo
from ...frames.reading import read_frame

RANDOM_APERTURES = 1000
"""Places at which the noise of an aperture is measured: 2.5 % exact, if all of them were empty."""

SEED = 31_415_926

SPLINE, REACH, STEP = 3, 8, 8
"""Order of the splines by which an image is resampled; how far a pixel is felt, to a part in 30,000, in pixels; and in
what steps the boxes grow around which that is done."""

RING = (3.0, 6.0)
"""Inner and outer radius of the ring around an aperture above which a peak is measured, in radii of the aperture."""

MOST_IN_BOXES = 16_000_000
"""Pixels around places that are looked at together, which bounds the memory of resampling."""

_WHOLE = sep.APER_TRUNC | sep.APER_HASMASKED | sep.APER_ALLMASKED | sep.APER_NONPOSITIVE


class Image:
    """The pixels of an exposure less its sky.

    Parameters
    ----------
    info : FrameInfo
        The exposure.
    pixels : numpy.ndarray
        ADU, float32, shape (ny, nx), axes (y, x); NaN where a pixel is missing. Not changed.

    Attributes
    ----------
    data : numpy.ndarray
        The same without the sky, 0 where a pixel is missing.
    missing : numpy.ndarray or None
        Which pixels are missing, bool, same shape; None where all are there.
    noise : float
        Standard deviation of the sky, ADU.
    """

    def __init__(self, info: FrameInfo, pixels: np.ndarray) -> None:
        missing = ~np.isfinite(pixels)
        self.info, self.missing = info, missing if missing.any() else None
        self.data = np.where(missing, np.float32(0), pixels).astype(np.float32, copy=False)
        sky = sep.Background(self.data, mask=self.missing)
        self.noise = float(sky.globalrms)
        self.data = self.data - sky.back(dtype=np.float32)
        if self.missing is not None:
            self.data[self.missing] = 0
        self._errors: dict[float, float] = {}

    @classmethod
    def read(cls, info: FrameInfo) -> Image:
        """Read the pixels of an exposure; raises as `read_frame`."""
        return cls(info, read_frame(info.path, info.hdu, info.camera).data)

    def peak(self, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
        """Return the flux in circles above the mean of a ring around them (`RING`); arguments and NaN as in `flux`.

        The wings of a bright star beside it add to a flux, and not to a peak.
        """
        return self._sum(x, y, radius, ring=True)

    def flux(self, x: np.ndarray, y: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the flux in circles, and its standard deviation.

        Parameters
        ----------
        x, y : numpy.ndarray
            Centres, pixels from 1, shape (n,); NaN is allowed.
        radius : float
            In pixels.

        Returns
        -------
        flux, error : numpy.ndarray
            ADU, float64, shape (n,). NaN where a circle is not whole: it reaches over the edge of the frame, or has a
            missing pixel. The error is the scatter of apertures at random places, and the photon noise of the flux
            where the gain is known.
        """
        flux = self._sum(x, y, radius)
        variance = np.full(len(flux), self._error(radius) ** 2)
        if self.info.gain > 0:
            variance += np.maximum(flux, 0) / self.info.gain
        return flux, np.where(np.isnan(flux), np.nan, np.sqrt(variance))

    def resampled(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the image between its pixels, by cubic splines.

        Parameters
        ----------
        x, y : numpy.ndarray
            Places, pixels from 1, shape (n, ...). Those of one of the n should be near each other: of the frame only
            the pixels around them are looked at.

        Returns
        -------
        numpy.ndarray
            ADU, float32, of the same shape; NaN off the frame and where a missing pixel has a share in the value.
        """
        from scipy import ndimage  # here: most runs resample nothing

        at = np.stack([np.asarray(y, float) - 1, np.asarray(x, float) - 1]).reshape(2, len(x), -1)
        last = np.array(self.data.shape)[:, None, None] - 1
        known = ((at >= 0) & (at <= last)).all(axis=0)
        if not known.any():
            return np.full(np.shape(x), np.nan, np.float32)
        first = np.floor(np.where(known, at, np.inf).min(axis=2, initial=last.max())).astype(np.int64) - REACH
        # To a millionth of a pixel, so that the sum of box and place below is exact, whatever the number of the box.
        at = np.where(known, np.round((at - first[:, :, None]) * 2**20) / 2**20, REACH)
        # In steps, so that it is the same whichever places are asked for together: the ends of a spline are felt.
        side = np.arange(STEP * math.ceil((at.max() + REACH + 2) / STEP))
        if len(x) > 1 and len(x) * len(side) ** 2 > MOST_IN_BOXES:
            half = len(x) // 2
            return np.concatenate([self.resampled(x[:half], y[:half]), self.resampled(x[half:], y[half:])])
        rows, columns = (np.clip(each[:, None] + side, 0, end) for each, end in zip(first, last[:, 0, 0], strict=True))
        boxes = self.data[rows[:, :, None], columns[:, None, :]]
        for axis in (1, 2):
            boxes = ndimage.spline_filter1d(boxes, SPLINE, axis, np.float32, mode="nearest")
        # The boxes lie below one another, so that one call does for all.
        in_all = at[0] + np.arange(len(x))[:, None] * len(side), at[1]
        values = ndimage.map_coordinates(
            boxes.reshape(-1, len(side)), np.stack(in_all), np.float32, order=SPLINE, mode="nearest", prefilter=False
        )
        if self._beside_missing is not None:
            inside = np.rint(at + first[:, :, None]).astype(np.int64)
            known &= ~self._beside_missing[tuple(np.clip(inside, 0, last))]
        return np.where(known, values, np.float32(np.nan)).reshape(np.shape(x))

    def centred(self, x: np.ndarray, y: np.ndarray, seeing: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the windowed centres of sources near some places, pixels from 1, (n,) each; NaN where there is none.

        `seeing` is the FWHM of stars, in pixels.
        """
        inside = (x > 0.5) & (y > 0.5) & (x < self.data.shape[1] + 0.5) & (y < self.data.shape[0] + 0.5)
        found = np.full((2, len(x)), np.nan)
        there = sep.winpos(
            self.data, np.ascontiguousarray(x[inside] - 1), np.ascontiguousarray(y[inside] - 1), seeing / 2.355,
            mask=self.missing,
        )  # fmt: skip
        found[:, inside] = np.where(np.asarray(there[2]) & _WHOLE, np.nan, np.asarray(there[:2]) + 1)
        return found[0], found[1]

    def _sum(self, x: np.ndarray, y: np.ndarray, radius: float, ring: bool = False) -> np.ndarray:
        inner, outer = (radius * each for each in RING)
        ny, nx = self.data.shape
        known = (x > 0.5) & (y > 0.5) & (x < nx + 0.5) & (y < ny + 0.5)
        if ring and self._there is not None:  # sep refuses a ring without a pixel
            at = [np.ascontiguousarray(each[known], float) - 1 for each in (x, y)]
            known[known] = sep.sum_circann(self._there, *at, inner, outer)[0] > 1
        at = [np.ascontiguousarray(each[known], float) - 1 for each in (x, y)]
        around = (inner, outer) if ring else None
        total, _, flags = sep.sum_circle(self.data, *at, radius, mask=self.missing, bkgann=around)
        result = np.full(len(x), np.nan)
        result[known] = np.where(flags & _WHOLE == 0, total, np.nan)
        return result

    def _error(self, radius: float) -> float:
        """Return the scatter of apertures of a radius where nothing is known of what is in them."""
        key = round(radius, 3)
        if key not in self._errors:
            random = np.random.default_rng(SEED)
            ny, nx = self.data.shape
            sums = self._sum(random.uniform(1, nx, RANDOM_APERTURES), random.uniform(1, ny, RANDOM_APERTURES), radius)
            # Half of them are darker than the sky: these have no source in them, which would seem to be noise.
            low, middle = np.nanpercentile(sums, (15.87, 50)) if np.isfinite(sums).any() else (math.nan, math.nan)
            least = self.noise * math.sqrt(math.pi) * radius
            self._errors[key] = float(np.nanmax([middle - low, least]))
        return self._errors[key]

    @property
    def with_missing(self) -> np.ndarray:
        """The image with NaN where a pixel is missing."""
        return self.data if self.missing is None else np.where(self.missing, np.float32(np.nan), self.data)

    @cached_property
    def _there(self) -> np.ndarray | None:
        return None if self.missing is None else (~self.missing).astype(np.float32)

    @cached_property
    def _beside_missing(self) -> np.ndarray | None:
        """Which pixels a missing one is beside: what is resampled there is partly invented."""
        if self.missing is None:
            return None
        from scipy import ndimage

        beside: np.ndarray = ndimage.binary_dilation(self.missing, np.ones((3, 3), bool))
        return beside


class Images:
    """The images of a field's exposures, read when they are asked for.

    Parameters
    ----------
    kept : collection of str
        The places of those that are kept; of the others only the last is.
    read : callable
        What makes an image of an exposure.
    """

    def __init__(self, kept: Collection[str], read: Callable[[FrameInfo], Image] = Image.read) -> None:
        self._kept, self._read = kept, read
        self._images: dict[str, Image] = {}

    def __getitem__(self, info: FrameInfo) -> Image:
        """Return the image of an exposure; raises as `read_frame`."""
        if info.place not in self._images:
            self._images = {place: image for place, image in self._images.items() if place in self._kept}
            self._images[info.place] = self._read(info)
        return self._images[info.place]
