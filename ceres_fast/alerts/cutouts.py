"""The cut-outs in an alert packet become planes of a stamp, with the candidate at its centre."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ..frames.cut import MOST_MISSING, MostMissing, cut_stamps

GZIP = b"\x1f\x8b"
LARGEST = 16 * 2**20
"""Bytes of a cut-out after decompression, at most; ZTF's are 19 kB."""

LARGEST_SIDE = 1024
"""Pixels of a side of a cut-out, at most."""


def read_cutout(content: bytes) -> tuple[np.ndarray, fits.Header]:
    """Read a FITS cut-out, gzipped (ZTF) or not (Rubin).

    Parameters
    ----------
    content : bytes
        The cut-out as it is in the packet.

    Returns
    -------
    pixels : numpy.ndarray
        float32, shape (ny, nx), axes (y, x), in the survey's unit; NaN where there is none.
    header : astropy.io.fits.Header
        Its header.

    Raises
    ------
    ValueError
        When it is no image; the message says why.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # ZTF writes "SIMPLE  =  T"
            with fits.open(io.BytesIO(_unpacked(content)), memmap=False) as hdus:
                sides = [hdus[0].header.get(f"NAXIS{axis}", 0) for axis in (1, 2)]
                if hdus[0].header.get("NAXIS") != 2 or not all(0 < side <= LARGEST_SIDE for side in sides):
                    raise ValueError(f"is {'x'.join(map(str, sides))} pixels")
                return np.array(hdus[0].data, np.float32), hdus[0].header
    except (OSError, EOFError, TypeError, KeyError, IndexError, AttributeError, zlib.error, fits.VerifyError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"is no FITS image ({reason:.200})") from error


def _unpacked(content: bytes) -> bytes:
    if content[:2] == GZIP:
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"is more than {LARGEST} bytes")
    return content


def cut_plane(
    pixels: np.ndarray, centre: tuple[float, float], most: MostMissing = MOST_MISSING
) -> tuple[np.ndarray, int, int]:
    """Cut a plane of a stamp out of a cut-out.

    Parameters
    ----------
    pixels : numpy.ndarray
        As `read_cutout` returns them.
    centre : tuple of float
        (x, y) of the candidate in pixels counted from 1, as in FITS.
    most : MostMissing
        How much may be missing.

    Returns
    -------
    plane : numpy.ndarray
        float32, (32, 32); pixels outside the cut-out and missing ones hold the median of the others. All NaN where more
        is missing than `most`.
    padded, filled : int
        How many pixels are outside the cut-out, and how many inside it are missing.

    Raises
    ------
    ValueError
        When there is no picture: no good pixel, or all are the same.
    """
    stamps, padded, filled = cut_stamps(pixels, np.array(centre[:1]), np.array(centre[1:]), most)
    lowest, highest = stamps.min(), stamps.max()
    if not lowest < highest and not (np.isnan(lowest) and padded[0] + filled[0] < stamps[0].size):
        raise ValueError("has no good pixel" if np.isnan(lowest) else f"has the value {lowest:g} in every pixel")
    return stamps[0], int(padded[0]), int(filled[0])
