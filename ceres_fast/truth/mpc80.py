"""Observations in the 80 columns of the Minor Planet Center.

Time and place are decoded from their columns exactly, in decimal arithmetic. The iau-ades package, which unpacks the
names, decodes them too, but it refuses what it would write differently: blanks in place of leading zeros, and one of
10,000 times. Formats: https://minorplanetcenter.net/iau/info/OpticalObs.html, RoverObs.html, SatelliteObs.html and
RadarObs.html there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from . import observatories
from .designations import canonical
from .found import FIRST_CCD, Found, Remark, UnusableError

HEADER = re.compile(r"(COD|CON|OBS|MEA|TEL|NET|BND|COM|NUM|TYP|ACK2?|AC2)( |$)|-----")
"""Lines of a report that are not observations."""

COMMENT = "#"
"""How a line begins that people add to a report; no name begins so."""

COLUMNS = 80

DATE = re.compile(r"\d{4}[ a-e][ \d]?\d [ \d]?\d[. ]", re.ASCII)
"""How the time of an observation begins, from column 16 on; leading zeros may be blanks, or left out."""

FIRST_OF_DATE = 15
OBSERVATION = re.compile(rf".{{14}}[A-Za-z ]{DATE.pattern}", re.ASCII)
"""How an observation begins: 14 columns of names and notes, then how it was made, then the date."""

SHIFTED = re.compile(r"(?<!\d)\d{4} [ \d]\d [ \d]\d\.\d+[ \d]* [ \d]\d[ .]", re.ASCII)
"""A date with a fraction of a day and the beginning of a place, wherever in a line."""

PAIRS = {"V": "v", "W": "w", "S": "s", "T": "t", "R": "r", "Q": "q"}
"""Observations that take two lines, by their column 15: the second says where a roving observer or a satellite was."""

ALONE = "T"
"""What may also be one line: T is a meridian circle, or a satellite's observation that came as XML."""

NOT_POSITIONS = {
    "E": "occultation",
    "O": "offset of a satellite from its planet",
    "H": "Hipparcos, seen from the centre of the Earth",
    "N": "normal place, the mean of several observations",
    "R": "radar",
    "Q": "radar",
}
"""Observations that are no positions on the sky as an observatory saw them at one time, by their column 15."""

WITHDRAWN = "Xx"
LONGEST_OWN = 8
"""Characters of what an observer calls an object, at most: ADES has eight, columns 6 to 12 seven."""

FULL = 60
"""Minutes and seconds: rounding may have made 60 of them."""

LINES_LOOKED_AT = 100
DECIMALS = (
    "has right ascensions as one decimal number, taken as hours where two digits stand before the decimal point, and "
    "as degrees where three do"
)


def tells(text: str) -> bool:
    """Tell whether a text is in this format, though its columns may be off."""
    lines = [line for line in text[: 200 * LINES_LOOKED_AT].split("\n") if line.strip()][:LINES_LOOKED_AT]
    found = any(OBSERVATION.match(line) for line in lines) or bool(lines and HEADER.match(lines[0]))
    return found or any(SHIFTED.search(line) and not set(line) & set(",;|<") for line in lines)


def rows(text: str) -> Iterator[Found | Remark]:
    """Yield the observations of a text, and what is wrong with lines that are none."""
    yield from _not_read(text)
    records = list(_records(text))
    decimals = False
    taken = 0
    for number, (place, record) in enumerate(records):
        if number < taken:
            continue
        kind = record[14:15] if OBSERVATION.match(record) else ""
        after = records[number + 1][1] if number + 1 < len(records) else ""
        paired = kind in PAIRS and after[14:15] == PAIRS[kind] and _same(record, after)
        taken = number + 1 + paired
        if kind in PAIRS and not paired and kind not in ALONE:
            missing = "the line after it is not its second line" if after else "no second line after it"
            yield Found(place, f"has {kind} in column 15, and {missing}", _code(record))
        elif kind and kind in PAIRS.values():
            yield Found(place, f"has {kind} in column 15, and no first line before it", _code(record))
        elif kind in NOT_POSITIONS:
            yield Found(place, None)
        else:
            try:
                yield Found(place, _decode(record))
            except UnusableError as error:
                yield Found(place, f"is no observation in 80 columns ({error.problem})", _code(record) if kind else "")
            else:
                if not decimals and " " not in record[32:44].strip():
                    decimals = True
                    yield Remark(place, DECIMALS)


def _records(text: str) -> Iterator[tuple[str, str]]:
    """Yield the observations of a text with their places.

    A line may hold the two lines of an observation one after the other, in 160 columns. Any other text after column
    80 is no part of the observation.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        rest = line.rstrip()
        if not rest or HEADER.match(rest) or rest.startswith(COMMENT):
            continue
        while rest:
            yield f"line {number}", rest[:COLUMNS].rstrip()
            rest = rest[COLUMNS:] if OBSERVATION.match(rest[COLUMNS:]) else ""


def _not_read(text: str) -> Iterator[Remark]:
    """Yield where text that is no part of an observation looks like another one: two lines may have become one."""
    places = []
    for number, line in enumerate(text.split("\n"), start=1):
        rest = line[COLUMNS:]
        while OBSERVATION.match(rest):
            rest = rest[COLUMNS:]
        if SHIFTED.search(rest) and not line.startswith(COMMENT) and not HEADER.match(line):
            places.append(number)
    if places:
        others = f", and so have {len(places) - 1} more lines" if len(places) > 1 else ""
        yield Remark(f"line {places[0]}", f"has after column 80 what may be another observation, not read{others}")


def _same(first: str, second: str) -> bool:
    """Tell whether two lines are of one object and time."""
    return first[:12] + first[FIRST_OF_DATE:32] == second[:12] + second[FIRST_OF_DATE:32]


def _code(record: str) -> str:
    """Return whose observation a line is that cannot be used, where that is certain."""
    code = record[77:COLUMNS]
    return code if len(record) == COLUMNS and observatories.exists(code) else ""


def _decode(record: str) -> dict[str, str]:
    """Return what an observation says; columns 13, 14, 57 to 65 and 72 to 77 do not matter here, and are often amiss.

    Raises
    ------
    UnusableError
        When it cannot be decoded.
    """
    if not OBSERVATION.match(record):
        raise UnusableError(_no_observation(record))
    if len(record) != COLUMNS:
        raise UnusableError(f"{len(record)} columns; without an observatory code in columns 78 to 80")
    names = _names(record[:12])
    if (moon := record[19]) != " ":
        # The first satellite of an asteroid is a, the second b: it is not the asteroid.
        asteroid = next((name for name in names.values() if name), "")
        names = {"designation": f"({canonical(asteroid)}) {'abcde'.index(moon) + 1}"}
    return names | {
        "obsTime": _time(record[15:32]),
        "ra": str(_right_ascension(record[32:44])),
        "dec": str(_declination(record[44:56])),
        "mag": record[65:70],
        "stn": _station(record[77:COLUMNS]),
        "deprecated": "X" if record[14] in WITHDRAWN else "",
    }


def _no_observation(record: str) -> str:
    if "\t" in record:
        return "it has a tabulator; columns are counted in blanks"
    if shifted := SHIFTED.search(record):
        off = shifted.start() - FIRST_OF_DATE
        if off:
            columns, side = ("column", "columns")[abs(off) > 1], "right" if off > 0 else "left"
            return (
                f"it is {abs(off)} {columns} off, to the {side}: the date begins in column {shifted.start() + 1} "
                "and must begin in column 16. Columns 1 to 12 are for the name, of which 6 to 12 are for a "
                "designation that the observer gave"
            )
    return f"columns 16 to 32 are {record[15:32]!r}, and no date"


def _time(columns: str) -> str:
    """Return a time in ISO 8601: any number of decimals of a day up to seven is a whole number of microseconds."""
    match = re.fullmatch(r"(\d{4})[ a-e]([ \d]?\d) ([ \d]?\d)(?:\.(\d*))? *", columns, re.ASCII)
    if match is None:
        raise UnusableError(f"columns 16 to 32 are {columns!r}, and no date")
    year, month, number, fraction = match.groups()
    try:
        day = datetime(int(year), int(month), int(number), tzinfo=UTC)
    except ValueError as error:
        raise UnusableError(f"columns 16 to 32 are {columns!r}: {error}") from error
    # The oldest observations have only a day, and do not matter here; in others what is missing was lost.
    if not fraction and day >= FIRST_CCD:
        raise UnusableError(f"columns 16 to 32 are {columns!r}, a day without a time")
    microseconds = int(Decimal(f"0.{fraction or 0}") * 86_400_000_000)
    return (day + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds")


def _right_ascension(columns: str) -> Decimal:
    """Return degrees: of hours, minutes and seconds; with a decimal point after three digits, degrees as they are."""
    if re.fullmatch(r"[ \d]{3}\.\d+ *", columns, re.ASCII) and columns[2] != " ":
        degrees = Decimal(columns.strip())
        if degrees > 360:
            raise UnusableError(f"columns 33 to 44 are {columns!r}; right ascension in degrees is up to 360")
        return degrees
    hours = _sexagesimal(columns)
    if hours is None or hours > 24:
        raise UnusableError(f"columns 33 to 44 are {columns!r}, and no right ascension in hours")
    return hours * 15


def _declination(columns: str) -> Decimal:
    degrees = _sexagesimal(columns[1:]) if columns[0] in "+-" else None
    if degrees is None or degrees > 90:
        raise UnusableError(f"columns 45 to 56 are {columns!r}, and no declination")
    return -degrees if columns[0] == "-" else degrees


def _station(columns: str) -> str:
    if " " in columns:
        raise UnusableError(f"columns 78 to 80 are {columns!r}, and no observatory code")
    return columns


def _sexagesimal(text: str) -> Decimal | None:
    """Return the value of up to three numbers of two digits, of which the last may have decimals, or None.

    Blanks may stand for leading zeros. One number alone needs decimals: a degree is no position.
    """
    match = re.fullmatch(r" ?(\d\d?)(?: +(\d\d?))?(?: +(\d\d?))?(\.\d*)? *", text, re.ASCII)
    if match is None or (match[2] is None and (match[4] is None or text[2] != ".")):
        return None
    parts = [Decimal(part) for part in match.groups()[:3] if part is not None]
    parts[-1] += Decimal(f"0{match[4]}0" if match[4] else 0)
    if any(part >= FULL for part in parts[1:-1]) or (len(parts) > 1 and parts[-1] > FULL):
        return None
    return sum((part / Decimal(FULL) ** power for power, part in enumerate(parts)), Decimal(0))


def _names(packed: str) -> dict[str, str]:
    from ades import packUtil

    names: tuple[str | None, str | None, str | None]
    try:
        names = packUtil.unpackPackedID(packed)
    except (RuntimeError, KeyError):
        names = (None, None, None)
    # A name that is not packed by the rules is still a name, and so is one that does not begin in its column; a number
    # and what an observer called the object are longer together.
    if not any(names) or (names[0] and names[2] and len(packed.strip()) <= LONGEST_OWN):
        names = (None, None, " ".join(packed.split()))
    return {key: name or "" for key, name in zip(("permID", "provID", "trkSub"), names, strict=True)}
