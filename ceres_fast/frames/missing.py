"""Which pixels of a frame are missing, by the masks and weight maps in its file and beside it.

A pixel that is set to missing is lost to the stamp, so only what surely means "no data" counts: zero weight, and a
bad-pixel map or a mask of yes and no. Masks of bits, or of codes, also mark what may be an asteroid (an object, a
cosmic ray, saturation), whatever they are called, and differ from camera to camera: where their bits are named as the
Rubin pipelines do, those of `NO_DATA` are used, else those of the camera's profile; others are not used, which is said.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from astropy.io import fits

from ..console import warn_once
from ..errors import InputError
from .camera import GENERIC, Camera, Kind
from .ccd_images import Layout, images, shape_of
from .fits_files import open_fits
from .headers.cards import raw_number
from .info import FrameInfo
from .map_names import bare_name, maps_of
from .pixels import numbers, pixels

Key = TypeVar("Key", bound=Hashable)

NO_DATA = ("MP_BAD", "MP_NO_DATA")
"""Keywords whose value is the number of a bit that means that the pixel holds nothing of the sky."""

MOST = 0.95
"""A mask that leaves less than this share of missing pixels is believed; one that leaves more is upside down."""


MANY = 0.5
"""A map that says of more than this share of a frame that nothing is there is worth a look: it may be upside down."""


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
    if lost := [
        number for owners in _owners_by_kind(hdus, layout) for number, owner in owners.items() if owner is None
    ]:
        places = ", ".join(f"[{number}] {hdus[number].name}" for number in lost)
        warn_once(
            "maps of no CCD",
            f"{info.path}: of which of its {len(layout.ccds)} CCDs {places} are maps is not clear, and they are not "
            "used; name them after the CCDs (CCD1_MASK), or number them by EXTVER. Other files like it are not named",
        )
    for number in own_maps(hdus, layout, info.hdu):
        applied += _apply(data, f"{info.path}[{number}]", layout.maps[number].kind, hdus[number], info)
    for path, kind in _used_maps(info.path, info.camera).items():
        with open_fits(path) as others:
            numbers = images(others)
            if len(numbers) != info.parts:
                problem = f"holds {len(numbers)} images for the {info.parts} of {info.path}"
                raise InputError(path, problem, expected="a map for each CCD", action="make it again or remove it")
            same = [number for number in numbers if info.extension and others[number].name == info.extension]
            hdu = others[same[0] if len(same) == 1 else numbers[info.part]]
            applied += _apply(data, f"{path}{info.brackets}", kind, hdu, info)
    return applied


def companion_files(path: Path, camera: Camera = GENERIC) -> list[Path]:
    """Return the mask and weight files of a frame that are beside it (`map_names.maps_of`), but for maps of no use."""
    return list(_used_maps(path, camera))


def _used_maps(path: Path, camera: Camera) -> dict[Path, Kind]:
    return {file: kind for file, kind in maps_of(path, camera).items() if kind in _BLANK}


def own_maps(hdus: fits.HDUList, layout: Layout, hdu: int) -> Iterator[int]:
    """Yield the numbers of the extensions that are masks and weights of the CCD in an HDU."""
    for owners in _owners_by_kind(hdus, layout):
        yield from (number for number, owner in owners.items() if owner == hdu)


def _owners_by_kind(hdus: fits.HDUList, layout: Layout) -> Iterator[dict[int, int | None]]:
    for kind in _BLANK:
        yield _owners(hdus, layout, {n: own.of for n, own in layout.maps.items() if own.kind == kind})


def _owners(hdus: fits.HDUList, layout: Layout, maps: dict[int, str]) -> dict[int, int | None]:
    """Return whose each of the maps of one kind is: by the name of the CCD, else by number, else by order.

    None where that is not clear: the map of another CCD blanks what is good.
    """
    names = _once([(bare_name(hdus[ccd].name), hdus[ccd].ver) for ccd in layout.ccds], layout.ccds)
    bare = {number: bare_name(rest) for number, rest in maps.items()}
    named = {number: names.get((name, hdus[number].ver)) if name else None for number, name in bare.items()}
    if any(ccd is not None for ccd in named.values()):
        return named
    of_ccds = _once([_number(hdus[ccd].name, hdus[ccd], layout) for ccd in layout.ccds], layout.ccds)
    of_maps = [_number(rest, hdus[number], layout) for number, rest in maps.items()]
    if len(maps) == len(layout.ccds) and set(of_maps) != set(of_ccds):
        return dict(zip(maps, layout.ccds, strict=True))
    return {number: None if own is None else of_ccds.get(own) for number, own in zip(maps, of_maps, strict=True)}


def _once(keys: Sequence[Key], values: Sequence[int]) -> dict[Key, int]:
    """Return values by their keys, but for those of keys that are there several times."""
    times = Counter(keys)
    return {key: value for key, value in zip(keys, values, strict=True) if times[key] == 1}


def _number(name: str, hdu: fits.ImageHDU, layout: Layout) -> int | None:
    """Return the number at the end of a name, else EXTVER; None where neither is there, and several CCDs are."""
    if digits := re.search(r"(\d+)$", name):
        return int(digits[1])
    return int(hdu.ver) if "EXTVER" in hdu.header or len(layout.ccds) == 1 else None


def _apply(data: np.ndarray, name: str, kind: Kind, hdu: fits.ImageHDU, info: FrameInfo) -> list[str]:
    """Apply a map, and return its name; or nothing where it is not understood."""
    if shape_of(hdu.header) != data.shape:
        ny, nx = shape_of(hdu.header)
        problem = f"is a map of {nx}x{ny} pixels"
        expected = f"{data.shape[1]}x{data.shape[0]}, as {info.place} has"
        raise InputError(name, problem, expected=expected, action="make it again or remove it")
    # A weight that is not known is none; of masks every number counts, as their bits do.
    values = pixels(hdu, name) if kind == "weight" else numbers(hdu)
    missing = _BLANK[kind](values, hdu.header, info.camera)
    if missing is None:
        warn_once(
            "masks of bits",
            f"{name}: is a mask of bits, whose meaning differs between cameras, and they may mark asteroids too. Such "
            "masks are not applied; give a bad-pixel map of 0 and 1 (<frame>.bpm.fits) or a weight map, or name the "
            "bits that mean that there are no data in a camera's profile (--camera, no_data_bits)",
        )
        return []
    if kind != "weight" and missing.mean() > MOST:
        problem = f"marks {missing.mean():.0%} of {info.place} as bad"
        raise InputError(name, problem, expected="0 for good pixels", action="turn it over or remove it")
    if missing.mean() > MANY:
        warn_once(
            "maps of nearly all",
            f"{name}: by this map {missing.mean():.0%} of {info.place} has no data, and detections there have no "
            f"picture; look whether it is a map of this kind ({kind}), and not upside down. Others are not named",
        )
    data[missing] = np.nan
    return [name]


def _of_weight(values: np.ndarray, header: fits.Header, camera: Camera) -> np.ndarray:
    return ~(values > 0)


def _of_bad(values: np.ndarray, header: fits.Header, camera: Camera) -> np.ndarray | None:
    if not _is_one((1,), values) and (missing := _by_bits(values, header, camera)) is not None:
        return missing
    return values != 0 if _is_one(None, values) and not _is_bit(values) else None


def _of_mask(values: np.ndarray, header: fits.Header, camera: Camera) -> np.ndarray | None:
    if (missing := _by_bits(values, header, camera)) is not None:
        return missing
    return values != 0 if _is_one((1, 255), values) else None


def _is_one(allowed: Collection[int] | None, values: np.ndarray) -> bool:
    """Tell whether a map has but one value beside 0 and NaN, as those of yes and no have: one of some, or any."""
    found = values[(values != 0) & (values == values)]
    return found.size == 0 or bool((found == found[0]).all() and (allowed is None or found[0] in allowed))


def _is_bit(values: np.ndarray) -> bool:
    """Tell whether the highest value of a map is a bit but the first: one that a map of yes and no need not have."""
    most = float(np.nanmax(values, initial=0))
    return most >= 2 and math.log2(most).is_integer()


def _by_bits(values: np.ndarray, header: fits.Header, camera: Camera) -> np.ndarray | None:
    """Return the pixels of a mask without data by what its header says of its bits, else by what its camera's does."""
    named = [raw_number(header, key)[0] for key in NO_DATA if key in header]
    bits = [int(bit) for bit in named if 0 <= bit < 64] or camera.no_data_bits
    if not bits and not camera.no_data_values:
        return None
    whole = values if values.dtype.kind in "iu" else np.nan_to_num(values).astype(np.int64)
    unsigned = whole.astype(f"u{whole.dtype.itemsize}")  # a 1 in the highest bit of a signed integer is its sign
    no_data = unsigned & unsigned.dtype.type(sum(1 << bit for bit in bits if bit < 8 * whole.dtype.itemsize)) != 0
    return no_data | np.isin(whole, camera.no_data_values) if camera.no_data_values else no_data


_BLANK: Mapping[Kind, Callable[[np.ndarray, fits.Header, Camera], np.ndarray | None]] = {
    "weight": _of_weight,
    "bad": _of_bad,
    "mask": _of_mask,
}
"""Which pixels a map says are missing; None where that cannot be known."""
