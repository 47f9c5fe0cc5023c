"""The stamps of tracklets, in grey, as a screen shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table

from ...console import track, warn
from ...errors import InputError
from ...frames.cut import MostMissing, cut_stamps
from ...frames.profiles import load_camera
from ...frames.reading import read_frame
from ...frames.sky import to_pixels
from ...stamps import CENTRE, STAMP_SIZE

EVERYTHING = MostMissing(share=1.0, central=9)
"""A person is shown what there is, also where a network is not."""

BELOW, ABOVE = 2.0, 5.0
"""Black is so many sigma below the sky; white is the peak near the middle, and so many sigma above the sky at least."""

LINEAR = 2.0
"""Up to about so many sigma grey is linear, and logarithmic above: what is faint is seen beside what is bright."""

_MIDDLE = slice(CENTRE - 4, CENTRE + 5)
"""Rows and columns near the detection, whose peak is white: what is brighter beside it decides nothing."""


def stamps_of(detections: Table, cameras: Mapping[str, str]) -> tuple[np.ndarray, list[str]]:
    """Cut a stamp around each of some detections, a frame after the other.

    Parameters
    ----------
    detections : astropy.table.Table
        With the columns ``field``, ``frame``, ``hdu``, ``x``, ``y``, ``ra`` and ``dec`` of a night; where x and y are
        not known, they are computed.
    cameras : mapping of str to str
        By field the profile with which its frames are read; empty, or not there, where there is none.

    Returns
    -------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float32, axes (y, x), ADU; all NaN where there are no pixels, or no frame.
    problems : list of str
        What is wrong with each frame that cannot be read.
    """
    stamps = np.full((len(detections), STAMP_SIZE, STAMP_SIZE), np.nan, np.float32)
    frames, of = np.unique(_of_frame(detections), return_inverse=True)
    problems = []
    for number in track(range(len(frames)), "stamps"):
        rows = np.flatnonzero(of == number)
        path, hdu = Path(str(detections["frame"][rows[0]])), int(detections["hdu"][rows[0]])
        try:
            if not path.is_file():
                raise InputError(path, "is not there any more", expected="the frame that was classified")
            frame = read_frame(path, hdu, load_camera(cameras.get(str(detections["field"][rows[0]])) or None))
        except InputError as error:
            problems.append(f"{path.name} is not there any more, or cannot be read")
            warn(f"{error} Its stamps are missing from the page")
            continue
        x, y, ra, dec = (np.array(detections[name][rows], float) for name in ("x", "y", "ra", "dec"))
        computed = np.isnan(x + y) & np.isfinite(ra + dec)
        if frame.wcs is not None and computed.any():
            x[computed], y[computed] = to_pixels(frame.wcs, ra[computed], dec[computed])
        stamps[rows] = cut_stamps(frame.data, x, y, EVERYTHING)[0]
    return stamps, problems


def as_grey(stamps: np.ndarray, deciding: int | None = None) -> np.ndarray:
    """Return the stamps of one tracklet as grey levels, all on the same scale.

    Parameters
    ----------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float, axes (y, x), ADU; a stamp that is all NaN has no pixels.
    deciding : int, optional
        Only the first so many decide about the scale; all by default.

    Returns
    -------
    numpy.ndarray
        Shape (n, 32, 32), uint8. The median of each stamp is taken off first, because the sky differs from exposure to
        exposure; then black is `BELOW` sigma below it (by the median deviation of all of them), white the highest peak
        near a detection, with an arcsinh between (Lupton et al. 1999, AJ 118, 1406). Where there are no pixels it is
        0.
    """
    finite = np.isfinite(stamps)
    # In double precision, where no difference of two float32 is too large.
    known = np.where(finite, stamps, np.nan).astype(float)
    there = finite.any(axis=(1, 2))
    levels = np.zeros(stamps.shape, np.uint8)
    if not there.any():
        return levels
    flat = known[there] - np.nanmedian(known[there], axis=(1, 2), keepdims=True)
    sigma = max(1.4826 * float(np.nanmedian(np.abs(flat))), 1e-6)
    near = flat[np.flatnonzero(there) < (deciding or len(stamps))][:, _MIDDLE, _MIDDLE]
    peak = float(near[np.isfinite(near)].max(initial=0.0))
    low, high, grey = (np.arcsinh(each / (LINEAR * sigma)) for each in (-BELOW * sigma, max(peak, ABOVE * sigma), flat))
    levels[there] = np.nan_to_num(255 * ((grey - low) / (high - low)).clip(0, 1)).round().astype(np.uint8)
    return levels


def _of_frame(detections: Table) -> np.ndarray:
    return np.char.add(np.asarray(detections["frame"], str), np.char.mod("[%d]", np.asarray(detections["hdu"], int)))
