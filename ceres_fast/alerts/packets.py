"""Bytes become alert packets: Avro with its schema or without, or Parquet, each gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from ..errors import CeresFastError, InputError
from .avro import message_number, read_container, read_messages
from .formats import AVRO, GZIP, LOOKED_AT, PARQUET, UnreadableError, format_of
from .parquet import NoReaderError, read_rows

LARGEST_READ = 256 * 2**20
"""Bytes that are unpacked at a time, at most; a block of an Avro file has some 10 kB or one packet."""

Read = Callable[[BinaryIO, Sequence[Path]], Iterator[tuple[str, Any]]]


class Packet(NamedTuple):
    """An alert packet, and the full name of its schema; "" where that is not known."""

    fields: dict[str, Any]
    schema: str


def read_packets(stream: BinaryIO, path: Path, member: str = "", schemas: Sequence[Path] = ()) -> Iterator[Packet]:
    """Yield the alert packets of a file, some at a time.

    Parameters
    ----------
    stream : binary file
        The file, at its start.
    path : pathlib.Path
        What errors call it.
    member : str
        Its name in the archive at `path`.
    schemas : sequence of pathlib.Path
        Files with schemas of packets that do not hold their own; see `read_messages`.

    Raises
    ------
    InputError
        When it is in none of the formats, is cut or altered (after the packets that can be read), or could fill the
        memory; it names the packet, counted from 1.
    CeresFastError
        When what reads Parquet is not installed: this is wrong with all such files.
    """
    number, name = 0, "Avro"
    try:
        name, read, opened = _format(stream)
        for schema, packet in read(opened, schemas):
            number += 1
            yield Packet(packet, schema)
    except NoReaderError as error:
        raise CeresFastError(f"{f'{path}, {member}'.removesuffix(', ')}: {error}") from error
    except Exception as error:  # whatever bytes can do to a decoder: their errors share no base class
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            path,
            f"cannot be read as {name} ({reason:.400})",
            row=f"{member}, packet {number + 1}".removeprefix(", "),
            expected="a whole file of alert packets: Avro, with its schema, or Parquet",
            action=getattr(error, "action", "copy it again where it is whole, or pass --on-error skip to leave it out"),
        ) from error


def _format(stream: BinaryIO) -> tuple[str, Read, BinaryIO]:
    """Return the format of a file, its reader, and the file unpacked."""
    start = _start(stream)
    if start.startswith(PARQUET):
        return "Parquet", read_rows, stream
    if start.startswith(GZIP):
        stream = cast(BinaryIO, _Unpacked(stream))
        start = _start(stream)
    if start.startswith(AVRO):
        return "Avro", read_container, stream
    if message_number(start):
        return "Avro", read_messages, stream
    if not start:
        raise ValueError("it is empty")
    what = format_of(start)
    action = "give the file in one of these formats, or pass --on-error skip to leave it out"
    raise UnreadableError("it does not begin as Avro does" + (f", but is {what}" if what else ""), action)


def _start(stream: BinaryIO) -> bytes:
    start = stream.read(LOOKED_AT)
    stream.seek(0)
    return start


class _Unpacked:
    """A gzipped file, unpacked as it is read. Where it is cut is ValueError: EOFError is the whole end to readers."""

    def __init__(self, packed: BinaryIO) -> None:
        self._stream = gzip.GzipFile(fileobj=packed)

    def read(self, size: int = -1) -> bytes:
        try:
            content = self._stream.read(LARGEST_READ + 1 if size < 0 else min(size, LARGEST_READ + 1))
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"its gzip is cut or altered: {error}") from error
        if len(content) > LARGEST_READ:
            raise ValueError(f"more than {LARGEST_READ} bytes of it belong together")
        return content

    def seek(self, place: int) -> int:
        return self._stream.seek(place)
