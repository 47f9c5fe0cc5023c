"""The light of asteroids: made, and added to copies of the frames in which all else stays as it was."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ceres_fast import __version__

from ...files import atomic_file
from ...frames.fits_files import fits_errors, writable_header
from ...frames.info import FrameInfo
from ...frames.pixels import plane
from ...frames.reading import Frame
from ..simulate.frame import BOX
from ..simulate.render import add_trails, box_flux
from .conditions import Conditions, sky_of
from .population import Asteroids, inside

KEYWORD = "CFINJECT"
"""Number of synthetic asteroids in a frame; no frame without it holds any."""

_SUMS = ("CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM")


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


@dataclass(frozen=True)
class Layer:
    """What is added to an image: its light, how many asteroids that is, the image's saturation (ADU; NaN where not
    known), and the random stream for rounding."""

    light: Paint
    asteroids: int
    saturation: float
    random: np.random.Generator


def write_injected(source: Path, target: Path, layers: Mapping[int, Layer], seed: int) -> None:
    """Write a copy of a FITS file with light added to some of its images.

    Pixels that get no light keep their stored numbers, and all other HDUs, compression and scaling stay; cards that
    the FITS standard does not let be written are left out, and that is said. Integers stay integers: fractions are
    rounded up or down at random, so that faint wings are not lost. Pixels above the saturation stay as they are, the
    others stop there. Compressed floating-point images are quantised anew, by less than the noise of the sky.

    Parameters
    ----------
    source, target : pathlib.Path
        The file, and where the copy goes; its folder is made.
    layers : mapping of int to Layer
        What is added to each image, by its number in the file.
    seed : int
        Named in the header.

    Raises
    ------
    InputError
        When the file cannot be copied; nothing is left at `target` then.
    """
    with fits_errors(source, "cannot be copied"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(source, memmap=False, do_not_scale_image_data=True) as hdus:
            for hdu in hdus:
                if hdu.is_image:
                    hdu.header = writable_header(hdu.header, source)
            for number, layer in layers.items():
                hdu = hdus[number]
                add_to(plane(hdu.data), hdu.header, layer)
                for name in _SUMS:
                    hdu.header.remove(name, ignore_missing=True)
                hdu.header[KEYWORD] = (layer.asteroids, "synthetic asteroids in this frame")
                hdu.header.add_history(
                    f"ceres-fast {__version__} inject: {layer.asteroids} synthetic asteroids added (seed {seed})"
                )
            with atomic_file(target) as temporary:
                _write(hdus, temporary)


def add_to(data: np.ndarray, header: fits.Header, layer: Layer) -> None:
    """Add light to the stored numbers of an image, in place.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx), as stored: integers are ``(ADU - BZERO) / BSCALE``.
    header : astropy.io.fits.Header
        For BSCALE, BZERO and BLANK.
    layer : Layer
        What is added.
    """
    light = layer.light
    scale, zero = float(header.get("BSCALE", 1.0)), float(header.get("BZERO", 0.0))
    stored = data[light.row, light.column]
    if np.issubdtype(data.dtype, np.floating):
        scale, zero = 1.0, 0.0  # astropy has applied them, or there are none
    before = stored.astype(np.float64) * scale + zero
    limit = np.inf if np.isnan(layer.saturation) else layer.saturation
    after = np.maximum(before, np.minimum(before + light.added, limit))
    changed = after != before
    if np.issubdtype(data.dtype, np.integer):
        kind = np.iinfo(data.dtype)
        dither = layer.random.uniform(size=len(after))
        after = np.clip(np.floor((after - zero) / scale + dither), kind.min, kind.max)
        if "BLANK" in header:  # what is missing stays so, and no light makes a pixel missing
            changed &= (stored != header["BLANK"]) & (after != header["BLANK"])
    data[light.row[changed], light.column[changed]] = after[changed].astype(data.dtype)


def _write(hdus: fits.HDUList, target: Path) -> None:
    if target.suffix.lower() != ".gz":
        hdus.writeto(target, output_verify="ignore", overwrite=True)  # the empty file of a temporary name
        return
    stream = io.BytesIO()
    hdus.writeto(stream, output_verify="ignore")
    with target.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:  # no name, no time
        packed.write(stream.getbuffer())
