"""Look into an ONNX file before a runtime does: its metadata, and whether it wants to read other files.

An ONNX file is a protocol buffer; the few fields needed here are read from its wire format, so that neither
the `onnx` package is needed nor a hostile file's weights are ever touched. Field numbers are those of
``onnx.proto3`` (ONNX 1.19), https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

INPUT, OUTPUT = "stamp", "probability"
"""Names of the one input and the one output of an exported classifier."""

LARGEST_FILE = 2**31 - 1
"""Bytes; a protocol buffer cannot be larger."""

_VARINT, _BYTES = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}
_METADATA = 14
_GRAPH, _INITIALIZER = 7, 5
_TYPE, _NAME, _RAW_DATA = 2, 8, 9
_UINT8, _INT8 = 2, 3
NONNEGATIVE, SIGNED = "_zero_point_nonnegative", "_zero_point_signed"
"""What the name of a zero point of an int8 classifier ends in: where its tensor is never negative, and elsewhere."""

_UNSIGNED = {NONNEGATIVE: 0, SIGNED: 128}
"""The zero point in uint8 that stands for 0 in int8."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Which fields of each message hold messages in which a tensor may be."""


def read_onnx(path: Path) -> tuple[bytes, dict[str, str]]:
    """Read an ONNX file that needs no other file.

    Returns
    -------
    bytes, dict
        The file's bytes, and its ``metadata_props``.

    Raises
    ------
    InputError
        When it cannot be read, is empty, cut short or not ONNX, or keeps weights in other files.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(path, "is larger than an ONNX file can be (2 GiB)")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected="an ONNX file") from error
    try:
        metadata = _metadata(memoryview(content))
        external = _wants_other_files(memoryview(content))
    except (IndexError, KeyError, ValueError) as error:
        raise InputError(
            path,
            "is empty" if not content else "is not an ONNX file, or was cut short",
            expected="a classifier exported to ONNX",
            action="copy or export it again",
        ) from error
    if external:
        raise InputError(
            path,
            "keeps weights in other files, which could be any file of this machine",
            expected="an ONNX file that holds its weights",
            action="export it again as one file",
        )
    return content, metadata


def as_unsigned(content: bytes) -> bytes:
    """Return an ONNX file whose int8 activations are uint8, for a CPU; the length stays the same.

    TensorRT takes int8 only. ONNX Runtime on a CPU joins a layer, its ReLU and the quantising of the result into one
    operation of integers only where the zero point is the least value of its type, and it makes signed numbers unsigned
    only where one layer reads them: in uint8 it is up to twice as fast. Scales stay. Tensors that can be negative keep
    their values exactly; of the others those up to 127 times the scale, where int8 ends: larger ones are kept better.

    Parameters
    ----------
    content : bytes
        An ONNX file that `read_onnx` has read. Weights, and zero points that are not named for it, stay as they are.
    """
    if not any(ending.encode() in content for ending in _UNSIGNED):
        return content
    changed = bytearray(content)
    for number, graph, _ in _places(memoryview(changed)):
        if number != _GRAPH or not isinstance(graph, memoryview):
            continue
        for inner, tensor, _ in _places(graph):
            if inner == _INITIALIZER and isinstance(tensor, memoryview):
                _zero_point_as_unsigned(tensor)
    return bytes(changed)


def _zero_point_as_unsigned(tensor: memoryview) -> None:
    fields = {number: (value, place) for number, value, place in _places(tensor)}
    name = _text(fields.get(_NAME, (None, 0))[0])
    zero = next((zero for ending, zero in _UNSIGNED.items() if name.endswith(ending)), None)
    kind, kind_at = fields.get(_TYPE, (None, 0))
    data, data_at = fields.get(_RAW_DATA, (None, 0))
    if zero is not None and kind == _INT8 == tensor[kind_at] and isinstance(data, memoryview) and bytes(data) == b"\0":
        tensor[kind_at], tensor[data_at] = _UINT8, zero


def _metadata(model: memoryview) -> dict[str, str]:
    entries = (value for number, value in _fields(model) if number == _METADATA)
    pairs = (dict(_fields(entry)) for entry in entries if isinstance(entry, memoryview))
    return {_text(pair.get(1)): _text(pair.get(2)) for pair in pairs}


def _text(value: int | memoryview | None) -> str:
    return bytes(value).decode() if isinstance(value, memoryview) else ""


def _wants_other_files(model: memoryview) -> bool:
    graphs = 0
    waiting = [("model", model)]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            inner = _INSIDE[kind].get(number)
            if inner and isinstance(value, memoryview):
                graphs += inner == "graph"
                waiting.append((inner, value))
            elif kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
                return True
    if not graphs:
        raise ValueError("no graph")
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of each field: an integer, or the bytes of a string, message or array."""
    return ((number, value) for number, value, _ in _places(message))


def _places(message: memoryview) -> Iterator[tuple[int, int | memoryview, int]]:
    """Yield (number, value, place of the value in the message) of each field."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        value: int | memoryview
        if wire == _VARINT:
            place = position
            value, position = _varint(message, place)
        else:
            length, place = _varint(message, position) if wire == _BYTES else (_FIXED_SIZES[wire], position)
            value, position = message[place : place + length], place + length
        if number == 0 or position > len(message):
            raise ValueError("a field ends after its message")
        yield number, value, place


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than ten bytes")
