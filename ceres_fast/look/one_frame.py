"""What `look` prints of one frame."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from astropy.io import fits

from ..catalogues import CATALOGUE_FOLDER
from ..console import say, table
from ..frames.camera import GENERIC
from ..frames.headers.quantities import QUANTITIES
from ..frames.info import FrameInfo, Reading
from .coordinates import sexagesimal
from .frame import UNDERSTOOD, FrameLook
from .words import NOT_KNOWN, called, date_text, few, is_known, value_text

COSTS = {
    "field": "exposures are put together by their place on the sky",
    "filter": "frames cannot be told apart by filter",
    "observatory": "cannot be compared with that of known asteroids",
    "mjd": "nothing in it can be called stationary; known asteroids are not found; inject refuses it",
    "exposure": "a time of the start counts as the middle; inject refuses it",
    "pixel_scale": "places are compared in pixels: one place is 1.5 pixels wide",
    "seeing": "that of the catalogue is used; without it one place is 1.5 pixels wide",
    "gain": "inject refuses it",
    "read_noise": "nothing, but that simulate --like takes a usual one",
    "saturation": "no detection is flagged as saturated",
    "zero_point": "magnitudes are instrumental: 0 is 1 ADU",
    "airmass": "nothing",
}
"""What it costs where a quantity is not known; those that are not here are not shown then."""

LONGEST_CARD = 60
"""Characters of a card that are shown."""


def print_frame(frame: FrameLook, catalogues: Path | None = None) -> None:
    """Print how a CCD is understood; `catalogues` is the folder in which its catalogue was looked for."""
    place = frame.info.place
    columns = ("quantity", "value", "unit", "from, or what it costs")
    rows = [row for reading in _in_order(frame.info) for row in _quantity_rows(frame, reading)]
    profile = f", read as that of {frame.info.camera.name}" if frame.info.camera != GENERIC else ""
    table(f"{place}: its header{profile}", columns, rows, texts=columns[2:])
    for doubt in frame.info.doubts:
        say(f"doubt: {doubt.text}")
    if frame.info.no_sky:
        say(f"no sky: {frame.info.no_sky}; classify and build-records leave it out")
    facts = [*_sky_rows(frame), *_pixel_rows(frame), *_file_rows(frame), *_catalogue_rows(frame, catalogues)]
    table(f"{place}: sky, pixels, files", ("what", "is"), facts, texts=("is",))


def _in_order(info: FrameInfo) -> Iterator[Reading]:
    readings = {reading.quantity: reading for reading in info.readings}
    yield from (readings[name] for name in UNDERSTOOD)


def _quantity_rows(frame: FrameLook, reading: Reading) -> Iterator[tuple[str, str, str, str]]:
    info, name, quantity = frame.info, called(reading.quantity), reading.quantity
    value = getattr(info, quantity)
    if not is_known(value):
        if quantity in COSTS:
            yield name, NOT_KNOWN, "", COSTS[quantity]
        return
    origin = _cards(frame.header, reading.origin)
    if quantity != "mjd":
        unit = QUANTITIES[quantity].unit if quantity in QUANTITIES else ""
        yield name, value_text(value), unit, origin
        return
    if info.exposure > 0:
        yield "start", date_text(info.mjd - info.exposure / 2 / 86400), "UTC", ""
    yield "middle", date_text(info.mjd), "UTC", origin
    yield "", f"{info.mjd:.7f}", "MJD (UTC)", ""


def _cards(header: fits.Header, origin: str) -> str:
    """Return the cards that a value comes from, as they are written, with the comments that say the unit."""
    if origin in ("WCS", ""):  # the names of a mosaic's CCDs are made for the whole file
        return origin or "the file"
    names, _, rest = origin.partition(" (")
    written = []
    for keyword in names.split(", "):
        comment = header.comments[keyword] if keyword in header else ""
        written.append(f"{keyword} = {value_text(header.get(keyword))}{f' / {comment}' if comment else ''}")
    texts = [text if len(text) <= LONGEST_CARD else f"{text[: LONGEST_CARD - 1]}…" for text in written]
    return ", ".join(texts) + (f" ({rest}" if rest else "")


def _sky_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    place = frame.coordinates
    if place is None:
        yield "sky", "no coordinates that can be used; places come from the catalogue; inject refuses it"
        return
    across, up = place.scale
    yield "sky", f"{place.projection}, {across:.4g} x {up:.4g} arcsec per pixel"
    side = "right (mirrored)" if place.mirrored else "left"
    turned = f"+y is {place.rotation % 360:.1f} deg from north through east"
    yield "", f"{turned}; with north up, east is on the {side}"
    yield "centre", _place(*place.centre)
    ny, nx = frame.info.shape
    for (x, y), corner in zip(((1, 1), (nx, 1), (1, ny), (nx, ny)), place.corners, strict=True):
        yield f"pixel {x}, {y}", _place(*corner)


def _place(ra: float, dec: float) -> str:
    return f"{sexagesimal(ra, dec)} = {ra:.5f}, {dec:+.5f} deg"


def _pixel_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    pixels = frame.pixels
    if pixels is None:
        yield "pixels", f"cannot be used: {frame.problem}"
        return
    yield "sky level, noise", f"{pixels.sky:,.5g}, {pixels.noise:,.4g} ADU"
    yield "missing pixels", _share(pixels.missing, pixels.number)
    if pixels.saturated >= 0:
        yield "saturated pixels", _share(pixels.saturated, pixels.number)


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.2%})" if count else "none"


def _file_rows(frame: FrameLook) -> Iterator[tuple[str, str]]:
    alike: dict[tuple[str, str], list[str]] = {}
    for each in frame.extensions:
        alike.setdefault((each.use, each.size), []).append(f"[{each.number}]{f' {each.name}' if each.name else ''}")
    for (use, size), names in alike.items():
        number = f"{len(names)} x " if len(names) > 1 else ""
        yield few(names), f"{number}{use}{f': {size}' if size else ''}"
    for path, use in frame.companions.items():
        yield "beside it", f"{path.name}: {use}"


def _catalogue_rows(frame: FrameLook, folder: Path | None) -> Iterator[tuple[str, str]]:
    found = frame.catalogue
    if found.problem:
        yield "catalogue", f"cannot be used: {found.problem}"
        return
    if found.path is None:
        where = f"in {folder}" if folder is not None else f"beside it and in ../{CATALOGUE_FOLDER}"
        yield "catalogue", f"none {where}; `ceres-fast detect` makes one"
        return
    # A whole path is a word too long for a table, and would leave no room for the rest.
    yield "catalogue", f"{os.path.relpath(found.path, frame.info.path.parent)} ({found.format})"
    lost = f", {found.rows - found.known:,} without a position" if found.known < found.rows else ""
    yield "detections", f"{found.rows:,} rows{lost}; {found.inside:,} in the frame"
    dx, dy = found.offset
    if not found.with_sky:
        otherwise = (
            "nor has the frame coordinates" if frame.coordinates is None else "the frame's coordinates give them"
        )
        yield "sky positions", f"none in the catalogue; {otherwise}"
    elif math.isnan(dx):
        yield "sky positions", f"of {found.with_sky:,} rows; the frame has no coordinates to compare them with"
    else:
        yield "sky positions", f"of {found.with_sky:,} rows; {dx:+.2f}, {dy:+.2f} pixels (median) from the frame's"
    if found.doubt:
        yield "doubt", found.doubt
    if frame.seeing_of_catalogue > 0:
        yield "seeing", f"{frame.seeing_of_catalogue:.3g} arcsec, by the widths of its detections"
