"""Observations in the 80 columns of the Minor Planet Center.

A line is decoded by ``ades.mpc80coltoxml.decode80ColumnDataLine`` of the iau-ades package, the reference
implementation of the conversion to ADES. Its whole-file function is not used: it prints what is wrong instead of
raising it, and writes a file. Format: https://minorplanetcenter.net/iau/info/OpticalObs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .found import Found

HEADER = re.compile(r"(COD|CON|OBS|MEA|TEL|NET|BND|COM|NUM|ACK|AC2)( |$)|-----")
"""Lines of a report that are not observations."""

OBSERVATION = re.compile(r".{14}[A-Za-z ]\d{4}[ a-e]\d\d \d\d\.")
"""How an observation begins: 14 columns of names and notes, then the date."""

PAIRS = {"V": "v", "S": "s", "R": "r"}
"""Observations that take two lines, by their column 15: the second says where a roving observer or a satellite was."""

RADAR = "R"
LINES_LOOKED_AT = 100


def tells(text: str) -> bool:
    """Tell whether a text is in this format."""
    lines = [line for line in text[: 200 * LINES_LOOKED_AT].split("\n") if line.strip()][:LINES_LOOKED_AT]
    return any(OBSERVATION.match(line) for line in lines) or bool(lines and HEADER.match(lines[0]))


def rows(text: str) -> Iterator[Found]:
    """Yield the observations of a text, and what is wrong with lines that are none."""
    waiting: tuple[str, str, Found] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not (line := line.rstrip()) or HEADER.match(line):
            continue
        place, kind = f"line {number}", line[14:15]
        if waiting and (kind != PAIRS[waiting[0]] or line[:12] + line[15:32] != waiting[1]):
            yield Found(
                waiting[2].place, f"has {waiting[0]} in column 15, and the line after it is not its second line"
            )
            waiting = None
        if kind in PAIRS.values():
            yield waiting[2] if waiting else Found(place, f"has {kind} in column 15, and no first line before it")
            waiting = None
        elif kind in PAIRS:
            waiting = kind, line[:12] + line[15:32], Found(place, None if kind == RADAR else _decode(line))
        else:
            yield Found(place, _decode(line))
    if waiting:
        yield Found(waiting[2].place, f"has {waiting[0]} in column 15, and no second line after it")


def _decode(line: str) -> dict[str, str] | str:
    from ades import mpc80coltoxml

    # Columns 13 and 14 (discovery, note) and 72 to 77 (catalogue, reference) do not matter here, and are often amiss.
    # The name is unpacked apart: the decoder refuses some that its own unpacking knows (2026 CZ6190 is _QC0aEM), and
    # prints those that it would pack differently.
    neutral = "     x      " + "  " + line[14:71] + " " * 6 + line[77:]
    try:
        values: dict[str, Any] = mpc80coltoxml.decode80ColumnDataLine(neutral)
    except (RuntimeError, ValueError, NameError, KeyError) as error:
        return f"is no observation in 80 columns ({_reason(error)})"
    named = {name: str(values[name] or "") for name in ("obsTime", "ra", "dec", "mag", "stn")}
    return named | _names(line[:12]) | {"deprecated": "X" if values["code"] in "Xx" else ""}


def _names(packed: str) -> dict[str, str]:
    from ades import packUtil

    try:
        names = packUtil.unpackPackedID(packed)
    except (RuntimeError, KeyError):
        names = (None, None, " ".join(packed.split()))  # a name that is not packed by the rules is still a name
    return {key: name or "" for key, name in zip(("permID", "provID", "trkSub"), names, strict=True)}


def _reason(error: Exception) -> str:
    first = (
        str(error)
        .split("\n", 1)[0]
        .removeprefix("Invalid MPC80COL line (")
        .removeprefix("Invalid Sexagesimal string (")
    )
    return first.split(") in ", 1)[0].strip()
