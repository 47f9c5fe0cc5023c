"""Observations in ADES, the form with values between bars. Format: https://github.com/IAU-ADES/ADES-Master.

Which columns there are and which ADES demands is asked of the iau-ades package. Its reading of whole files is not used:
it ends the process at a bad line, keeps its state, so that a second file cannot be read, and refuses columns of which
one too many or too few changes nothing for time and place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .found import NAMES, Found, Remark, without_no_names

REQUIRED = ("obsTime", "ra", "dec", "stn")
OPTICAL = "optical"
OTHERS = {"radar": {"delay", "doppler", "rcv", "trx"}, "offset": {"obsCenter"}, "occultation": {"raStar", "decStar"}}
"""Observations that are no positions on the sky, and columns that only they have."""

NAME = re.compile(r"[A-Za-z_]?")
"""How a name of a column may begin, and no time of observation can."""


def tells(text: str) -> bool:
    """Tell whether a text is in this format."""
    lines = [line.strip() for line in text[:20_000].split("\n") if line.strip()]
    version = bool(lines) and "".join(lines[0].split()).startswith("#version=")
    data = (line.split("|") for line in lines if line[0] not in "#!")
    return version or any(name.strip() == "obsTime" for name in next(data, ()))


def rows(text: str) -> Iterator[Found | Remark]:
    """Yield the observations of a text, what is wrong with lines that are none, and what columns lack or have more."""
    names: list[str] = []
    kind = OPTICAL
    said: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"line {number}"
        if not (line := line.strip()) or line[0] in "#!":
            continue
        fields = [field.strip() for field in line.split("|")]
        if "obsTime" in fields or all(NAME.fullmatch(field[:1]) for field in fields):
            names, kind = fields, _kind(fields)
            if problem := _no_position(names) if kind == OPTICAL else None:
                names = []
                yield Found(place, problem)
            elif kind == OPTICAL and (remark := _remark(names)) and remark not in said:
                said.add(remark)
                yield Remark(place, remark)
        elif kind != OPTICAL and names:
            yield Found(place, None)
        else:
            yield Found(place, _values(names, fields))


def _kind(names: Sequence[str]) -> str:
    if {"ra", "dec"} <= set(names):
        return OPTICAL
    return next((kind for kind, own in OTHERS.items() if own & set(names)), OPTICAL)


def _no_position(names: Sequence[str]) -> str | None:
    """Return what makes columns useless, or None."""
    if missing := [name for name in REQUIRED if name not in names]:
        return f"has columns of no kind of observation in ADES: {', '.join(missing)} missing"
    if not set(NAMES) & set(names):
        return "has columns of no kind of observation in ADES: permID, provID or trkSub missing"
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        return f"has the column {', '.join(twice)} twice"
    return None


def _remark(names: Sequence[str]) -> str | None:
    """Return what ADES demands and the columns lack, and what ADES does not know, or None."""
    from ades import psvtoxml

    known, demanded = psvtoxml.allowedElementDict[OPTICAL], psvtoxml.requiredElementDict[OPTICAL]
    missing = [name for name in demanded if name not in names]
    foreign = [name for name in names if name and name not in (*known, *NAMES)]
    parts = [
        f"lacks what ADES demands ({', '.join(missing)}), which is not needed here" if missing else "",
        f"has columns that ADES does not know ({', '.join(foreign)}), which are not read" if foreign else "",
    ]
    return "; ".join(part for part in parts if part) or None


def _values(names: Sequence[str], fields: Sequence[str]) -> dict[str, str] | str:
    if not names:
        return "has no line of column names before it"
    while len(fields) > len(names) and not fields[-1]:  # a bar at the end of the line
        fields = fields[:-1]
    # Trailing empty fields may be left out; a line cut short may end in the middle of a number.
    needed = 2 + max(names.index(name) for name in REQUIRED)
    if len(fields) > len(names) or len(fields) < min(len(names), needed):
        return f"has {len(fields)} values under {len(names)} column names"
    return without_no_names(dict(zip(names, fields, strict=False)))
