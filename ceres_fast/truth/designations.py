"""One spelling for each name of an object: reports, services and alerts write the same designation in many ways.

Packed designations are unpacked by ``ades.packUtil.unpackPackedID`` of the iau-ades package. Rules of naming:
https://minorplanetcenter.net/iau/info/DesDoc.html and https://minorplanetcenter.net/iau/info/PackedDes.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

PROVISIONAL = r"(A[89]\d\d|(?:18|19|20)\d\d)[ _-]?([A-HJ-Y])([A-HJ-Z])[ _]?(\d*)"
"""A provisional designation: year (before 1925 also A904), half-month, order in it, how often that came round."""

ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
PLANETS = "Mars|Jupiter|Saturn|Uranus|Neptune|Pluto"

COMET = re.compile(r"\d+[PDI](-[A-Z]+)?|[CPDXI]/(-?\d+ |[A-Z][A-Za-z]).*", re.ASCII)
"""Canonical names of comets and interstellar objects; A/ is an asteroid on the orbit of a comet, and looks like one."""

SATELLITE = re.compile(rf"(?:{PLANETS}) \d+|S/\d{{4}} .*|\(.+\) \d+", re.ASCII)
"""Canonical names of natural satellites, of planets and of asteroids."""


class Spelling(NamedTuple):
    """A way to write a name, and what makes the canonical name of its parts."""

    pattern: re.Pattern[str]
    canonical: Callable[..., str]


def canonical(name: str) -> str:
    """Return the one spelling of a name of an object.

    Parameters
    ----------
    name : str
        A number (``433``, ``(433)``, ``00433``, ``~0000``, ``433 Eros``, ``(137108) 1999 AN10``), a provisional
        designation (``2004 JQ12``, ``2004JQ12``, ``2004 jq012``, ``K04J12Q``), one of a survey (``2040 P-L``,
        ``PLS2040``), a comet, a natural satellite, or any other name.

    Returns
    -------
    str
        The digits of the number; ``2004 JQ12``; ``2040 P-L``; ``29P``, ``73P-C``, ``C/2019 Q4``; ``Jupiter 13``,
        ``S/2003 J 1``, ``(45) 1``. Any other name is only stripped. Five characters like ``A1234`` are such a name:
        only in the columns of a report do they stand for the number 101234, elsewhere for what an observer chose.
        A canonical name is its own canonical name.
    """
    return _canonical(name.strip())


def is_comet(name: str) -> bool:
    """Tell whether a name, in any spelling, is that of a comet or an interstellar object."""
    return COMET.fullmatch(canonical(name)) is not None


def is_satellite(name: str) -> bool:
    """Tell whether a name, in any spelling, is that of a natural satellite of a planet or an asteroid."""
    return SATELLITE.fullmatch(canonical(name)) is not None


@lru_cache(maxsize=10_000)
def _canonical(name: str) -> str:
    text = " ".join(name.split())
    for spelling in SPELLINGS:
        if match := spelling.pattern.fullmatch(text):
            return spelling.canonical(*match.groups(default=""))
    return name


def _number(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _provisional(year: str, half: str, order: str, cycle: str) -> str:
    year = year.upper().replace("A", "1")
    return f"{year} {half}{order}".upper() + cycle.lstrip("0")


def _numbered_comet(number: str, kind: str, fragment: str, packed_fragment: str = "") -> str:
    end = (fragment or packed_fragment).upper()
    return _number(number) + kind.upper() + (f"-{end}" if end else "")


def _comet(kind: str, year: str, letters: str, number: str, fragment: str) -> str:
    end = f"-{fragment.upper()}" if fragment else ""
    return f"{kind}/{year} {letters}".upper() + number.lstrip("0") + end


def _satellite(planet: str, number: str) -> str:
    return f"{planet.capitalize()} {_count(number)}"


def _new_satellite(year: str, planet: str, number: str) -> str:
    return f"S/{year} {planet.upper()} {_number(number)}"


def _moon(asteroid: str, number: str) -> str:
    return f"({_canonical(asteroid)}) {_count(number)}"


def _count(text: str) -> str:
    """Return a number that may be Roman as digits."""
    if text.isdigit():
        return _number(text)
    values = [ROMAN[letter] for letter in text.upper()]
    # A numeral before a larger one is subtracted.
    return str(sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True)))


def _unpacked(packed: str) -> str:
    from ades import packUtil  # here: most names are not packed

    columns = f"{packed:12s}" if len(packed) == len("~0000") else f"{packed:>12s}"
    number, provisional, _ = packUtil.unpackPackedID(columns)
    return str(number or provisional)


def _spelling(pattern: str, canonical: Callable[..., str], flags: re.RegexFlag = re.IGNORECASE) -> Spelling:
    return Spelling(re.compile(pattern, flags | re.ASCII), canonical)


_NO_FLAG = re.RegexFlag(0)
_NUMERAL = r"(\d+|[IVXLC]+)"
_CAPITALS = r"(\d+|(?-i:[IVXLC]+))"  # "(1234) Li" has the name of an asteroid

SPELLINGS = (
    # Packed: letters are digits there, so their case matters.
    _spelling(r"([IJK]\d\d[A-HJ-Y][0-9A-Za-z]\d[A-HJ-Z]|_[P-Z][A-HJ-Y][0-9A-Za-z]{4})", _unpacked, _NO_FLAG),
    _spelling(r"((?:PL|T[123])S\d{4}|~[0-9A-Za-z]{4})", _unpacked, _NO_FLAG),
    _spelling(r"([ACDPXI][G-K]\d\d[A-HJ-Y][0-9A-Za-z]\d[0A-Za-z])", _unpacked, _NO_FLAG),
    _spelling(r"(S[G-K]\d\d[JSUN][0-9A-Za-z]\d0|[JSUN](?!000)\d{3}S)", _unpacked, _NO_FLAG),
    # Surveys; before comets, because 2040P-L is one of them and no fragment of a comet.
    _spelling(r"\(?(\d{4}) ?(P-L|T-[123])\)?", lambda number, survey: f"{number} {survey.upper()}"),
    # Comets, with or without the name of who found them.
    _spelling(r"0*([1-9]\d{0,3})([PDI])(?:-([A-Z]{1,2})| ([a-z]{1,2}))?(?:/.*)?", _numbered_comet),
    Spelling(
        re.compile(r"0*([1-9][0-9]{0,3})([PDI])(?:-([A-Z]{1,2}))? (?:\(.*\)|['’ʻ`]?[^\W\d_]*[ '’]?[A-Z].{2,})"),
        _numbered_comet,
    ),
    _spelling(
        r"([ACDPXI])/ ?(-?\d{1,4}) ?([A-Z]{1,2}) ?(\d*)(?:-([A-Z]{1,2}))?(?: \(.*\)| [A-Z].*)?",
        _comet,
    ),
    # Satellites.
    _spelling(rf"({PLANETS}) {_NUMERAL}(?: \(.*\))?", _satellite),
    _spelling(r"\(?S/ ?(\d{4}) ?\(?([A-Z]) ?(\d+)\)?", _new_satellite),
    _spelling(rf"(?:S/ ?\d{{4}} ?)?\((\d+|\d{{4}} ?[A-Z]{{2}}\d*)\) ?(?:[^\d()]+ )?{_CAPITALS}(?: \(.*\))?", _moon),
    # Asteroids.
    _spelling(rf"\(?{PROVISIONAL}\)?", _provisional),
    _spelling(r"(\d+)", _number),
    _spelling(r"\((\d+)\)(?: ?[^\d(].*)?", _number),
    _spelling(rf"\(?(\d+)\)? ?\(?{PROVISIONAL}\)?", lambda number, *_: _number(number)),
    # As JPL has it: "99942 Apophis (2004 MN4)".
    _spelling(
        rf"(\d+) (?=.*[^\W\d_A-Z])[^\W\d_'’ʻ`][^\d_()]* \({PROVISIONAL}\)", lambda number, *_: _number(number), _NO_FLAG
    ),
    # A number and a name: letters, one of them a capital before a small one ("433 Eros", "1666 van Gent").
    Spelling(re.compile(r"([0-9]+) (?=.*[^\W\d_a-z][^\W\d_A-Z])[^\W\d_'’ʻ`][^\d_()]+"), _number),
)
"""How names are written; the first pattern that matches the whole name decides."""
