"""Finding and reading frames: the image of one CCD, with what its header says."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ..console import warn_once
from ..errors import CeresFastError, InputError
from ..file_names import written
from .camera import GENERIC, Camera
from .ccd_images import Layout, header_of, layout_of, shape_of
from .fits_files import SUFFIXES, check_whole, each_hdu, files_below, frame_stem, is_fits_name, open_fits, warn_unread
from .headers.understand import understand
from .info import FrameInfo, Reading
from .map_names import kind_of_file, kind_of_product, map_names
from .missing import blank_missing
from .pixels import pixels
from .sky import celestial, to_sky

__all__ = [
    "Frame",
    "FrameHeader",
    "FrameInfo",
    "Listing",
    "find_frames",
    "frame_stem",
    "list_frames",
    "read_frame",
    "read_header",
    "read_headers",
    "read_info",
]


MOST_PACKED = 1024
"""Pixels that a byte of a file can hold; a header that says more is broken, and would take all memory."""

PASSED_OVER = {
    "table": "FITS tables",
    "map": "weight maps and masks",
    "hidden": "hidden",
    "again": "other names of a file that is here",
}
"""Why a FITS file in a folder is no frame, as an account says it."""


class FrameHeader(NamedTuple):
    """What is known of a frame without its pixels: `Frame` without `data`."""

    info: FrameInfo
    header: fits.Header
    wcs: WCS | None


@dataclass(frozen=True)
class Frame:
    """One CCD's image.

    Parameters
    ----------
    info : FrameInfo
        What the header says.
    data : numpy.ndarray
        Pixels in ADU, shape (ny, nx), axes (y, x), float32; missing pixels are NaN.
    wcs : astropy.wcs.WCS or None
        The celestial coordinates; None where the header has none.
    header : astropy.io.fits.Header
        The image's header, with what only the primary header says.
    """

    info: FrameInfo
    data: np.ndarray
    wcs: WCS | None
    header: fits.Header


def read_frame(path: Path, hdu: int | None = None, camera: Camera = GENERIC) -> Frame:
    """Read the image of one CCD: plain, gzipped or tile-compressed FITS, scaled integers (BZERO) or floats.

    Only the pixels of that CCD are read, and those of the maps that say which are missing (`missing`).

    Parameters
    ----------
    path : pathlib.Path
        A FITS file with the two-dimensional image of a CCD, or of several.
    hdu : int, optional
        Number of the HDU with the image, from 0; may be left out where the file holds one CCD.
    camera : Camera
        The profile of the camera, where it has one.

    Returns
    -------
    Frame
        The pixels as float32 in native byte order, and the header.

    Raises
    ------
    InputError
        When the file is missing, empty, cut off or no FITS; has no such image, or several and none is named; when a
        mask or weight map has another shape; or when no two of its good pixels differ.
    """
    with open_fits(path) as hdus:
        layout = layout_of(path, hdus, camera)
        info, header, wcs = _head(path, hdus, layout, layout.only(path, hdu), camera)
        if info.shape[0] * info.shape[1] > MOST_PACKED * path.stat().st_size:
            problem = f"its header says {info.shape[1]}x{info.shape[0]} pixels, more than the file can hold"
            raise InputError(info.place, problem, expected="a whole frame")
        data = pixels(hdus[info.hdu], info.place)
        if data.shape != info.shape:
            problem = f"has {data.shape} pixels where its header says {info.shape}"
            raise InputError(info.place, problem, expected="a whole frame")
        maps = blank_missing(data, info, layout, hdus)
    low, high = np.fmin.reduce(data, axis=None), np.fmax.reduce(data, axis=None)
    if not low < high:
        because = f", after applying {', '.join(maps)}" if maps else ""
        problem = f"no pixel has a value{because}" if math.isnan(low) else f"every pixel is {low:g}"
        raise InputError(info.place, problem, expected="an image of the sky", action="leave this frame out")
    return Frame(info, data, wcs, header)


def read_headers(path: Path, camera: Camera = GENERIC) -> list[FrameHeader]:
    """Return what is known of each CCD in a file, in their order, without reading pixels; raises as `read_frame`."""
    with open_fits(path) as hdus:
        layout = layout_of(path, hdus, camera)
        return [_head(path, hdus, layout, ccd, camera) for ccd in layout.ccds]


def read_header(path: Path, hdu: int | None = None, camera: Camera = GENERIC) -> FrameHeader:
    """Return what is known of one CCD without reading its pixels; arguments and errors as `read_frame`."""
    with open_fits(path) as hdus:
        layout = layout_of(path, hdus, camera)
        return _head(path, hdus, layout, layout.only(path, hdu), camera)


def read_info(path: Path, hdu: int | None = None, camera: Camera = GENERIC) -> FrameInfo:
    """Return what the header of one CCD says, without reading its pixels; arguments and errors as `read_frame`."""
    return read_header(path, hdu, camera).info


@dataclass(frozen=True)
class Listing:
    """The FITS files among some sources.

    Parameters
    ----------
    frames : list of pathlib.Path
        Those with frames or stamps in them, and those that cannot be opened, in the order of their names.
    passed_over : dict of pathlib.Path to str
        The others, and why they are none: one of `PASSED_OVER`.
    """

    frames: list[Path]
    passed_over: dict[Path, str]


def find_frames(sources: Sequence[Path], camera: Camera = GENERIC) -> list[Path]:
    """Return the files with frames among files and in folders; `list_frames` without what is passed over."""
    return list_frames(sources, camera=camera).frames


def list_frames(
    sources: Sequence[Path], unread: Callable[[InputError], None] = warn_unread, camera: Camera = GENERIC
) -> Listing:
    """Find the files with frames among files and in folders, searched recursively.

    Catalogues (FITS tables), weight maps, masks and hidden files in folders are passed over; of files that are named
    themselves only maps whose frame is beside them, or whose header says so: a night may be given as ``night/*.fits``.
    Files that cannot be opened, or hold nothing, so that they have lost their image, count as frames: reading them says
    what is wrong.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Files and folders.
    unread : callable
        Given an error for each folder that cannot be read; a warning by default.
    camera : Camera
        How the files of maps are named, beside the usual names.

    Raises
    ------
    CeresFastError
        When a source does not exist, or nothing is found.
    """
    kinds: dict[Path, tuple[Path, str]] = {}
    stems: dict[Path, set[str]] = {}
    for source in sources:
        if not source.exists():
            raise InputError(source, "does not exist", expected="a frame (FITS) or a folder of frames")
        if not source.is_dir():
            kinds[_name(source)] = source, _why_named_is_none(source, camera, stems)
            continue
        for file in filter(is_fits_name, files_below(source, unread)):
            if _name(file) not in kinds:
                kinds[_name(file)] = file, why_no_frame(file, camera, stems)
    frames: dict[Path, Path] = {}
    passed_over = {file: why for file, why in kinds.values() if why}
    _say_maps_alone([file for file, why in passed_over.items() if why == PASSED_OVER["map"]], camera, stems)
    for file in sorted(file for file, why in kinds.values() if not why):
        # os.path, as pathlib raises where a link leads to itself; reading it says so.
        if frames.setdefault(Path(os.path.realpath(file)), file) != file:
            passed_over[file] = PASSED_OVER["again"]
    if not frames:
        names = ", ".join(str(source) for source in sources) or "no source"
        others = ", ".join(f"{why} ({number})" for why, number in Counter(passed_over.values()).items())
        but = f" but {others}" if others else ""
        raise CeresFastError(
            f"{names}: no frames found{but}; expected FITS files ({', '.join(SUFFIXES)}; also .gz, .fz, .bz2, .xz)."
        )
    return Listing(list(frames.values()), passed_over)


def relative_to_sources(path: Path, sources: Sequence[Path]) -> Path:
    """Return a frame's path relative to the folder among `sources` that holds it; its name where none does."""
    inside = (path.relative_to(source) for source in sources if source.is_dir() and path.is_relative_to(source))
    # Python takes ../b/x.fits to be in the folder "."
    return next((place for place in inside if ".." not in place.parts), Path(path.name))


def _head(path: Path, hdus: fits.HDUList, layout: Layout, hdu: int, camera: Camera) -> FrameHeader:
    header = header_of(hdus, layout, hdu)
    wcs, doubts = celestial(header)
    found = understand(header, wcs, camera)
    part, parts = layout.ccds.index(hdu), len(layout.ccds)
    shape = shape_of(header)
    values = {name: each.value for name, each in found.items()}
    if parts > 1:
        values["ccd"] = layout.names[part]
    info = FrameInfo(
        path=path,
        frame=written(frame_stem(path)) + (f"[{hdu}]" if parts > 1 else ""),
        **values,
        shape=shape,
        hdu=hdu,
        extension=hdus[hdu].name if hdu else "",
        part=part,
        order=tuple(layout.images.index(ccd) for ccd in layout.ccds),
        images=len(layout.images),
        centre=_centre(wcs, shape),
        camera=camera,
        readings=(
            *(Reading(name, each.origin, each.doubts) for name, each in found.items()),
            Reading("centre", "" if wcs is None else "WCS", doubts),
        ),
    )
    return FrameHeader(info, header, wcs)


def _centre(wcs: WCS | None, shape: tuple[int, int]) -> tuple[float, float]:
    if wcs is None:
        return math.nan, math.nan
    ra, dec = to_sky(wcs, (shape[1] + 1) / 2, (shape[0] + 1) / 2)
    return float(ra), float(dec)


def _name(path: Path) -> Path:
    """Return the same path for a file however it is named: one may be given in several ways."""
    return path.parent.resolve() / path.name


def why_no_frame(path: Path, camera: Camera = GENERIC, stems: dict[Path, set[str]] | None = None) -> str:
    """Return why a file in a folder is no frame, of `PASSED_OVER`; the empty string where it may be one.

    `stems` are those of the FITS files of folders, which are added to it: so that many files need one look.
    """
    stems = {} if stems is None else stems
    if path.name.startswith("."):
        return PASSED_OVER["hidden"]
    if kind_of_file(frame_stem(path), camera, _beside(path, stems)) is not None:
        return PASSED_OVER["map"]
    try:
        with open_fits(path) as hdus:
            parts = list(each_hdu(hdus))
            if kind_of_product(parts[0].header) is not None:
                return PASSED_OVER["map"]
            if any(hdu.is_image and hdu.header.get("NAXIS", 0) > 0 for hdu in parts):
                return ""
            check_whole(path, hdus)
            # With nothing in it at all it is no table, but an image that was lost.
            return "" if all(hdu.is_image for hdu in parts) else PASSED_OVER["table"]
    except InputError:
        return ""


def _why_named_is_none(path: Path, camera: Camera, stems: dict[Path, set[str]]) -> str:
    """Return why a file that the user named is no frame: only for maps of which that is sure."""
    is_there = _beside(path, stems)
    if any(is_there(frame) for name in map_names(frame_stem(path), camera) for frame in name.frames):
        return PASSED_OVER["map"] if kind_of_file(frame_stem(path), camera, is_there) is not None else ""
    try:
        with open_fits(path) as hdus:
            return PASSED_OVER["map"] if kind_of_product(hdus[0].header) is not None else ""
    except InputError:
        return ""


def _say_maps_alone(maps: Sequence[Path], camera: Camera, stems: dict[Path, set[str]]) -> None:
    """Warn of files that are maps by their names alone: ``V838_var.fits`` may be a frame."""
    alone = [
        file
        for file in maps
        if (names := map_names(frame_stem(file), camera))
        and not any(map(_beside(file, stems), (frame for name in names for frame in name.frames)))
    ]
    if alone:
        more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        warn_once(
            f"maps alone: {alone[0]}",  # some commands list their frames several times
            f"{alone[0]}{more}: passed over as a weight map or mask, because of the name; no frame of such a name is "
            "beside it. If it is a frame, name it itself and not only its folder, or call it otherwise",
        )


def _beside(path: Path, stems: dict[Path, set[str]]) -> Callable[[str], bool]:
    """Return what tells whether a FITS file with some stem is in the folder of a file."""
    if path.parent not in stems:
        try:
            files = [file for file in path.parent.iterdir() if is_fits_name(file)]
        except OSError:
            files = []
        stems[path.parent] = {frame_stem(file).lower() for file in files}
    return stems[path.parent].__contains__
