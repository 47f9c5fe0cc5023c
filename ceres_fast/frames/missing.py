"""Which pixels of a frame are missing, by the masks and weight maps in its file and beside it.

A pixel that is set to missing is lost to the stamp, so only what surely means "no data" counts: zero weight, a
bad-pixel map, a mask of yes and no. Bit masks also mark what may be an asteroid (an object, a cosmic ray, saturation),
and their bits differ from camera to camera: where they are named as the Rubin pipelines do, the bits of `NO_DATA` are
used; others are not used, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from ..console import warn
from ..errors import InputError
from .ccd_images import KINDS, Layout, images, kind_of_extension, kind_of_file, shape_of
from .fits_files import ENDINGS, frame_stem, open_fits
from .info import FrameInfo
from .pixels import numbers, pixels

NO_DATA = ("MP_BAD", "MP_NO_DATA")
"""Keywords whose value is the number of a bit that means that the pixel holds nothing of the sky."""

MOST = 0.95
"""A mask that leaves less than this share of missing pixels is believed; one that leaves more is upside down."""

_said: set[str] = set()


def blank_missing(data: np.ndarray, info: FrameInfo, layout: Layout, hdus: fits.HDUList) -> list[str]:
    """Put NaN where the maps of a frame say that there is no data, in place.

    Parameters
    ----------
    data : numpy.ndarray
        Pixels, shape (ny, nx), float32.
    info : FrameInfo
        Whose they are.
    layout : Layout
        The CCDs of the open file `hdus`.
    hdus : astropy.io.fits.HDUList
        The file.

    Returns
    -------
    list of str
        The maps that were applied.

    Raises
    ------
    InputError
        When a map has another shape than the frame, cannot be read, or masks nearly all of it.
    """
    applied = []
    for number in own_maps(hdus, layout, info.hdu):
        name = f"{info.path}[{number}]"
        applied += _apply(data, name, kind_of_extension(hdus[number].name)[0], hdus[number], info)
    for path in companion_files(info.path):
        with open_fits(path) as others:
            numbers = images(others)
            if len(numbers) != info.parts:
                problem = f"holds {len(numbers)} images for the {info.parts} of {info.path}"
                raise InputError(path, problem, expected="a map for each CCD", action="make it again or remove it")
            hdu = others[numbers[info.part]]
            applied += _apply(data, f"{path}{info.brackets}", kind_of_file(frame_stem(path)), hdu, info)
    return applied


def companion_files(path: Path) -> list[Path]:
    """Return the mask and weight files of a frame: beside it, ``<stem>.weight.fits``, ``<stem>_mask.fits.fz`` …"""
    stem = frame_stem(path).lower()
    words = {word for kind in _BLANK for word in KINDS[kind]}
    names = sorted(other.name for other in path.parent.iterdir() if other.name.lower().startswith(stem))
    files = [path.with_name(name) for name in names if name.lower().endswith(ENDINGS)]
    rests = [frame_stem(file).lower()[len(stem) :] for file in files]
    return [file for file, rest in zip(files, rests, strict=True) if rest[:1] in ("_", ".") and rest[1:] in words]


def own_maps(hdus: fits.HDUList, layout: Layout, hdu: int) -> Iterator[int]:
    """Yield the numbers of the extensions that are masks and weights of the CCD in an HDU."""
    kinds = {number: kind_of_extension(hdus[number].name) for number in layout.images}
    for kind in _BLANK:
        yield from _partners(hdus, layout, hdu, {n: rest for n, (its_kind, rest) in kinds.items() if its_kind == kind})


def _partners(hdus: fits.HDUList, layout: Layout, hdu: int, maps: dict[int, str]) -> Sequence[int]:
    """Return which of the maps of one kind go with a CCD: by name, else by order, else by number."""
    names = {(hdus[ccd].name.lower(), hdus[ccd].ver): ccd for ccd in layout.ccds}
    named = [names.get((rest, hdus[number].ver)) for number, rest in maps.items()]
    if any(ccd is not None for ccd in named):
        return [number for number, ccd in zip(maps, named, strict=True) if ccd == hdu]
    if len(maps) == len(layout.ccds):
        return [list(maps)[layout.ccds.index(hdu)]]
    own = _number(hdus[hdu].name, hdus[hdu].ver)
    return [number for number, rest in maps.items() if _number(rest, hdus[number].ver) == own]


def _number(name: str, version: int) -> int:
    digits = re.search(r"(\d+)$", name)
    return int(digits[1]) if digits else version


def _apply(data: np.ndarray, name: str, kind: str | None, hdu: fits.ImageHDU, info: FrameInfo) -> list[str]:
    """Apply a map, and return its name; or nothing where it is not understood."""
    if shape_of(hdu.header) != data.shape:
        ny, nx = shape_of(hdu.header)
        problem = f"is a map of {nx}x{ny} pixels"
        expected = f"{data.shape[1]}x{data.shape[0]}, as {info.place} has"
        raise InputError(name, problem, expected=expected, action="make it again or remove it")
    # A weight that is not known is none; of masks every number counts, as their bits do.
    values = pixels(hdu, name) if kind == "weight" else numbers(hdu)
    missing = _BLANK[kind or ""](values, hdu.header)
    if missing is None:
        _say_once(
            "bits",
            f"{name}: is a mask of bits, whose meaning differs between cameras, and they may mark asteroids too. Such "
            "masks are not applied; give a bad-pixel map (<frame>.bpm.fits, any value but 0 is bad) or a weight map",
        )
        return []
    if kind != "weight" and missing.mean() > MOST:
        problem = f"marks {missing.mean():.0%} of {info.place} as bad"
        raise InputError(name, problem, expected="0 for good pixels", action="turn it over or remove it")
    data[missing] = np.nan
    return [name]


def _of_weight(values: np.ndarray, header: fits.Header) -> np.ndarray:
    return ~(values > 0)


def _of_bad(values: np.ndarray, header: fits.Header) -> np.ndarray:
    return values != 0


def _of_mask(values: np.ndarray, header: fits.Header) -> np.ndarray | None:
    bits = [int(header[key]) for key in NO_DATA if key in header]
    if bits:
        return (values & sum(1 << bit for bit in bits)) != 0
    marked = values != 0
    found = values[marked]
    yes_and_no = found.size == 0 or (found[0] in (1, 255) and (found == found[0]).all())
    return marked if yes_and_no else None


_BLANK: dict[str, Callable[[np.ndarray, fits.Header], np.ndarray | None]] = {
    "weight": _of_weight,
    "bad": _of_bad,
    "mask": _of_mask,
}
"""Which pixels a map says are missing; None where that cannot be known."""


def _say_once(key: str, message: str) -> None:
    if key not in _said:
        _said.add(key)
        warn(message)
