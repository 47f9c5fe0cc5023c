"""Finding and reading frames: the image of one CCD, with what its header says."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from ..errors import CeresFastError, InputError
from .fits_files import SUFFIXES, fits_files, frame_stem, open_fits, readable_header
from .frame_info import FrameInfo, middle, number, text

__all__ = ["Frame", "FrameInfo", "celestial", "find_frames", "frame_stem", "read_frame", "read_header", "read_info"]

COMPANION_NAMES = ("weight", "wht", "mask", "bpm", "dq", "ivm", "rms", "var", "err", "sky", "flags")
"""Last part of the names (of a file or of an extension) of maps that go with a frame and are not frames."""


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


def read_frame(path: Path) -> Frame:
    """Read a frame: plain, gzipped or tile-compressed FITS, scaled integers (BZERO) or floats.

    Parameters
    ----------
    path : pathlib.Path
        A FITS file with one two-dimensional image.

    Returns
    -------
    Frame
        The pixels as float32 in native byte order, and the header.

    Raises
    ------
    InputError
        When the file is missing, empty, cut off or no FITS; has no image, or those of several CCDs; or when no
        two of its good pixels differ.
    """
    with open_fits(path) as hdus:
        hdu = _image(path, hdus)
        header = _header(hdus, hdu)
        data = np.array(hdu.data, dtype=np.float32)
    if data.shape != _shape(header):
        raise InputError(
            path, f"has {data.shape} pixels where its header says {_shape(header)}", expected="a whole frame"
        )
    good = data[np.isfinite(data)]
    if good.size == 0 or good.min() == good.max():
        problem = "no pixel has a value" if good.size == 0 else f"every pixel is {good[0]:g}"
        raise InputError(path, problem, expected="an image of the sky", action="leave this frame out")
    wcs = celestial(header)
    return Frame(info_from(path, header, wcs), data, wcs, header)


def read_header(path: Path) -> fits.Header:
    """Return the header of a frame without reading its pixels; raises as `read_frame` does."""
    with open_fits(path) as hdus:
        return _header(hdus, _image(path, hdus))


def read_info(path: Path) -> FrameInfo:
    """Return what the header of a frame says, without reading its pixels; raises as `read_frame` does."""
    header = read_header(path)
    return info_from(path, header, celestial(header))


def find_frames(sources: Sequence[Path]) -> list[Path]:
    """Return the frames among files and in folders, searched recursively, in the order of their names.

    Catalogues (FITS tables), weight maps and hidden files in folders are passed over. Files that cannot be opened
    are returned, so that reading them says what is wrong.

    Raises
    ------
    CeresFastError
        When a source does not exist, a named file holds no image, or nothing is found.
    """
    found: dict[Path, Path] = {}
    for source in sources:
        if not source.exists():
            raise InputError(source, "does not exist", expected="a frame (FITS) or a folder of frames")
        files = _in_folder(source) if source.is_dir() else [source]
        found.update({file.resolve(): file for file in reversed(files)})
    if not found:
        names = ", ".join(str(source) for source in sources) or "no source"
        raise CeresFastError(f"{names}: no frames found; expected FITS files ({', '.join(SUFFIXES)}; also .gz, .fz).")
    return sorted(found.values())


def celestial(header: fits.Header) -> WCS | None:
    """Return the celestial coordinates of a header, or None where it has none that can be used."""
    if not str(header.get("CTYPE1", "")).strip():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(header)
            usable = wcs.naxis == 2 and wcs.has_celestial and math.isfinite(proj_plane_pixel_area(wcs))
        except Exception:  # wcslib raises a dozen unrelated types, and a frame without coordinates is still a frame
            return None
    return wcs if usable else None


def info_from(path: Path, header: fits.Header, wcs: WCS | None) -> FrameInfo:
    scale = number(header, "pixel_scale") if wcs is None else math.sqrt(proj_plane_pixel_area(wcs)) * 3600
    return FrameInfo(
        path=path,
        frame=frame_stem(path),
        field=text(header, "field"),
        ccd=text(header, "ccd"),
        mjd=middle(header),
        exposure=number(header, "exposure"),
        filter=text(header, "filter"),
        pixel_scale=scale,
        seeing=number(header, "seeing"),
        gain=number(header, "gain"),
        saturation=number(header, "saturation"),
        shape=_shape(header),
    )


def _image(path: Path, hdus: fits.HDUList) -> fits.PrimaryHDU:
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS") == 2 and not _is_companion(hdu.name)]
    if len(images) == 1 and min(_shape(images[0].header)) > 0:
        return images[0]
    if len(images) > 1:
        raise InputError(
            path,
            f"holds {len(images)} images",
            expected="the image of one CCD",
            action="write each CCD of the mosaic to a file of its own, with a keyword CCDNAME",
        )
    raise InputError(path, "has no two-dimensional image", expected="the image of one CCD")


def _is_companion(name: str) -> bool:
    return name.lower().replace("_", ".").rsplit(".", 1)[-1] in COMPANION_NAMES


def _header(hdus: fits.HDUList, hdu: fits.PrimaryHDU) -> fits.Header:
    header = readable_header(hdu.header)
    if hdu is not hdus[0]:
        header.extend(readable_header(hdus[0].header), unique=True, strip=True)
    return header


def _shape(header: fits.Header) -> tuple[int, int]:
    return int(header["NAXIS2"]), int(header["NAXIS1"])


def _in_folder(folder: Path) -> list[Path]:
    return [file for file in fits_files(folder) if not _is_companion(frame_stem(file)) and _may_be_frame(file)]


def _may_be_frame(path: Path) -> bool:
    try:
        with open_fits(path) as hdus:
            return any(hdu.is_image and hdu.header.get("NAXIS", 0) > 0 for hdu in hdus)
    except InputError:
        return True
