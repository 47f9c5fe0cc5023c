"""Catalogues that are text: their lines, which are written back byte for byte."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

MISSING = frozenset(("", "nan", "null", "none", "na", "n/a", "<na>", "--", "-", "...", "indef", "masked"))
"""What stands for a number that is not known, in lower case; asterisks do, too, where a number was too long."""

MARK = "\ufeff"
"""The byte order mark that some programs begin a text with."""

BLANK = f" \t\r\n\v\f\x1a{MARK}"
"""Characters of a line that is empty; DOS programs end a file with 1A."""

_ENDS = ("\r\n", "\n", "\r")
_LINE_FEED = b"\n"


@dataclass(frozen=True)
class Text:
    """The lines of a file with their ends, and how they are encoded."""

    lines: list[str]
    encoding: str

    @property
    def end(self) -> str:
        """How its lines end, the first of them."""
        return next((end for line in self.lines if (end := line[len(body(line)) :])), "\n")

    def write(self, path: Path, lines: Iterable[str]) -> None:
        """Write other lines in the same encoding; those before the last get an end where they have none."""
        *before, last = [*lines] or [""]
        ended = [line if line != body(line) else line + self.end for line in before]
        path.write_bytes("".join([*ended, last]).encode(self.encoding))


def read_text(path: Path) -> Text:
    """Return the lines of a file: UTF-8, or else Latin-1, of which every byte is a character.

    Raises
    ------
    InputError
        When it holds bytes of 0, as no text does.
    """
    content = path.read_bytes()
    if (place := content.find(b"\0")) >= 0:
        raise InputError(
            path,
            "holds bytes of 0, as a damaged file does",
            row=f"line {1 + content[:place].count(_LINE_FEED)}",
            expected="text",
            action="copy it again, or run SExtractor again",
        )
    try:
        return Text(split(content.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        return Text(split(content.decode("latin-1")), "latin-1")


def split(text: str) -> list[str]:
    """Return the lines of a text with their ends, of whichever system; `str.splitlines` splits at other characters."""
    return list(io.StringIO(text, newline=""))


def body(line: str) -> str:
    """Return a line without its end."""
    return next((line[: -len(end)] for end in _ENDS if line.endswith(end)), line)


def is_blank(line: str) -> bool:
    """Tell whether nothing is in a line."""
    return not line.strip(BLANK)


def is_comment(line: str) -> bool:
    """Tell whether a line begins with #."""
    return line.lstrip(BLANK).startswith("#")


def number_in(text: str) -> float:
    """Return the number in a cell, NaN where one is missing.

    Raises
    ------
    ValueError
        When it is none; underscores between digits, which Python takes, are in no catalogue.
    """
    text = text.strip(BLANK)
    if text.lower() in MISSING or not text.strip("*"):
        return float("nan")
    if "_" in text:
        raise ValueError(text)
    return float(text)
