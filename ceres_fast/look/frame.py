"""One CCD, looked at: its file, its header, its place on the sky, its pixels and its catalogue."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from ..errors import InputError
from ..frames.camera import Camera
from ..frames.ccd_images import Layout, layout_of
from ..frames.fits_files import each_hdu, open_fits
from ..frames.info import FrameInfo
from ..frames.map_names import maps_of
from ..frames.pixels import planes
from ..frames.reading import FrameHeader, read_frame
from .catalogue import CatalogueLook, look_at_catalogue
from .coordinates import Coordinates, coordinates_of
from .pixels import Pixels, measure_pixels

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


UNDERSTOOD = (
    "field",
    "ccd",
    "filter",
    "observatory",
    "mjd",
    "exposure",
    "pixel_scale",
    "seeing",
    "gain",
    "read_noise",
    "saturation",
    "zero_point",
    "airmass",
)
"""Quantities of a frame, in the order in which they are shown."""


@dataclass(frozen=True)
class FrameLook:
    """How a CCD is understood.

    Attributes
    ----------
    info : FrameInfo
        Each quantity; ``info.readings`` say where it stands, ``info.doubts`` what cannot be believed.
    header : astropy.io.fits.Header
        Of the image.
    extensions : tuple of Extension
        What is in its file.
    companions : dict of pathlib.Path to str
        The files beside it that are its maps, and what they are taken for.
    coordinates : Coordinates or None
        Where it is on the sky; None where that is not known.
    catalogue : CatalogueLook
        Its catalogue.
    pixels : Pixels or None
        What its pixels say; None where they cannot be read.
    problem : str
        Why they cannot be.
    """

    info: FrameInfo
    header: fits.Header
    extensions: tuple[Extension, ...]
    companions: dict[Path, str]
    coordinates: Coordinates | None
    catalogue: CatalogueLook
    pixels: Pixels | None
    problem: str = ""

    @property
    def seeing_of_catalogue(self) -> float:
        """The seeing (arcsec) by the widths of the detections, where that of the header is not used; else NaN."""
        used = self.catalogue.seeing
        return math.nan if math.isclose(used, self.info.seeing, rel_tol=1e-6) else used


def look_at(
    frame: FrameHeader, camera: Camera, *, catalogues: Path | None = None, widest: int | None = None
) -> FrameLook:
    """Look at a CCD.

    Parameters
    ----------
    frame : FrameHeader
        What is known of it without its pixels.
    camera : Camera
        The profile that it was read with.
    catalogues : pathlib.Path, optional
        The only folder in which its catalogue is looked for.
    widest : int, optional
        Longer side (pixels) of a copy that is kept for a picture.
    """
    info, header, wcs = frame
    with open_fits(info.path) as hdus:
        extensions = extensions_of(info.path, hdus, camera)
    pixels, problem = None, ""
    try:
        pixels = measure_pixels(read_frame(info.path, info.hdu, camera), widest=widest)
    except InputError as error:
        problem = str(error)
    return FrameLook(
        info,
        header,
        extensions,
        {file: WORDS[kind] for file, kind in maps_of(info.path, camera).items()},
        None if wcs is None else coordinates_of(wcs, header, info.shape),
        look_at_catalogue(frame, catalogues),
        pixels,
        problem,
    )


Kind = tuple[object, ...]
"""How frames are understood: equal for those that are understood in the same way."""


def kind_of(info: FrameInfo) -> Kind:
    """Return how a frame is understood: keywords, units and doubts of each quantity, size, images in its file."""
    origins = tuple(
        (reading.quantity, keywords_of(reading.origin), tuple(doubt.about for doubt in reading.doubts))
        for reading in info.readings
    )
    return origins, info.shape, info.parts, info.images


def keywords_of(origin: str) -> str:
    """Return where a quantity stands without its value: "SEEING (pixel)" of "SEEING (3.4 pixel)"."""
    return re.sub(r"\([-+.\de]+ ", "(", origin)
