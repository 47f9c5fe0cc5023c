"""The detections of a night that was classified, in one table: what is named, reviewed and handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from .record import FieldRecord

COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "detection": ("U", None, "place of its table in the output, CCD in brackets, and row from 1: unique in the night"),
    "field": ("U", None, "field and night"),
    "frame": ("U", None, "path of its frame"),
    "hdu": ("i4", None, "HDU of its CCD, from 0"),
    "row": ("i8", None, "row of its catalogue, from 1"),
    "ccd": ("U", None, "name of its CCD"),
    "filter": ("U", None, "name of the filter"),
    "observatory": ("U", None, "what the header says of who took it"),
    "mjd": ("f8", "d", "middle of the exposure, MJD (UTC)"),
    "exposure": ("f8", "s", "exposure time"),
    "x": ("f8", "pix", "position, the first pixel is 1"),
    "y": ("f8", "pix", "position, the first pixel is 1"),
    "ra": ("f8", "deg", "right ascension, ICRS"),
    "dec": ("f8", "deg", "declination, ICRS"),
    "position_error": ("f8", "arcsec", "1 sigma of each coordinate; NaN: not known"),
    "magnitude": ("f8", "mag", "MAG_AUTO; NaN: not known"),
    "magnitude_error": ("f8", "mag", "1 sigma; NaN: not known"),
    "fwhm": ("f8", "pix", "FWHM_IMAGE; NaN: not known"),
    "pixel_scale": ("f8", "arcsec / pix", "of its frame"),
    "probability": ("f8", None, "PROB_ASTEROID; NaN: not scored"),
    "flags": ("i4", None, "CERES_FLAGS"),
    "tracklet": ("U", None, "its tracklet, unique in the night; empty: in none"),
    "tracklet_probability": ("f8", None, "PROB_TRACKLET; NaN: not known"),
    "kept": ("?", None, "whether it is in its table, and not among what --drop left out"),
}
"""By column: dtype (U is text), unit, and what it is."""


@dataclass(frozen=True)
class Night:
    """A night that was classified.

    Attributes
    ----------
    output : pathlib.Path
        The folder with its tables.
    records : list of FieldRecord
        What is known of each field.
    detections : astropy.table.Table
        A row for each detection of the night's catalogues, with `COLUMNS`; ``meta`` is empty.
    """

    output: Path
    records: list[FieldRecord] = field(default_factory=list)
    detections: Table = field(default_factory=lambda: table_of({}))


def table_of(values: dict[str, object]) -> Table:
    """Return a table with `COLUMNS`; columns that are not given are NaN, 0, false or empty.

    Parameters
    ----------
    values : dict
        Arrays of shape (n,) by column.
    """
    unknown = values.keys() - COLUMNS.keys()
    if unknown:
        raise ValueError(f"no columns of a night: {sorted(unknown)}")
    n = max((len(np.atleast_1d(np.asarray(each))) for each in values.values()), default=0)
    table = Table()
    for name, (kind, unit, description) in COLUMNS.items():
        empty = np.full(n, {"U": "", "?": False, "f8": np.nan}.get(kind, 0))
        made = np.asarray(values.get(name, empty)).astype(str if kind == "U" else kind)
        table.add_column(Column(made, name, unit=unit, description=description))
    return table
