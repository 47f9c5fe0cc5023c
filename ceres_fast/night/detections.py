"""The detections of a night that was classified, in one table: what is named, reviewed and handed on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Column, Table, vstack

from ..catalogues import Names
from ..catalogues.detections import Detections, read_detections
from ..classify.outputs import dropped_path
from ..classify.scores import FLAGS, PROBABILITY, PROBABILITY_OF_TRACKLET, TRACKLET
from ..console import warn
from ..errors import InputError
from ..files import StrPath
from ..frames.profiles import load_camera
from ..frames.reading import read_headers
from ..selection.measured import first_known
from .record import ExposureRecord, FieldRecord, read_records

COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "detection": ("U", None, "table in the output, CCD in brackets, and row from 1: unique in the night"),
    "field": ("U", None, "field and night"),
    "frame": ("U", None, "path of its frame"),
    "hdu": ("i4", None, "HDU of its CCD, from 0"),
    "row": ("i8", None, "row of its table, from 1"),
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

UNKNOWN_MAGNITUDE = 90.0
"""SExtractor writes 99 for a magnitude that it does not know."""


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


def read_night(output: StrPath) -> Night:
    """Read what `ceres-fast night` or `watch` has made of a night.

    Parameters
    ----------
    output : str or pathlib.Path
        The folder with its tables. The frames must be where they were, because times stand in their headers.

    Returns
    -------
    Night
        With the rows of all tables, and those that `--drop` has put beside them. Of an exposure that cannot be read,
        which is warned of, there is none.

    Raises
    ------
    InputError
        When the folder has no field that was classified, or a record cannot be read.

    Examples
    --------
    >>> result = ceres_fast.night("night", "runs/latest", output="of-a-night")
    >>> detections = ceres_fast.read_night("of-a-night").detections
    >>> len(detections), len(set(detections["tracklet"]) - {""})
    (15, 1)
    """
    output = Path(output)
    records = read_records(output)
    if not records:
        raise InputError(
            output,
            "has no field that was classified",
            expected="the output folder of `ceres-fast night` or `ceres-fast watch`",
            action="name that folder, or classify a night first",
        )
    tables = [table for record in records for table in _of_field(output, record)]
    return Night(output, records, vstack(tables, metadata_conflicts="silent") if tables else table_of({}))


def _of_field(output: Path, record: FieldRecord) -> Iterable[Table]:
    names = Names.parse(record.columns) if record.columns else Names()
    camera = load_camera(record.camera or None)
    for exposure in record.exposures:
        table = output / exposure.table
        try:
            if not table.exists():
                action = "`night` and `watch` write it again"
                raise InputError(table, "is not there", expected="a table of the night", action=action)
            infos = [header.info for header in read_headers(Path(exposure.frame), camera)]
            for path in (each for each in (table, dropped_path(table)) if each.exists()):
                for info in (info for info in infos if not info.no_sky):
                    detections = read_detections(info, path, names=names)
                    yield _rows(detections, path.relative_to(output), path == table, record, exposure)
        except InputError as error:
            warn(f"{error} Its detections are not among those of the night")


def _rows(detections: Detections, place: Path, kept: bool, record: FieldRecord, exposure: ExposureRecord) -> Table:
    """Return the rows of one CCD in one table."""
    info, n = detections.info, len(detections.x)
    if n == 0:
        return table_of({})

    def column(name: str, otherwise: float) -> np.ndarray:
        values = detections.column(name)
        return np.full(n, otherwise) if values is None else values

    number = np.nan_to_num(column(TRACKLET, 0)).astype(int)
    rows = detections.rows + 1
    magnitude = first_known(detections, "MAG_AUTO")
    error = first_known(detections, "ERRAWIN_WORLD", "ERRA_WORLD") * 3600
    in_pixels = first_known(detections, "ERRAWIN_IMAGE", "ERRA_IMAGE") * info.pixel_scale
    same = {
        "field": record.name,
        "frame": exposure.frame,
        "hdu": info.hdu,
        "ccd": info.ccd,
        "filter": info.filter,
        "observatory": info.observatory,
        "mjd": info.mjd,
        "exposure": info.exposure,
        "pixel_scale": info.pixel_scale,
        "kept": kept,
    }
    return table_of(
        {
            **{name: np.full(n, value) for name, value in same.items()},
            "detection": np.array([f"{place.as_posix()}{info.brackets}:{row}" for row in rows]),
            "row": rows,
            "x": detections.x,
            "y": detections.y,
            "ra": detections.ra,
            "dec": detections.dec,
            "position_error": np.where(np.isnan(error), in_pixels, error),
            "magnitude": np.where(np.abs(magnitude) < UNKNOWN_MAGNITUDE, magnitude, np.nan),
            "magnitude_error": first_known(detections, "MAGERR_AUTO"),
            "fwhm": first_known(detections, "FWHM_IMAGE"),
            "probability": column(PROBABILITY, np.nan),
            "flags": np.nan_to_num(column(FLAGS, 0)).astype(int),
            "tracklet": np.array([f"{record.name}: {each}" if each else "" for each in number.tolist()]),
            "tracklet_probability": column(PROBABILITY_OF_TRACKLET, np.nan),
        }
    )
