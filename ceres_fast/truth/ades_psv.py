"""Observations in ADES, the form with values between bars.

Lines are parsed by ``ades.psvtoxml.parsePSVLine`` of the iau-ades package. Its whole-file function is not used:
it ends the process at a bad line, and keeps its state, so that a second file cannot be read. Format:
https://github.com/IAU-ADES/ADES-Master
"""

from __future__ import annotations

from collections.abc import Iterator

from .found import Found

REQUIRED = ("obsTime", "ra", "dec", "stn")
OPTICAL = "optical"


def tells(text: str) -> bool:
    """Tell whether a text is in this format."""
    lines = [line.strip() for line in text[:20_000].split("\n") if line.strip()]
    version = bool(lines) and "".join(lines[0].split()).startswith("#version=")
    data = (line.split("|") for line in lines if line[0] not in "#!")
    return version or any(name.strip() == "obsTime" for name in next(data, ()))


def rows(text: str) -> Iterator[Found]:
    """Yield the observations of a text, and what is wrong with lines that are none."""
    from ades import psvtoxml

    names: list[str] = []
    kind = ""
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            parsed = psvtoxml.parsePSVLine(line)
        except RuntimeError:
            names = []
            yield Found(f"line {number}", "has columns of no kind of observation in ADES")
            continue
        if parsed is None or parsed[0] in (psvtoxml.TOP_HEADER_LINE, psvtoxml.SECOND_HEADER_LINE):
            continue
        if parsed[0] == psvtoxml.KEYWORD_RECORD_LINE:
            *names, kind = parsed[1]
        elif kind != OPTICAL and names:
            yield Found(f"line {number}", None)
        else:
            yield Found(f"line {number}", _values(names, parsed[1]))


def _values(names: list[str], fields: list[str]) -> dict[str, str] | str:
    if not names:
        return "has no line of column names before it"
    if missing := [name for name in REQUIRED if name not in names]:
        return f"has no column {', '.join(missing)}"
    # Trailing empty fields may be left out; a line cut short may end in the middle of a number.
    if len(fields) > len(names) or len(fields) < min(len(names), 2 + max(names.index(name) for name in REQUIRED)):
        return f"has {len(fields)} values under {len(names)} column names"
    return dict(zip(names, fields, strict=False))
