"""Protocol buffers in their text format, written from dictionaries; a server's configuration needs no more of it.

protobuf's own ``text_format`` writes messages only, and the type of Triton's is shipped in its client alone, which a
machine that exports does not need. To declare its ten messages and their field numbers here would be longer than
this, and one more copy to keep; the tests read what is written with ``text_format`` and the client's type instead.

Source: https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

INDENT = "  "

_ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"}


class Word(str):
    """A word that is written without quotes: a value of an enumeration."""


def text(message: Mapping[str, Any]) -> str:
    """Return a message in the text format, ASCII, a field per line.

    Parameters
    ----------
    message : mapping
        Fields by name. A str becomes a string, a `Word`, a bool or an int itself, a mapping a message, and a list a
        repeated field; so does a map of the protocol, as a list of {"key": …, "value": …}.

    Raises
    ------
    TypeError
        For any other value.
    """
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    for name, value in message.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, Mapping):
                yield f"{name} {{"
                yield from (INDENT + line for line in _lines(each))
                yield "}"
            else:
                yield f"{name}: {_scalar(each)}"


def _scalar(value: Any) -> str:
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    raise TypeError(f"{value!r} has no place in a message")


def _escaped(value: str) -> str:
    """Return the UTF-8 bytes of a string, in ASCII: also readers that know no UTF-8 can read them."""
    return "".join(
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in value.encode("utf-8")
    )
