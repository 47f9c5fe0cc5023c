"""Dates and times of day, in the spellings that cameras write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple


class Clock(NamedTuple):
    """A time of day: seconds since midnight, the value of the last digit (s), and seconds east of UTC or None."""

    seconds: float
    precision: float
    offset: float | None = None


class Date(NamedTuple):
    """A date, the time of day where it is there, and whether the date could mean another one."""

    day: date
    clock: Clock | None
    doubtful: bool = False


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})(?![\d])")
_COMPACT = re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?!\d)")
_DAY_FIRST = re.compile(r"(?P<d>\d{1,2})([-/.])(?P<m>\d{1,2})\2(?P<y>\d{2,4})(?!\d)")
_NAMED = re.compile(r"(?P<d>\d{1,2})[-/ ](?P<m>[A-Za-z]{3,9})[-/ ,]+(?P<y>\d{4})(?!\d)")
_NAMED_YEAR_FIRST = re.compile(r"(?P<y>\d{4})[-/ ](?P<m>[A-Za-z]{3,9})[-/ ]+(?P<d>\d{1,2})(?!\d)")
_SPELLINGS = (_ISO, _COMPACT, _NAMED_YEAR_FIRST, _NAMED, _DAY_FIRST)

_CLOCK = re.compile(
    r"(?P<h>\d{1,2})(?:[:hH]\s*|\s+)(?P<m>\d{1,2})(?:(?:[:mM]\s*|\s+)(?P<s>\d{1,2})(?:[.,](?P<f>\d*))?\s*s?)?m?"
    r"|(?P<hh>\d\d)(?P<mm>\d\d)(?P<ss>\d\d)(?:[.,](?P<ff>\d*))?"
)
_OFFSET = re.compile(r"(?:Z|UTC?|GMT)|(?P<sign>[-+])(?P<h>\d\d):?(?P<m>\d\d)?", re.I)

_FIRST_CCD = 70
"""Two-digit years below this are of this century: no CCD took a frame before 1970."""


def read_date(text: str) -> Date | None:
    """Read a date, with or without a time of day, in the usual spellings; None where it is none.

    ISO with T, t or blanks between date and time, with hyphens, slashes, dots or nothing between the numbers, names of
    months, and the old dd/mm/yy of FITS (the other order where only that is a date); times with one digit for the
    hour, with decimals after a dot or a comma, and with an offset from UTC.
    """
    text = text.strip()
    for spelling in _SPELLINGS:
        match = spelling.match(text)
        day = match and _day(match)
        if not match or day is None:
            continue
        rest = text[match.end() :].lstrip("Tt: _-" if spelling is _COMPACT else "Tt: _")
        clock = read_clock(rest) if rest else None
        return None if rest and clock is None else Date(day[0], clock, day[1])
    return None


def _day(match: re.Match[str]) -> tuple[date, bool] | None:
    """Return the date, and whether it could be another; None where there is no such day."""
    parts: Mapping[str, str] = match.groupdict()
    year, doubtful = int(parts["y"]), False
    if len(parts["y"]) < 4:
        # Programs of 1999 went on counting: the year after 99 was 100. Two digits are of 1900, says the standard.
        doubtful = year < _FIRST_CCD or year > 99
        year += 2000 if year < _FIRST_CCD else 1900
    number = parts["m"].lower()[:3]
    if number.isdigit():
        month, day = int(number), int(parts["d"])
    elif number in _MONTHS:
        month, day = _MONTHS.index(number) + 1, int(parts["d"])
    else:
        return None
    if match.re is _DAY_FIRST and len(parts["y"]) == 4:
        if month > 12 >= day:
            month, day = day, month
        else:
            doubtful = doubtful or (day <= 12 and day != month)
    try:
        return date(year, month, day), doubtful
    except ValueError:
        return None


def read_clock(text: str) -> Clock | None:
    """Read a time of day, with its offset from UTC where it is there; None where it is none."""
    match = _CLOCK.match(text.strip())
    if not match:
        return None
    rest = text.strip()[match.end() :].strip()
    offset = None
    if rest:
        zone = _OFFSET.fullmatch(rest)
        if not zone:
            return None
        sign = -1 if zone["sign"] == "-" else 1
        offset = sign * (int(zone["h"] or 0) * 3600.0 + int(zone["m"] or 0) * 60) if zone["sign"] else 0.0
    hours, minutes = int(match["h"] or match["hh"]), int(match["m"] or match["mm"])
    whole, decimals = match["s"] or match["ss"], match["f"] or match["ff"] or ""
    seconds = float(f"{whole or 0}.{decimals or 0}")
    if hours > 24 or minutes > 59 or seconds >= 61 or (hours == 24 and minutes + seconds > 0):
        return None
    precision = 60.0 if whole is None else 10.0 ** -len(decimals)
    return Clock(hours * 3600 + minutes * 60 + seconds, precision, offset)
