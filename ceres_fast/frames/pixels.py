"""The pixels of an image as the camera meant them: scaled, and NaN where the header says that they are blank.

Files are opened with the numbers that are stored (`fits_files.open_fits`), and scaled here, once for all: astropy
applies BLANK neither to unsigned integers nor where it is 0, and cannot read signed bytes that have it.
Source: FITS standard 4.0, sections 4.4.2.5 (BSCALE, BZERO, BLANK) and 5.2.5 (unsigned integers).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from astropy.io import fits

from ..console import warn_once

_SCALABLE = {1: np.float32, 2: np.float32, 4: np.float64, 8: np.float64}
"""The precision in which integers of so many bytes are scaled: that of astropy, so that its values are ours."""


def planes(header: fits.Header) -> int:
    """Return how many two-dimensional images an image is, 0 where it has no pixels or fewer than two axes.

    Axes after the second that are one pixel long do not count: cameras and stacks of one plane have them.
    """
    axes = [int(header[f"NAXIS{axis}"]) for axis in range(1, header.get("NAXIS", 0) + 1)]
    return math.prod(axes[2:]) if len(axes) >= 2 and min(axes) > 0 else 0


def pixels(hdu: fits.ImageHDU, place: Path | str) -> np.ndarray:
    """Return the pixels of an image.

    Parameters
    ----------
    hdu : astropy.io.fits.ImageHDU
        An image, plain or tile-compressed, of a file that `open_fits` opened.
    place : pathlib.Path or str
        Whose it is, for a warning.

    Returns
    -------
    numpy.ndarray
        float32 in native byte order, shape (ny, nx), axes (y, x), in ADU: a copy. NaN where stored integers are BLANK
        (in tile-compressed images also ZBLANK); floating-point images have no BLANK by the standard. An image that is
        more than one plane keeps its axes.
    """
    stored = plane(hdu.data)
    scale, zero = _scaling(hdu.header)
    if (scale, zero) == (1, 0):
        result = stored.astype(np.float32)
    elif (stored.dtype.kind, scale, zero) == ("i", 1, 2**63):  # unsigned, of more digits than a double has
        result = numbers(hdu).astype(np.float32)
    else:
        scaled = stored.astype(_precision(stored))
        scaled *= scale
        scaled += zero
        result = scaled.astype(np.float32, copy=False)
    if stored.dtype.kind in "iu" and (blank := _blank(hdu.header, stored.dtype, place)) is not None:
        result[stored == blank] = np.nan
    return result


def numbers(hdu: fits.ImageHDU) -> np.ndarray:
    """Return the numbers of a map, shape (ny, nx): integers stay integers, for their bits, and none is blank."""
    stored = plane(hdu.data)
    scale, zero = _scaling(hdu.header)
    if (scale, zero) == (1, 0):
        return stored
    if stored.dtype.kind in "iu" and scale == 1 and zero == int(zero):
        unsigned = np.dtype(f"u{stored.dtype.itemsize}")
        if zero == 2 ** (8 * unsigned.itemsize - 1):
            return stored.astype(unsigned) + unsigned.type(zero)
        return stored.astype(np.int64) + int(zero)
    return stored.astype(np.float64) * scale + zero


def plane(stored: np.ndarray) -> np.ndarray:
    """Return an image without the axes before the last two that are one pixel long; no copy is made."""
    one = stored.ndim > 2 and stored.size == math.prod(stored.shape[-2:])
    return stored.reshape(stored.shape[-2:]) if one else stored


def _scaling(header: fits.Header) -> tuple[float, float]:
    return float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))


def _precision(stored: np.ndarray) -> np.dtype:
    kind = _SCALABLE[stored.dtype.itemsize] if stored.dtype.kind in "iu" else stored.dtype
    return np.dtype(kind).newbyteorder("=")


def _blank(header: fits.Header, kind: np.dtype, place: Path | str) -> int | None:
    """Return which stored number means that a pixel is missing; None where there is none."""
    value = header.get("BLANK")
    if value is None or isinstance(value, fits.card.Undefined):
        return None
    limits = np.iinfo(kind)
    number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else value
    if limits.min <= number <= limits.max and number == int(number):
        return int(number)
    warn_once(
        "BLANK",
        f"{place}: BLANK = {value!s:.40} is no number that its pixels can hold ({limits.min} to {limits.max}); none is "
        "missing by it. Other frames with such a BLANK are not named",
    )
    return None
