"""Where a frame is on the sky, and the tangent plane of its field."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from .constants import Detector


def window(detector: Detector, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (x, y) pixels before a central window of a shape (ny, nx) of the CCD."""
    return (detector.width - shape[1]) // 2, (detector.height - shape[0]) // 2


def frame_wcs(detector: Detector, shape: tuple[int, int], ra: float, dec: float) -> WCS:
    """Return the TAN WCS of a frame (a central window of the CCD) whose CCD centre points at (ra, dec).

    Parameters
    ----------
    detector : Detector
        Pixel scale and rotation; north is at −x and east at −y, as on the WFC's CCD 4.
    shape : tuple of int
        Rows and columns (ny, nx) of the frame.
    ra, dec : float
        Degrees, J2000.
    """
    turn = np.deg2rad(detector.rotation)
    scale = detector.pixel_scale / 3600
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cd = scale * np.array([[np.sin(turn), -np.cos(turn)], [-np.cos(turn), -np.sin(turn)]])
    wcs.wcs.radesys = "FK5"
    wcs.wcs.equinox = 2000.0
    wcs.wcs.set()
    return wcs


def to_sky(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (deg) of 1-based pixel positions."""
    ra, dec = wcs.wcs_pix2world(np.asarray(x, float), np.asarray(y, float), 1)
    return np.asarray(ra), np.asarray(dec)


def to_pixels(wcs: WCS, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 1-based pixel positions of right ascensions and declinations (deg)."""
    x, y = wcs.wcs_world2pix(np.asarray(ra, float), np.asarray(dec, float), 1)
    return np.asarray(x), np.asarray(y)


def pixel_motion(wcs: WCS, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the motion along x and y, in pixels, of motions east and north, in arcsec."""
    dx, dy = np.linalg.inv(wcs.wcs.cd) @ (np.stack([east, north]) / 3600)
    return dx, dy
