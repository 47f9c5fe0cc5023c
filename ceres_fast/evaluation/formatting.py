"""How numbers are written in reports: one way for all of them."""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

NONE = "–"
"""In the place of a number that there is not."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def decimals(value: Any, digits: int = 3) -> str:
    """Return a number with thousands separators and so many decimals; `NONE` where it is not one."""
    return f"{value:,.{digits}f}" if is_number(value) else NONE


def value_of(interval: Any) -> Any:
    """Return the value of ``{"value": …, "low": …, "high": …}``; None where it is none."""
    return interval.get("value") if isinstance(interval, dict) else None


def interval(value: Any, digits: int = 3) -> str:
    """Return ``{"value": …, "low": …, "high": …}`` as "value [low, high]"; what of it there is."""
    found = value if isinstance(value, dict) else {}
    text = decimals(value_of(value), digits)
    if not (is_number(found.get("low")) and is_number(found.get("high"))):
        return text
    return f"{text} [{decimals(found['low'], digits)},\N{NO-BREAK SPACE}{decimals(found['high'], digits)}]"


def seconds(value: Any) -> str:
    """Return a time as people read it: in s, min or h."""
    if not is_number(value):
        return NONE
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200)):
        if value < below:
            return f"{value / length:,.{0 if value / length >= 10 else 1}f} {unit}"
    return f"{value / 3600:,.1f} h"


def share(value: Any) -> str:
    """Return a share in per cent, with as many digits as it has."""
    return f"{round(100 * value, 4):g} %" if is_number(value) else NONE


def plain(value: Any) -> str:
    """Return a setting as people read it: yes and no, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items())
    return NONE if value is None else str(value)
