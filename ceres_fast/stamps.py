"""What is known of a stamp: the one list of columns that cutting, records, training and reports share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from astropy.table import Table

STAMP_SIZE = 32
"""Side of a stamp, in pixels."""

CENTRE = 16
"""0-based row and column of the stamp's pixel that holds the detection."""

PLANES = ("science", "template", "difference")
"""What the planes of a stamp show, in their order: the exposure, the reference image, and the one less the other."""

PLANE_SETS = (PLANES[:1], PLANES)
"""The planes that stamps may have: FITS stamps give the first, frames and alert packets both."""

CLASSES = ("non_asteroid", "asteroid")
"""Class names in the order of their labels, 0 and 1."""


NOT_MEASURED = 90
"""Magnitudes as far from 0 as this, to either side, say "not measured": programs write 99, -99, 999, -9999."""


@dataclass(frozen=True)
class Column:
    """One thing known of a stamp, beside its pixels."""

    name: str
    dtype: type
    unit: str
    meaning: str
    always: bool = True
    """Whether all records have it; the others have it where it was measured, and elsewhere it is unknown."""

    @property
    def unknown(self) -> Any:
        """The value that says "not known": NaN, the empty string or -1."""
        return {float: np.nan, str: "", int: -1}[self.dtype]


COLUMNS = (
    Column("label", int, "", "1 asteroid, 0 non-asteroid"),
    Column("group", str, "", "stamps of one group are in one split"),
    Column("designation", str, "", "designation of the asteroid"),
    Column("source", str, "", "file the stamp was cut from, relative to the source folder"),
    Column("row", int, "", "1-based row of the detection in its catalogue"),
    Column("field", str, "", "name of the pointing"),
    Column("frame", str, "", "name of the frame (file stem)"),
    Column("ccd", str, "", "name of the CCD"),
    Column("x", float, "pixel", "1-based column of the detection in its frame"),
    Column("y", float, "pixel", "1-based row of the detection in its frame"),
    Column("ra", float, "deg", "right ascension, J2000"),
    Column("dec", float, "deg", "declination, J2000"),
    Column("mjd", float, "d", "middle of the exposure, MJD (UTC)"),
    Column("exposure", float, "s", "exposure time"),
    Column("filter", str, "", "filter"),
    Column("pixel_scale", float, "arcsec/pixel", "pixel scale"),
    Column("seeing", float, "arcsec", "FWHM of the stars"),
    Column("gain", float, "electron/ADU", "gain"),
    Column("saturation", float, "ADU", "saturation level"),
    Column("magnitude", float, "mag", "magnitude (of the asteroid where known, else of the detection)"),
    Column("rate", float, "arcsec/min", "rate of motion of the asteroid"),
    Column("position_angle", float, "deg", "direction of motion of the asteroid, from north through east"),
    Column("flags", int, "", "SExtractor FLAGS of the detection"),
    Column("neighbour", float, "arcsec", "distance to the nearest other detection of the frame"),
    Column("padded", int, "pixel", "pixels of the stamp outside the frame, filled with its median"),
    Column("filled", int, "pixel", "missing pixels (NaN) inside the frame, filled with the stamp's median"),
    Column("forced_min", float, "", "least flux at its place in the other exposures, in units of its own", False),
    Column("forced_max", float, "", "largest flux at its place in the other exposures, in units of its own", False),
    Column("forced_seen", int, "", "other exposures that show something at its place, at 3 sigma", False),
    Column("forced_looked", int, "", "other exposures that have its place", False),
    Column("tracklet", int, "", "number of its tracklet in its field, CCD and night, from 1; 0 for none", False),
    Column("tracklet_exposures", int, "", "exposures in which its tracklet is seen", False),
    Column("tracklet_rate", float, "arcsec/min", "rate of motion of its tracklet", False),
    Column("tracklet_angle", float, "deg", "direction of motion of its tracklet, from north through east", False),
    Column("tracklet_residual", float, "", "square root of chi2 of its tracklet over the degrees of freedom", False),
    Column("tracklet_chance", float, "", "tracklets as good that are expected by chance in its field", False),
    Column("blended", int, "", "1 where it would be stationary, and is in a tracklet; else 0", False),
)
"""The columns of a stamp table, beside ``stamp``: float32 (n, 32, 32, planes) in ADU, axes (y, x, plane)."""


def stamp_shape(planes: Sequence[str]) -> tuple[int, int, int]:
    """Return the shape of a stamp with these planes: (32, 32, planes), axes (y, x, plane)."""
    return (STAMP_SIZE, STAMP_SIZE, len(planes))


def near_edge(padded: np.ndarray) -> np.ndarray:
    """Tell which detections are within 8 pixels of an edge of their frame, or nearly so to two, (n,) bool.

    A quarter of their stamp or more (and not all of it) is outside: ``padded`` pixels, int (n,). What is cut off there
    is what a network tells asteroids by, and the brightest asteroids that a threshold lost on a simulated night that
    nothing was chosen on all lay there.
    """
    outside = np.asarray(padded)
    near: np.ndarray = (outside >= STAMP_SIZE**2 // 4) & (outside < STAMP_SIZE**2)
    return near


def measured_magnitudes(magnitude: np.ndarray) -> np.ndarray:
    """Return magnitudes (n,) with NaN where one was not measured; exactly 0 is what was never filled in."""
    return np.where((np.abs(magnitude) < NOT_MEASURED) & (magnitude != 0), magnitude, np.nan)


def empty_table(planes: Sequence[str] = PLANES[:1]) -> Table:
    """Return a stamp table without a row."""
    return stamp_table(np.empty((0, *stamp_shape(planes)), np.float32))


def stamp_table(stamps: np.ndarray, **known: Any) -> Table:
    """Return a stamp table: the column ``stamp`` and every column of `COLUMNS`.

    Parameters
    ----------
    stamps : numpy.ndarray
        Pixels in ADU, shape (n, 32, 32, planes), axes (y, x, plane), or (n, 32, 32) for one plane; stored as float32.
    **known
        Values of columns of `COLUMNS`: a scalar or an array of n. The others hold their "unknown" value, and so do
        magnitudes that were not measured.

    Returns
    -------
    astropy.table.Table
        One row per stamp.

    Raises
    ------
    ValueError
        When the stamps have another shape, or a name is not a column of `COLUMNS`.
    """
    stamps = stamps[..., None] if stamps.ndim == 3 else stamps
    if stamps.shape[1:] not in map(stamp_shape, PLANE_SETS):
        raise ValueError(f"stamps have shape {stamps.shape}, not (n, {STAMP_SIZE}, {STAMP_SIZE}, 1 or {len(PLANES)})")
    if strange := known.keys() - {column.name for column in COLUMNS}:
        raise ValueError(f"not columns of a stamp table: {sorted(strange)}")
    from astropy.table import Table  # here: the engines take the constants above, and need no astropy

    result = Table({"stamp": np.asarray(stamps, np.float32)})
    for column in COLUMNS:
        value = known.get(column.name, column.unknown)
        dtype = {float: np.float64, int: np.int64, str: np.str_}[column.dtype]
        values: np.ndarray = np.broadcast_to(np.asarray(value, dtype), (len(stamps),)).copy()
        result[column.name] = measured_magnitudes(values) if column.name == "magnitude" else values
    return result
