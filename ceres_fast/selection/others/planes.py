"""The template and difference planes of stamps, from the other exposures of their field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...frames.cut import MostMissing, cut_stamps, fill_missing
from ...stamps import CENTRE, STAMP_SIZE
from .images import Image
from .links import Link

_CHUNK = 256
"""Detections of which the planes are made at a time: 24 MiB with 24 other exposures."""

_OFFSETS = np.arange(STAMP_SIZE) - CENTRE


def template_and_difference(
    image: Image, others: Sequence[tuple[Image, Link]], x: np.ndarray, y: np.ndarray, most: MostMissing
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the other exposures show around detections, and what the exposure shows beyond that.

    Parameters
    ----------
    image : Image
        Of the exposure with the detections.
    others : sequence of (Image, Link)
        The others, and how they lie to it.
    x, y : numpy.ndarray
        The detections, pixels from 1, (n,).
    most : MostMissing
        How much of a template may be missing.

    Returns
    -------
    template, difference : numpy.ndarray
        float32, (n, 32, 32), axes (y, x), ADU of the exposure, without the sky. The template is the median of the other
        exposures, resampled to the pixels of the stamp and scaled by stars. Pixels at which none of them looked hold
        its median; where more than `most` is missing, it is all NaN, and so is the difference. In this the pixels that
        either of the two lacks hold its median.
    """
    template = np.empty((len(x), STAMP_SIZE, STAMP_SIZE), np.float32)
    for start in range(0, len(x), _CHUNK):
        rows = slice(start, start + _CHUNK)
        template[rows] = _median([_resampled(other, link, x[rows], y[rows]) for other, link in others], len(x[rows]))
    science, padded, filled = cut_stamps(image.with_missing, x, y, most)
    difference = science - template
    cut = ~np.isnan(science[:, 0, 0])
    some = np.flatnonzero(cut & (padded + filled > 0))
    difference[some] = np.where(_missing(image, x[some], y[some]), np.float32(np.nan), difference[some])
    fill_missing(template, most)
    difference[np.isnan(template[:, 0, 0]) | ~cut] = np.nan
    fill_missing(difference, MostMissing(1.0, 9))
    return template, difference


def _missing(image: Image, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell which pixels of stamps a frame does not have, bool (n, 32, 32)."""
    columns, rows = (np.floor(each + 0.5)[:, None].astype(np.int64) + _OFFSETS - 1 for each in (x, y))
    ny, nx = image.data.shape
    outside = ((rows < 0) | (rows >= ny))[:, :, None] | ((columns < 0) | (columns >= nx))[:, None]
    if image.missing is None:
        return outside
    inside = np.clip(rows, 0, ny - 1)[:, :, None], np.clip(columns, 0, nx - 1)[:, None]
    return outside | image.missing[inside]


def _resampled(other: Image, link: Link, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return another exposure on the pixels of stamps, (n, 32, 32)."""
    # The pixel that holds the position is a stamp's centre, as in `cut_stamps`.
    columns, rows, area = link.grid(np.floor(x + 0.5), np.floor(y + 0.5), _OFFSETS)
    scaled: np.ndarray = other.resampled(columns, rows) * (link.scale * area).astype(np.float32)[:, None, None]
    return scaled


def _median(stamps: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return the median of the known pixels of several stamps, (n, 32, 32); NaN where there are none."""
    if not stamps:
        return np.full((count, STAMP_SIZE, STAMP_SIZE), np.nan, np.float32)
    ordered = np.sort(np.stack(stamps), axis=0)  # NaN comes last
    known = np.isfinite(ordered).sum(axis=0, keepdims=True)
    lower, upper = (np.take_along_axis(ordered, at, axis=0)[0] for at in (np.maximum(known - 1, 0) // 2, known // 2))
    return (lower + upper) / 2
