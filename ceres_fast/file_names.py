r"""How the name of a file stands in what is written: in tables, records, headers, configuration and messages.

A name on a disk is bytes, and any but 0 and "/" may be in it; what is written is text, a line of it at a time. So a
byte that is not UTF-8, and a control character or another that may end a line, is written ``\xNN``, the byte in two
hexadecimal digits; so is a space at the beginning or end, which readers of tables leave away, and a ``#`` at the
beginning, which many take for a comment. Everything else stands as it is. Where a name itself has such four characters,
its backslash is written ``\x5c``: each text is one name, and `on_disk` gives it back. The locale decides nothing.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from pathlib import PurePath

_WRITTEN = re.compile(rb"\\x([0-9a-fA-F]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
"""Control characters (C0 and C1), the two separators of Unicode that end a line, bytes that are not UTF-8."""

_NOT_WRITTEN = re.compile(rf"{_CONTROL.pattern}|\A[ #]| \Z|\\(?=x[0-9a-fA-F]{{2}})")

LONGEST = 255
"""Bytes that a name may have on Linux and macOS."""

ESCAPE_BYTES = "ceres_fast.escape_bytes"
"""For ``errors=`` of what encodes a text: bytes that are not UTF-8 are written as `written` has them."""


def written(name: str | PurePath) -> str:
    r"""Return the name of a file, or a path, as it is written: ``caf\xe9.fits`` where it is Latin-1."""
    text = name.as_posix() if isinstance(name, PurePath) else name
    return _NOT_WRITTEN.sub(_escaped, os.fsencode(text).decode(errors="surrogateescape"))


def on_disk(text: str) -> str:
    """Return the name of a file from how it is written; the inverse of `written`."""
    return os.fsdecode(_WRITTEN.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode()))


def fitting(stem: str, ending: str) -> str:
    """Return the name of a file; where no disk has one so long, the stem is cut, and a hash of it tells it apart."""
    if len(os.fsencode(stem + ending)) <= LONGEST:
        return stem + ending
    ending = f"-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return stem + ending


def in_one_line(text: str) -> str:
    """Return a text, with names in it or without, as it is printed: it neither ends a line nor controls a terminal."""
    return _CONTROL.sub(_escaped, text)


def printable(text: str) -> str:
    """Return lines of text as they are printed (see `in_one_line`)."""
    return "\n".join(map(in_one_line, text.split("\n")))


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode(errors="surrogateescape"))


def _escape_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _CONTROL.sub(_escaped, error.object[error.start : error.end]), error.end


codecs.register_error(ESCAPE_BYTES, _escape_bytes)
