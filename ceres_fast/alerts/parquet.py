"""Parquet: a column per field of the packets, as the broker Fink hands out alerts (fink-broker.org)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import CeresFastError
from .formats import PARQUET

_ROWS = 32
"""Packets in memory at a time."""

_END = 8
"""Bytes at the end of a file: the size of what describes its columns, and `PARQUET`."""


class NoReaderError(CeresFastError):
    """Parquet cannot be read here at all."""


def read_rows(stream: BinaryIO, schemas: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Yield an empty name, as Parquet keeps none of its schema, and the packet, for each row of a Parquet file.

    Raises
    ------
    NoReaderError
        When `pyarrow` is not installed.
    """
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise NoReaderError(
            "is Parquet, which pyarrow reads, and that is not installed; expected Avro, or: "
            "pip install 'ceres-fast[parquet]'."
        ) from error
    with ParquetFile(stream) as file:
        for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
            for row in batch.to_pylist():
                yield "", row


def has_cutouts(path: Path) -> bool:
    """Tell whether a Parquet file has cut-outs among its columns: their names stand at its end, and need no reader."""
    try:
        with path.open("rb") as stream:
            length = stream.seek(0, 2)
            stream.seek(max(0, length - _END))
            end = stream.read()
            size = int.from_bytes(end[:4], "little")
            if not end.endswith(PARQUET) or size > length - _END:
                return False
            stream.seek(length - _END - size)
            return b"cutout" in stream.read(size).lower()
    except OSError:
        return False
