"""The CCDs in a file, and what belongs to them: all that injecting asks of how frames are stored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from astropy.wcs import WCS

from ..detections import Detections, read_detections
from ..fits_files import fits_files, frame_stem, open_fits
from ..frame_info import FrameInfo
from ..frames import COMPANION_NAMES, Frame, celestial, info_from, read_frame, read_header


class Head(NamedTuple):
    """A CCD without its pixels."""

    info: FrameInfo
    header: fits.Header
    wcs: WCS | None


def heads(path: Path) -> list[Head]:
    """Return the CCDs in a file, without their pixels."""
    header = read_header(path)
    wcs = celestial(header)
    return [Head(info_from(path, header, wcs), header, wcs)]


def read_ccd(info: FrameInfo) -> Frame:
    """Read the pixels of a CCD."""
    return read_frame(info.path)


def detections_of(path: Path, info: FrameInfo, catalogue: Path | None = None) -> Detections:
    """Read the detections of a CCD that was written to another file."""
    return read_detections(path, catalogue)


def image_number(info: FrameInfo) -> int:
    """Return the number of the HDU that holds a CCD's image, from 0."""
    with open_fits(info.path) as hdus:
        return next(
            number
            for number, hdu in enumerate(hdus)
            if hdu.is_image and (hdu.header.get("NAXIS2"), hdu.header.get("NAXIS1")) == info.shape
        )


def companion_files(path: Path) -> list[Path]:
    """Return the mask and weight files beside a frame: ``<stem>.weight.fits``, ``<stem>_mask.fits.fz`` …"""
    name = re.compile(re.escape(frame_stem(path)) + rf"[._]({'|'.join(COMPANION_NAMES)})", re.IGNORECASE)
    return [other for other in fits_files(path.parent) if name.fullmatch(frame_stem(other))]
