"""Stands in for `frames.read_headers`, `frames.read_frame` and `catalogues.write_tables` until those know mosaics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from ...errors import CeresFastError
from .. import frames
from ..catalogues import write_table
from ..frame_info import FrameInfo


class FrameHeader(NamedTuple):
    """What is known of a CCD without its pixels."""

    info: FrameInfo
    header: fits.Header
    wcs: WCS | None


def read_headers(path: Path) -> list[FrameHeader]:
    """Return what is known of each CCD of a file."""
    header = frames.read_header(path)
    wcs = frames.celestial(header)
    return [FrameHeader(frames.info_from(path, header, wcs), header, wcs)]


def read_frame(path: Path, hdu: int) -> frames.Frame:
    """Read one CCD of a file."""
    return frames.read_frame(path)


def write_tables(parts: Sequence[tuple[Table, fits.Header]], path: Path, format: str) -> None:
    """Write the catalogue of all CCDs of a file."""
    if len(parts) != 1:
        raise CeresFastError(f"{path}: is the catalogue of {len(parts)} CCDs; expected one.")
    write_table(parts[0][0], path, format, parts[0][1])
