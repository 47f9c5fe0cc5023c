"""Single cards of a header: their values as text and numbers, what their comments say, and doubts about them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from astropy.io import fits

from ...console import warn

Value = TypeVar("Value", float, str)


class Doubt(NamedTuple):
    """Something that a header says and that cannot be believed, or not be read.

    Attributes
    ----------
    about : str
        The keyword.
    text : str
        What it says, and what was done.
    """

    about: str
    text: str


class Found(NamedTuple, Generic[Value]):
    """What a header says of a quantity.

    Attributes
    ----------
    value : float or str
        NaN or the empty string where it says nothing that can be used.
    origin : str
        The keyword (or keywords) it comes from, with the unit where that is not the usual one; empty without a value.
    doubts : tuple of Doubt
        About this keyword, and those that were passed over.
    """

    value: Value
    origin: str = ""
    doubts: tuple[Doubt, ...] = ()


NOT_KNOWN = frozenset(
    (
        "",
        *[
            "n/a",
            "na",
            "n.a.",
            "none",
            "null",
            "nan",
            "unknown",
            "undefined",
            "undef",
            "indef",
            "unset",
            "-",
            "--",
            "---",
            "?",
            "??",
        ],
        "not available",
        "not set",
        "notset",
    )
)
"""Texts (in lower case) by which a header says that it does not know."""

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)\s*(.*?)\s*$", re.S)

_MORE = re.compile(r"[:,]|[x*+/]\s*\d")
"""What makes more of a number than it is alone."""


def word_of(header: fits.Header, keyword: str) -> str:
    """Return the value of a card as text without blanks around it; empty where there is none, or it says so."""
    if keyword not in header:
        return ""
    value = header[keyword]
    text = "" if isinstance(value, fits.card.Undefined) else str(value).strip()
    return "" if text.lower() in NOT_KNOWN else text


def note_of(header: fits.Header, keyword: str) -> str:
    """Return the comment of a card, empty where there is none; of a value such as "1.2 pix" the words after it too."""
    if keyword not in header:
        return ""
    value, comment = header[keyword], header.comments[keyword]
    match = _NUMBER.match(value) if isinstance(value, str) else None
    return f"[{match[2]}] {comment}" if match and match[2] else comment


def raw_number(header: fits.Header, keyword: str) -> tuple[float, float]:
    """Return the number of a card, NaN where it is none, and the value of the last digit that is written."""
    value = header.get(keyword)
    if isinstance(value, bool) or value is None:
        return math.nan, math.nan
    text = value if isinstance(value, str) else _as_written(header, keyword, value)
    match = _NUMBER.match(text)
    if not match or _MORE.match(match[2]):  # 0:01:30 is no exposure time of 0, 60,5 none of 60, and 2x60 none of 2
        return math.nan, math.nan
    try:
        number = float(match[1].replace("d", "e").replace("D", "e"))
    except (ValueError, OverflowError):
        return math.nan, math.nan
    mantissa, _, exponent = match[1].lower().replace("d", "e").partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    # No double has more than about 16 digits, however many are written.
    return number, max(10.0**-decimals if abs(decimals) < 300 else 0.0, math.ulp(number))


def contradiction(header: fits.Header, keyword: str) -> str:
    """Return the values of a keyword that is there several times with different ones, for a message; else ""."""
    times = header.count(keyword) if keyword in header else 0
    values = list(dict.fromkeys(str(header[keyword, number]) for number in range(times)))
    return f"{keyword} is there {times} times ({', '.join(values):.60})" if len(values) > 1 else ""


def shown(header: fits.Header, keywords: str) -> str:
    """Return keywords, as `Found.origin` names them, with their values for a message: ``SEEING = -999``."""
    found = []
    for keyword in keywords.split(", "):
        value = header.get(keyword)
        text = repr(value) if isinstance(value, str) else str(value)
        found.append(f"{keyword} = {text:.60}")
    return ", ".join(found)


def _as_written(header: fits.Header, keyword: str, value: object) -> str:
    """Return the digits of a number as they stand in the file: 58107.100 is more precise than 58107.1."""
    image = header.cards[keyword].image
    match = re.match(r"[^=]{1,8}=\s*([-+0-9.eEdD]+)\s*(?:/|$)", image)
    return match[1] if match else str(value)


def say_doubts(found: Iterable[tuple[str, Iterable[Doubt]]]) -> None:
    """Warn of what headers say that cannot be believed or not be read: once for each keyword, with the first file.

    Parameters
    ----------
    found : iterable of tuple
        Names of files, each with the doubts about its header.
    """
    about: dict[str, list[tuple[str, Doubt]]] = {}
    for place, doubts in found:
        for doubt in doubts:
            about.setdefault(doubt.about, []).append((place, doubt))
    for each in about.values():
        (place, doubt), others = each[0], len({place for place, _ in each}) - 1
        more = f" (and {others} more file{'s' if others > 1 else ''} with such a card)" if others else ""
        warn(f"{place}: {doubt.text}{more}")
