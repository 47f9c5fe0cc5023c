"""Cutting 32x32 stamps around detections."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..stamps import CENTRE, STAMP_SIZE

_MIDDLE = slice(CENTRE - 1, CENTRE + 2)
"""Rows and columns of the nine pixels around a detection."""


class MostMissing(NamedTuple):
    """How much may be missing of a stamp that is still scored.

    With more missing an asteroid gets probabilities like anything else, and would be lost. The values are the largest
    at which no more asteroids are lost than is tolerated (``benchmarks/results/missing_pixels.json``).

    Attributes
    ----------
    share : float
        Of all pixels.
    central : int
        Of the nine pixels around the detection, which hold most of the light of a faint one.
    """

    share: float = 0.5
    central: int = 0


MOST_MISSING = MostMissing()


def cut_stamps(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, most: MostMissing = MOST_MISSING
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a stamp around each position.

    The pixel that holds a position, ``floor(x − 0.5)`` counted from 0 (round half up of x − 1), lands at column
    `CENTRE` of its stamp, and likewise the row. The stamps are copies: they keep nothing of the frame alive.

    Of a position on the frame the edge takes three quarters of a stamp at most, and nothing of what is there of the
    source. Every frame has edges, so that classifiers are trained on such stamps: where nothing else is missing, they
    are whole enough.

    Parameters
    ----------
    image : numpy.ndarray
        A frame, shape (ny, nx), axes (y, x), in ADU; NaN and infinities are missing pixels.
    x, y : numpy.ndarray
        Positions, shape (n,), in pixels counted from 1 as SExtractor and FITS do.
    most : MostMissing
        How much may be missing, outside the frame and inside it together.

    Returns
    -------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float32, axes (y, x), in ADU. Pixels outside the frame and missing ones hold the median
        of the stamp's good pixels. A stamp without a good pixel (also one whose position is NaN), or with more
        missing than `most`, is all NaN.
    padded : numpy.ndarray
        Shape (n,), int64: how many pixels of each stamp are outside the frame.
    filled : numpy.ndarray
        Shape (n,), int64: how many pixels inside the frame are missing.

    Raises
    ------
    ValueError
        When the image is not two-dimensional, or x and y are not of one length.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"the image has shape {image.shape}, not (ny, nx)")
    column, row = _corners(x, image.shape[1]), _corners(y, image.shape[0])
    if column.shape != row.shape:
        raise ValueError(f"x has shape {column.shape} and y has {row.shape}")

    last_column, last_row = image.shape[1] - STAMP_SIZE, image.shape[0] - STAMP_SIZE
    outside = (column < 0) | (row < 0) | (column > last_column) | (row > last_row)
    if outside.all():
        stamps = np.empty((len(column), STAMP_SIZE, STAMP_SIZE), np.float32)
    else:
        windows = sliding_window_view(image, (STAMP_SIZE, STAMP_SIZE))
        stamps = windows[np.clip(row, 0, last_row), np.clip(column, 0, last_column)].astype(np.float32, copy=False)
    padded = np.zeros(len(column), np.int64)
    edge = np.flatnonzero(outside)
    stamps[edge], padded[edge] = _cut_at_edge(image, column[edge], row[edge])

    with np.errstate(all="ignore"):  # a finite sum has finite terms; the few others are looked at pixel by pixel
        doubtful = np.flatnonzero(~np.isfinite(stamps.sum(axis=(1, 2))))
    missing = fill_missing(stamps, most, rows=doubtful, padded=padded[doubtful])
    return stamps, padded, missing - padded


def fill_missing(
    stamps: np.ndarray,
    most: MostMissing = MOST_MISSING,
    *,
    rows: np.ndarray | slice = slice(None),
    padded: np.ndarray | int = 0,
) -> np.ndarray:
    """Replace missing pixels (NaN, infinities) by the median of each stamp's good pixels, in place.

    Parameters
    ----------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float32. A stamp without a good pixel, or with more missing than `most`, becomes all NaN.
    most : MostMissing
        How much may be missing.
    rows : numpy.ndarray or slice
        Which stamps to look at; the others are known to have no missing pixel.
    padded : numpy.ndarray or int
        How many of the missing pixels of each of these stamps are outside the frame.

    Returns
    -------
    numpy.ndarray
        Shape (n,), int64: how many pixels of each stamp were missing.
    """
    counts = np.zeros(len(stamps), np.int64)
    looked_at = stamps[rows]
    bad = ~np.isfinite(looked_at)
    counts[rows] = bad.sum(axis=(1, 2))
    hopeless = _hopeless(bad, padded, most)
    some = bad.any(axis=(1, 2)) & ~hopeless
    looked_at[bad] = np.nan
    looked_at[hopeless] = np.nan
    medians = np.nanmedian(looked_at[some].reshape(-1, STAMP_SIZE * STAMP_SIZE), axis=1)
    looked_at[some] = np.where(bad[some], medians[:, None, None], looked_at[some])
    stamps[rows] = looked_at
    return counts


def too_few_pixels(stamps: np.ndarray, padded: np.ndarray | int = 0) -> np.ndarray:
    """Tell which stamps that `cut_stamps` or `fill_missing` returned, (n, 32, 32), are NaN though not off the frame."""
    return np.isnan(stamps[:, 0, 0]) & (np.asarray(padded) < STAMP_SIZE**2)


def _hopeless(bad: np.ndarray, padded: np.ndarray | int, most: MostMissing) -> np.ndarray:
    """Tell from the missing pixels of stamps, bool (n, 32, 32), which have more missing than `most`, (n,)."""
    missing, central = bad.sum(axis=(1, 2)), bad[:, _MIDDLE, _MIDDLE].sum(axis=(1, 2))
    edge_alone = (missing == padded) & ~bad[:, CENTRE, CENTRE]
    return ((missing > most.share * STAMP_SIZE**2) | (central > most.central)) & ~edge_alone | bad.all(axis=(1, 2))


def _corners(position: np.ndarray, side: int) -> np.ndarray:
    """Return the 0-based first pixel of each stamp on one axis; a stamp that misses the frame starts just past it."""
    start = np.floor(np.asarray(position, np.float64) - 0.5) - CENTRE
    return np.clip(np.where(np.isnan(start), side, start), -STAMP_SIZE, side).astype(np.int64)


def _cut_at_edge(image: np.ndarray, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    offset = np.arange(STAMP_SIZE)
    columns, rows = column[:, None] + offset, row[:, None] + offset
    outside = ((rows < 0) | (rows >= image.shape[0]))[:, :, None] | ((columns < 0) | (columns >= image.shape[1]))[
        :, None
    ]
    columns, rows = np.clip(columns, 0, image.shape[1] - 1), np.clip(rows, 0, image.shape[0] - 1)
    cut = image[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    cut[outside] = np.nan
    return cut, outside.sum(axis=(1, 2))
