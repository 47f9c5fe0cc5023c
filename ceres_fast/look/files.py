"""What is in the file of a frame, and which files beside it go with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from ..frames.camera import Camera
from ..frames.ccd_images import Layout, layout_of
from ..frames.fits_files import each_hdu
from ..frames.pixels import planes

WORDS = {"weight": "weight map", "bad": "bad-pixel map", "mask": "mask", "other": "map that is not used"}
"""Kinds of maps (`camera.Kind`) in words."""


@dataclass(frozen=True)
class Extension:
    """An HDU of a FITS file.

    Attributes
    ----------
    number : int
        Of the HDU, from 0.
    name : str
        EXTNAME; empty where it has none.
    size : str
        Of its pixels or rows, in words.
    use : str
        What it is taken for.
    """

    number: int
    name: str
    size: str
    use: str


def extensions_of(path: Path, hdus: fits.HDUList, camera: Camera) -> tuple[Extension, ...]:
    """Return what each HDU of an open file is taken for."""
    layout = layout_of(path, hdus, camera)
    return tuple(
        Extension(number, hdu.name if number else "", _size(hdu), _use(number, hdu, layout))
        for number, hdu in enumerate(each_hdu(hdus))
    )


def _size(hdu: fits.PrimaryHDU) -> str:
    header = hdu.header
    axes = [header[f"NAXIS{axis}"] for axis in range(1, header.get("NAXIS", 0) + 1)]
    if hdu.is_image:
        return f"{'x'.join(map(str, axes))} pixels, BITPIX {header['BITPIX']}" if axes else "no data"
    return f"{axes[1]:,} rows" if len(axes) > 1 else ""


def _use(number: int, hdu: fits.PrimaryHDU, layout: Layout) -> str:
    if not hdu.is_image:
        return "table, not read"
    if number in layout.ccds:
        return "image of a CCD"
    if number in layout.maps:
        return WORDS[layout.maps[number].kind]
    count = planes(hdu.header)
    return f"cube of {count} planes, not read" if count else "no image"
