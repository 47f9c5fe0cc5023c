"""Detecting sources with `sep`, the library form of SExtractor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sep
from astropy.table import Table

from ..catalogues import write_tables
from ..errors import InputError
from ..frames.camera import GENERIC, Camera
from ..frames.reading import Frame, read_frame, read_headers
from ..frames.sky import to_sky

PIXEL_STACK = 4_000_000
SUB_OBJECTS = 65_536
"""Room for pixels above the threshold and for parts of one blend; sep's own limits stop at crowded fields."""

KRON_FACTOR, KRON_MINIMUM = 2.5, 3.5
"""SExtractor's PHOT_AUTOPARAMS."""

COLUMNS = {
    "NUMBER": ("Running object number", ""),
    "MAG_AUTO": ("Kron-like elliptical aperture magnitude", "mag"),
    "MAGERR_AUTO": ("RMS error for AUTO magnitude", "mag"),
    "FLUX_AUTO": ("Flux within a Kron-like elliptical aperture", "ct"),
    "FLUXERR_AUTO": ("RMS error for AUTO flux", "ct"),
    "X_IMAGE": ("Object position along x", "pix"),
    "Y_IMAGE": ("Object position along y", "pix"),
    "ALPHA_J2000": ("Right ascension of barycenter (J2000)", "deg"),
    "DELTA_J2000": ("Declination of barycenter (J2000)", "deg"),
    "FWHM_IMAGE": ("Twice the radius that holds half of the flux", "pix"),
    "ELLIPTICITY": ("1 - B_IMAGE/A_IMAGE", ""),
    "A_IMAGE": ("Profile RMS along major axis", "pix"),
    "B_IMAGE": ("Profile RMS along minor axis", "pix"),
    "THETA_IMAGE": ("Position angle (CCW/x)", "deg"),
    "FLUX_MAX": ("Peak flux above background", "ct"),
    "BACKGROUND": ("Background at the brightest pixel", "ct"),
    "FLAGS": ("Extraction flags", ""),
}
"""Columns in their order, with description and unit."""


def detect_frame(frame: Frame, *, threshold: float = 1.5, min_area: int = 5) -> Table:
    """Detect the sources of a frame as SExtractor does with its default settings.

    Parameters
    ----------
    frame : Frame
        Missing pixels (NaN) are masked.
    threshold : float
        Detection threshold, in units of the background's RMS.
    min_area : int
        How many connected pixels above the threshold make a detection.

    Returns
    -------
    astropy.table.Table
        A row per detection and the columns of `COLUMNS`; ALPHA_J2000 and DELTA_J2000 only where the frame has
        celestial coordinates. Magnitudes use MAGZPT of the header (0 without), and are 99 where the flux is not
        positive. FLAGS: 2 deblended, 4 saturated, 8 cut by the frame's edge, 16 aperture with missing pixels.

    Raises
    ------
    InputError
        When so many pixels are above the threshold that sep has no room for them.
    """
    mask = ~np.isfinite(frame.data)
    data = np.where(mask, 0, frame.data) if mask.any() else frame.data.copy()
    background = sep.Background(data, mask=mask)
    level = background.back()
    data -= level
    sep.set_extract_pixstack(PIXEL_STACK)
    sep.set_sub_object_limit(SUB_OBJECTS)
    try:
        objects = sep.extract(
            data, threshold, err=background.globalrms, mask=mask, minarea=min_area, filter_type="conv"
        )
    except Exception as error:  # sep raises plain Exception
        action = "raise the threshold, or leave this frame out"
        raise InputError(frame.info.place, f"sep cannot detect its sources ({error})", action=action) from error
    columns = _measure(frame, data, mask, background.globalrms, objects)
    columns["BACKGROUND"] = level[objects["ypeak"], objects["xpeak"]]
    result = Table()
    for name, (description, unit) in COLUMNS.items():
        if name in columns:
            result[name] = columns[name]
            result[name].description = description
            result[name].unit = unit or None
    return result


def write_catalogue(
    frame: Path, target: Path, format: str, *, threshold: float, min_area: int, camera: Camera = GENERIC
) -> int:
    """Detect the sources of all CCDs in a file and write their catalogue; return how many there are."""
    parts = []
    for info, header, _ in read_headers(frame, camera):
        ccd = read_frame(frame, info.hdu, camera)
        parts.append((detect_frame(ccd, threshold=threshold, min_area=min_area), header))
    write_tables(parts, target, format)
    return sum(len(table) for table, _ in parts)


def _measure(
    frame: Frame, data: np.ndarray, mask: np.ndarray, noise: float, objects: np.ndarray
) -> dict[str, np.ndarray]:
    x, y, a, b = objects["x"], objects["y"], objects["a"], objects["b"]
    theta = np.clip(objects["theta"], -np.pi / 2, np.pi / 2)
    kron, kron_flags = sep.kron_radius(data, x, y, a, b, theta, 6.0, mask=mask)
    radius = np.maximum(KRON_FACTOR * np.where(np.isfinite(kron), kron, 0), KRON_MINIMUM)
    gain = frame.info.gain if frame.info.gain > 0 else None
    flux, error, flags = sep.sum_ellipse(data, x, y, a, b, theta, radius, err=noise, gain=gain, mask=mask, subpix=5)
    half, _ = sep.flux_radius(data, x, y, 6.0 * a, 0.5, normflux=np.where(flux > 0, flux, np.nan), mask=mask, subpix=5)
    positive = flux > 0
    safe = np.where(positive, flux, 1.0)
    zero_point = 0.0 if np.isnan(frame.info.zero_point) else frame.info.zero_point
    columns = {
        "NUMBER": np.arange(1, len(x) + 1),
        "MAG_AUTO": np.where(positive, zero_point - 2.5 * np.log10(safe), 99.0),
        "MAGERR_AUTO": np.where(positive, 2.5 / np.log(10) * error / safe, 99.0),
        "FLUX_AUTO": flux,
        "FLUXERR_AUTO": error,
        "X_IMAGE": x + 1,
        "Y_IMAGE": y + 1,
        "FWHM_IMAGE": np.where(np.isfinite(half), 2 * half, 0.0),
        "ELLIPTICITY": 1 - b / a,
        "A_IMAGE": a,
        "B_IMAGE": b,
        "THETA_IMAGE": np.degrees(theta),
        "FLUX_MAX": objects["peak"],
        "FLAGS": _flags(frame, objects, flags | kron_flags),
    }
    if frame.wcs is not None:
        ra, dec = to_sky(frame.wcs, x, y, origin=0)
        columns |= {"ALPHA_J2000": ra, "DELTA_J2000": dec}
    return columns


def _flags(frame: Frame, objects: np.ndarray, aperture: np.ndarray) -> np.ndarray:
    """Translate sep's flags into SExtractor's."""
    saturated = frame.data[objects["ypeak"], objects["xpeak"]] >= frame.info.saturation
    bits = (
        (2, objects["flag"] & sep.OBJ_MERGED),
        (4, saturated),
        (8, objects["flag"] & sep.OBJ_TRUNC),
        (16, aperture & (sep.APER_TRUNC | sep.APER_HASMASKED | sep.APER_ALLMASKED)),
    )
    return np.asarray(sum(bit * (condition != 0) for bit, condition in bits), np.int64)
