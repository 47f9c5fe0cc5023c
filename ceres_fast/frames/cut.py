"""Cutting 32x32 stamps around detections."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..stamps import CENTRE, STAMP_SIZE


def cut_stamps(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a stamp around each position.

    The pixel that holds a position, ``floor(x − 0.5)`` counted from 0 (round half up of x − 1), lands at column
    `CENTRE` of its stamp, and likewise the row. The stamps are copies: they keep nothing of the frame alive.

    Parameters
    ----------
    image : numpy.ndarray
        A frame, shape (ny, nx), axes (y, x), in ADU; NaN and infinities are missing pixels.
    x, y : numpy.ndarray
        Positions, shape (n,), in pixels counted from 1 as SExtractor and FITS do.

    Returns
    -------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float32, axes (y, x), in ADU. Pixels outside the frame and missing ones hold the median
        of the stamp's good pixels. A stamp without a good pixel (also one whose position is NaN) is all NaN.
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
    missing = fill_missing(stamps, doubtful)
    return stamps, padded, missing - padded


def fill_missing(stamps: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Replace missing pixels (NaN, infinities) by the median of each stamp's good pixels, in place.

    Parameters
    ----------
    stamps : numpy.ndarray
        Shape (n, 32, 32), float32. A stamp without a good pixel becomes all NaN.
    rows : numpy.ndarray or slice
        Which stamps to look at; the others are known to have no missing pixel.

    Returns
    -------
    numpy.ndarray
        Shape (n,), int64: how many pixels of each stamp were missing.
    """
    counts = np.zeros(len(stamps), np.int64)
    looked_at = stamps[rows]
    bad = ~np.isfinite(looked_at)
    counts[rows] = bad.sum(axis=(1, 2))
    some = bad.any(axis=(1, 2)) & ~bad.all(axis=(1, 2))
    looked_at[bad] = np.nan
    medians = np.nanmedian(looked_at[some].reshape(-1, STAMP_SIZE * STAMP_SIZE), axis=1)
    looked_at[some] = np.where(bad[some], medians[:, None, None], looked_at[some])
    stamps[rows] = looked_at
    return counts


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
