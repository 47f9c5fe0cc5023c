"""Writing a frame again with light added, all else as it was."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from ... import __version__
from .paint import Paint

KEYWORD = "CFINJECT"
"""Number of synthetic asteroids in a frame; no frame without it holds any."""

_SUMS = ("CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM")


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

    Pixels that get no light keep their stored numbers, and all other HDUs, compression and scaling stay. Integers
    stay integers: fractions are rounded up or down at random, so that faint wings are not lost. Pixels above the
    saturation stay as they are, the others stop there. Compressed floating-point images are quantised anew, by
    less than the noise of the sky.

    Parameters
    ----------
    source, target : pathlib.Path
        The file, and where the copy goes; its folder is made.
    layers : mapping of int to Layer
        What is added to each image, by its number in the file.
    seed : int
        Named in the header.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd cards are written as they were read
        with fits.open(source, memmap=False, do_not_scale_image_data=True) as hdus:
            for number, layer in layers.items():
                hdu = hdus[number]
                add_to(hdu.data, hdu.header, layer)
                for name in _SUMS:
                    hdu.header.remove(name, ignore_missing=True)
                hdu.header[KEYWORD] = (layer.asteroids, "synthetic asteroids in this frame")
                hdu.header.add_history(
                    f"ceres-fast {__version__} inject: {layer.asteroids} synthetic asteroids added (seed {seed})"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(hdus, target)


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
        if "BLANK" in header:
            changed &= stored != header["BLANK"]
        kind = np.iinfo(data.dtype)
        dither = layer.random.uniform(size=len(after))
        after = np.clip(np.floor((after - zero) / scale + dither), kind.min, kind.max)
    data[light.row[changed], light.column[changed]] = after[changed].astype(data.dtype)


def _write(hdus: fits.HDUList, target: Path) -> None:
    if target.suffix.lower() != ".gz":
        hdus.writeto(target, output_verify="ignore")
        return
    stream = io.BytesIO()
    hdus.writeto(stream, output_verify="ignore")
    with target.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:  # no name, no time
        packed.write(stream.getbuffer())
