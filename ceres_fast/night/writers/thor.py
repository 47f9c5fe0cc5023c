"""Detections for THOR and what else reads the tables of adam_core: a SourceCatalog in Parquet.

Format: adam_core.observations.source_catalog of https://github.com/B612-Asteroid-Institute/adam_core, 0.5 and later.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .arrow import check_installed, numbers, texts, timestamps, write
from .order import Files, Order, errors, known_names, magnitudes, observatory_codes, plain_text, widths

if TYPE_CHECKING:
    from astropy.table import Table

NAME = "thor.parquet"

LONGEST_EXPOSURE = 3600.0
"""s; adam_core refuses longer ones when it makes exposures of a catalogue."""


def files(order: Order) -> Files:
    """Return what writes the file."""
    check_installed()
    observatory_codes(order, order.placed)
    return {NAME: lambda path: _write(order, path)}


def exposure_ids(rows: Table) -> list[str]:
    """Return which exposure each row is of, shape (n,); the CCDs of a mosaic are of one."""
    names = plain_text(rows["frame"]).tolist()
    return [name or f"{mjd:.9f}" for name, mjd in zip(names, np.asarray(rows["mjd"], float).tolist(), strict=True)]


def _write(order: Order, path: Path) -> None:
    import pyarrow

    rows, observatory = order.placed, order.observatory
    length = np.asarray(rows["exposure"], float)
    # Of an exposure whose length is not known, only the middle is told: THOR takes the observer's place at it.
    length = np.where((length >= 0) & (length <= LONGEST_EXPOSURE), length, 0.0)
    bands = {} if observatory is None else observatory.bands
    count = len(rows)
    columns = {
        "id": texts(plain_text(rows["detection"])),
        "exposure_id": texts(np.array(exposure_ids(rows), str)),
        "time": timestamps(rows["mjd"]),
        "ra": numbers(rows["ra"]),
        "dec": numbers(rows["dec"]),
        "ra_sigma": numbers(errors(rows, "position_error")),
        "dec_sigma": numbers(errors(rows, "position_error")),
        "mag": numbers(magnitudes(rows)),
        "mag_sigma": numbers(errors(rows, "magnitude_error")),
        "fwhm": numbers(widths(rows)),
        "observatory_code": texts(observatory_codes(order, rows)),
        "filter": pyarrow.array(
            [bands.get(name, name) for name in plain_text(rows["filter"]).tolist()], pyarrow.large_string()
        ),
        "exposure_start_time": timestamps(np.asarray(rows["mjd"], float) - length / 2 / 86400),
        "exposure_duration": numbers(length),
        "object_id": texts(known_names(order, rows)),
        "catalog_id": pyarrow.array(["ceres-fast"] * count, pyarrow.large_string()),
    }
    everything = {name: columns.get(name, numbers(np.full(count, np.nan))) for name in _NAMES}
    write(everything, path)


_NAMES = (
    "id",
    "exposure_id",
    "time",
    "ra",
    "dec",
    "ra_sigma",
    "dec_sigma",
    "radec_corr",
    "mag",
    "mag_sigma",
    "fwhm",
    "a",
    "a_sigma",
    "b",
    "b_sigma",
    "pa",
    "pa_sigma",
    "observatory_code",
    "filter",
    "exposure_start_time",
    "exposure_duration",
    "exposure_seeing",
    "exposure_depth_5sigma",
    "object_id",
    "catalog_id",
)
"""Its columns until 0.5, in their order: those that a night does not know are null. 0.6 has two more, and takes a table
without them; 0.5 takes none with them."""
