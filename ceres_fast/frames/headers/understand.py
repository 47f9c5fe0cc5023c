"""What a header says of a frame, all quantities together: the one place where the tables of keywords are applied."""

from __future__ import annotations

from typing import Any

from astropy.io import fits
from astropy.wcs import WCS

from ..camera import GENERIC, Camera
from ..sky import pixel_scale
from .cards import Doubt, Found, contradiction
from .no_sky import why_no_sky
from .quantities import QUANTITIES, TEXT_KEYWORDS, gain_of_pixels, number, scale_of_optics, text
from .times import middle


def understand(header: fits.Header, wcs: WCS | None = None, camera: Camera = GENERIC) -> dict[str, Found[Any]]:
    """Return what a header says of each quantity: by the fields of `FrameInfo`, each with its origin and doubts.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of an image.
    wcs : astropy.wcs.WCS or None
        Its coordinates, which give the pixel scale where they are there.
    camera : Camera
        Which keywords are tried first, and their units.
    """
    found: dict[str, Found[Any]] = {}
    known: dict[str, float] = {}
    for name in QUANTITIES:
        result = number(header, name, known, camera)
        if name == "pixel_scale":
            result = Found(pixel_scale(wcs), "WCS") if wcs is not None else result
            result = result if result.value > 0 else _with_doubts(scale_of_optics(header), result.doubts)
        if name == "gain" and name not in camera.keywords:
            result = gain_of_pixels(header, result, known["exposure"])
        found[name], known[name] = result, float(result.value)
    names: dict[str, Found[Any]] = {name: text(header, name, camera) for name in TEXT_KEYWORDS}
    time = middle(header, known["exposure"], camera.keywords.get("time", ()))
    sky = why_no_sky(header, found["exposure"], camera)
    said = {**names, **found, "mjd": time, "no_sky": Found(sky, sky.partition(" ")[0])}
    return {name: _with_doubts(each, _contradictions(header, each.origin)) for name, each in said.items()}


def _contradictions(header: fits.Header, origin: str) -> tuple[Doubt, ...]:
    """Return doubts about the keywords of a value that are there several times, with different values."""
    keywords = origin.partition(" (")[0].split(", ")
    said = [(keyword, text) for keyword in keywords if (text := contradiction(header, keyword))]
    return tuple(Doubt(keyword, f"{text}; the first is used") for keyword, text in said)


def _with_doubts(found: Found, doubts: tuple[Doubt, ...]) -> Found:
    return found._replace(doubts=(*doubts, *found.doubts))
