"""How quantities, values and names are written in what `look` prints."""

from __future__ import annotations

import math
from collections.abc import Iterable

from astropy.time import Time

NOT_KNOWN = "not known"

NAMES = {"mjd": "time", "ccd": "CCD"}
"""Quantities that are not called as their fields."""

MOST_NAMED = 3
"""So many files, values or extensions of a kind are named; the rest is counted."""


def called(quantity: str) -> str:
    """Return what a quantity is called."""
    return NAMES.get(quantity, quantity.replace("_", " "))


def is_known(value: object) -> bool:
    """Tell whether a value of `FrameInfo` is known."""
    return value != "" and not (isinstance(value, float) and math.isnan(value))


def value_text(value: object) -> str:
    """Return a value as it is shown: numbers with five digits or more."""
    if isinstance(value, float):
        return NOT_KNOWN if math.isnan(value) else f"{value:.8g}" if abs(value) >= 1e4 else f"{value:.5g}"
    return str(value) if value != "" else NOT_KNOWN


def date_text(mjd: float) -> str:
    """Return an MJD (UTC) as date and time."""
    return str(Time(mjd, format="mjd", scale="utc").isot).replace("T", " ")


def few(names: Iterable[str]) -> str:
    """Return the first of some names, and how many there are."""
    names = list(names)
    more = f" … ({len(names)})" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
