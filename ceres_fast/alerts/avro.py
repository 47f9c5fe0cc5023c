"""Avro: object container files, which hold their schema, and the messages of Kafka, which only number it.

Sources: Apache Avro 1.11 specification, "Object Container Files", read by `fastavro`; Confluent's wire format
(docs.confluent.io, "Schema Registry: formats"): a byte 0, the number of the schema in four bytes, the record.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from .formats import UnreadableError

CODECS = ("null", "deflate", "snappy")
"""How surveys compress alerts; the other codecs of Avro can grow a file without bound."""

SCHEMA_ENDING = ".avsc"

_RECORD = 5
"""Place of a message where its record begins."""

_LARGEST_MESSAGE = 64 * 2**20
_RUBIN = "lsst.v{}_{}.alert"
_RUBIN_SCHEMAS = "lsst.alert.packet"
"""Package with the schemas of Rubin's alerts, version 9.0 in ``schema/9/0``."""


def read_container(stream: BinaryIO, schemas: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Yield the name of the schema and the packet, for each packet of an Avro file, a block at a time.

    Raises
    ------
    ValueError
        When the file could fill the memory. For anything else that is wrong with it, whatever `fastavro` raises.
    """
    reader = _reader(stream)
    if reader.codec not in CODECS:
        raise ValueError(f"codec {reader.codec!r}, not one of {', '.join(CODECS)}")
    _check_text(reader.metadata["avro.schema"])
    name = _name(reader.writer_schema)
    for packet in reader:
        yield name, _record(packet)


def _record(packet: Any) -> dict[str, Any]:
    if not isinstance(packet, dict):
        raise ValueError(f"holds a {type(packet).__name__}, not a record")
    return packet


def _reader(stream: BinaryIO) -> Any:
    import fastavro  # here: only alerts need it

    try:
        return fastavro.reader(stream)
    except fastavro.schema.SchemaParseException as error:
        if "Default value" not in str(error):
            raise
    # A default that is not of its type (TURBO writes null for integers) decides nothing: all values are in the file.
    # Given a schema to read with, fastavro does not look at the defaults of the one that is in the file.
    stream.seek(0)
    header = fastavro.schemaless_reader(stream, _HEADER)
    stream.seek(0)
    return fastavro.reader(stream, _without_defaults(json.loads(header["meta"]["avro.schema"])))


_HEADER = {
    "type": "record",
    "name": "header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
    ],
}


def _without_defaults(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _without_defaults(value) for key, value in schema.items() if key != "default"}
    return [_without_defaults(each) for each in schema] if isinstance(schema, list) else schema


def _name(schema: Any) -> str:
    return str(schema.get("name", "")) if isinstance(schema, Mapping) else ""


def message_number(start: bytes) -> int:
    """Return the number of the schema of a message in Confluent's wire format; 0: it is none."""
    return int.from_bytes(start[1:_RECORD], "big") if len(start) > _RECORD and start[0] == 0 else 0


def read_messages(stream: BinaryIO, schemas: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Yield the name of the schema and the packet, for each message in Confluent's wire format in a file.

    Parameters
    ----------
    stream : binary file
        At the start of its first message.
    schemas : sequence of pathlib.Path
        Files with schemas, ``NUMBER.avsc`` or, for Rubin, as lsst/alert_packet names them. Where none is the schema of
        a message, it is looked for in the package `lsst-alert-packet`, if that is installed.

    Raises
    ------
    ValueError
        When the schema is not known or does not fit.
    """
    import fastavro

    content = stream.read(_LARGEST_MESSAGE + 1)
    if len(content) > _LARGEST_MESSAGE:
        raise ValueError(f"is more than {_LARGEST_MESSAGE} bytes")
    while content:
        number = message_number(content)
        schema = _schema(number, schemas)
        record = io.BytesIO(content[_RECORD:])
        try:
            packet = _record(fastavro.schemaless_reader(record, schema))
            content = record.read()
            if content and not message_number(content):
                raise ValueError(f"{len(content)} bytes are left over")
        except Exception as error:  # whatever bytes can do to a decoder
            problem = f"{_message(number)} was written with another schema than {_name(schema)}: {error!r:.100}"
            raise UnreadableError(problem, _where_to_put(number)) from error
        yield _name(schema), packet


def _message(number: int) -> str:
    version = f", which is Rubin's version {number // 100}.{number % 100}," if number >= 100 else ""
    return f"a Kafka message in Confluent's wire format, schema {number}{version}"


def _where_to_put(number: int) -> str:
    own = f"{number}{SCHEMA_ENDING}"
    if number < 100:
        return f"put its schema, {own}, beside it, or write it into an Avro file, which holds its schema"
    version = _RUBIN.format(number // 100, number % 100).removesuffix("alert")
    return (
        f"put its schema beside it ({own}, or the files {version}*{SCHEMA_ENDING} of github.com/lsst/alert_packet), "
        "or pip install lsst-alert-packet, or write it into an Avro file, which holds its schema"
    )


def _schema(number: int, files: Sequence[Path]) -> Any:
    wanted = (str(number), _RUBIN.format(*divmod(number, 100)))
    for place in (files, _installed(number)):
        found = {file.name.removesuffix(SCHEMA_ENDING): file for file in place}
        for name in wanted:
            if name in found:
                return _loaded(name, tuple(found.items()), number)
    raise UnreadableError(f"{_message(number)} does not hold its own schema", _where_to_put(number))


@lru_cache(maxsize=16)  # all messages of a night have the same
def _loaded(name: str, files: tuple[tuple[str, Path], ...], number: int) -> Any:
    from fastavro.repository.base import AbstractSchemaRepository, SchemaRepositoryError
    from fastavro.schema import load_schema

    found = dict(files)

    class Repository(AbstractSchemaRepository):
        """Schemas name others, which are in files of those names."""

        def load(self, name: str) -> Any:
            if name not in found:
                raise SchemaRepositoryError(f"{name}{SCHEMA_ENDING} is not there")
            return _written(found[name])

    try:
        schema = load_schema(name, repo=Repository())
        _check(schema)
    except Exception as error:  # a file that may hold anything
        raise UnreadableError(f"{found[name].name} is no Avro schema: {error}", _where_to_put(number)) from error
    return schema


def _written(file: Path) -> Any:
    """Return a schema as it is in a file, or in the answer of a schema registry."""
    written = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(written, dict) and "type" not in written and isinstance(written.get("schema"), str):
        return json.loads(written["schema"])
    return written


def _installed(number: int) -> list[Path]:
    try:
        package = find_spec(_RUBIN_SCHEMAS)
    except ModuleNotFoundError:
        return []
    if package is None or not package.origin:
        return []
    major, minor = divmod(number, 100)
    return sorted((Path(package.origin).parent / "schema" / str(major) / str(minor)).glob(f"*{SCHEMA_ENDING}"))


@lru_cache(maxsize=16)  # every packet of a night brings the same 20 kB of schema
def _check_text(text: str) -> None:
    _check(json.loads(text))


def _check(schema: Any) -> None:
    """Refuse what a few bytes can make endless: packets and lists of items of no size, records that hold themselves."""
    named = {_short(each["name"]): each for each in _nested(schema) if each.get("type") in _NAMED}
    if any(_empty(items, named) for items in _items(schema)):
        raise ValueError("its schema has lists of nothing, which may be of any length")
    if _empty(schema, named):
        raise ValueError("its schema is of packets of nothing, which may be any number")
    if _holds(schema, frozenset()):
        raise ValueError("its schema has records that hold themselves, which may be of any depth")


_RECORDS = ("record", "error")
_NAMED = (*_RECORDS, "fixed", "enum")


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _holds(schema: Any, names: frozenset[str]) -> bool:
    """Whether one of some names is used in a type, or any record in it holds itself."""
    if isinstance(schema, str):
        return _short(schema) in names
    if isinstance(schema, list):
        return any(_holds(each, names) for each in schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.get("type") in _RECORDS:
        inside = names | {_short(schema["name"])}
        return any(_holds(field["type"], inside) for field in schema["fields"])
    return any(_holds(schema[part], names) for part in ("type", "items", "values") if part in schema)


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
        known = named.pop(_short(schema), None)  # looked at once, so that no schema takes long
        return schema == "null" or (known is not None and _empty(known, named))
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    if kind in _RECORDS:
        return all(_empty(field["type"], named) for field in schema["fields"])
    if kind == "fixed":
        return not schema["size"]
    return kind not in ("array", "map", "enum") and _empty(kind, named)
