"""Where on the sky the exposures of a field looked, and where their detections are, in one plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..catalogues.detections import Detections
from ..frames.info import FrameInfo
from ..frames.sky import to_sky
from .neighbours import sky_centre, tangent_plane

LEAST_FOR_FIT = 6
"""Detections from whose positions the coordinates of a frame without a WCS are found."""


@dataclass(frozen=True)
class Footprint:
    """What part of a plane an exposure covers: ``place = pixel @ matrix + offset``.

    The map is linear. At the corners of a distorted frame it is some pixels off, which only matters at the edges.

    Parameters
    ----------
    matrix : numpy.ndarray
        Shape (2, 2), arcsec per pixel.
    offset : numpy.ndarray
        Shape (2,), arcsec.
    low, high : numpy.ndarray
        The first and the last pixel (from 1), axes (x, y), shape (2,).
    """

    matrix: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Return the pixels (from 1, axes (x, y)) at places in the plane (arcsec), both of shape (n, 2)."""
        return (places - self.offset) @ np.linalg.inv(self.matrix)

    def places(self, pixels: np.ndarray) -> np.ndarray:
        """Return the places (arcsec) of pixels, both of shape (n, 2)."""
        return pixels @ self.matrix + self.offset

    def covers(self, places: np.ndarray) -> np.ndarray:
        """Tell which places the exposure looked at, (n,) bool; false for NaN."""
        pixels = self.pixels(places)
        return np.all((pixels >= self.low - 0.5) & (pixels <= self.high + 0.5), axis=1)

    @property
    def centre(self) -> np.ndarray:
        """The place of its middle, arcsec, shape (2,)."""
        return self.places((self.low + self.high)[None] / 2)[0]

    @property
    def corners(self) -> np.ndarray:
        """The places of its corners, arcsec, shape (4, 2)."""
        (left, bottom), (right, top) = self.low, self.high
        return self.places(np.array([(left, bottom), (right, bottom), (left, top), (right, top)]))


@dataclass(frozen=True)
class Plane:
    """The detections of a field in one plane.

    Parameters
    ----------
    places : list of numpy.ndarray
        For each exposure (n, 2) positions in arcsec; NaN where one is not known.
    pixels : list of numpy.ndarray
        The same on the detector, pixels from 1, axes (x, y).
    footprints : list of Footprint or None
        None where it is not known where an exposure looked, or it has no detections: then it may have seen nothing.
    centre : tuple of float or None
        ra, dec (deg) of the point where the plane touches the sky. None where no exposure has positions on the sky: the
        plane is then the detector, as if all had pointed at the same place.
    """

    places: list[np.ndarray]
    pixels: list[np.ndarray]
    footprints: list[Footprint | None]
    centre: tuple[float, float] | None

    @property
    def on_sky(self) -> bool:
        """Whether the plane is the sky."""
        return self.centre is not None

    def put(self, sky: np.ndarray, margin: float) -> np.ndarray:
        """Return the places (arcsec) of positions on the sky (deg), (n, 2), without those far off the field."""
        assert self.centre is not None
        places = tangent_plane(sky[:, 0], sky[:, 1], self.centre)
        reach = [points[np.isfinite(points).all(axis=1)] for points in self.places]
        reach += [each.corners for each in self.footprints if each is not None]
        low, high = np.concatenate(reach).min(axis=0) - margin, np.concatenate(reach).max(axis=0) + margin
        return places[np.all((places >= low) & (places <= high), axis=1)]


def plane_of(exposures: Sequence[Detections]) -> Plane:
    """Put the detections of all exposures of a field into the plane that touches the sky in their middle."""
    pixels = [np.stack([exposure.x, exposure.y], axis=1).astype(float) for exposure in exposures]
    ra, dec = (np.concatenate([np.asarray(each[axis], float) for each in exposures]) for axis in (2, 3))
    if not (np.isfinite(ra) & np.isfinite(dec)).any():
        scales = [_scale(exposure.info) for exposure in exposures]
        prints = [
            _footprint(np.eye(2) * scale, np.zeros(2), exposure.info, points)
            for scale, exposure, points in zip(scales, exposures, pixels, strict=True)
        ]
        return Plane([points * scale for points, scale in zip(pixels, scales, strict=True)], pixels, prints, None)
    centre = sky_centre(ra, dec)
    places = [tangent_plane(exposure.ra, exposure.dec, centre) for exposure in exposures]
    prints = [_on_sky(*each, centre) for each in zip(exposures, pixels, places, strict=True)]
    return Plane(places, pixels, prints, centre)


def _scale(info: FrameInfo) -> float:
    """Return arcsec per pixel, 1 where that is not known."""
    return info.pixel_scale if info.pixel_scale > 0 else 1.0


def _on_sky(
    exposure: Detections, pixels: np.ndarray, places: np.ndarray, centre: tuple[float, float]
) -> Footprint | None:
    if not np.isfinite(places).all(axis=1).any():
        return None  # clouds, or a broken catalogue: what is there would not have been detected
    if exposure.wcs is not None and min(exposure.info.shape) > 0:
        ny, nx = exposure.info.shape
        pixels = np.stack(np.meshgrid(np.linspace(1, nx, 4), np.linspace(1, ny, 4)), axis=-1).reshape(-1, 2)
        ra, dec = to_sky(exposure.wcs, *pixels.T)
        places = tangent_plane(ra, dec, centre)
    good = np.isfinite(pixels).all(axis=1) & np.isfinite(places).all(axis=1)
    if good.sum() < LEAST_FOR_FIT:
        return None
    columns = np.column_stack([pixels[good], np.ones(good.sum())])
    solution, _, rank, _ = np.linalg.lstsq(columns, places[good], rcond=1e-9)
    matrix = solution[:2]
    if rank < 3 or not abs(np.linalg.det(matrix)) > 0:
        return None
    return _footprint(matrix, solution[2], exposure.info, np.stack([exposure.x, exposure.y], axis=1))


def _footprint(matrix: np.ndarray, offset: np.ndarray, info: FrameInfo, pixels: np.ndarray) -> Footprint | None:
    """Return a footprint; where the size of the frame is not known, it is what its detections span."""
    if not np.isfinite(pixels).all(axis=1).any():
        return None
    if min(info.shape) > 0:
        return Footprint(matrix, offset, np.ones(2), np.array(info.shape[::-1], float))
    good = pixels[np.isfinite(pixels).all(axis=1)]
    return Footprint(matrix, offset, good.min(axis=0), good.max(axis=0)) if len(good) else None
