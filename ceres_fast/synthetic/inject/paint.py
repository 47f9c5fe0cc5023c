"""Adding the light of asteroids to the pixels of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from ...frames.info import FrameInfo
from ...frames.reading import Frame
from ..simulate.frame import BOX
from ..simulate.render import add_trails, box_flux
from .conditions import Conditions, sky_of
from .population import Asteroids, inside


@dataclass(frozen=True)
class View:
    """The asteroids of a field in one exposure, arrays of shape (n,).

    Parameters
    ----------
    x, y : numpy.ndarray
        1-based position in the frame in the middle of the exposure.
    ra, dec : numpy.ndarray
        The same on the sky, deg.
    inside : numpy.ndarray
        bool: whether that is a pixel of the frame that is not missing.
    share : numpy.ndarray
        Share of the light above the sky in the box of 5x5 pixels there; 0 where a pixel of the box is missing.
    snr : numpy.ndarray
        Signal-to-noise ratio in that box.
    """

    x: np.ndarray
    y: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    inside: np.ndarray
    share: np.ndarray
    snr: np.ndarray


@dataclass(frozen=True)
class Paint:
    """What is added to a frame: row and column of the pixels, and their ADU; arrays of shape (pixels,)."""

    row: np.ndarray
    column: np.ndarray
    added: np.ndarray


def paint(
    frame: Frame, conditions: Conditions, asteroids: Asteroids, random: np.random.Generator
) -> tuple[Paint, View]:
    """Make the light of asteroids in one exposure, with its own Poisson noise; that of the sky is in the frame.

    An asteroid is the frame's star image, moved along its trail in steps of a quarter of a pixel.

    Parameters
    ----------
    frame : Frame
        The exposure.
    conditions : Conditions
        What was measured of it.
    asteroids : Asteroids
        Those of the field.
    random : numpy.random.Generator
        The exposure's stream.
    """
    info, wcs = conditions.info, conditions.wcs
    ra, dec = asteroids.sky(info.mjd)
    x, y = asteroids.pixels(wcs, info.mjd)
    dx, dy = _trail(asteroids, wcs, info)
    near = np.isfinite(x + y + dx + dy)
    x, y, dx, dy = (np.where(near, values, fill) for values, fill in ((x, -1e6), (y, -1e6), (dx, 0), (dy, 0)))
    flux = conditions.electrons(asteroids.magnitude)
    light = np.zeros(info.shape, np.float32)
    reached = _reached(x, y, dx, dy, info.shape)
    add_trails(light, x[reached], y[reached], dx[reached], dy[reached], flux[reached], conditions.psf)
    row, column = np.nonzero((light > 0) & np.isfinite(frame.data))
    added = random.poisson(light[row, column]) / info.gain
    there = inside(x, y, info.shape)
    own = np.zeros(len(x))
    own[there] = box_flux(x[there], y[there], dx[there], dy[there], flux[there], conditions.psf, BOX)
    share, snr, good = _in_box(frame, own, x, y, there)
    return Paint(row, column, added), View(x, y, ra, dec, good, share, snr)


def _trail(asteroids: Asteroids, wcs: WCS, info: FrameInfo) -> tuple[np.ndarray, np.ndarray]:
    """Return how far asteroids move along x and y during the exposure, in pixels."""
    half = info.exposure / 2 / 86400
    (x0, y0), (x1, y1) = asteroids.pixels(wcs, info.mjd - half), asteroids.pixels(wcs, info.mjd + half)
    return x1 - x0, y1 - y0


def _reached(x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Tell which trails may touch the frame: those that pass far from it need not be drawn."""
    margin = 100
    within_x = (x + np.abs(dx) / 2 > -margin) & (x - np.abs(dx) / 2 < shape[1] + margin)
    within_y = (y + np.abs(dy) / 2 > -margin) & (y - np.abs(dy) / 2 < shape[0] + margin)
    return within_x & within_y


def _in_box(
    frame: Frame, own: np.ndarray, x: np.ndarray, y: np.ndarray, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return share and signal-to-noise ratio of asteroids in their boxes, and which are on a pixel with a value."""
    background, mask = sky_of(frame)
    level, noise = background.back(), background.rms()
    height, width = frame.data.shape
    steps = np.arange(BOX) - BOX // 2
    column = np.where(there, np.round(x - 1), 0).astype(int)
    row = np.where(there, np.round(y - 1), 0).astype(int)
    good = there & ~mask[row, column]
    rows, columns = row[:, None, None] + steps[:, None], column[:, None, None] + steps
    valid = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    others = np.where(valid, frame.data[rows, columns] - level[rows, columns], 0).sum(axis=(1, 2), dtype=float)
    others = np.abs(others) * frame.info.gain
    known = good & np.isfinite(others) & (own > 0)
    share = np.where(known, own / np.where(known, own + others, 1), 0.0)
    variance = np.square(noise[row, column] * frame.info.gain) * BOX**2
    snr = np.where(good, own / np.sqrt(np.maximum(own + variance, 1e-9)), 0.0)
    return share, snr, good
