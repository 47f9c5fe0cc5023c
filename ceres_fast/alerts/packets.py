"""Avro object container files: bytes become alert packets.

Source: Apache Avro 1.11 specification, "Object Container Files"; read by `fastavro`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError

MAGIC = b"Obj\x01"
"""First bytes of an Avro object container file."""

CODECS = ("null", "deflate", "snappy")
"""How surveys compress alerts; the other codecs of Avro can grow a file without bound."""

_WIRE_FORMAT = 0


def read_packets(stream: BinaryIO, path: Path, member: str = "") -> Iterator[dict[str, Any]]:
    """Yield the alert packets of an Avro file, a block at a time.

    Parameters
    ----------
    stream : binary file
        The file, at its start.
    path : pathlib.Path
        What errors call it.
    member : str
        Its name in the archive at `path`.

    Raises
    ------
    InputError
        When it is not an Avro container, is cut or altered (after the packets that can be read), or could fill the
        memory; it names the packet, counted from 1.
    """
    import fastavro  # here: only alerts need it

    number = 0
    try:
        _check_start(stream)
        reader = fastavro.reader(stream)
        _check_reader(reader)
        for packet in reader:
            number += 1
            if not isinstance(packet, dict):
                raise ValueError(f"holds a {type(packet).__name__}, not a record")
            yield packet
    except Exception as error:  # whatever bytes can do to a decoder: fastavro's errors share no base class
        reason = str(error).partition("\n")[0] or type(error).__name__
        row = f"{member}, packet {number + 1}".removeprefix(", ")
        raise InputError(
            path,
            f"cannot be read as Avro ({reason:.200})",
            row=row,
            expected="a whole Avro file of alert packets, with its schema",
            action="copy it again where it is whole, or pass --on-error skip to leave it out",
        ) from error


def _check_start(stream: BinaryIO) -> None:
    start = stream.read(5)
    stream.seek(0)
    if not start:
        raise ValueError("it is empty")
    if len(start) == 5 and start[0] == _WIRE_FORMAT:
        schema = int.from_bytes(start[1:], "big")
        raise ValueError(f"a Kafka message in Confluent's wire format, schema {schema}, does not hold its own schema")
    if not start.startswith(MAGIC):
        raise ValueError("it does not begin as Avro does")


def _check_reader(reader: Any) -> None:
    """Refuse what a few bytes can make endless: codecs that pack without bound, lists of items of no size."""
    if reader.codec not in CODECS:
        raise ValueError(f"codec {reader.codec!r}, not one of {', '.join(CODECS)}")
    _check_schema(reader.metadata["avro.schema"])


@lru_cache(maxsize=16)  # every packet of a night brings the same 20 kB of schema
def _check_schema(text: str) -> None:
    schema = json.loads(text)
    named = {each["name"].rpartition(".")[2]: each for each in _nested(schema) if "name" in each}
    if any(_empty(items, named) for items in _items(schema)):
        raise ValueError("its schema has lists of nothing, which may be of any length")


def _items(schema: Any) -> Iterator[Any]:
    for each in _nested(schema):
        if each.get("type") == "array":
            yield each.get("items")


def _nested(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every type that is written out in a schema."""
    if isinstance(schema, Mapping):
        yield schema
    for child in schema.values() if isinstance(schema, Mapping) else schema:
        if isinstance(child, (list, Mapping)):
            yield from _nested(child)


def _empty(schema: Any, named: dict[str, Any]) -> bool:
    """Whether a value of this type takes no bytes at all; a union takes one for its branch."""
    if isinstance(schema, str):
        known = named.pop(schema.rpartition(".")[2], None)  # looked at once, so that no schema takes long
        return schema == "null" or (known is not None and _empty(known, named))
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    if kind in ("record", "error"):
        return all(_empty(field["type"], named) for field in schema["fields"])
    if kind == "fixed":
        return not schema["size"]
    return kind not in ("array", "map", "enum") and _empty(kind, named)
