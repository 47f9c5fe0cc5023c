"""Times and columns as tables of quivr have them, which adam_core, THOR and difi read from Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import CeresFastError

if TYPE_CHECKING:
    import pyarrow

MICROSECONDS = 86_400_000_000
"""In a day; an MJD that is a float64 knows no shorter times."""

SCALE = b"utc"
"""Of the times that are written; without it in the schema, readers take them for TAI."""


def check_installed() -> None:
    """Make sure, before anything is written, that there is what writes Parquet.

    Raises
    ------
    CeresFastError
        When there is not.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError as error:
        raise CeresFastError(
            "Parquet, which THOR and difi read, is written with pyarrow, which is not installed: "
            "pip install 'ceres-fast[parquet]'."
        ) from error


def timestamps(mjd: np.ndarray) -> pyarrow.StructArray:
    """Return times, MJD (UTC), shape (n,), as whole days and nanoseconds."""
    import pyarrow

    mjd = np.asarray(mjd, float)
    days = np.floor(mjd).astype(np.int64)
    carried, microseconds = np.divmod(np.rint((mjd - days) * MICROSECONDS).astype(np.int64), MICROSECONDS)
    parts = [pyarrow.array(days + carried), pyarrow.array(microseconds * 1000)]
    return pyarrow.StructArray.from_arrays(parts, names=["days", "nanos"])


def numbers(values: np.ndarray) -> pyarrow.Array:
    """Return numbers, shape (n,), that are null where they are not finite."""
    import pyarrow

    values = np.asarray(values, float)
    return pyarrow.array(values, mask=~np.isfinite(values), type=pyarrow.float64())


def texts(values: np.ndarray) -> pyarrow.Array:
    """Return texts, shape (n,), that are null where they are empty."""
    import pyarrow

    return pyarrow.array([text or None for text in np.asarray(values, str).tolist()], type=pyarrow.large_string())


def write(columns: dict[str, pyarrow.Array], path: Path) -> None:
    """Write a table whose times are in UTC."""
    import pyarrow
    import pyarrow.parquet

    times = [name for name, values in columns.items() if pyarrow.types.is_struct(values.type)]
    table = pyarrow.table(columns).replace_schema_metadata({f"{name}.scale": SCALE for name in times})
    with path.open("wb") as stream:  # pyarrow takes a path for an address, which has to be UTF-8
        pyarrow.parquet.write_table(table, stream)
