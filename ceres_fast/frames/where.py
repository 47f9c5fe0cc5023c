"""Choosing frames, stamps and detections by a value: ``--where FILTER=r,i``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeAlias

import numpy as np
from astropy.io import fits

from ..errors import CeresFastError, InputError

Where: TypeAlias = Sequence[tuple[str, Sequence[str]]]
"""Names, each with the values that are allowed for it."""


_EXAMPLES = {"--where": "LABEL=asteroid,bogus", "--hold-out": "night=20191026,20191027"}


def parse_where(text: str, option: str = "--where") -> tuple[str, list[str]]:
    """Read ``NAME=VALUE[,VALUE]``, the value of an option.

    Raises
    ------
    CeresFastError
        When it is not of that form.
    """
    name, equals, values = text.partition("=")
    allowed = [value.strip() for value in values.split(",")]
    if not (name.strip() and equals and all(allowed)):
        raise CeresFastError(f"{option} {text}: expected NAME=VALUE[,VALUE], for example {_EXAMPLES[option]}.")
    return name.strip(), allowed


def keeps(header: fits.Header, where: Where, path: Path) -> bool:
    """Tell whether a header has an allowed value for every name.

    Raises
    ------
    InputError
        When the header has no such keyword.
    """
    for name, allowed in where:
        if name not in header:
            raise InputError(path, f"its header has no keyword {name}", expected="the name that --where gives")
        if not any(equal(header[name], value) for value in allowed):
            return False
    return True


def equal(value: object, wanted: str) -> bool:
    """Compare a value with what a user typed: as numbers where both are, else as text."""
    text = str(value).strip()
    if text == wanted.strip():
        return True
    try:
        return Decimal(text) == Decimal(wanted)  # as floats, ids of 18 digits would equal their neighbours
    except InvalidOperation:
        return False


def matching(values: Sequence[object], allowed: Sequence[str]) -> np.ndarray:
    """Return which of a column's values are allowed, shape (n,), bool."""
    return np.fromiter((any(equal(value, wanted) for wanted in allowed) for value in values), bool, len(values))
